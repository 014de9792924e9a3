//! Stores in front of stores: chaos by seed, and batches with the exact truth when they fail.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::num::NonZeroUsize;
use std::sync::Arc;

use eventcore_web::StoreError;
use eventcore_web::event::{EventToWrite, SpaceId, StreamId};
use eventcore_web::store::memory::MemoryBackend;
use eventcore_web::store::{
    ChaosConfig, ChaosEventStore, EventStore, FailedBatch, FailureMoment, InMemoryEventStore, ReadOptions,
    Replica, SubscriptionOptions, write_in_batches, write_stream_in_batches,
};
use eventcore_web::testing::block_on;
use eventcore_web::version::ExpectedVersion::{self, Any, NoCheck, NoStream};
use futures_util::{FutureExt, StreamExt};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Imported {
    number: u64,
}

const STREAM: StreamId = StreamId::from_static("import");

type Memory = InMemoryEventStore<Imported>;

fn item(number: u64, expected: ExpectedVersion) -> EventToWrite<Imported> {
    EventToWrite::new(STREAM, Imported { number }, expected)
}

fn written(store: &impl EventStore<Event = Imported>) -> Vec<u64> {
    let read = block_on(store.read_stream(&STREAM, ReadOptions::default())).unwrap();
    read.events.into_iter().map(|event| event.payload.number).collect()
}

fn chaos(config: ChaosConfig) -> (Memory, ChaosEventStore<Memory>) {
    let store = Memory::new();
    (store.clone(), store.with_chaos(config))
}

/// What each of a hundred writes comes to under this seed.
fn run(seed: u64) -> Vec<&'static str> {
    let config =
        ChaosConfig { failure_probability: 0.3, conflict_probability: 0.2, seed, ..ChaosConfig::default() };
    let (_, chaotic) = chaos(config);
    let write = |number| match block_on(
        chaotic.write_events(item(number, if number == 0 { NoCheck } else { Any })),
    ) {
        Ok(_) => "OK",
        Err(error) => error.code(),
    };
    (0..100).map(write).collect()
}

#[test]
fn the_same_seed_makes_the_same_chaos() {
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    for code in ["OK", "STORAGE_UNAVAILABLE", "VERSION_CONFLICT"] {
        assert!(run(1).contains(&code), "{code} among {:?}", run(1));
    }
}

#[test]
fn a_failure_strikes_before_or_after_the_write_as_configured() {
    for (failure_moment, there) in [(FailureMoment::Before, vec![]), (FailureMoment::After, vec![1])] {
        let (store, chaotic) =
            chaos(ChaosConfig { failure_probability: 1.0, failure_moment, ..ChaosConfig::default() });
        let failed = block_on(chaotic.write_events(item(1, NoStream))).unwrap_err();
        assert_eq!(failed.code(), "STORAGE_UNAVAILABLE");
        assert_eq!(written(&store), there, "{failure_moment:?}");
    }
    let (_, chaotic) = chaos(ChaosConfig { failure_probability: 1.0, ..ChaosConfig::default() });
    assert!(block_on(chaotic.read_stream(&STREAM, ReadOptions::default())).is_err());
    assert!(block_on(chaotic.read_all_events(ReadOptions::default())).is_err());
    assert!(block_on(chaotic.subscribe(SubscriptionOptions::default())).is_err());
}

#[test]
fn an_injected_conflict_tells_the_real_version_and_strikes_only_what_expects_something() {
    let (store, chaotic) = chaos(ChaosConfig { conflict_probability: 1.0, ..ChaosConfig::default() });
    block_on(chaotic.write_events(item(1, NoCheck))).unwrap();
    let Err(StoreError::VersionConflict(conflict)) = block_on(chaotic.write_events(item(2, Any))) else {
        panic!("no conflict was injected")
    };
    assert_eq!((conflict.streams[0].expected, conflict.streams[0].actual.get()), (Any, 1));
    assert_eq!(written(&store), [1]);
}

#[test]
fn a_write_repeated_with_its_id_through_chaos_is_written_once() {
    let (store, chaotic) = chaos(ChaosConfig { failure_probability: 0.6, seed: 3, ..ChaosConfig::default() });
    for number in 0..50 {
        let write = item(number, NoCheck).with_id(eventcore_web::event::EventId::new());
        while block_on(chaotic.write_events(write.clone())).is_err() {}
    }
    assert_eq!(written(&store), (0..50).collect::<Vec<_>>());
}

#[test]
fn latency_is_waited_for() {
    let (_, chaotic) = chaos(ChaosConfig { latency_ms: Some(20..21), ..ChaosConfig::default() });
    let begin = std::time::Instant::now();
    block_on(chaotic.write_events(item(1, NoStream))).unwrap();
    assert!(begin.elapsed().as_millis() >= 20);
}

fn size(size: usize) -> NonZeroUsize {
    NonZeroUsize::new(size).unwrap()
}

