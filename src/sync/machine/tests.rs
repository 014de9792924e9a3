//! The machine, one input at a time. `tests/sync.rs` runs it against the real endpoint.

use crate::event::{
    Batch, EventToWrite, EventType, IdGenerator, Json, JsonEvent, Limits, StreamId, Upcasters,
};
use crate::version::{EventVersion, ExpectedVersion, Positions, StreamConflict, WriteResult};

use super::*;

const HOME: &str = "endpoint-1";

fn commit(stream: &'static str) -> Commit {
    let event =
        JsonEvent { event_type: EventType::try_new("Noted").unwrap(), payload: Json::parse("{}").unwrap() };
    let write = EventToWrite::new(StreamId::from_static(stream), event, ExpectedVersion::NoCheck);
    let batch = Batch::new(vec![write]);
    Commit::prepare(batch, &IdGenerator::new(), &Limits::default(), &Upcasters::new()).unwrap()
}

fn waiting(commit: &Commit) -> OutboxCommit {
    OutboxCommit::ready(commit.clone())
}

fn replica(cursor: u64, outbox: &[OutboxCommit]) -> Input {
    let state = ReplicaState {
        backend_id: Some(HOME.into()),
        cursor: Cursor::new(cursor),
        pending_commits: outbox.len() as u64,
        ..ReplicaState::default()
    };
    Input::Replica(state, outbox.to_vec())
}

fn accepted(commit: &Commit, position: u64, version: u64) -> PushOutcome {
    let event = &commit.events()[0];
    let at = Position::new(position);
    PushOutcome::Accepted {
        result: WriteResult {
            commit_id: commit.id(),
            event_ids: vec![event.id],
            versions: [(event.stream_id.clone(), EventVersion::new(version))].into(),
            positions: Some(Positions { first: at, last: at }),
        },
    }
}

fn pushed(head: u64, outcomes: Vec<PushOutcome>) -> Input {
    Input::Pushed(PushAnswer { backend_id: HOME.into(), head: Position::new(head), outcomes })
}

fn pulled(head: u64, events: Vec<RawEvent>) -> Input {
    Input::Pulled(EventsAnswer {
        backend_id: HOME.into(),
        head: Position::new(head),
        cursor: Cursor::new(events.last().map_or(0, |event| event.place.position().unwrap().get())),
        complete: true,
        events,
    })
}

fn pull(after: u64, verify: bool) -> Step {
    Step::Pull { after: Cursor::new(after), verify }
}

fn refusal(commit: &Commit) -> (PushOutcome, Refusal) {
    let streams = vec![StreamConflict {
        stream_id: commit.events()[0].stream_id.clone(),
        expected: ExpectedVersion::NoStream,
        actual: EventVersion::new(1),
    }];
    let outcome =
        PushOutcome::Conflict { commit_id: commit.id(), streams: streams.clone(), events: Vec::new() };
    (outcome, Refusal::Conflict(VersionConflict { streams }))
}

/// A machine that looked once and found nothing.
fn rested() -> Machine {
    let mut machine = Machine::new(1_000, false);
    assert_eq!(machine.on(Input::Wake { pull: true }), Step::ReadReplica);
    assert_eq!(machine.on(replica(0, &[])), pull(0, false));
    assert_eq!(machine.on(pulled(0, vec![])), Step::ReadReplica);
    assert_eq!(machine.on(replica(0, &[])), Step::Rest(Some(1_000)));
    assert_eq!(machine.status().state, SyncState::Idle);
    machine
}

#[test]
fn an_acknowledgement_that_follows_on_the_log_needs_no_pull() {
    let mut machine = rested();
    let first = commit("a");
    assert_eq!(machine.on(Input::Wake { pull: false }), Step::ReadReplica);
    assert_eq!(machine.on(replica(0, &[waiting(&first)])), Step::Push(vec![first.clone()]));
    assert_eq!(machine.status().state, SyncState::Pushing);
    let Step::Settle { settlement, ahead: None } = machine.on(pushed(1, vec![accepted(&first, 1, 5)])) else {
        panic!("a settlement")
    };
    assert_eq!((settlement.after, settlement.events.len()), (Cursor::ZERO, 1));
    assert_eq!(settlement.events[0].version, EventVersion::new(5), "the version is the endpoint's");
    assert_eq!(machine.on(Input::Settled { taken: true, ahead: None }), Step::ReadReplica);
    assert_eq!(machine.on(replica(1, &[])), Step::Rest(Some(1_000)));
}

#[test]
fn an_acknowledgement_behind_a_gap_waits_for_the_pull_that_brings_it() {
    let mut machine = rested();
    let first = commit("a");
    machine.on(replica(0, &[waiting(&first)]));
    assert_eq!(machine.on(pushed(4, vec![accepted(&first, 4, 1)])), Step::ReadReplica);
    assert_eq!(machine.on(replica(0, &[waiting(&first)])), pull(0, false), "not pushed again");
}

