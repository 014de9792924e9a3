//! Properties, each against a model that is too simple to be wrong.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod model;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eventcore_web::StoreError;
use eventcore_web::event::{
    Batch, Commit, EventId, EventMetadata, EventToWrite, IdGenerator, Json, JsonEvent, Limits, Place,
    RawEvent, StreamId, Upcasters, UserId,
};
use eventcore_web::protocol;
use eventcore_web::store::{CachedEventStore, EventStore, InMemoryEventStore, ReadOptions};
use eventcore_web::testing::block_on;
use eventcore_web::version::{EventVersion, ExpectedVersion, Position, WriteResult, plan};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use model::{Asked, Model, Plan, STREAMS, asked, event_type, expectation, number, plan_of_batch, stream};

#[derive(Debug, Clone)]
enum Step {
    Write(Plan),
    /// Writes an earlier batch again, the n-th from the last.
    Repeat(usize),
    Read(usize, Asked),
    Feed(Asked),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => plan_of_batch().prop_map(Step::Write),
        1 => (0..6_usize).prop_map(Step::Repeat),
        2 => (0..4_usize, asked()).prop_map(|(of, asked)| Step::Read(of, asked)),
        2 => asked().prop_map(Step::Feed),
    ];
    vec(step, 1..30)
}

async fn compare(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let store = InMemoryEventStore::new();
    let mut model = Model::default();
    let mut next = 1;
    let mut done: Vec<(Batch<JsonEvent>, WriteResult)> = Vec::new();
    for step in steps {
        match step {
            Step::Write(plan) => {
                let mut batch = plan.batch(next);
                batch.events.iter_mut().for_each(|event| event.id = Some(EventId::new()));
                let stale = model.write(&plan, next);
                next += plan.events.len() as u64;
                match store.write_events(batch.clone()).await {
                    Ok(result) => {
                        prop_assert!(stale.is_empty(), "written, though {stale:?} are stale");
                        done.push((batch, result));
                    }
                    Err(StoreError::VersionConflict(conflict)) => {
                        let mut named: Vec<_> = conflict
                            .streams
                            .iter()
                            .map(|of| (of.stream_id.as_str(), of.actual.get()))
                            .collect();
                        named.sort_unstable();
                        let mut stale: Vec<_> =
                            stale.iter().map(|(of, version)| (STREAMS[*of], *version)).collect();
                        stale.sort_unstable();
                        prop_assert_eq!(named, stale);
                    }
                    Err(other) => return Err(TestCaseError::fail(other.to_string())),
                }
            }
            Step::Repeat(back) => {
                if let Some((batch, result)) = done.iter().rev().nth(back) {
                    prop_assert_eq!(&store.write_events(batch.clone()).await.unwrap(), result);
                }
            }
            Step::Read(of, asked) => {
                let read = store.read_stream(&stream(of), asked.options()).await.unwrap();
                let found: Vec<u64> = read.events.iter().map(|event| number(&event.payload)).collect();
                prop_assert_eq!(found, asked.of(&model, &[of]));
                prop_assert_eq!(read.version.get(), model.version(of));
            }
            Step::Feed(asked) => {
                let page = store.read_all_events(asked.options()).await.unwrap();
                let found: Vec<u64> = page.events.iter().map(|event| number(&event.payload)).collect();
                prop_assert_eq!(found, asked.of(&model, &[0, 1, 2, 3]));
                prop_assert_eq!(page.head.get(), model.log.len() as u64);
            }
        }
    }
    Ok(())
}

