//! The chapter, block by block: each test is named after its section and does what the block there shows, as the
//! design decides. PostgreSQL's blocks are in `tests/postgres.rs`, evolution's in `tests/evolution.rs`.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::num::NonZeroUsize;

use chrono::{DateTime, Utc};
use eventcore_web::StoreError;
use eventcore_web::event::{
    CorrelationId, EnrichedEvent, Event, EventContext, EventEnricher, EventId, EventMetadata, EventToWrite,
    RequestId, SessionId, StoredEvent, StreamEvents, StreamId, UserId,
};
use eventcore_web::store::{
    CachedEventStore, ChaosConfig, EventStore, InMemoryEventStore, ReadOptions, SubscriptionOptions,
    write_in_batches,
};
use eventcore_web::testing::assertions::*;
use eventcore_web::testing::block_on;
use eventcore_web::testing::builders::*;
use eventcore_web::version::{EventVersion, ExpectedVersion};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum BankEvent {
    AccountOpened { owner: String, initial_balance: u64 },
    MoneyDeposited { amount: u64 },
    MoneyWithdrawn { amount: u64 },
}

use BankEvent::{AccountOpened, MoneyDeposited, MoneyWithdrawn};

const ACCOUNT: StreamId = StreamId::from_static("account-123");
const OTHER: StreamId = StreamId::from_static("account-456");

fn opened() -> BankEvent {
    AccountOpened { owner: "Alice".into(), initial_balance: 1000 }
}

fn write(stream_id: StreamId, payload: BankEvent, expected: ExpectedVersion) -> EventToWrite<BankEvent> {
    EventToWrite::new(stream_id, payload, expected)
}

/// A store with an account and so many deposits on it, of 1, 2, 3 and so on.
async fn bank(deposits: u64) -> InMemoryEventStore<BankEvent> {
    let store = InMemoryEventStore::new();
    let first = write(ACCOUNT, opened(), ExpectedVersion::NoStream);
    let rest =
        (1..=deposits).map(|amount| write(ACCOUNT, MoneyDeposited { amount }, ExpectedVersion::NoStream));
    store.write_events([first].into_iter().chain(rest).collect::<Vec<_>>()).await.unwrap();
    store
}

fn exact(version: u64) -> ExpectedVersion {
    ExpectedVersion::Exact(EventVersion::new(version))
}

#[test]
fn event_design_principles() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct CustomerEmailChanged {
        customer_id: String,
        old_email: String,
        new_email: String,
        changed_by: UserId,
        changed_at: DateTime<Utc>,
        reason: String,
    }
    let event = CustomerEmailChanged {
        customer_id: "c-1".into(),
        old_email: "a@example.com".into(),
        new_email: "b@example.com".into(),
        changed_by: UserId::from("alice@example.com"),
        changed_at: Utc::now(),
        reason: "married".into(),
    };
    let store = InMemoryEventStore::new();
    let stream = StreamId::from_static("customer-1");
    let to_write = EventToWrite::new(stream.clone(), event.clone(), ExpectedVersion::NoStream);
    block_on(store.write_events(to_write)).unwrap();
    let read = block_on(store.read_stream(&stream, ReadOptions::default())).unwrap();
    assert_eq!(read.events[0].payload, event);
    assert_eq!(read.events[0].event_type.as_str(), "CustomerEmailChanged");
}

#[test]
fn core_event_types() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct OrderShipped {
        order_id: String,
        tracking_number: String,
        carrier: String,
        shipped_at: DateTime<Utc>,
    }
    let payload = OrderShipped {
        order_id: "o-1".into(),
        tracking_number: "T 7".into(),
        carrier: "post".into(),
        shipped_at: Utc::now(),
    };
    let stream_id = StreamId::from_static("order-1");
    let to_write = EventToWrite {
        stream_id: stream_id.clone(),
        payload: payload.clone(),
        metadata: None,
        expected_version: ExpectedVersion::NoStream,
        id: None,
        occurred_at: None,
    };
    let store = InMemoryEventStore::new();
    let result = block_on(store.write_events(to_write)).unwrap();
    let mut read = block_on(store.read_stream(&stream_id, ReadOptions::default())).unwrap();
    let stored: StoredEvent<OrderShipped> = read.events.remove(0);
    assert_eq!(stored.id, result.event_ids[0]);
    assert_eq!(stored.stream_id, stream_id);
    assert_eq!(stored.version, EventVersion::new(1));
    assert_eq!(stored.payload, payload);
    assert_eq!(stored.metadata.correlation_id, CorrelationId::from(stored.id));
    assert_eq!(stored.occurred_at, stored.id.timestamp());
}

#[test]
fn event_ids_and_ordering() {
    let event1 = EventId::new();
    let event2 = EventId::new();
    assert!(event2 > event1);
    assert!((Utc::now() - event1.timestamp()).num_seconds().abs() < 60);
}

