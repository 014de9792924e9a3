//! Decisions over a store and projections of its feed.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use eventcore_web::StoreError;
use eventcore_web::event::{
    EventToWrite, EventType, IdGenerator, SpaceId, StoredEvent, StreamEvents, StreamId,
};
use eventcore_web::state::{
    Checkpoint, Decision, ExecuteError, ExecuteOptions, Projection, execute, execute_with, fold,
};
use eventcore_web::store::memory::MemoryBackend;
use eventcore_web::store::{
    ChaosConfig, EventStore, InMemoryEventStore, ReadOptions, Replica, Rewrite, Settlement,
};
use eventcore_web::testing::{block_on, given, given_nothing};
use eventcore_web::version::{Cursor, ExpectedVersion};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Account {
    Deposited { amount: u64 },
    Withdrawn { amount: u64 },
    Frozen,
}

use Account::{Deposited, Frozen, Withdrawn};

const A: StreamId = StreamId::from_static("account-a");
const B: StreamId = StreamId::from_static("account-b");
const RULES: StreamId = StreamId::from_static("rules");

type Memory = InMemoryEventStore<Account>;

fn balance(events: &[StoredEvent<Account>]) -> u64 {
    fold(0, events, apply)
}

fn apply(balance: &mut u64, event: &StoredEvent<Account>) {
    match event.payload {
        Deposited { amount } => *balance += amount,
        Withdrawn { amount } => *balance -= amount,
        Frozen => {}
    }
}

/// Moves money from the first stream to the second, unless the third says that nothing moves.
fn transfer(amount: u64) -> impl Fn(&[StreamEvents<Account>]) -> Result<Decision<Account>, String> {
    move |streams| {
        let [from, to, rules] = streams else { return Err("three streams are read".into()) };
        if rules.events.iter().any(|event| event.payload == Frozen) {
            return Err("frozen".into());
        }
        match balance(&from.events) {
            0 => Ok(Decision::nothing()),
            there if there < amount => Err(format!("{there} is less than {amount}")),
            _ => Ok(Decision::nothing()
                .emit(from.stream_id.clone(), Withdrawn { amount })
                .emit(to.stream_id.clone(), Deposited { amount })),
        }
    }
}

fn deposit(store: &impl EventStore<Event = Account>, stream: StreamId, amount: u64) {
    block_on(store.write_events(EventToWrite::new(stream, Deposited { amount }, ExpectedVersion::NoCheck)))
        .unwrap();
}

fn read(store: &Memory, stream: &StreamId) -> Vec<StoredEvent<Account>> {
    block_on(store.read_stream(stream, ReadOptions::default())).unwrap().events
}

#[test]
fn a_decision_emits_into_several_streams_at_once() {
    let store = Memory::new();
    deposit(&store, A, 10);
    let executed = block_on(execute(&store, &[A, B, RULES], transfer(7))).unwrap();
    assert_eq!(executed.attempts, 1);
    let written = executed.written.unwrap();
    assert_eq!(written.versions.values().map(|version| version.get()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((balance(&read(&store, &A)), balance(&read(&store, &B))), (3, 7));
    let [withdrawn, deposited] = [&read(&store, &A)[1], &read(&store, &B)[0]];
    assert_eq!(withdrawn.commit_id, deposited.commit_id);
    assert_eq!(withdrawn.metadata.correlation_id, deposited.metadata.correlation_id);
}

#[test]
fn a_refusal_and_a_decision_of_nothing_write_nothing() {
    let store = Memory::new();
    let nothing = block_on(execute(&store, &[A, B, RULES], transfer(1))).unwrap();
    assert_eq!(nothing.written, None);
    deposit(&store, A, 1);
    let refused = block_on(execute(&store, &[A, B, RULES], transfer(2)));
    assert_eq!(refused, Err(ExecuteError::Refused("1 is less than 2".into())));
    assert_eq!(read(&store, &A).len() + read(&store, &B).len(), 1);
}

#[test]
fn a_decision_does_not_emit_where_it_did_not_read() {
    let store = Memory::new();
    let decide = |_: &[StreamEvents<Account>]| Ok::<_, ()>(Decision::nothing().emit(B, Frozen));
    let Err(ExecuteError::Store(StoreError::InvalidBatch(reason))) = block_on(execute(&store, &[A], decide))
    else {
        panic!("an event was emitted into a stream that was not read")
    };
    assert!(reason.contains("account-b"), "{reason}");
}

#[test]
fn a_conflict_on_a_stream_that_was_only_read_decides_again() {
    let store = Memory::new();
    deposit(&store, A, 10);
    let calls = AtomicU32::new(0);
    let decide = |streams: &[StreamEvents<Account>]| {
        // Between reading and writing, somebody else freezes everything.
        if calls.fetch_add(1, Ordering::SeqCst) == 0 {
            let freeze = EventToWrite::new(RULES, Frozen, ExpectedVersion::NoStream);
            block_on(store.write_events(freeze)).unwrap();
        }
        transfer(5)(streams)
    };
    let refused = block_on(execute(&store, &[A, B, RULES], decide));
    assert_eq!(refused, Err(ExecuteError::Refused("frozen".into())));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_eq!(read(&store, &B), []);
}

#[test]
fn concurrent_decisions_keep_their_rule() {
    let store = Memory::new();
    deposit(&store, A, 20);
    let options = ExecuteOptions { max_attempts: 1_000, first_delay_ms: 0, longest_delay_ms: 1 };
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..30)
            .map(|_| scope.spawn(|| block_on(execute_with(&store, &[A, B, RULES], options, transfer(1)))))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect::<Vec<_>>()
    });
    let written = done.iter().filter(|executed| executed.written.is_some()).count();
    assert_eq!(written, 20, "as many transfers as there was money");
    assert_eq!((balance(&read(&store, &A)), balance(&read(&store, &B))), (0, 20));
}