async fn compare_cached(steps: Vec<(Step, bool)>, capacity: usize) -> Result<(), TestCaseError> {
    let below = InMemoryEventStore::new();
    let cached = CachedEventStore::new(below.clone(), capacity);
    for (step, direct) in steps {
        match step {
            // By its own hand or by another's.
            Step::Write(plan) => {
                let written = match direct {
                    true => below.write_events(plan.batch(0)).await,
                    false => cached.write_events(plan.batch(0)).await,
                };
                drop(written);
            }
            Step::Repeat(several) => {
                let streams = [stream(several % 4), stream(several % 3)];
                let read = cached.read_streams(&streams, ReadOptions::default()).await;
                prop_assert_eq!(read, below.read_streams(&streams, ReadOptions::default()).await);
            }
            Step::Read(of, asked) => {
                // A whole read fills the cache, for the partial one to be answered from it.
                let options = if direct { ReadOptions::default() } else { asked.options() };
                let read = cached.read_stream(&stream(of), options.clone()).await;
                prop_assert_eq!(read, below.read_stream(&stream(of), options).await);
            }
            Step::Feed(asked) => {
                let page = cached.read_all_events(asked.options()).await;
                prop_assert_eq!(page, below.read_all_events(asked.options()).await);
            }
        }
        prop_assert!(cached.cached_events() <= capacity);
    }
    Ok(())
}

