//! What every outbox does alike: number pending events, take the first commits, rewrite one. Pure.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};

use crate::error::StoreError;
use crate::event::json::quoted;
use crate::event::{Commit, CommitId, Expectation, Limits, NewEvent, Place, RawEvent, SpaceId, StreamId};
use crate::version::{
    Cursor, EventVersion, ExpectedVersion, Known, Position, StreamConflict, VersionConflict,
};

use super::backend::{FeedSlice, Query};
use super::replica::{OutboxCommit, Refusal, Rewrite, Settlement};

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
pub(crate) fn accepted<C: Borrow<Commit>>(
    run: impl Iterator<Item = C>,
    written: &[RawEvent],
) -> impl Iterator<Item = C> {
    // Both are in the order in which they were written.
    let mut ids: Vec<CommitId> = written.iter().rev().map(|event| event.commit_id).collect();
    ids.dedup();
    run.filter(move |commit| ids.pop_if(|next| *next == commit.borrow().id()).is_some())
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
            "this store is a replica of space {}; open another store for {}",
            quoted(attached.as_str()),
            quoted(space.as_str())
        ))),
    }
}

/// What becomes of an outbox by rewrites: the places that change, each with what stands there then, if anything.
///
/// A commit behind a rewritten one is left as it is only if what it expects is still true. Where others wrote to a
/// stream since it was made, its author did not know that, even if the version happens to be the expected one.
pub(crate) fn rewritten<'a>(
    outbox: impl Iterator<Item = &'a OutboxCommit>,
    rewrites: Vec<(CommitId, Rewrite)>,
    confirmed: impl Fn(&StreamId) -> EventVersion,
) -> Vec<(usize, Option<OutboxCommit>)> {
    let mut rewrites: HashMap<CommitId, Rewrite> = rewrites.into_iter().collect();
    let mut changes = Vec::new();
    let (mut before, mut now) = (Pending::default(), Pending::default());
    let mut moved = false;
    for (at, waiting) in outbox.enumerate() {
        let rewrite = rewrites.remove(&waiting.commit.id());
        moved |= !matches!(rewrite, None | Some(Rewrite::Park(_)));
        let commit = waiting.commit.clone();
        let after = match rewrite {
            Some(Rewrite::Rebase) => {
                Some(OutboxCommit::ready(commit.rebased(|stream| now.on_top_of(confirmed(stream), stream))))
            }
            Some(Rewrite::Replace(commit)) => Some(OutboxCommit::ready(commit)),
            Some(Rewrite::Drop) => None,
            Some(Rewrite::Park(refusal)) => Some(OutboxCommit { commit, refused: Some(refusal) }),
            None if moved && waiting.refused.is_none() => {
                let refused = left_behind(&commit, &before, &now, &confirmed);
                Some(OutboxCommit { commit, refused })
            }
            None => Some(waiting.clone()),
        };
        before.add(&waiting.commit);
        if let Some(after) = &after {
            now.add(&after.commit);
        }
        if after.as_ref() != Some(waiting) {
            changes.push((at, after));
        }
    }
    changes
}

/// How many events wait for each stream.
#[derive(Default)]
struct Pending(HashMap<StreamId, u64>);

impl Pending {
    fn add(&mut self, commit: &Commit) {
        for event in commit.events() {
            *self.0.entry(event.stream_id.clone()).or_default() += 1;
        }
    }

    fn of(&self, stream: &StreamId) -> u64 {
        self.0.get(stream).copied().unwrap_or_default()
    }

    fn on_top_of(&self, confirmed: EventVersion, stream: &StreamId) -> EventVersion {
        EventVersion::new(confirmed.get() + self.of(stream))
    }
}

/// Why a commit is in conflict that knew what waited `before` it, and stands on top of what waits `now`.
fn left_behind(
    commit: &Commit,
    before: &Pending,
    now: &Pending,
    confirmed: impl Fn(&StreamId) -> EventVersion,
) -> Option<Refusal> {
    let mut streams = Vec::new();
    for Expectation { stream_id, expected } in commit.expectations() {
        let Some(pinned) = expected.pinned() else { continue };
        let head = confirmed(stream_id);
        let known = EventVersion::new(pinned.get().saturating_sub(before.of(stream_id)));
        let there = now.on_top_of(head, stream_id);
        // Told without what waits, so that exactly what others wrote lies between the two.
        let (expected, actual) = match known < head {
            true => (known, head),
            false if pinned != there => (pinned, there),
            false => continue,
        };
        let expected = ExpectedVersion::Exact(expected);
        streams.push(StreamConflict { stream_id: stream_id.clone(), expected, actual });
    }
    let conflict = VersionConflict { streams };
    (!conflict.streams.is_empty()).then_some(Refusal::Behind { conflict, asked: false })
}

/// The commits of confirmed events, as an outbox holds them: each expects what it was confirmed upon.
pub(crate) fn unconfirmed(events: Vec<RawEvent>) -> Result<Vec<OutboxCommit>, StoreError> {
    let mut commits: Vec<OutboxCommit> = Vec::new();
    for events in events.chunk_by(|one, other| one.commit_id == other.commit_id) {
        let mut expectations: Vec<Expectation> = Vec::new();
        for RawEvent { stream_id, version, .. } in events {
            if expectations.iter().all(|known| known.stream_id != *stream_id) {
                let expected = ExpectedVersion::Exact(EventVersion::new(version.get().saturating_sub(1)));
                expectations.push(Expectation { stream_id: stream_id.clone(), expected });
            }
        }
        let (id, events) = (events[0].commit_id, events.iter().cloned().map(NewEvent::from).collect());
        commits.push(OutboxCommit::ready(Commit::from_parts(id, events, expectations, &Limits::NONE)?));
    }
    Ok(commits)
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