#[test]
fn injected_conflicts_are_tried_again_and_given_up_at_last() {
    let store = Memory::new();
    deposit(&store, A, 100);
    let often = ChaosConfig { conflict_probability: 0.5, seed: 7, ..ChaosConfig::default() };
    let chaotic = store.clone().with_chaos(often);
    let options = ExecuteOptions { max_attempts: 50, first_delay_ms: 0, longest_delay_ms: 0 };
    let mut attempts = 0;
    for _ in 0..10 {
        attempts += block_on(execute_with(&chaotic, &[A, B, RULES], options, transfer(1))).unwrap().attempts;
    }
    assert!((12..60).contains(&attempts), "ten transfers took {attempts} attempts");
    assert_eq!(balance(&read(&store, &B)), 10);
    let always =
        store.clone().with_chaos(ChaosConfig { conflict_probability: 1.0, ..ChaosConfig::default() });
    let given_up = block_on(execute_with(&always, &[A, B, RULES], options, transfer(1)));
    let Err(ExecuteError::Store(StoreError::VersionConflict(_))) = given_up else {
        panic!("a conflict on every attempt ended as {given_up:?}")
    };
    assert_eq!(balance(&read(&store, &B)), 10);
}

#[test]
fn decisions_are_tested_without_a_store() {
    let streams = [A, B, RULES];
    given([(A, Deposited { amount: 10 })])
        .when(&streams, transfer(4))
        .then([(A, Withdrawn { amount: 4 }), (B, Deposited { amount: 4 })]);
    given_nothing().when(&streams, transfer(4)).then_nothing();
    given([(A, Deposited { amount: 3 })])
        .when(&streams, transfer(4))
        .then_fails_with(&"3 is less than 4".into());
    let frozen = given([(A, Deposited { amount: 3 })]).and([(RULES, Frozen), (A, Deposited { amount: 1 })]);
    let versions: Vec<u64> = frozen.events().iter().map(|event| event.version.get()).collect();
    assert_eq!(versions, [1, 1, 2]);
    assert_eq!(frozen.when(&streams, transfer(4)).then_fails(), "frozen");
}

fn all(initial: u64) -> Projection<u64, Account, impl Fn(&mut u64, &StoredEvent<Account>)> {
    Projection::new(initial, apply)
}

#[test]
fn a_projection_folds_what_is_new_and_nothing_twice() {
    let store = Memory::new();
    let mut projection = all(0);
    assert_eq!(block_on(projection.catch_up(&store)), Ok(0));
    for round in 1..=3 {
        deposit(&store, A, 1);
        deposit(&store, B, 10);
        assert_eq!(block_on(projection.catch_up(&store)), Ok(2));
        assert_eq!(block_on(projection.catch_up(&store)), Ok(0));
        assert_eq!((*projection.state(), projection.cursor().get()), (round * 11, round * 2));
    }
}

