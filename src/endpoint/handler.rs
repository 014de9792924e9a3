//! The handler: parse, authorise, call, answer.

use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{StoreError, at_most};
use crate::event::{CommitId, Limits, RawEvent, SpaceId};
use crate::maybe::{MaybeSend, MaybeSync};
use crate::protocol::{self, ErrorBody, PushAnswer, PushOutcome, Pushed};
use crate::store::{Appended, Backend, Query};
use crate::version::{EventVersion, ExpectedVersion, Outcome, VersionConflict};

use super::answer::{Answer, Reply, Tally};
use super::live::{Live, Tails};
use super::request::{Request, Right, Route};

/// What the endpoint answers to, as OpenAPI 3.1; the tests hold its answers to it.
pub const OPENAPI: &str = include_str!("openapi.json");

/// Where an endpoint finds the logs of its spaces.
pub trait Spaces: MaybeSend + MaybeSync {
    /// The log of one space.
    type Log: Backend;

    /// The log of a space; a space that nobody wrote to is empty.
    fn space(&self, space: &SpaceId) -> Arc<Self::Log>;

    /// The identity of the storage: made with it, kept with it, another one after a reset.
    ///
    /// # Errors
    /// A failure of the storage.
    fn backend_id(&self) -> impl Future<Output = Result<String, StoreError>> + MaybeSend;
}

impl<S: Spaces> Spaces for Arc<S> {
    type Log = S::Log;

    fn space(&self, space: &SpaceId) -> Arc<S::Log> {
        S::space(self, space)
    }

    fn backend_id(&self) -> impl Future<Output = Result<String, StoreError>> + MaybeSend {
        S::backend_id(self)
    }
}

/// What an endpoint allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointConfig {
    /// What one commit may hold.
    pub limits: Limits,
    /// Commits of one push at most.
    pub push_commits: usize,
    /// Bytes of a request's body at most.
    pub body_bytes: usize,
    /// Events of a page at most, and where the client does not say.
    pub page_events: usize,
    /// Events in a conflict's report at most.
    pub conflict_events: usize,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            push_commits: 1_000,
            body_bytes: 16 << 20,
            page_events: 1_000,
            conflict_events: 1_000,
        }
    }
}

/// What a caller was granted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grant {
    /// When it ends, in milliseconds since 1970; none where it does not end.
    pub until: Option<u64>,
}

impl From<()> for Grant {
    fn from((): ()) -> Self {
        Self::default()
    }
}

/// The endpoint over the logs of its spaces. Clones share it.
pub struct Endpoint<S>(Arc<Inner<S>>);

pub(super) struct Inner<S> {
    pub(super) spaces: S,
    config: EndpointConfig,
    pub(super) tails: Tails,
    /// The identity that was read last.
    identity: Mutex<Option<String>>,
}

impl<S> Clone for Endpoint<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Spaces> Endpoint<S> {
    /// An endpoint over these spaces.
    pub fn new(spaces: S, config: EndpointConfig) -> Self {
        let (tails, identity) = (Tails::default(), Mutex::default());
        Self(Arc::new(Inner { spaces, config, tails, identity }))
    }

    /// What it allows.
    pub fn config(&self) -> &EndpointConfig {
        &self.0.config
    }

    /// The spaces that it serves.
    pub fn spaces(&self) -> &S {
        &self.0.spaces
    }

    pub(super) fn inner(&self) -> &Inner<S> {
        &self.0
    }

    /// Answers a request whose body is there; see [`reply`](Self::reply).
    pub async fn handle<A, F, G>(&self, mut request: Request, authorize: A) -> Reply<S>
    where
        A: FnOnce(SpaceId, Right) -> F + MaybeSend,
        F: Future<Output = Result<G, StoreError>> + MaybeSend,
        G: Into<Grant> + MaybeSend,
    {
        let body = std::mem::take(&mut request.body);
        self.reply(request, authorize, || ready(Ok(body))).await
    }

