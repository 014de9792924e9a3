//! Events that changed: defaults, versioned enums, upcasters with stored events of every earlier version, and
//! events that cannot be decoded.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use eventcore_web::event::{Event, EventToWrite, EventType, Json, JsonEvent, StreamId, Upcasters};
use eventcore_web::store::memory::MemoryBackend;
use eventcore_web::store::{
    CachedEventStore, EventStore, InMemoryEventStore, ReadOptions, SubscriptionOptions,
};
use eventcore_web::testing::block_on;
use eventcore_web::version::ExpectedVersion::NoCheck;
use eventcore_web::{StoreError, UndecodableEvent};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const USERS: StreamId = StreamId::from_static("users");

fn store<E: Event>(backend: &Arc<MemoryBackend>, upcasters: Upcasters) -> InMemoryEventStore<E> {
    InMemoryEventStore::over(Arc::clone(backend)).with_upcasters(upcasters)
}

fn append<E: Event>(store: &InMemoryEventStore<E>, event: E) {
    block_on(store.write_events(EventToWrite::new(USERS, event, NoCheck))).unwrap();
}

fn payloads<S: EventStore>(store: &S) -> Result<Vec<S::Event>, StoreError> {
    let read = block_on(store.read_stream(&USERS, ReadOptions::default()))?;
    Ok(read.events.into_iter().map(|event| event.payload).collect())
}

mod v1 {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) struct UserRegistered {
        pub(super) user_id: String,
        pub(super) email: String,
    }
}

mod v2 {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) struct UserRegistered {
        pub(super) user_id: String,
        pub(super) email: String,
        #[serde(default)]
        pub(super) referral_code: Option<String>,
    }
}

/// The newest shape, which needs upcasters: `email` became a list, `referral_code` an object.
mod v3 {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) struct UserRegistered {
        pub(super) user_id: String,
        pub(super) emails: Vec<String>,
        pub(super) referral: Option<ReferralInfo>,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) struct ReferralInfo {
        pub(super) code: String,
    }
}

fn registered() -> EventType {
    EventType::try_new("UserRegistered").unwrap()
}

/// 1 to 2: there is a referral code, or null.
fn add_referral_code(mut old: Value) -> Result<Value, String> {
    let fields = old.as_object_mut().ok_or("not an object")?;
    fields.entry("referral_code").or_insert(Value::Null);
    Ok(old)
}

/// 2 to 3: emails are a list, a referral is an object.
fn restructure(old: Value) -> Result<Value, String> {
    let email = old["email"].as_str().ok_or("no email")?;
    let referral = match &old["referral_code"] {
        Value::String(code) => json!({ "code": code }),
        _ => Value::Null,
    };
    Ok(json!({ "user_id": old["user_id"], "emails": [email], "referral": referral }))
}

fn to_v2() -> Upcasters {
    Upcasters::new().with(registered(), add_referral_code)
}

fn to_v3() -> Upcasters {
    to_v2().with(registered(), restructure)
}

fn v1_event() -> v1::UserRegistered {
    v1::UserRegistered { user_id: "u1".into(), email: "one@example.com".into() }
}

fn v2_event() -> v2::UserRegistered {
    let referral_code = Some("friend".into());
    v2::UserRegistered { user_id: "u2".into(), email: "two@example.com".into(), referral_code }
}

fn v3_event() -> v3::UserRegistered {
    let referral = Some(v3::ReferralInfo { code: "campaign".into() });
    v3::UserRegistered { user_id: "u3".into(), emails: vec!["three@example.com".into()], referral }
}

#[test]
fn a_field_with_a_default_reads_events_that_lack_it() {
    let backend = Arc::new(MemoryBackend::default());
    append(&store(&backend, Upcasters::new()), v1_event());
    let new = store::<v2::UserRegistered>(&backend, Upcasters::new());
    append(&new, v2_event());
    let old_read =
        v2::UserRegistered { user_id: "u1".into(), email: "one@example.com".into(), referral_code: None };
    assert_eq!(payloads(&new), Ok(vec![old_read, v2_event()]));
    // And the old app reads what the new one wrote: a field more does not disturb it.
    let old = payloads(&store::<v1::UserRegistered>(&backend, Upcasters::new())).unwrap();
    assert_eq!(old[1].user_id, "u2");
}

#[test]
fn a_versioned_enum_keeps_every_version_apart() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct ReferralInfo {
        code: String,
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "version")]
    enum UserRegisteredVersioned {
        #[serde(rename = "1")]
        V1 { user_id: String, email: String },
        #[serde(rename = "2")]
        V2 { user_id: String, email: String, referral_code: Option<String> },
        #[serde(rename = "3")]
        V3 { user_id: String, email: String, referral: Option<ReferralInfo> },
    }
    use UserRegisteredVersioned::{V1, V2, V3};
    let (user_id, email) = ("u".to_owned(), "e@example.com".to_owned());
    let events = vec![
        V1 { user_id: user_id.clone(), email: email.clone() },
        V2 { user_id: user_id.clone(), email: email.clone(), referral_code: Some("r".into()) },
        V3 { user_id, email, referral: Some(ReferralInfo { code: "r".into() }) },
    ];
    let store = InMemoryEventStore::new();
    events.iter().for_each(|event| append(&store, event.clone()));
    assert_eq!(payloads(&store), Ok(events.clone()));
    let cached = CachedEventStore::new(store.clone(), 10);
    assert_eq!(payloads(&cached), Ok(events.clone()));
    assert_eq!(payloads(&cached), Ok(events));
    let read = block_on(store.read_stream(&USERS, ReadOptions::default())).unwrap();
    assert!(read.events.iter().all(|event| event.event_type.as_str() == "UserRegisteredVersioned"));
}

