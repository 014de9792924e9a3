//! Laws of fidelity: what was written comes back meaning the same.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::StoreFactory;
use super::evidence::*;
use crate::event::{CorrelationId, EventId, EventMetadata, EventToWrite, EventType, StreamId, UserId};
use crate::store::{EventStore, ReadOptions};
use crate::version::ExpectedVersion::NoCheck;

const PAYLOADS: &[&str] = &[
    "null",
    "true",
    "0",
    "-0",
    "\"\"",
    "[]",
    "{}",
    "[[],{},[{}],null]",
    r#"{"":"empty key"," ":1,"__proto__":{"x":1},"constructor":2,"toString":3}"#,
    r#"{"b":1,"a":{"d":[1,{"z":null,"y":false}],"c":"x"}}"#,
    "[9007199254740991,-9007199254740991,0.1,1e-7,1.5e300,5e-324,1.7976931348623157e308,123456.789]",
    r#"["a\"b\\c\/d\b\f\n\r\t","\u0001\u001f\u007f\u2028\u2029","\ud83e\udd80"]"#,
    r#"["ä","a\u0308","日本語","🦀","👩‍👩‍👧","\ufeff","\uffff","'; --","%_*","$1","\\u0041"]"#,
    r#"{"ä":1,"🦀":2,"\ud83d\ude00":3,"10":1,"9":2,"1":3}"#,
];

pub(super) async fn payloads_come_back_as_they_were<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let long = format!("\"{}\"", "äx🦀".repeat(5_000));
    let payloads: Vec<_> = PAYLOADS.iter().copied().chain([deep.as_str(), long.as_str()]).collect();
    for json in &payloads {
        let write = EventToWrite::new(A, event("Kept", json), NoCheck);
        store.write_events(write).await.must(&format!("the payload {json:.200}"))?;
    }
    let read = store.read_stream(&A, ReadOptions::default()).await.must("a read")?;
    same("the number of events", read.events.len(), payloads.len())?;
    let in_feed = feed(&store).await?;
    for (back, json) in read.events.iter().chain(&in_feed.events).zip(payloads.iter().cycle()) {
        same(&format!("the payload {json:.200}"), &back.payload.payload, &event("Kept", json).payload)?;
    }
    Ok(())
}

pub(super) async fn metadata_comes_back_as_it_was<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    store.write_events(note(&A, NoCheck, 0)).await.must("a cause")?;
    let cause = feed(&store).await?.events.remove(0);
    let full = EventMetadata::new()
        .with_user_id(UserId::from("alice@example.com"))
        .with_correlation_id(CorrelationId::try_new("order 7 / ä🦀'\"\\").map_err(|error| error.to_string())?)
        .with_custom("ip_address", "192.168.1.1")
        .with_custom("nested", json!({"list": [1, null, {"deep": "ä"}], "empty": {}}))
        .with_custom("", "an empty name");
    for metadata in [full.clone(), EventMetadata::new(), full.caused_by(&cause)] {
        let written = note(&B, NoCheck, 1).with_metadata(metadata.clone());
        store.write_events(written).await.must("a write with metadata")?;
        let read = store.read_stream(&B, ReadOptions::default().backwards().max_events(1)).await;
        let back = read.must("a read of the last event")?.events.into_iter().next().map(|last| last.metadata);
        same("metadata", back, Some(metadata))?;
    }
    Ok(())
}

pub(super) async fn what_metadata_leaves_out_follows_from_the_batch<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let stated = EventMetadata::new();
    let batch =
        vec![note(&A, NoCheck, 1), note(&B, NoCheck, 2).with_metadata(stated.clone()), note(&A, NoCheck, 3)];
    store.write_events(batch).await.must("a batch with and without metadata")?;
    let events = feed(&store).await?.events;
    let correlations: Vec<_> = events.iter().map(|event| event.metadata.correlation_id.clone()).collect();
    let shared = CorrelationId::from(events[0].id);
    same("the correlations", correlations, vec![shared.clone(), stated.correlation_id, shared])
}

pub(super) async fn event_types_come_back_as_they_were<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let longest = "T".repeat(255);
    let wide = "🦀".repeat(255);
    let types =
        ["OrderPlaced", "orderplaced", "order.placed/v2", "Ünïcödé 🦀", "a'b\"c", "%_*", &longest, &wide];
    let types: Vec<EventType> = types.into_iter().map(kind).collect();
    for event_type in &types {
        let written = EventToWrite::new(A, event(event_type.as_str(), "{}"), NoCheck);
        store.write_events(written).await.must(&format!("an event of type {event_type:?}"))?;
    }
    let read = store.read_stream(&A, ReadOptions::default()).await.must("a read")?;
    let back: Vec<EventType> = read.events.iter().map(|event| event.event_type.clone()).collect();
    same("the types", &back, &types)?;
    let in_payload: Vec<_> = read.events.into_iter().map(|event| event.payload.event_type).collect();
    same("the types in the payloads", in_payload, types)
}

pub(super) async fn times_are_kept_to_the_millisecond<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let parse = |text: &str| {
        let time = DateTime::parse_from_rfc3339(text);
        time.map(|time| time.to_utc()).map_err(|error| format!("a law states an invalid time: {error}"))
    };
    for (written, kept) in [
        ("2026-01-31T23:59:59.999Z", "2026-01-31T23:59:59.999Z"),
        ("2026-01-31T23:59:59.999999999Z", "2026-01-31T23:59:59.999Z"),
        ("2024-02-29T12:00:00.001+05:30", "2024-02-29T06:30:00.001Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("1582-10-10T00:00:00.500Z", "1582-10-10T00:00:00.500Z"),
        ("0001-01-01T00:00:00.001Z", "0001-01-01T00:00:00.001Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ] {
        let id = EventId::new();
        let stream_id: StreamId = id.to_string().parse().map_err(|_| "a stream id")?;
        let write = || parse(written).map(|time| note(&stream_id, NoCheck, 1).with_id(id).at(time));
        store.write_events(write()?).await.must(&format!("an event of {written}"))?;
        let read = store.read_stream(&stream_id, ReadOptions::default()).await.must("a read")?;
        let back: Vec<DateTime<Utc>> = read.events.iter().map(|event| event.occurred_at).collect();
        same(&format!("the time {written}"), back, vec![parse(kept)?])?;
        store.write_events(write()?).await.must(&format!("a repeat of an event of {written}"))?;
    }
    let id = EventId::new();
    store.write_events(note(&A, NoCheck, 1).with_id(id)).await.must("an event without a time")?;
    let read = store.read_stream(&A, ReadOptions::default()).await.must("a read")?;
    let back = read.events.first().map(|event| event.occurred_at);
    same("the time of an event that states none", back, Some(id.timestamp()))
}
