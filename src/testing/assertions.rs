//! Checks of lists of events. Each panics with the first pair that breaks the rule.

use std::collections::HashMap;

use crate::event::{Place, StoredEvent, StreamId};

/// Feed order: every event stands behind the one before it, confirmed ones by position, then pending ones.
///
/// By place, not by id: an id is as old as its event, which may have been written offline long ago.
///
/// # Panics
/// With the first two neighbours that are not in order.
#[track_caller]
pub fn assert_events_ordered<E>(events: &[StoredEvent<E>]) {
    for (at, pair) in events.windows(2).enumerate() {
        assert!(
            pair[0].place < pair[1].place,
            "events are not in feed order:\n  {}\n  {}",
            describe(at, &pair[0]),
            describe(at + 1, &pair[1]),
        );
    }
}

/// Every id stands once.
///
/// # Panics
/// With the first two events that share an id.
#[track_caller]
pub fn assert_unique_event_ids<E>(events: &[StoredEvent<E>]) {
    let mut seen = HashMap::with_capacity(events.len());
    for (at, event) in events.iter().enumerate() {
        if let Some(first) = seen.insert(event.id, at) {
            panic!(
                "two events share an id:\n  {}\n  {}",
                describe(first, &events[first]),
                describe(at, event)
            );
        }
    }
}

/// The events of this stream, of which there must be one, have versions that go up by one.
///
/// They may begin at any version, as what a read from the middle of a stream finds does.
///
/// # Panics
/// With the first two neighbours of the stream between which the version does not go up by one, with an event
/// of version 0, or where there is no event of the stream.
#[track_caller]
pub fn assert_stream_version_progression<E>(events: &[StoredEvent<E>], stream_id: &StreamId) {
    let mut before: Option<(usize, &StoredEvent<E>)> = None;
    for (at, event) in events.iter().enumerate().filter(|(_, event)| event.stream_id == *stream_id) {
        assert!(!event.version.is_zero(), "versions count from 1:\n  {}", describe(at, event));
        if let Some((first, previous)) = before {
            assert!(
                previous.version.plus(1) == Some(event.version),
                "versions of stream {stream_id:?} do not go up by one:\n  {}\n  {}",
                describe(first, previous),
                describe(at, event),
            );
        }
        before = Some((at, event));
    }
    assert!(before.is_some(), "none of the {} events is of stream {stream_id:?}", events.len());
}

fn describe<E>(at: usize, event: &StoredEvent<E>) -> String {
    let StoredEvent { id, stream_id, version, event_type, place, .. } = event;
    let place = match place {
        Place::Confirmed(position) => format!("at position {position}"),
        Place::Pending(number) => format!("pending as number {number}"),
    };
    format!("[{at}] {event_type} {id}: version {version} of stream {stream_id:?}, {place}")
}
