//! Laws of evolution: events of every generation are read by today's code, and what it cannot read is named.

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::StoreFactory;
use super::evidence::*;
use crate::error::StoreError;
use crate::event::{Event, EventMetadata, EventToWrite, EventType, Json, JsonEvent, Upcasters};
use crate::store::{EventStore, ReadOptions, SubscriptionOptions};
use crate::version::ExpectedVersion::NoCheck;

/// The newest shape of an event that once had only a `user_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct UserRegistered {
    user_id: String,
    #[serde(default)]
    referral_code: Option<String>,
}

/// The same by version, as the chapter has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "version")]
enum UserRegisteredVersioned {
    #[serde(rename = "1")]
    V1 { user_id: String },
    #[serde(rename = "2")]
    V2 { user_id: String, referral_code: Option<String> },
}

/// What a typed store does around this one: the event goes in as JSON and is decoded from what comes back.
async fn through<S: EventStore<Event = JsonEvent>, E: Event>(
    store: &S,
    event: JsonEvent,
) -> Result<E, String> {
    store.write_events(EventToWrite::new(A, event, NoCheck)).await.must("a write")?;
    let last = ReadOptions::default().backwards().max_events(1);
    let read =
        store.read_stream(&A, last).await.must("a read")?.events.pop().ok_or("the event is not there")?;
    E::decode(&read.payload.event_type, &read.payload.payload)
}

pub(super) async fn events_of_every_generation_are_read<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let today = UserRegistered { user_id: "u".into(), referral_code: Some("r".into()) };
    let encoded = today.encode().map_err(|error| error.to_string())?;
    same("an event of today", through::<_, UserRegistered>(&store, encoded).await?, today)?;
    let before = through::<_, UserRegistered>(&store, event("UserRegistered", r#"{"user_id":"u"}"#)).await?;
    same("an event without the new field", before.referral_code, None)?;

    for versioned in [
        UserRegisteredVersioned::V1 { user_id: "u".into() },
        UserRegisteredVersioned::V2 { user_id: "u".into(), referral_code: None },
    ] {
        let encoded = versioned.encode().map_err(|error| error.to_string())?;
        same("a versioned event", through::<_, UserRegisteredVersioned>(&store, encoded).await?, versioned)?;
    }

    let name = EventType::try_new("UserRegistered").map_err(|error| error.to_string())?;
    let upcasters = Upcasters::new().with(name.clone(), |mut payload| {
        payload["referral_code"] = json!("none");
        Ok(payload)
    });
    let old = through::<_, JsonEvent>(&store, event("UserRegistered", r#"{"user_id":"u"}"#)).await?;
    let old: Value = old.payload.to().map_err(|error| error.to_string())?;
    let new = Json::from_value(&upcasters.upcast(&name, 1, old)?).map_err(|error| error.to_string())?;
    same("an upcast event", UserRegistered::decode(&name, &new)?.referral_code.as_deref(), Some("none"))
}

pub(super) async fn an_event_of_a_newer_schema_is_named<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let metadata = EventMetadata { schema_version: 7, ..EventMetadata::new() };
    let write = note(&A, NoCheck, 1).with_metadata(metadata);
    let written = store.write_events(write).await.must("a write")?;
    let names = |what: &str, answer: Result<(), StoreError>| match answer {
        Err(StoreError::UndecodableEvent(event)) if event.id == written.event_ids[0] => Ok(()),
        other => Err(format!("{what} of an event of a newer schema answered {other:?}, not its name")),
    };
    names("a read", store.read_stream(&A, ReadOptions::default()).await.map(drop))?;
    names("a page", store.read_all_events(ReadOptions::default()).await.map(drop))?;
    let mut following = store.subscribe(SubscriptionOptions::default()).await.must("a subscription")?;
    match following.next().await {
        Some(first) => names("a subscription", first.map(drop)),
        None => Err("a subscription ended without a word about an event of a newer schema".into()),
    }
}