#[test]
fn event_metadata() {
    let previous_event = StoredEventBuilder::new().with_payload(opened()).build();
    let metadata = EventMetadata::new()
        .with_user_id(UserId::from("alice@example.com"))
        .with_correlation_id(CorrelationId::new())
        .caused_by(&previous_event)
        .with_custom("ip_address", "192.168.1.1")
        .with_custom("user_agent", "MyApp/1.0");
    let stored = block_on(async {
        let store = InMemoryEventStore::new();
        let deposit = write(ACCOUNT, MoneyDeposited { amount: 1 }, ExpectedVersion::NoStream);
        store.write_events(deposit.with_metadata(metadata)).await.unwrap();
        store.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap().events.remove(0).metadata
    });
    assert_eq!(stored.user_id, Some(UserId::from("alice@example.com")));
    assert_eq!(stored.causation_id, Some(previous_event.id.into()));
    assert_eq!(stored.correlation_id, previous_event.metadata.correlation_id);
    assert_eq!(stored.custom["ip_address"], json!("192.168.1.1"));
    assert_eq!(stored.custom["user_agent"], json!("MyApp/1.0"));
}

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
fn event_granularity() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum OrderEvent {
        OrderPlaced { customer: String, items: Vec<String> },
        PaymentReceived { amount: u64, method: String },
        OrderShipped { tracking: String },
        OrderDelivered { signed_by: String },
    }
    let events = [
        OrderEvent::OrderPlaced { customer: "c-1".into(), items: vec!["book".into()] },
        OrderEvent::PaymentReceived { amount: 7, method: "card".into() },
        OrderEvent::OrderShipped { tracking: "T 7".into() },
        OrderEvent::OrderDelivered { signed_by: "Alice".into() },
    ];
    let order = StreamId::from_static("order-1");
    let batch: Vec<_> = events
        .iter()
        .map(|event| EventToWrite::new(order.clone(), event.clone(), ExpectedVersion::NoStream))
        .collect();
    let store = InMemoryEventStore::new();
    block_on(store.write_events(batch)).unwrap();
    let read = block_on(store.read_stream(&order, ReadOptions::default())).unwrap();
    assert!(read.events.iter().map(|event| &event.payload).eq(&events));
    let types: Vec<_> = read.events.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(types, ["OrderPlaced", "PaymentReceived", "OrderShipped", "OrderDelivered"]);
    // What JavaScript sees: the variant is the type, its content the payload.
    assert_eq!(events[2].encode().unwrap().payload.text(), r#"{"tracking":"T 7"}"#);
}

