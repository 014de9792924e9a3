//! What an event is: type, id, metadata, granularity, enrichment; and the fixtures and assertions that tests use.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use eventcore_web::event::{
    CorrelationId, EnrichedEvent, Event, EventContext, EventEnricher, EventId, EventMetadata, EventToWrite,
    RequestId, SessionId, StoredEvent, StreamId, UserId,
};
use eventcore_web::store::{EventStore, InMemoryEventStore, ReadOptions};
use eventcore_web::testing::assertions::*;
use eventcore_web::testing::block_on;
use eventcore_web::testing::builders::*;
use eventcore_web::version::{EventVersion, ExpectedVersion};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ACCOUNT, BankEvent, MoneyDeposited, OTHER, bank, opened, write};

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
