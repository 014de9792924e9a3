//! A commit's events as the endpoint confirmed them.

use std::collections::HashMap;

use crate::event::{Commit, Place, RawEvent, StreamId};
use crate::version::{EventVersion, Position, WriteResult};

/// The events that an endpoint would answer with, from what is here and what it said of them.
pub(super) fn acknowledged(commit: &Commit, result: &WriteResult) -> Vec<RawEvent> {
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