#[test]
fn batches_are_written_in_order_with_progress() {
    let store = Memory::new();
    let mut reported = Vec::new();
    let items = (0..25).map(|number| item(number, NoCheck));
    let done = block_on(write_in_batches(&store, items, size(10), |progress| {
        reported.push((progress.batches, progress.events, progress.last.is_some()));
    }));
    assert_eq!(reported, [(1, 10, true), (2, 20, true), (3, 25, true)]);
    assert_eq!(done.unwrap().events, 25);
    assert_eq!(written(&store), (0..25).collect::<Vec<_>>());
    let nothing = block_on(write_in_batches(&store, [], size(10), |_| panic!("nothing is no progress")));
    assert_eq!(nothing.unwrap().batches, 0);
}

#[test]
fn a_refused_batch_leaves_those_before_it_and_says_so() {
    let store = Memory::new();
    let mut taken = 0;
    let items = (0..100).map(|number| {
        taken += 1;
        item(number, if number < 20 { NoCheck } else { NoStream })
    });
    let error = block_on(write_in_batches(&store, items, size(10), |_| {})).unwrap_err();
    assert_eq!((error.written.events, error.written.batches), (20, 2));
    assert_eq!(error.failed, FailedBatch::NotWritten);
    assert_eq!(error.error.code(), "VERSION_CONFLICT");
    let failed: Vec<u64> = error.batch.iter().map(|event| event.payload.number).collect();
    assert_eq!(failed, (20..30).collect::<Vec<_>>());
    assert_eq!(taken, 30, "what came after was not taken");
    assert_eq!(written(&store), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_lost_answer_is_told_from_a_lost_write_and_going_on_writes_everything_once() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..40 {
        let (store, chaotic) =
            chaos(ChaosConfig { failure_probability: 0.15, seed, ..ChaosConfig::default() });
        let mut rest: Vec<_> = (0..60).map(|number| item(number, NoCheck)).collect();
        while let Err(error) = block_on(write_in_batches(&chaotic, rest.clone(), size(7), |_| {})) {
            let there = written(&store);
            let first = error.batch[0].payload.number;
            match error.failed {
                FailedBatch::NotWritten => {
                    assert!(!there.contains(&first), "seed {seed}: {first} is written")
                }
                FailedBatch::Written => {
                    assert!(there.contains(&first), "seed {seed}: {first} is not written")
                }
                FailedBatch::Unknown => {}
            }
            seen.insert(format!("{:?}", error.failed));
            let done = rest.len().min(usize::try_from(error.written.events).unwrap() + error.batch.len());
            // The failed batch again, with its ids, then what was not taken yet.
            rest = error.batch.into_iter().chain(rest.drain(done..)).collect();
        }
        assert_eq!(written(&store), (0..60).collect::<Vec<_>>(), "seed {seed}");
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn items_may_come_one_after_the_other() {
    let store = Memory::new();
    let items = futures_util::stream::unfold(0, |number| async move {
        (number < 5).then(|| (item(number, NoCheck), number + 1))
    });
    let done = block_on(write_stream_in_batches(&store, items, size(2), |_| {})).unwrap();
    assert_eq!((done.events, done.batches), (5, 3));
}

#[test]
fn a_subscription_that_starts_after_a_pending_event_does_not_deliver_those_before_it() {
    let backend = Arc::new(MemoryBackend::default());
    block_on(backend.attach(&SpaceId::try_new("space").unwrap())).unwrap();
    let store = Memory::over(backend);
    let first = block_on(store.write_events(item(1, NoCheck))).unwrap().event_ids[0];
    block_on(store.write_events(item(2, NoCheck))).unwrap();
    let mut subscription = block_on(store.subscribe(SubscriptionOptions::default().after(first))).unwrap();
    let mut delivered = Vec::new();
    for number in 3..=4 {
        while let Some(event) = subscription.next().now_or_never() {
            delivered.push(event.unwrap().unwrap().payload.number);
        }
        block_on(store.write_events(item(number, NoCheck))).unwrap();
    }
    while let Some(event) = subscription.next().now_or_never() {
        delivered.push(event.unwrap().unwrap().payload.number);
    }
    assert_eq!(delivered, [2, 3, 4]);
}

#[test]
fn a_cache_in_front_of_a_store_that_becomes_a_replica_tells_pending_from_confirmed() {
    let backend = Arc::new(MemoryBackend::default());
    let store = Memory::over(Arc::clone(&backend));
    let cached = eventcore_web::store::CachedEventStore::new(store.clone(), 100);
    (0..3).for_each(|number| drop(block_on(store.write_events(item(number, NoCheck))).unwrap()));
    let read = || block_on(cached.read_stream(&STREAM, ReadOptions::default())).unwrap();
    assert!(read().events.iter().all(|event| !event.is_pending()));
    assert_eq!(cached.cached_events(), 3);
    block_on(backend.attach(&SpaceId::try_new("space").unwrap())).unwrap();
    assert!(read().events.iter().all(|event| event.is_pending()));
    assert_eq!(read(), block_on(store.read_stream(&STREAM, ReadOptions::default())).unwrap());
    let confirmed = ReadOptions::default().confirmed_only();
    assert_eq!(block_on(cached.read_stream(&STREAM, confirmed)).unwrap().events, []);
}