#[test]
fn a_projection_filters_by_type_and_stream() {
    let store = Memory::new();
    let deposited = EventType::try_new("Deposited").unwrap();
    let mut of_a = all(0).stream_prefix("account-a");
    let mut deposits = all(0).event_types([deposited]);
    deposit(&store, A, 5);
    block_on(execute(&store, &[A, B, RULES], transfer(2))).unwrap();
    block_on(of_a.catch_up(&store)).unwrap();
    block_on(deposits.catch_up(&store)).unwrap();
    assert_eq!((*of_a.state(), *deposits.state()), (3, 7));
    // What the filter leaves out is not looked at again.
    assert_eq!((of_a.cursor().get(), deposits.cursor().get()), (3, 3));
}

#[test]
fn a_checkpoint_is_resumed_through_json_unless_the_projection_changed() {
    let store = Memory::new();
    (0..5).for_each(|_| deposit(&store, A, 1));
    let mut first = all(0);
    block_on(first.catch_up(&store)).unwrap();
    let json = serde_json::to_string(&first.checkpoint()).unwrap();
    let saved: Checkpoint<u64> = serde_json::from_str(&json).unwrap();
    assert_eq!(saved, first.checkpoint());
    deposit(&store, A, 1);
    let mut resumed = all(0).resume(saved.clone());
    assert_eq!(block_on(resumed.catch_up(&store)), Ok(1));
    assert_eq!(*resumed.state(), 6);
    for mut changed in
        [all(0).revision(1).resume(saved.clone()), all(0).stream_prefix("account").resume(saved)]
    {
        assert_eq!(block_on(changed.catch_up(&store)), Ok(6), "folded from the beginning");
        assert_eq!(*changed.state(), 6);
    }
}

#[test]
fn a_projection_of_another_feed_is_an_error() {
    let store = Memory::new();
    (0..3).for_each(|_| deposit(&store, A, 1));
    let mut projection = all(0);
    block_on(projection.catch_up(&store)).unwrap();
    let error = block_on(projection.catch_up(&Memory::new())).unwrap_err();
    assert_eq!(error.code(), "ENDPOINT_RESET");
    assert_eq!((*projection.state(), projection.cursor()), (3, Cursor::new(3)));
}

/// A replica, and the confirmation of everything that waits in its outbox.
fn replica() -> (Memory, Arc<MemoryBackend>) {
    let backend = Arc::new(MemoryBackend::with_ids(IdGenerator::new()));
    block_on(backend.attach(&SpaceId::try_new("space").unwrap())).unwrap();
    (Memory::over(Arc::clone(&backend)), backend)
}

#[test]
fn pending_events_are_folded_on_top_and_never_into_the_confirmed_state() {
    let (store, backend) = replica();
    let mut projection = all(0);
    deposit(&store, A, 1);
    deposit(&store, A, 10);
    assert_eq!(block_on(projection.catch_up(&store)), Ok(0));
    assert_eq!((*projection.state(), *projection.confirmed(), projection.pending().len()), (11, 0, 2));
    assert_eq!(projection.checkpoint().state, 0);
    // Another replica's event is confirmed first; the pending ones stand on top of it.
    let elsewhere = Memory::new();
    deposit(&elsewhere, B, 100);
    confirm(&elsewhere, &backend, Cursor::ZERO);
    assert_eq!(block_on(projection.catch_up(&store)), Ok(1));
    assert_eq!((*projection.state(), *projection.confirmed()), (111, 100));
    // The second pending commit is given up: it is gone from the state at once.
    let second = block_on(backend.outbox(10, usize::MAX)).unwrap()[1].commit.id();
    assert_eq!(block_on(backend.rewrite(vec![(second, Rewrite::Drop)])).unwrap(), 1);
    assert_eq!(block_on(projection.catch_up(&store)), Ok(0));
    assert_eq!((*projection.state(), *projection.confirmed(), projection.pending().len()), (101, 100, 1));
}

/// Takes what another store has into a replica.
fn confirm(from: &Memory, replica: &MemoryBackend, after: Cursor) {
    let feed =
        block_on(eventcore_web::store::Backend::read_feed(&**from.backend(), &Default::default())).unwrap();
    let settlement = Settlement { backend_id: "endpoint".into(), after, events: feed.events };
    assert!(block_on(replica.settle(settlement)).unwrap());
}