#[test]
fn upcasters_read_stored_events_of_every_earlier_version() {
    let backend = Arc::new(MemoryBackend::default());
    // Three releases of one app, each writing with what it knew.
    append(&store(&backend, Upcasters::new()), v1_event());
    append(&store(&backend, to_v2()), v2_event());
    let app = store(&backend, to_v3());
    append(&app, v3_event());
    let from_v1 =
        v3::UserRegistered { user_id: "u1".into(), emails: vec!["one@example.com".into()], referral: None };
    let from_v2 = v3::UserRegistered {
        user_id: "u2".into(),
        emails: vec!["two@example.com".into()],
        referral: Some(v3::ReferralInfo { code: "friend".into() }),
    };
    let expected = vec![from_v1, from_v2, v3_event()];
    assert_eq!(payloads(&app), Ok(expected.clone()));
    // The feed, a subscription and a cache read through the same chain.
    let feed = block_on(app.read_all_events(ReadOptions::default())).unwrap();
    assert!(feed.events.iter().map(|event| &event.payload).eq(&expected));
    let versions: Vec<u32> = feed.events.iter().map(|event| event.metadata.schema_version).collect();
    assert_eq!(versions, [1, 2, 3], "what is stored stays as it was written");
    let subscription = block_on(app.subscribe(SubscriptionOptions::default())).unwrap();
    let delivered = block_on(subscription.take(3).map(|event| event.unwrap().payload).collect::<Vec<_>>());
    assert_eq!(delivered, expected);
    assert_eq!(payloads(&CachedEventStore::new(app, 10)), Ok(expected));
    // What lies in the store is untouched.
    let raw = payloads(&store::<JsonEvent>(&backend, Upcasters::new()));
    assert!(matches!(raw, Err(StoreError::UndecodableEvent(_))), "a release without upcasters: {raw:?}");
}

#[test]
fn an_event_of_a_newer_schema_is_an_error_that_says_so() {
    let backend = Arc::new(MemoryBackend::default());
    append(&store(&backend, to_v3()), v3_event());
    let old = payloads(&store::<v2::UserRegistered>(&backend, to_v2()));
    let Err(StoreError::UndecodableEvent(undecodable)) = old else {
        panic!("a newer event was read: {old:?}")
    };
    assert_eq!(undecodable.event_type, "UserRegistered");
    assert_eq!(undecodable.reason, "its schema is 3, the newest known here is 2; update the app");
}

#[test]
fn an_upcaster_that_fails_names_the_event() {
    let backend = Arc::new(MemoryBackend::default());
    let json = JsonEvent { event_type: registered(), payload: Json::parse(r#"{"user_id":"u"}"#).unwrap() };
    let plain = store(&backend, Upcasters::new());
    append(&plain, json);
    let id = block_on(plain.read_all_events(ReadOptions::default())).unwrap().events[0].id;
    let read = payloads(&store::<v3::UserRegistered>(&backend, to_v3()));
    let expected =
        UndecodableEvent { id, event_type: "UserRegistered".into(), reason: "no email".into() }.into();
    assert_eq!(read, Err(expected));
}

#[test]
fn an_event_that_cannot_be_decoded_is_named_by_every_read_and_skipped_by_none() {
    let backend = Arc::new(MemoryBackend::default());
    let plain = store(&backend, Upcasters::new());
    append(&plain, v1_event().encode().unwrap());
    let broken = JsonEvent { event_type: registered(), payload: Json::parse(r#"{"user_id":7}"#).unwrap() };
    append(&plain, broken);
    append(&plain, v1_event().encode().unwrap());
    let id = block_on(plain.read_all_events(ReadOptions::default())).unwrap().events[1].id;
    let typed = store::<v1::UserRegistered>(&backend, Upcasters::new());
    let cached = CachedEventStore::new(typed.clone(), 10);
    let named = |error: StoreError| match error {
        StoreError::UndecodableEvent(event) => event.id,
        other => panic!("another error: {other}"),
    };
    assert_eq!(named(payloads(&typed).unwrap_err()), id);
    assert_eq!(named(payloads(&cached).unwrap_err()), id);
    assert_eq!(named(block_on(typed.read_all_events(ReadOptions::default())).unwrap_err()), id);
    let first = ReadOptions::default().max_events(1);
    for options in [first.clone(), first.backwards()] {
        let read = block_on(typed.read_stream(&USERS, options.clone())).unwrap();
        assert_eq!(read.events.len(), 1, "what is whole stays readable");
        assert_eq!(block_on(cached.read_stream(&USERS, options)).unwrap(), read);
    }
    // A subscription delivers what stands before it, then the error, then ends.
    let subscription = block_on(typed.subscribe(SubscriptionOptions::default())).unwrap();
    let delivered: Vec<_> = block_on(subscription.collect());
    assert_eq!(delivered.len(), 2);
    assert!(delivered[0].is_ok());
    assert_eq!(named(delivered[1].clone().unwrap_err()), id);
}
