//! The machine: what happened goes in, the one thing to do next comes out. No clock, no socket, no store.
//!
//! It goes round: read the replica; push what waits if the log is up to date, else pull; take in what came;
//! ask the app about what was refused, once everything that the refusal is about is here; rest.

use std::collections::HashMap;

use crate::error::StoreError;
use crate::event::{Commit, CommitId, Place, RawEvent, StreamId};
use crate::protocol::{ErrorBody, EventsAnswer, PushAnswer, PushOutcome};
use crate::store::{OutboxCommit, Refusal, ReplicaState, Settlement};
use crate::version::{Cursor, EventVersion, Position, VersionConflict, WriteResult};

use super::backoff;
use super::status::{SyncState, SyncStatus};

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// There may be something to do: start, a commit, a timer, the network is back, the app asks.
    /// `pull` says whether to look for what others wrote even if nothing points at it.
    Wake {
        /// Whether to look.
        pull: bool,
    },
    /// What the replica is and the first commits of its outbox.
    Replica(ReplicaState, Vec<OutboxCommit>),
    /// The answer to a push.
    Pushed(PushAnswer),
    /// The answer to a pull.
    Pulled(EventsAnswer),
    /// A request or the replica failed; the number is chance, from 0 to 1, for the delay.
    Failed(Failure, f64),
    /// The replica took events in; `false` where its cursor was elsewhere.
    Settled(bool),
    /// The app was asked and the outbox rewritten accordingly.
    Resolved,
    /// The app ends the sync.
    Stop,
}

/// A failure, and whether it makes sense to try again.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What failed.
    pub error: ErrorBody,
    /// Whether trying again may help.
    pub again: bool,
    /// What the endpoint asked to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// What to do next; its result is the next [`Input`].
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Read the replica's state and the first commits of its outbox.
    ReadReplica,
    /// Push these commits.
    Push(Vec<Commit>),
    /// Pull what stands after the cursor.
    Pull(Cursor),
    /// Take these events into the log.
    Settle(Settlement),
    /// Ask the app what becomes of this commit and rewrite the outbox.
    Ask(CommitId, Refusal),
    /// Wait until something changes, but not longer than so many milliseconds.
    Rest(Option<u64>),
    /// Nothing more.
    End,
}

/// The machine.
#[derive(Debug, Clone)]
pub struct Machine {
    status: SyncStatus,
    backend_id: Option<String>,
    /// Whether to look for what others wrote even if nothing points at it.
    look: bool,
    /// Commits that are being pushed.
    in_flight: Vec<Commit>,
    /// A commit that was refused, until everything that it is about is here and the app was asked.
    refused: Option<(CommitId, Refusal)>,
    failures: u32,
    poll_ms: u64,
}

impl Machine {
    /// A machine that looks for what others wrote every so many milliseconds.
    pub fn new(poll_ms: u64) -> Self {
        Self {
            status: SyncStatus::default(),
            backend_id: None,
            look: true,
            in_flight: Vec::new(),
            refused: None,
            failures: 0,
            poll_ms,
        }
    }

    /// What the app can show.
    pub const fn status(&self) -> &SyncStatus {
        &self.status
    }

    /// Takes what happened and says what to do next.
    pub fn on(&mut self, input: Input) -> Step {
        if self.status.state == SyncState::Stopped {
            return Step::End;
        }
        match input {
            Input::Wake { pull } => {
                self.look |= pull;
                Step::ReadReplica
            }
            Input::Replica(state, outbox) => self.decide(state, outbox),
            Input::Pushed(answer) => self.pushed(answer),
            Input::Pulled(answer) => self.pulled(answer),
            Input::Failed(failure, random) => self.failed(failure, random),
            Input::Settled(_) | Input::Resolved => Step::ReadReplica,
            Input::Stop => self.end(None),
        }
    }

    fn decide(&mut self, state: ReplicaState, outbox: Vec<OutboxCommit>) -> Step {
        self.status.confirmed = state.cursor;
        self.status.pending_commits = state.pending_commits;
        self.status.pending_events = state.pending_events;
        self.status.head = self.status.head.max(state.cursor.into());
        self.backend_id = state.backend_id;
        if self.status.head > Position::from(state.cursor) {
            return self.pull();
        }
        if let Some((commit, refusal)) = self.refused.take()
            && outbox.first().is_some_and(|waiting| waiting.commit.id() == commit)
        {
            return Step::Ask(commit, refusal);
        }
        let ready: Vec<Commit> = outbox
            .iter()
            .take_while(|waiting| waiting.parked.is_none())
            .map(|waiting| waiting.commit.clone())
            .collect();
        if !ready.is_empty() {
            self.status.state = SyncState::Pushing;
            self.in_flight.clone_from(&ready);
            return Step::Push(ready);
        }
        if self.look {
            return self.pull();
        }
        self.status.state = if outbox.is_empty() { SyncState::Idle } else { SyncState::Conflicted };
        Step::Rest(Some(self.poll_ms))
    }

