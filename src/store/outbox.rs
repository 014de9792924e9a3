//! What every outbox does alike: number pending events, take the first commits, rewrite one. Pure.

use std::collections::{HashMap, HashSet};

use crate::error::StoreError;
use crate::event::{Commit, CommitId, Place, RawEvent, SpaceId, StreamId};
use crate::version::{Cursor, EventVersion, Known, Position};

use super::backend::{FeedSlice, Query};
use super::replica::{OutboxCommit, Rewrite, Settlement};

/// The events of an outbox, numbered on top of the confirmed log.
pub(crate) fn pending_events<'a>(
    commits: impl Iterator<Item = &'a Commit>,
    confirmed: impl Fn(&StreamId) -> EventVersion,
) -> Vec<RawEvent> {
    let mut heads: HashMap<StreamId, EventVersion> = HashMap::new();
    let mut events = Vec::new();
    for commit in commits {
        for event in commit.events() {
            let head = heads.entry(event.stream_id.clone()).or_insert_with(|| confirmed(&event.stream_id));
            *head = head.next();
            events.push(RawEvent {
                place: Place::Pending(events.len() as u64 + 1),
                id: event.id,
                commit_id: commit.id(),
                stream_id: event.stream_id.clone(),
                version: *head,
                event_type: event.event_type.clone(),
                payload: event.payload.clone(),
                metadata: event.metadata.clone(),
                occurred_at: event.occurred_at,
            });
        }
    }
    events
}

/// The versions of the streams that these commits write, on top of the confirmed log.
pub(crate) fn versions_after<'a>(
    commits: impl Iterator<Item = &'a Commit>,
    confirmed: impl Fn(&StreamId) -> EventVersion,
) -> HashMap<StreamId, EventVersion> {
    let mut heads: HashMap<StreamId, EventVersion> = HashMap::new();
    for event in commits.flat_map(Commit::events) {
        let head = heads.entry(event.stream_id.clone()).or_insert_with(|| confirmed(&event.stream_id));
        *head = head.next();
    }
    heads
}

/// Adds pending events to what is known of the streams and ids that a run touches.
pub(crate) fn add_pending(known: &mut Known, pending: &[RawEvent]) {
    for event in pending {
        if let Some(head) = known.heads.get_mut(&event.stream_id) {
            *head = event.version;
        }
        known.events.insert(event.id, event.clone());
    }
}

/// The commits of a run that wrote these events: those that were accepted and are not repeats.
pub(crate) fn accepted(run: Vec<Commit>, written: &[RawEvent]) -> impl Iterator<Item = Commit> {
    let ids: HashSet<CommitId> = written.iter().map(|event| event.commit_id).collect();
    run.into_iter().filter(move |commit| ids.contains(&commit.id()))
}

/// The first commits within the limits, but at least one if there is one.
pub(crate) fn first_of(
    commits: impl Iterator<Item = OutboxCommit>,
    max_commits: usize,
    max_bytes: usize,
) -> Vec<OutboxCommit> {
    let mut bytes = 0;
    let mut first = Vec::new();
    for waiting in commits.take(max_commits.max(1)) {
        bytes += waiting.commit.bytes();
        if bytes > max_bytes && !first.is_empty() {
            break;
        }
        first.push(waiting);
    }
    first
}

/// Whether a store is a replica of this space already.
pub(crate) fn is_attached(attached: Option<&SpaceId>, space: &SpaceId) -> Result<bool, StoreError> {
    match attached {
        None => Ok(false),
        Some(attached) if attached == space => Ok(true),
        Some(attached) => Err(StoreError::InvalidRequest(format!(
            "this store is a replica of space {attached:?}; open another store for {space:?}"
        ))),
    }
}

/// A commit of the outbox after a rewrite; none where it is given up.
pub(crate) fn rewritten(
    waiting: OutboxCommit,
    rewrite: Rewrite,
    heads: impl Fn(&StreamId) -> EventVersion,
) -> Option<OutboxCommit> {
    match rewrite {
        Rewrite::Rebase => Some(OutboxCommit { commit: waiting.commit.rebased(heads), parked: None }),
        Rewrite::Replace(commit) => Some(OutboxCommit { commit, parked: None }),
        Rewrite::Drop => None,
        Rewrite::Park(conflict) => Some(OutboxCommit { parked: Some(conflict), ..waiting }),
    }
}

impl Settlement {
    /// The events must be dense from `after` on.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut expected = Position::from(self.after);
        for event in &self.events {
            expected = expected.next();
            if event.place != Place::Confirmed(expected) {
                return Err(StoreError::InvalidRequest(format!(
                    "event {} does not stand at position {expected}",
                    event.id
                )));
            }
        }
        Ok(())
    }

    /// The commits whose events these are.
    pub(crate) fn commits(&self) -> HashSet<CommitId> {
        self.events.iter().map(|event| event.commit_id).collect()
    }
}

impl FeedSlice {
    /// A page of selected events, with the cursor that is safe to go on from.
    ///
    /// The adapter looked at everything up to `head` unless the page is full.
    pub(crate) fn of(events: Vec<RawEvent>, query: &Query, head: Position) -> Self {
        let complete = events.len() < query.max_events;
        let start = match query.after {
            Some(Place::Confirmed(position)) => position,
            Some(Place::Pending(_)) => head,
            None if query.backwards => head.next(),
            None => Position::ZERO,
        };
        let last = events.iter().rev().find_map(|event| event.place.position());
        let cursor = match (query.backwards, complete) {
            // Behind the head stand only pending events, which do not move a cursor.
            (false, true) => start.max(head),
            (false, false) if events.last().is_some_and(|event| event.place.position().is_none()) => {
                start.max(head)
            }
            (false, false) => last.unwrap_or(start),
            (true, true) => Position::ZERO.next().min(start),
            (true, false) => last.unwrap_or(start),
        };
        Self { events, cursor: Cursor::from(cursor), complete, head }
    }
}
