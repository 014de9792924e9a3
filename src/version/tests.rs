//! The rule, case by case. `tests/properties.rs` holds it against a model.

use crate::error::StoreError;
use crate::event::{
    Batch, Commit, EventId, EventToWrite, EventType, IdGenerator, Json, JsonEvent, Limits, StreamId,
    Upcasters,
};

use super::ExpectedVersion::{Any, Exact, NoCheck, NoStream};
use super::*;

fn write(stream: &'static str, expected: ExpectedVersion) -> EventToWrite<JsonEvent> {
    let payload = Json::parse("{}").unwrap();
    let event = JsonEvent { event_type: EventType::try_new("Noted").unwrap(), payload };
    EventToWrite::new(StreamId::from_static(stream), event, expected)
}

fn commit(batch: impl Into<Batch<JsonEvent>>) -> Result<Commit, StoreError> {
    Commit::prepare(batch.into(), &IdGenerator::new(), &Limits::default(), &Upcasters::new())
}

fn exact(version: u64) -> ExpectedVersion {
    Exact(EventVersion::new(version))
}

/// Stream `a` has three events, no other exists.
fn heads(stream: &StreamId) -> EventVersion {
    EventVersion::new(if stream.as_str() == "a" { 3 } else { 0 })
}

#[test]
fn each_expectation_holds_where_it_should() {
    for (expected, on_absent, on_three) in [
        (NoStream, true, false),
        (exact(0), true, false),
        (exact(3), false, true),
        (exact(2), false, false),
        (Any, false, true),
        (NoCheck, true, true),
    ] {
        assert_eq!(expected.check(EventVersion::ZERO).is_ok(), on_absent, "{expected} of an absent stream");
        assert_eq!(expected.check(EventVersion::new(3)).is_ok(), on_three, "{expected} of three events");
    }
}

#[test]
fn a_batch_numbers_the_events_of_each_stream_on_from_its_head() {
    let commit = commit(vec![write("a", exact(3)), write("b", NoStream), write("a", exact(3))]).unwrap();
    let plan = plan(heads, &commit).unwrap();
    assert_eq!(plan.versions, [4, 1, 5].map(EventVersion::new));
}

#[test]
fn a_later_event_repeats_the_expectation_or_states_the_running_version() {
    for (first, later, allowed) in [
        (exact(3), exact(3), true),
        (exact(3), exact(4), true),
        (exact(3), exact(5), false),
        (exact(3), Any, false),
        (NoStream, NoStream, true),
        (NoStream, exact(0), true),
        (NoStream, exact(1), true),
        (exact(0), NoStream, true),
        (Any, Any, true),
        (Any, exact(4), false),
        (NoCheck, NoCheck, true),
        (NoCheck, Any, false),
    ] {
        let result = commit(vec![write("a", first), write("a", later)]);
        match allowed {
            true => assert!(result.is_ok(), "{first}, then {later}"),
            false => assert!(matches!(result, Err(StoreError::InvalidBatch(_))), "{first}, then {later}"),
        }
    }
}

#[test]
fn a_conflict_names_every_stream_that_is_not_as_expected() {
    let batch = Batch::new(vec![write("a", exact(2)), write("b", NoStream)])
        .with_precondition(StreamId::from_static("c"), Any);
    let Err(StoreError::VersionConflict(conflict)) = plan(heads, &commit(batch).unwrap()) else {
        panic!("a conflict")
    };
    let streams: Vec<_> = conflict.streams.iter().map(|stream| stream.stream_id.as_str()).collect();
    assert_eq!(streams, ["a", "c"]);
    assert_eq!(
        conflict.to_string(),
        "version conflict: stream \"a\" was expected at version 2 and is at version 3, \
         stream \"c\" was expected present and is at version 0"
    );
}

#[test]
fn a_precondition_must_not_contradict_an_event() {
    let batch = |expected| {
        Batch::new(vec![write("a", exact(3))]).with_precondition(StreamId::from_static("a"), expected)
    };
    assert!(commit(batch(exact(3))).is_ok());
    assert!(matches!(commit(batch(Any)), Err(StoreError::InvalidBatch(_))));
}