    /// Answers a request. `authorize` says whether the caller has a right in a space, and until when. Only then is
    /// `body` asked for, where there is to be one: it reads the request's, or says what is wrong with it.
    pub async fn reply<A, F, G, B, R>(&self, head: Request, authorize: A, body: B) -> Reply<S>
    where
        A: FnOnce(SpaceId, Right) -> F + MaybeSend,
        F: Future<Output = Result<G, StoreError>> + MaybeSend,
        G: Into<Grant> + MaybeSend,
        B: FnOnce() -> R + MaybeSend,
        R: Future<Output = Result<Vec<u8>, Answer>> + MaybeSend,
    {
        let route = match head.route() {
            Ok(route) => route,
            Err(no_route) => return Reply::Answer(Answer::no_route(&no_route, self.known_identity())),
        };
        let mut grant = Grant::default();
        if let Some((space, right)) = route.needs() {
            match authorize(space.clone(), right).await {
                Ok(granted) => grant = granted.into(),
                Err(error) => return Reply::Answer(self.refuse(&error)),
            }
        }
        let answer = match route {
            Route::Push { space } => match body().await {
                Ok(body) => self
                    .push(&space, &body)
                    .await
                    .map(|answer| Answer { tally: Tally::of(&answer.outcomes), ..Answer::ok(&answer) }),
                Err(refused) => return Reply::Answer(refused),
            },
            Route::Events { space, after, limit } => self
                .page(&*self.spaces().space(&space), after, limit)
                .await
                .map(|page| Answer::text(page.text)),
            Route::Live { space, after } => {
                return Reply::Live(Live::new(self.clone(), &space, after, grant.until));
            }
            Route::Health => Ok(Answer::ok(&serde_json::json!({ "status": "ok" }))),
            Route::OpenApi => Ok(Answer::text(OPENAPI.into())),
            Route::Ready => self
                .identity()
                .await
                .map(|id| Answer::ok(&serde_json::json!({ "status": "ready", "backendId": id }))),
        };
        Reply::Answer(answer.unwrap_or_else(|error| self.refuse(&error)))
    }

    /// The answer that an error is, with the endpoint's identity where it is known.
    pub fn refuse(&self, error: &StoreError) -> Answer {
        Answer::error(error, self.known_identity())
    }

    /// The answer to a body that did not come in time.
    pub fn too_slow(&self, seconds: u64) -> Answer {
        Answer::too_slow(seconds, self.known_identity())
    }

    pub(super) async fn identity(&self) -> Result<String, StoreError> {
        let id = self.spaces().backend_id().await?;
        let mut known = self.0.identity.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref() != Some(&id) {
            *known = Some(id.clone());
        }
        Ok(id)
    }

    pub(super) fn known_identity(&self) -> Option<String> {
        self.0.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn push(&self, space: &SpaceId, body: &[u8]) -> Result<PushAnswer, StoreError> {
        at_most("body", body.len(), self.config().body_bytes, "bytes")?;
        let pushed = protocol::read_push(body, &self.config().limits)?;
        at_most("push", pushed.len(), self.config().push_commits, "commits")?;
        let log = self.spaces().space(space);
        let ids: Vec<CommitId> = pushed.iter().map(|pushed| pushed.id).collect();
        // What comes before the first faulty commit is written; the fault is that commit's alone.
        let mut sound = Vec::with_capacity(pushed.len());
        let mut fault = None;
        for Pushed { commit, .. } in pushed {
            match commit {
                Ok(commit) => sound.push(commit),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        let Appended { outcomes, head } = log.append_up_to_head(sound).await?;
        let mut answers = Vec::with_capacity(ids.len());
        for (id, outcome) in ids.iter().copied().zip(outcomes) {
            if !matches!(outcome, Outcome::Accepted(_)) {
                fault = None;
            }
            answers.push(match outcome {
                Outcome::Accepted(result) => PushOutcome::Accepted { result },
                Outcome::NotAttempted => PushOutcome::NotAttempted { commit_id: id },
                Outcome::Refused(StoreError::VersionConflict(conflict)) => {
                    self.conflict(&*log, id, conflict).await?
                }
                Outcome::Refused(error) => {
                    PushOutcome::Rejected { commit_id: id, error: ErrorBody::from(&error) }
                }
            });
        }
        for id in ids.iter().skip(answers.len()).copied().collect::<Vec<_>>() {
            answers.push(match fault.take() {
                Some(error) => PushOutcome::Rejected { commit_id: id, error: ErrorBody::from(&error) },
                None => PushOutcome::NotAttempted { commit_id: id },
            });
        }
        self.0.tails.note(space, head);
        Ok(PushAnswer { backend_id: self.identity().await?, head, outcomes: answers })
    }

    /// A conflict with the events that the replica did not know.
    async fn conflict(
        &self,
        log: &S::Log,
        commit_id: CommitId,
        conflict: VersionConflict,
    ) -> Result<PushOutcome, StoreError> {
        let mut events: Vec<RawEvent> = Vec::new();
        for stream in &conflict.streams {
            let from = match stream.expected {
                ExpectedVersion::Exact(version) => version.next(),
                ExpectedVersion::NoStream => EventVersion::new(1),
                // The stream does not exist: there is nothing to show.
                ExpectedVersion::Any | ExpectedVersion::NoCheck => continue,
            };
            let query = Query {
                from_version: from,
                max_events: self.config().conflict_events.saturating_sub(events.len()),
                ..Query::default()
            };
            let slices = log.read_streams(std::slice::from_ref(&stream.stream_id), &query).await?;
            events.extend(slices.into_iter().flat_map(|slice| slice.events));
        }
        events.sort_by_key(|event| event.place);
        Ok(PushOutcome::Conflict { commit_id, streams: conflict.streams, events })
    }
}