/// Any JSON value that can be carried.
fn payload() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53) + 1..1 << 53).prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        "[^\u{0}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[^\u{0}]{0,6}", inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn written_event() -> impl Strategy<Value = EventToWrite<JsonEvent>> {
    let metadata = (proptest::option::of("[a-z]{1,9}"), payload(), 1..5_u32);
    // Every millisecond of the years 0 to 9999.
    let time = proptest::option::of(-62_167_219_200_000..=253_402_300_799_999_i64);
    (0..4_usize, 0..3_usize, payload(), proptest::option::of(metadata), expectation(), time).prop_map(
        |(of, kind, payload, metadata, expected, time)| {
            let event =
                JsonEvent { event_type: event_type(kind), payload: Json::from_value(&payload).unwrap() };
            let metadata = metadata.map(|(user, custom, schema_version)| {
                let metadata = EventMetadata::new().with_custom("custom", custom);
                let metadata = EventMetadata { schema_version, ..metadata };
                match user {
                    Some(user) => metadata.with_user_id(UserId::try_new(user).unwrap()),
                    None => metadata,
                }
            });
            let occurred_at = time.map(|millis| chrono::DateTime::from_timestamp_millis(millis).unwrap());
            let write = EventToWrite::new(stream(of), event, expected);
            EventToWrite { metadata, occurred_at, ..write }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_version_rule_is_the_models(heads in vec(0..6_u64, 4), batch in plan_of_batch()) {
        let mut model = Model::default();
        for (of, head) in heads.iter().enumerate() {
            model.log.extend((1..=*head).map(|version| (of, version, 0, 0)));
        }
        let before = model.clone();
        let commit = Commit::prepare(batch.batch(1), &IdGenerator::new(), &Limits::default(), &Upcasters::new()).unwrap();
        let heads: HashMap<StreamId, EventVersion> =
            heads.iter().enumerate().map(|(of, head)| (stream(of), EventVersion::new(*head))).collect();
        let planned = plan(|stream| heads[stream], &commit);
        let stale = model.write(&batch, 1);
        match planned {
            Ok(plan) => {
                prop_assert!(stale.is_empty());
                let versions: Vec<u64> = model.log[before.log.len()..].iter().map(|(_, version, ..)| *version).collect();
                prop_assert_eq!(plan.versions.iter().map(|version| version.get()).collect::<Vec<_>>(), versions);
                for (written, head) in plan.heads {
                    let of = STREAMS.iter().position(|name| *name == written.as_str()).unwrap();
                    prop_assert_eq!(head.get(), model.version(of));
                }
            }
            Err(StoreError::VersionConflict(conflict)) => prop_assert_eq!(conflict.streams.len(), stale.len()),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }

    #[test]
    fn the_memory_store_is_the_model(steps in steps()) {
        block_on(compare(steps))?;
    }

    #[test]
    fn a_cached_store_answers_as_the_store_below(
        steps in vec((steps().prop_map(|mut steps| steps.remove(0)), any::<bool>()), 1..40),
        capacity in prop_oneof![Just(0_usize), 1..8_usize, Just(1_000)],
    ) {
        block_on(compare_cached(steps, capacity))?;
    }

    #[test]
    fn json_carries_every_type_there_and_back(event in written_event(), position in 0..1_u64 << 53) {
        let expected = event.expected_version;
        let payload = event.payload.payload.clone();
        let batch = Batch::new(vec![event]).with_precondition(StreamId::from_static("read"), expected);
        let commit = Commit::prepare(batch, &IdGenerator::new(), &Limits::default(), &Upcasters::new()).unwrap();
        let text = serde_json::to_string(&commit).unwrap();
        let back = protocol::read_commit(&text, &Limits::default()).unwrap();
        prop_assert_eq!(back.id(), commit.id());
        prop_assert_eq!(back.events(), commit.events());
        prop_assert_eq!(back.expectations(), commit.expectations());
        prop_assert_eq!(back.digest(), commit.digest());
        prop_assert_eq!(&back.events()[0].payload, &payload);
        prop_assert_eq!(serde_json::to_string(&back).unwrap(), text);

        let new = &commit.events()[0];
        let raw = RawEvent {
            place: Place::Confirmed(Position::new(position)),
            id: new.id,
            commit_id: commit.id(),
            stream_id: new.stream_id.clone(),
            version: EventVersion::new(position),
            event_type: new.event_type.clone(),
            payload: new.payload.clone(),
            metadata: new.metadata.clone(),
            occurred_at: new.occurred_at,
        };
        let text = serde_json::to_string(&raw).unwrap();
        prop_assert_eq!(&serde_json::from_str::<RawEvent>(&text).unwrap(), &raw);
        prop_assert!(new.is(&serde_json::from_str::<RawEvent>(&text).unwrap()));

        let result = WriteResult {
            commit_id: commit.id(),
            event_ids: vec![new.id],
            versions: BTreeMap::from([(new.stream_id.clone(), EventVersion::new(position))]),
            positions: None,
        };
        let text = serde_json::to_string(&result).unwrap();
        prop_assert_eq!(serde_json::from_str::<WriteResult>(&text).unwrap(), result);
        let text = serde_json::to_string(&expected).unwrap();
        prop_assert_eq!(serde_json::from_str::<ExpectedVersion>(&text).unwrap(), expected);
    }

    #[test]
    fn ids_increase_whatever_the_clock_does(
        clock in vec(0..1_u64 << 48, 1..200),
        seed in any::<u64>(),
        remotes in vec(proptest::option::weighted(0.2, 0..1_u64 << 48), 200),
    ) {
        let now = Arc::new(AtomicU64::new(0));
        let wall = Arc::clone(&now);
        let ids = IdGenerator::seeded(move || wall.load(Ordering::Relaxed), seed);
        let mut last: Option<EventId> = None;
        for (millis, remote) in clock.into_iter().zip(remotes) {
            now.store(millis, Ordering::Relaxed);
            if let Some(remote) = remote {
                let remote_now = Arc::new(AtomicU64::new(remote));
                let other = IdGenerator::seeded(move || remote_now.load(Ordering::Relaxed), seed ^ 1);
                let observed = other.next();
                ids.observe(observed);
                if remote <= millis + 60_000 && last.is_none_or(|last| observed > last) {
                    let next = ids.next();
                    prop_assert!(next > observed, "{next} after {observed} was observed");
                    last = Some(next);
                }
            }
            let next = ids.next();
            if let Some(last) = last {
                prop_assert!(next > last && next.to_string() > last.to_string(), "{next} after {last}");
                prop_assert!(next.as_bytes() > last.as_bytes());
            }
            // Reopened from its last id alone, another generator goes on behind it.
            let reopened = IdGenerator::seeded(|| 0, seed ^ 2);
            reopened.resume(next);
            prop_assert!(reopened.next() > next);
            last = Some(next);
        }
    }
}
