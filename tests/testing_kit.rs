//! The kit's own messages: each failure shows the first offending pair.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use eventcore_web::event::{StoredEvent, StreamEvents, StreamId};
use eventcore_web::state::Decision;
use eventcore_web::testing::assertions::*;
use eventcore_web::testing::builders::*;
use eventcore_web::testing::given;
use eventcore_web::version::{EventVersion, Position};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Noted {
    number: u64,
}

const A: StreamId = StreamId::from_static("a");
const B: StreamId = StreamId::from_static("b");

fn event(stream: &StreamId, version: u64) -> StoredEvent<Noted> {
    StoredEventBuilder::new()
        .with_stream_id(stream.clone())
        .with_version(EventVersion::new(version))
        .with_payload(Noted { number: version })
        .build()
}

/// What a check says of events that break it.
fn message(check: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(check)).expect_err("the check did not fail");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn events_as_built_are_in_order() {
    let events = [event(&A, 1), event(&B, 1), event(&A, 2), event(&B, 2)];
    assert_events_ordered(&events);
    assert_unique_event_ids(&events);
    assert_stream_version_progression(&events, &A);
    assert_stream_version_progression(&events[1..], &B);
    assert_events_ordered::<Noted>(&[]);
}

#[test]
fn order_is_that_of_the_feed_not_of_ids() {
    let (older, newer) = (event(&A, 1), event(&A, 2));
    // An old event that was confirmed late stands behind a newer one.
    let late = [
        StoredEvent { place: eventcore_web::event::Place::Confirmed(Position::new(1)), ..newer.clone() },
        StoredEvent { place: eventcore_web::event::Place::Confirmed(Position::new(2)), ..older.clone() },
    ];
    assert_events_ordered(&late);
    let pending = StoredEventBuilder::new().with_payload(Noted { number: 1 }).pending(1).build();
    assert_events_ordered(&[newer.clone(), pending.clone()]);
    let said = message(|| assert_events_ordered(&[older, pending.clone(), newer.clone()]));
    assert!(said.starts_with("events are not in feed order:\n  [1] Noted "), "{said}");
    assert!(said.contains("pending as number 1") && said.contains("\n  [2] Noted "), "{said}");
    assert!(said.contains(&newer.id.to_string()) && said.contains(&pending.id.to_string()), "{said}");
    assert!(message(|| assert_events_ordered(&[newer.clone(), newer.clone()])).contains("not in feed order"));
}

#[test]
fn a_shared_id_is_shown_with_both_events() {
    let first = event(&A, 1);
    let twin = StoredEvent { id: first.id, ..event(&B, 7) };
    let said = message(|| assert_unique_event_ids(&[first.clone(), event(&A, 2), twin]));
    assert!(said.starts_with("two events share an id:\n  [0] "), "{said}");
    assert!(said.contains("\n  [2] ") && said.contains("version 7 of stream \"b\""), "{said}");
}

#[test]
fn a_hole_in_versions_is_shown_with_both_sides() {
    let events = [event(&A, 1), event(&B, 9), event(&A, 2), event(&A, 4)];
    let said = message(|| assert_stream_version_progression(&events, &A));
    assert!(said.starts_with("versions of stream \"a\" do not go up by one:\n  [2] "), "{said}");
    assert!(said.contains("\n  [3] "), "{said}");
    let said = message(|| assert_stream_version_progression(&[event(&A, 2), event(&A, 2)], &A));
    assert!(said.contains("do not go up by one"), "{said}");
    let said = message(|| assert_stream_version_progression(&events[..1], &B));
    assert_eq!(said, "none of the 1 events is of stream \"b\"");
    let said = message(|| assert_stream_version_progression(&[event(&A, 0)], &A));
    assert!(said.starts_with("versions count from 1"), "{said}");
}

#[test]
fn a_decision_that_differs_is_shown_at_its_first_difference() {
    let decide = |_: &[StreamEvents<Noted>]| {
        Ok::<_, String>(Decision::nothing().emit(A, Noted { number: 1 }).emit(B, Noted { number: 2 }))
    };
    let then = || given([(A, Noted { number: 0 })]).when(&[A, B], decide);
    then().then([(A, Noted { number: 1 }), (B, Noted { number: 2 })]);
    let said = message(|| then().then([(A, Noted { number: 1 }), (B, Noted { number: 3 })]));
    assert_eq!(
        said,
        "the decision differs at event 1:\n  expected Noted { number: 3 } in stream \"b\"\n  \
         emitted  Noted { number: 2 } in stream \"b\""
    );
    let said = message(|| then().then([(A, Noted { number: 1 })]));
    assert!(said.contains("expected no more"), "{said}");
    let said = message(|| drop(then().then_fails()));
    assert!(said.starts_with("the decision was not refused"), "{said}");
    let elsewhere = given([(A, Noted { number: 0 })]).when(&[A], decide);
    assert!(message(|| elsewhere.then_nothing()).contains("which it did not read"));
    let refused = |_: &[StreamEvents<Noted>]| Err::<Decision<Noted>, _>("no".to_owned());
    let then = || given([(A, Noted { number: 0 })]).when(&[A], refused);
    then().then_fails_with(&"no".into());
    assert!(message(|| then().then_nothing()).contains("was refused: \"no\""));
    assert!(message(|| then().then_fails_with(&"yes".into())).contains("expected \"yes\""));
}