#[test]
fn what_says_nothing_or_passes_a_limit_is_refused() {
    assert!(matches!(commit(vec![]), Err(StoreError::InvalidBatch(_))));
    let id = EventId::new();
    let twice = vec![write("a", NoCheck).with_id(id), write("a", NoCheck).with_id(id)];
    assert!(matches!(commit(twice), Err(StoreError::InvalidBatch(_))));
    let limits = Limits { batch_events: 1, ..Limits::default() };
    let two = Batch::new(vec![write("a", NoCheck), write("a", NoCheck)]);
    let refused = Commit::prepare(two, &IdGenerator::new(), &limits, &Upcasters::new());
    let Err(StoreError::PayloadTooLarge(large)) = refused else { panic!("{refused:?}") };
    assert_eq!((large.what, large.size, large.limit), ("batch", 2, 1));
}

#[test]
fn a_stream_stops_at_the_largest_number_that_javascript_holds() {
    let full = |_: &StreamId| EventVersion::MAX;
    assert!(matches!(plan(full, &commit(write("a", NoCheck)).unwrap()), Err(StoreError::VersionOverflow(_))));
    assert!(EventVersion::try_from(1 << 53).is_err());
}

#[test]
fn expectations_are_written_as_a_number_or_a_word() {
    for (expected, text) in
        [(exact(3), "3"), (NoStream, "\"noStream\""), (Any, "\"any\""), (NoCheck, "\"noCheck\"")]
    {
        assert_eq!(serde_json::to_string(&expected).unwrap(), text);
        assert_eq!(serde_json::from_str::<ExpectedVersion>(text).unwrap(), expected);
    }
    for text in ["-1", "1.5", "9007199254740992", "\"never\"", "null"] {
        assert!(serde_json::from_str::<ExpectedVersion>(text).is_err(), "{text}");
    }
}

#[test]
fn a_run_stops_at_the_first_refusal_and_keeps_count() {
    let run: Vec<Commit> = [write("a", exact(3)), write("a", exact(3)), write("b", NoCheck)]
        .map(|event| commit(event).unwrap())
        .into();
    let known =
        Known { heads: [(StreamId::from_static("a"), EventVersion::new(3))].into(), ..Known::default() };
    let (outcomes, written) = Admission::confirmed(known, Position::new(10)).run(&run);
    assert!(matches!(outcomes[0], Outcome::Accepted(_)));
    assert!(matches!(outcomes[1], Outcome::Refused(StoreError::VersionConflict(_))));
    assert_eq!(outcomes[2], Outcome::NotAttempted);
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].place.position(), Some(Position::new(11)));
}

#[test]
fn a_repeat_answers_with_the_first_result_before_any_version_is_looked_at() {
    let id = EventId::new();
    let first = commit(write("a", NoStream).with_id(id)).unwrap();
    let mut admission = Admission::confirmed(Known::default(), Position::ZERO);
    let mut written = Vec::new();
    let result = admission.admit(&first, &mut written).unwrap();
    let again = commit(write("a", NoStream).with_id(id)).unwrap();
    assert_eq!(admission.admit(&again, &mut written).unwrap(), result);
    assert_eq!(written.len(), 1);
    let other = commit(write("b", NoStream).with_id(id)).unwrap();
    assert_eq!(admission.admit(&other, &mut written), Err(StoreError::EventIdReused(id.into())));
    let partly = commit(vec![write("a", NoStream).with_id(id), write("a", NoStream)]).unwrap();
    assert_eq!(admission.admit(&partly, &mut written), Err(StoreError::EventIdReused(id.into())));
    assert_eq!(written.len(), 1);
}

#[test]
fn a_repeat_in_another_order_is_not_what_was_written() {
    let (one, two) = (EventId::new(), EventId::new());
    let both = |first, second| {
        commit(vec![write("a", NoCheck).with_id(first), write("a", NoCheck).with_id(second)]).unwrap()
    };
    let mut admission = Admission::confirmed(Known::default(), Position::ZERO);
    let mut written = Vec::new();
    let result = admission.admit(&both(one, two), &mut written).unwrap();
    assert_eq!(admission.admit(&both(one, two), &mut written), Ok(result));
    assert!(matches!(admission.admit(&both(two, one), &mut written), Err(StoreError::EventIdReused(_))));
    assert_eq!(written.len(), 2);
}
