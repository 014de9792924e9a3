//! What a store does: the port, versions, the adapters, and its ways to read.

use eventcore_web::StoreError;
use eventcore_web::event::{StreamEvents, StreamId};
use eventcore_web::store::{
    CachedEventStore, ChaosConfig, EventStore, InMemoryEventStore, ReadOptions, SubscriptionOptions,
};
use eventcore_web::testing::assertions::*;
use eventcore_web::testing::block_on;
use eventcore_web::version::{EventVersion, ExpectedVersion};
use futures_util::StreamExt;

use super::{ACCOUNT, BankEvent, MoneyDeposited, OTHER, bank, exact, opened, write};

/// Everything that the chapter's trait has, of any store.
async fn use_the_port<S: EventStore<Event = BankEvent>>(store: &S) -> Result<usize, StoreError> {
    store.write_events(vec![write(ACCOUNT, opened(), ExpectedVersion::NoStream)]).await?;
    let one: StreamEvents<BankEvent> = store.read_stream(&ACCOUNT, ReadOptions::default()).await?;
    let several = store.read_streams(&[ACCOUNT, OTHER], ReadOptions::default()).await?;
    let mut subscription = store.subscribe(SubscriptionOptions::default()).await?;
    let first = subscription.next().await.ok_or(StoreError::Closed)??;
    assert_eq!((&one, &first), (&several[0], &one.events[0]));
    Ok(several.len())
}

#[test]
fn event_store_abstraction() {
    assert_eq!(block_on(use_the_port(&InMemoryEventStore::new())), Ok(2));
    assert_eq!(block_on(use_the_port(&CachedEventStore::new(InMemoryEventStore::new(), 10))), Ok(2));
    assert_eq!(block_on(use_the_port(&InMemoryEventStore::new().with_chaos(ChaosConfig::default()))), Ok(2));
}

#[test]
fn stream_versioning() {
    block_on(async {
        let store = bank(2).await;
        let read = store.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap();
        assert_eq!((read.stream_id, read.version.get(), read.events.len()), (ACCOUNT, 3, 3));
        // Each expectation on a stream that is there and on one that is not.
        for (expected, there, absent) in [
            (ExpectedVersion::NoStream, false, true),
            (exact(3), true, false),
            (exact(0), false, true),
            (ExpectedVersion::Any, true, false),
            (ExpectedVersion::NoCheck, true, true),
        ] {
            for (stream, holds) in [(ACCOUNT, there), (OTHER, absent)] {
                let store = bank(2).await;
                let result = store.write_events(write(stream, MoneyDeposited { amount: 1 }, expected)).await;
                assert_eq!(result.is_ok(), holds, "{expected:?}: {result:?}");
            }
        }
    });
}

#[test]
fn using_version_control() {
    block_on(async {
        let store = InMemoryEventStore::new();
        let first_event = write(ACCOUNT, opened(), ExpectedVersion::NoStream);
        let next_event = write(ACCOUNT, MoneyDeposited { amount: 5 }, exact(1));
        store.write_events(vec![first_event]).await.unwrap();
        let result = store.write_events(vec![next_event]).await.unwrap();
        assert_eq!(result.versions[&ACCOUNT], EventVersion::new(2));
    });
}

#[test]
fn in_memory_adapter() {
    block_on(async {
        let event_store = InMemoryEventStore::<BankEvent>::new();
        let chaotic_store = event_store.clone().with_chaos(ChaosConfig {
            failure_probability: 0.5,
            latency_ms: Some(0..2),
            ..ChaosConfig::default()
        });
        let mut failures = 0;
        for amount in 0..40 {
            let deposit = write(ACCOUNT, MoneyDeposited { amount }, ExpectedVersion::NoCheck);
            failures += usize::from(chaotic_store.write_events(deposit).await.is_err());
        }
        assert!((5..35).contains(&failures), "{failures} of 40 writes failed");
        // Some of those that failed are written all the same, as in the world.
        let written = event_store.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap().events.len();
        assert!(written > 40 - failures && written < 40, "{written} are written, {failures} failed");
    });
}

#[test]
fn read_options() {
    let event_store = block_on(bank(24));
    let options = ReadOptions::default()
        .from_version(EventVersion::new(10))
        .to_version(EventVersion::new(20))
        .max_events(100)
        .backwards();
    let events = block_on(event_store.read_stream(&ACCOUNT, options)).unwrap();
    let versions: Vec<u64> = events.events.iter().map(|event| event.version.get()).collect();
    assert_eq!(versions, (10..=20).rev().collect::<Vec<_>>());
    assert_eq!(events.version, EventVersion::new(25));
}

#[test]
fn reading_multiple_streams() {
    block_on(async {
        let store = InMemoryEventStore::new();
        let stream_ids = vec![
            StreamId::from_static("order-123"),
            StreamId::from_static("inventory-abc"),
            StreamId::from_static("payment-xyz"),
        ];
        for number in 0..6 {
            let deposit = MoneyDeposited { amount: number as u64 };
            store
                .write_events(write(stream_ids[number % 3].clone(), deposit, ExpectedVersion::NoCheck))
                .await
                .unwrap();
        }
        let all = store.read_streams(&stream_ids, ReadOptions::default()).await.unwrap();
        assert!(all.iter().map(|stream| &stream.stream_id).eq(&stream_ids));
        let merged = store.read_streams_merged(&stream_ids, ReadOptions::default()).await.unwrap();
        assert_events_ordered(&merged);
        assert_eq!(merged.len(), 6);
    });
}

#[test]
fn global_event_feed() {
    block_on(async {
        let event_store = bank(5).await;
        let first = event_store.read_all_events(ReadOptions::default().max_events(2)).await.unwrap();
        let last_known_event_id = first.events[1].id;
        let next = ReadOptions::default().after(last_known_event_id).max_events(1000);
        let rest = event_store.read_all_events(next).await.unwrap();
        let versions: Vec<u64> = rest.events.iter().map(|event| event.version.get()).collect();
        assert_eq!(versions, [3, 4, 5, 6]);
        let by_cursor =
            event_store.read_all_events(ReadOptions::default().after(first.cursor)).await.unwrap();
        assert_eq!(by_cursor, rest);
    });
}