#[test]
fn event_enrichment() {
    struct Session;
    impl EventEnricher for Session {
        fn enrich<E>(&self, event: E) -> EnrichedEvent<E> {
            let context = EventContext {
                session_id: SessionId::try_new("s-1").unwrap(),
                request_id: RequestId::try_new("r-1").unwrap(),
                feature_flags: HashMap::from([("fast".to_owned(), true)]),
                environment: "production".into(),
            };
            EnrichedEvent { event, context }
        }
    }
    let (event, metadata) = Session.enrich(opened()).into_parts(EventMetadata::new());
    let stored = block_on(async {
        let store = InMemoryEventStore::new();
        let to_write = write(ACCOUNT, event, ExpectedVersion::NoStream).with_metadata(metadata);
        store.write_events(to_write).await.unwrap();
        store.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap().events.remove(0)
    });
    assert_eq!(stored.payload, opened());
    let context = json!({
        "sessionId": "s-1", "requestId": "r-1", "featureFlags": {"fast": true}, "environment": "production"
    });
    assert_eq!(stored.metadata.custom["context"], context);
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

#[test]
fn guarantee_1_atomicity() {
    block_on(async {
        let event_store = bank(0).await;
        let transfer = |expected| {
            vec![
                write(ACCOUNT, MoneyWithdrawn { amount: 100 }, exact(1)),
                write(OTHER, MoneyDeposited { amount: 100 }, expected),
            ]
        };
        assert_eq!(
            event_store.write_events(transfer(exact(7))).await.unwrap_err().code(),
            "VERSION_CONFLICT"
        );
        assert_eq!(event_store.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap().version.get(), 1);
        event_store.write_events(transfer(ExpectedVersion::NoStream)).await.unwrap();
        let both = event_store.read_streams(&[ACCOUNT, OTHER], ReadOptions::default()).await.unwrap();
        assert_eq!(both.iter().map(|stream| stream.version.get()).collect::<Vec<_>>(), [2, 1]);
    });
}

#[test]
fn guarantee_2_consistency() {
    block_on(async {
        let event_store = bank(4).await;
        let command1_events = vec![write(ACCOUNT, MoneyWithdrawn { amount: 1 }, exact(5))];
        let command2_events = vec![write(ACCOUNT, MoneyWithdrawn { amount: 2 }, exact(5))];
        event_store.write_events(command1_events).await.unwrap();
        let Err(StoreError::VersionConflict(conflict)) = event_store.write_events(command2_events).await
        else {
            panic!("the second command was written")
        };
        let stream = &conflict.streams[0];
        assert_eq!((&stream.stream_id, stream.expected, stream.actual.get()), (&ACCOUNT, exact(5), 6));
    });
}

#[test]
fn guarantee_3_durability() {
    // In memory: what was acknowledged is there for whoever holds the store. Crashes are the other adapters'.
    block_on(async {
        let event_store = bank(0).await;
        let result =
            event_store.write_events(write(ACCOUNT, MoneyDeposited { amount: 1 }, exact(1))).await.unwrap();
        let snapshot = event_store.backend().snapshot();
        let ids = eventcore_web::event::IdGenerator::new();
        let restored = eventcore_web::store::memory::MemoryBackend::restore(snapshot, ids);
        let reopened = InMemoryEventStore::<BankEvent>::over(restored.into());
        let read = reopened.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap();
        assert_eq!(read.events[1].id, result.event_ids[0]);
    });
}

#[test]
fn guarantee_4_ordering() {
    block_on(async {
        let event_store = bank(3).await;
        event_store.write_events(write(OTHER, opened(), ExpectedVersion::NoStream)).await.unwrap();
        let stream_events = event_store.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap();
        assert!(stream_events.events[0].version < stream_events.events[1].version);
        let all_events = event_store.read_all_events(ReadOptions::default()).await.unwrap().events;
        assert!(all_events.windows(2).all(|pair| pair[0].position() < pair[1].position()));
        // Without other replicas the ids follow the positions.
        assert!(all_events.windows(2).all(|pair| pair[0].id < pair[1].id));
    });
}

#[test]
fn batch_writing() {
    block_on(async {
        let event_store = InMemoryEventStore::new();
        let large_dataset = 0..1_050_u64;
        let items = large_dataset.map(|item| {
            let stream_id = StreamId::partitioned("account", &item, 8).unwrap();
            write(stream_id, MoneyDeposited { amount: item }, ExpectedVersion::NoCheck)
        });
        let mut reported = Vec::new();
        let size = NonZeroUsize::new(100).unwrap();
        let written = write_in_batches(&event_store, items, size, |progress| reported.push(progress.events))
            .await
            .unwrap();
        assert_eq!((written.events, written.batches), (1_050, 11));
        assert_eq!(reported, (1..=10).map(|batch| batch * 100).chain([1_050]).collect::<Vec<_>>());
        assert_eq!(event_store.read_all_events(ReadOptions::default()).await.unwrap().head.get(), 1_050);
    });
}

#[test]
fn stream_partitioning() {
    let mut partitions: Vec<String> = (0..1_000)
        .map(|order_id| StreamId::partitioned("orders", &order_id, 16).unwrap().to_string())
        .collect();
    assert_eq!(partitions[7], StreamId::partitioned("orders", "7", 16).unwrap().as_str());
    partitions.sort();
    let mut sizes: Vec<usize> = partitions.chunk_by(|one, other| one == other).map(<[_]>::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes.len(), 16);
    assert!(sizes[0] > 30 && sizes[15] < 100, "1,000 keys over 16 partitions: {sizes:?}");
}

#[test]
fn caching_strategies() {
    block_on(async {
        let inner = bank(3).await;
        let cached = CachedEventStore::new(inner.clone(), 1_000);
        for amount in 0..3 {
            let read = cached.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap();
            assert_eq!(read, inner.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap());
            // The chapter's cache would not notice either of these.
            cached
                .write_events(write(ACCOUNT, MoneyDeposited { amount }, ExpectedVersion::Any))
                .await
                .unwrap();
            inner
                .write_events(write(ACCOUNT, MoneyDeposited { amount }, ExpectedVersion::Any))
                .await
                .unwrap();
        }
        assert_eq!(cached.cached_events(), 8);
    });
}

fn create_account_opened_event() -> StoredEvent<BankEvent> {
    StoredEventBuilder::new()
        .with_stream_id(StreamId::from_static("account-123"))
        .with_version(EventVersion::new(1))
        .with_payload(BankEvent::AccountOpened { owner: "Alice".to_string(), initial_balance: 1000 })
        .with_metadata(EventMetadataBuilder::new().with_user_id(UserId::from("alice@example.com")).build())
        .build()
}

#[test]
fn event_fixtures() {
    let event = create_account_opened_event();
    assert_eq!(event.stream_id, ACCOUNT);
    assert_eq!(event.event_type.as_str(), "AccountOpened");
    assert_eq!(event.payload, opened());
    assert_eq!(event.metadata.user_id, Some(UserId::from("alice@example.com")));
}

#[test]
fn event_assertions() {
    let events = block_on(async {
        let store = bank(3).await;
        store.write_events(write(OTHER, opened(), ExpectedVersion::NoStream)).await.unwrap();
        store.read_all_events(ReadOptions::default()).await.unwrap().events
    });
    assert_events_ordered(&events);
    assert_unique_event_ids(&events);
    assert_stream_version_progression(&events, &ACCOUNT);
    assert_stream_version_progression(&events, &OTHER);
}
