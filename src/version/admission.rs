//! A run of commits against what a store knows: each is accepted, recognised as a repeat, or refused.
//!
//! Adapters load what the commits touch, ask here, and persist what comes out, all in one transaction.

use std::collections::{BTreeMap, HashMap};

use super::{EventVersion, Position, plan};
use crate::error::StoreError;
use crate::event::json::members;
use crate::event::{Commit, CommitId, EventId, Place, RawEvent, StreamId};

/// First and last position of a commit's events; they are dense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Positions {
    /// The position of the commit's first event.
    pub first: Position,
    /// The position of its last.
    pub last: Position,
}

members!(Positions { first: "first", last: "last" });

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteResult {
    /// The commit's id.
    pub commit_id: CommitId,
    /// The ids of its events, in their order.
    pub event_ids: Vec<EventId>,
    /// The version that each written stream had after the commit; provisional while the commit is pending.
    pub versions: BTreeMap<StreamId, EventVersion>,
    /// Where its events stand in the feed; none while the commit is pending.
    pub positions: Option<Positions>,
}

members!(WriteResult {
    commit_id: "commitId",
    event_ids: "eventIds",
    versions: "versions",
    positions: "positions",
});

/// What became of one commit of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is written, now or by an earlier try.
    Accepted(WriteResult),
    /// It is not, and this is why; a conflict is [`StoreError::VersionConflict`].
    Refused(StoreError),
    /// A commit before it in the run was refused, so it was not looked at.
    NotAttempted,
}

impl Outcome {
    /// The result, or why there is none.
    ///
    /// # Errors
    /// The refusal.
    pub fn into_result(self) -> Result<WriteResult, StoreError> {
        match self {
            Self::Accepted(result) => Ok(result),
            Self::Refused(error) => Err(error),
            Self::NotAttempted => Err(StoreError::Internal("a commit before it was refused".into())),
        }
    }
}

/// What a store knows of the streams and events that a run of commits touches.
#[derive(Debug, Default)]
pub struct Known {
    /// The version of each stream; a stream that is not here does not exist.
    pub heads: HashMap<StreamId, EventVersion>,
    /// The stored events whose ids the commits bear.
    pub events: HashMap<EventId, RawEvent>,
}

/// Where the events of accepted commits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Position(Position),
    Pending(u64),
}

/// Admits commits one after the other and keeps count.
#[derive(Debug)]
pub struct Admission {
    known: Known,
    next: Next,
}

impl Admission {
    /// For a store that confirms at once: the next event goes behind `head`.
    pub const fn confirmed(known: Known, head: Position) -> Self {
        Self { known, next: Next::Position(head) }
    }

    /// For an outbox: the next event is the `count + 1`-th that waits.
    pub const fn pending(known: Known, count: u64) -> Self {
        Self { known, next: Next::Pending(count) }
    }

    /// Admits a run: after the first commit that is refused the rest is not attempted. Answers with an
    /// outcome per commit and the events to persist, in order.
    pub fn run(&mut self, commits: &[Commit]) -> (Vec<Outcome>, Vec<RawEvent>) {
        let mut outcomes = Vec::with_capacity(commits.len());
        let mut written = Vec::new();
        let mut refused = false;
        for commit in commits {
            outcomes.push(match refused {
                true => Outcome::NotAttempted,
                false => match self.admit(commit, &mut written) {
                    Ok(result) => Outcome::Accepted(result),
                    Err(error) => {
                        refused = true;
                        Outcome::Refused(error)
                    }
                },
            });
        }
        (outcomes, written)
    }

    /// Admits one commit; its events are appended to `written` unless it is a repeat.
    ///
    /// # Errors
    /// `EVENT_ID_REUSED`, `VERSION_CONFLICT` or `VERSION_OVERFLOW`; then nothing changed.
    pub fn admit(&mut self, commit: &Commit, written: &mut Vec<RawEvent>) -> Result<WriteResult, StoreError> {
        if !commit.is_fresh()
            && let Some(repeat) = self.repeat(commit)?
        {
            return Ok(repeat);
        }
        let plan = plan(|stream| self.known.heads.get(stream).copied().unwrap_or_default(), commit)?;
        let mut places = Vec::with_capacity(commit.events().len());
        let mut next = self.next;
        for _ in commit.events() {
            places.push(match &mut next {
                Next::Position(head) => {
                    let overflow = || StoreError::VersionOverflow("the space".into());
                    *head = head.plus(1).ok_or_else(overflow)?;
                    Place::Confirmed(*head)
                }
                Next::Pending(count) => {
                    *count += 1;
                    Place::Pending(*count)
                }
            });
        }
        self.next = next;
        let stored =
            commit.events().iter().zip(plan.versions).zip(places).map(|((event, version), place)| RawEvent {
                place,
                id: event.id,
                commit_id: commit.id(),
                stream_id: event.stream_id.clone(),
                version,
                event_type: event.event_type.clone(),
                payload: event.payload.clone(),
                metadata: event.metadata.clone(),
                occurred_at: event.occurred_at,
            });
        let first_written = written.len();
        for event in stored {
            if !commit.is_fresh() {
                self.known.events.insert(event.id, event.clone());
            }
            written.push(event);
        }
        self.known.heads.extend(plan.heads);
        Ok(result_of(commit.id(), &written[first_written..]))
    }

    /// The versions of the streams that were known or written, as they are after what was admitted.
    pub fn into_heads(self) -> HashMap<StreamId, EventVersion> {
        self.known.heads
    }

    /// The first result, if every event of the commit is stored with the same content.
    fn repeat(&self, commit: &Commit) -> Result<Option<WriteResult>, StoreError> {
        let mut stored = Vec::with_capacity(commit.events().len());
        let mut missing = None;
        for event in commit.events() {
            match self.known.events.get(&event.id) {
                Some(known) if event.is(known) => stored.push(known.clone()),
                Some(_) => return Err(StoreError::EventIdReused(event.id.into())),
                None => missing = Some(event.id),
            }
        }
        match (stored.first(), missing) {
            (None, _) => Ok(None),
            (Some(first), None) if stored.windows(2).all(|pair| follows(&pair[0], &pair[1])) => {
                Ok(Some(result_of(first.commit_id, &stored)))
            }
            // Events of several commits, or of one in another order: this is not what was written.
            (Some(first), _) => Err(StoreError::EventIdReused(first.id.into())),
        }
    }
}

/// Whether an event stands right behind another in the same commit.
fn follows(one: &RawEvent, other: &RawEvent) -> bool {
    let next = match one.place {
        Place::Confirmed(position) => Place::Confirmed(position.next()),
        Place::Pending(number) => Place::Pending(number + 1),
    };
    one.commit_id == other.commit_id && other.place == next
}

/// The result of a commit whose events are these.
fn result_of(commit_id: CommitId, events: &[RawEvent]) -> WriteResult {
    let mut versions = BTreeMap::new();
    for event in events {
        versions.insert(event.stream_id.clone(), event.version);
    }
    let first = events.first().and_then(|event| event.place.position());
    let last = events.last().and_then(|event| event.place.position());
    WriteResult {
        commit_id,
        event_ids: events.iter().map(|event| event.id).collect(),
        versions,
        positions: first.zip(last).map(|(first, last)| Positions { first, last }),
    }
}