#[test]
fn the_app_is_asked_about_a_conflict_once_everything_that_it_is_about_is_here() {
    let mut machine = rested();
    let first = commit("a");
    let (outcome, refusal) = refusal(&first);
    machine.on(replica(0, &[waiting(&first)]));
    assert_eq!(machine.on(pushed(1, vec![outcome])), Step::ReadReplica);
    assert_eq!(machine.on(replica(0, &[waiting(&first)])), pull(0, false));
    assert_eq!(machine.on(replica(1, &[waiting(&first)])), Step::Ask(first.id(), refusal));
    assert_eq!(machine.on(Input::Resolved), Step::ReadReplica);
    assert_eq!(machine.on(replica(1, &[waiting(&first)])), Step::Push(vec![first]), "and tried again");
}

#[test]
fn nothing_is_pushed_past_a_parked_commit_but_what_others_wrote_is_pulled() {
    let mut machine = rested();
    let (first, second) = (commit("a"), commit("b"));
    let (_, refusal) = refusal(&first);
    let parked = OutboxCommit { commit: first, refused: Some(refusal) };
    let outbox = [parked, waiting(&second)];
    assert_eq!(machine.on(replica(0, &outbox)), Step::Rest(Some(1_000)));
    assert_eq!(machine.status().state, SyncState::Conflicted);
    machine.on(Input::Wake { pull: true });
    assert_eq!(machine.on(replica(0, &outbox)), pull(0, false));
}

#[test]
fn another_identity_or_a_head_below_ours_ends_the_sync() {
    let other = EventsAnswer {
        backend_id: "endpoint-2".into(),
        head: Position::new(9),
        cursor: Cursor::ZERO,
        complete: true,
        events: vec![],
    };
    let older = EventsAnswer { backend_id: HOME.into(), head: Position::new(2), ..other.clone() };
    for answer in [other, older] {
        let mut machine = rested();
        machine.on(Input::Wake { pull: true });
        machine.on(replica(3, &[]));
        assert_eq!(machine.on(Input::Pulled(answer)), Step::End);
        assert_eq!(machine.status().state, SyncState::Stopped);
        assert_eq!(machine.status().last_error.as_ref().unwrap().code, "ENDPOINT_RESET");
        assert_eq!(machine.on(Input::Wake { pull: true }), Step::End, "it stays stopped");
    }
}

#[test]
fn failures_back_off_and_a_success_forgets_them() {
    let failure = |again| Failure {
        error: ErrorBody { code: "OFFLINE".into(), message: "gone".into() },
        again,
        retry_after_ms: None,
    };
    let mut machine = rested();
    assert_eq!(machine.on(Input::Failed(failure(true), 1.0)), Step::Rest(Some(500)));
    assert_eq!(machine.on(Input::Failed(failure(true), 1.0)), Step::Rest(Some(1_000)));
    assert_eq!(machine.status().state, SyncState::Offline);
    assert_eq!(machine.status().next_retry_ms, Some(1_000));
    machine.on(replica(0, &[]));
    machine.on(pulled(0, vec![]));
    assert_eq!((machine.status().last_error.clone(), machine.status().next_retry_ms), (None, None));
    assert_eq!(machine.on(Input::Failed(failure(true), 1.0)), Step::Rest(Some(500)));
    assert_eq!(machine.on(Input::Failed(failure(false), 1.0)), Step::End);
}

#[test]
fn an_endpoint_that_has_more_and_sends_nothing_is_not_asked_in_a_circle() {
    let mut machine = rested();
    machine.on(Input::Wake { pull: true });
    machine.on(replica(0, &[]));
    assert!(matches!(machine.on(pulled(7, vec![])), Step::Rest(Some(_))));
}

#[test]
fn after_a_failure_the_endpoint_must_show_that_it_still_has_the_log() {
    let mut machine = rested();
    let failure = |code: &str| Failure {
        error: ErrorBody { code: code.into(), message: "no".into() },
        again: true,
        retry_after_ms: Some(7_000),
    };
    assert_eq!(machine.on(Input::Failed(failure("RATE_LIMITED"), 0.0)), Step::Rest(Some(7_000)));
    machine.on(Input::Wake { pull: true });
    let first = commit("a");
    assert_eq!(machine.on(replica(3, &[waiting(&first)])), pull(3, true), "before anything is pushed");
    assert_eq!(machine.clone().on(Input::Diverged), Step::End);
    machine.on(pulled(3, vec![]));
    assert_eq!(machine.on(replica(3, &[waiting(&first)])), Step::Push(vec![first]));
}