    fn pull(&mut self) -> Step {
        self.look = false;
        self.status.state = SyncState::Pulling;
        Step::Pull(self.status.confirmed)
    }

    fn pushed(&mut self, answer: PushAnswer) -> Step {
        let commits = std::mem::take(&mut self.in_flight);
        if let Some(reset) = self.recognise(&answer.backend_id, answer.head) {
            return reset;
        }
        if answer.outcomes.len() != commits.len() {
            return self
                .end(Some(StoreError::Internal("the endpoint did not answer for every commit".into())));
        }
        let mut events: Vec<RawEvent> = Vec::new();
        for (commit, outcome) in commits.iter().zip(answer.outcomes) {
            match outcome {
                PushOutcome::Accepted { result } => {
                    let next = self.status.confirmed.get() + events.len() as u64 + 1;
                    // Others wrote in between: the commit comes back with their events in the next pull.
                    if result.positions.is_some_and(|positions| positions.first.get() == next) {
                        events.extend(confirmed(commit, &result));
                    }
                }
                PushOutcome::Conflict { commit_id, streams, .. } => {
                    self.refused = Some((commit_id, Refusal::Conflict(VersionConflict { streams })));
                }
                PushOutcome::Rejected { commit_id, error } => {
                    self.refused = Some((commit_id, Refusal::Rejected(error)));
                }
                PushOutcome::NotAttempted { .. } => {}
            }
        }
        self.settle(answer.backend_id, events)
    }

    fn pulled(&mut self, answer: EventsAnswer) -> Step {
        if let Some(reset) = self.recognise(&answer.backend_id, answer.head) {
            return reset;
        }
        if answer.events.is_empty() && answer.head > Position::from(self.status.confirmed) {
            let error = StoreError::Internal("the endpoint has more events and sends none".into());
            let failure = Failure { error: ErrorBody::from(&error), again: true, retry_after_ms: None };
            return self.failed(failure, 1.0);
        }
        self.settle(answer.backend_id, answer.events)
    }

    fn settle(&mut self, backend_id: String, events: Vec<RawEvent>) -> Step {
        if events.is_empty() && self.backend_id.is_some() {
            return Step::ReadReplica;
        }
        Step::Settle(Settlement { backend_id, after: self.status.confirmed, events })
    }

    /// Takes note of what the endpoint is; another identity, or a head below ours, ends the sync.
    fn recognise(&mut self, backend_id: &str, head: Position) -> Option<Step> {
        self.failures = 0;
        self.status.last_error = None;
        self.status.next_retry_ms = None;
        if let Some(known) = &self.backend_id
            && known != backend_id
        {
            let reset = format!("it was {known} and is {backend_id} now");
            return Some(self.end(Some(StoreError::EndpointReset(reset))));
        }
        if head < Position::from(self.status.confirmed) {
            let reset = format!("its head is {head}, below {} which it confirmed", self.status.confirmed);
            return Some(self.end(Some(StoreError::EndpointReset(reset))));
        }
        self.status.head = head;
        None
    }

    fn failed(&mut self, failure: Failure, random: f64) -> Step {
        self.in_flight.clear();
        self.look = true;
        self.status.last_error = Some(failure.error);
        if !failure.again {
            return self.stopped();
        }
        self.failures = self.failures.saturating_add(1);
        let delay = backoff::delay(self.failures, random, failure.retry_after_ms);
        self.status.state = SyncState::Offline;
        self.status.next_retry_ms = Some(delay);
        Step::Rest(Some(delay))
    }

    fn end(&mut self, error: Option<StoreError>) -> Step {
        self.status.last_error = error.as_ref().map(ErrorBody::from);
        self.stopped()
    }

    fn stopped(&mut self) -> Step {
        self.status.state = SyncState::Stopped;
        self.status.next_retry_ms = None;
        Step::End
    }
}

/// A commit's events as the endpoint confirmed them.
fn confirmed(commit: &Commit, result: &WriteResult) -> Vec<RawEvent> {
    let mut left: HashMap<&StreamId, u64> = HashMap::new();
    for event in commit.events() {
        *left.entry(&event.stream_id).or_default() += 1;
    }
    let first = result.positions.map_or(0, |positions| positions.first.get());
    commit
        .events()
        .iter()
        .zip(first..)
        .map(|(event, position)| {
            let head = result.versions.get(&event.stream_id).map_or(0, |version| version.get());
            let behind = left.get_mut(&event.stream_id).map_or(0, |left| {
                *left -= 1;
                *left
            });
            RawEvent {
                place: Place::Confirmed(Position::new(position)),
                id: event.id,
                commit_id: commit.id(),
                stream_id: event.stream_id.clone(),
                version: EventVersion::new(head.saturating_sub(behind)),
                event_type: event.event_type.clone(),
                payload: event.payload.clone(),
                metadata: event.metadata.clone(),
                occurred_at: event.occurred_at,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