#[test]
fn an_endpoint_that_lost_what_it_had_is_given_it_again_where_the_app_wants_that() {
    let mut machine = Machine::new(1_000, true);
    machine.on(Input::Wake { pull: true });
    assert_eq!(machine.on(replica(3, &[])), pull(3, true));
    assert_eq!(machine.on(pulled(2, vec![])), Step::Rewind);
    assert_eq!(machine.on(Input::Rewound), Step::ReadReplica);
    let rewound = commit("a");
    let state = ReplicaState { cursor: Cursor::new(2), ..ReplicaState::default() };
    let outbox = vec![waiting(&rewound)];
    assert_eq!(machine.on(Input::Replica(state, outbox)), Step::Push(vec![rewound]));
}

#[test]
fn a_push_that_is_too_large_is_halved_and_what_does_not_fit_alone_is_a_question() {
    let too_large = || {
        let error = ErrorBody { code: "PAYLOAD_TOO_LARGE".into(), message: "no".into() };
        Input::Failed(Failure { error, again: false, retry_after_ms: None }, 0.0)
    };
    let commits = ["a", "b", "c"].map(commit);
    let outbox = || replica(0, &commits.each_ref().map(waiting));
    let mut machine = rested();
    assert_eq!(machine.on(outbox()), Step::Push(commits.to_vec()));
    assert_eq!(machine.on(too_large()), Step::ReadReplica);
    assert_eq!(machine.on(outbox()), Step::Push(commits[..1].to_vec()));
    assert_eq!(machine.on(too_large()), Step::ReadReplica);
    let Step::Ask(asked, Refusal::Rejected(error)) = machine.on(outbox()) else { panic!("a question") };
    assert_eq!((asked, error.code.as_str()), (commits[0].id(), "PAYLOAD_TOO_LARGE"));
}

fn event(position: u64) -> RawEvent {
    let PushOutcome::Accepted { result } = accepted(&commit("a"), position, position) else {
        panic!("accepted")
    };
    acknowledged(&commit("a"), &result).remove(0)
}

#[test]
fn while_a_page_is_taken_in_the_next_is_pulled() {
    let mut machine = rested();
    machine.on(Input::Wake { pull: true });
    machine.on(replica(0, &[]));
    let Step::Settle { ahead: Some(behind), .. } = machine.on(pulled(5, vec![event(1), event(2)])) else {
        panic!("there is more")
    };
    assert_eq!(behind, Cursor::new(2));
    let next = pulled(5, vec![event(3), event(4), event(5)]);
    let settled = Input::Settled { taken: true, ahead: Some((behind, Box::new(next))) };
    let Step::Settle { settlement, ahead: None } = machine.on(settled) else { panic!("the last page") };
    assert_eq!((settlement.after, settlement.events.len()), (behind, 3));
    assert_eq!(machine.status().progress, Some(Progress { done: 2, total: 5 }));
    assert_eq!(machine.on(Input::Settled { taken: true, ahead: None }), Step::ReadReplica);
}

#[test]
fn a_page_that_was_pulled_ahead_of_one_that_was_not_taken_is_forgotten() {
    let mut machine = rested();
    machine.on(Input::Wake { pull: true });
    machine.on(replica(0, &[]));
    machine.on(pulled(2, vec![event(1)]));
    let ahead = Some((Cursor::new(1), Box::new(pulled(2, vec![event(2)]))));
    assert_eq!(machine.on(Input::Settled { taken: false, ahead }), Step::ReadReplica);
    assert_eq!(machine.on(replica(1, &[])), pull(1, false));
}

#[test]
fn what_the_endpoint_says_by_itself_is_taken_in_if_it_follows_and_else_pulled() {
    let heard = |head, events| {
        let Input::Pulled(answer) = pulled(head, events) else { panic!("an answer") };
        Input::Heard(answer)
    };
    let mut machine = rested();
    assert_eq!(machine.on(Input::Live(true)), Step::ReadReplica);
    assert_eq!(machine.on(replica(0, &[])), Step::Rest(Some(LIVE_POLL_MS)), "nobody has to ask");
    assert!(matches!(machine.on(heard(1, vec![event(1)])), Step::Settle { .. }));
    machine.on(Input::Settled { taken: true, ahead: None });
    machine.on(replica(1, &[]));
    assert_eq!(machine.on(heard(1, vec![event(1)])), Step::ReadReplica, "it is here");
    assert_eq!(machine.on(replica(1, &[])), Step::Rest(Some(LIVE_POLL_MS)));
    assert_eq!(machine.on(heard(0, vec![])), Step::ReadReplica, "late, and no sign of a reset");
    assert_eq!(machine.on(heard(3, vec![event(3)])), Step::ReadReplica, "there is a gap");
    assert_eq!(machine.on(replica(1, &[])), pull(1, false));
    machine.on(pulled(1, vec![]));
    machine.on(Input::Live(false));
    assert_eq!(machine.on(replica(1, &[])), pull(1, false), "what was said meanwhile nobody heard");
}
