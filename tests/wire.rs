//! The messages on the wire, as files that Rust and TypeScript read: `tests/wire` has each of them, to the byte.
//!
//! `WIRE=write cargo test --test wire -- --test-threads=1` writes what the endpoint says today; what then differs is a change of the
//! protocol.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use eventcore_web::endpoint::{
    Answer, Endpoint, EndpointConfig, HEARTBEAT, MemorySpaces, PREAMBLE, Reply, Request, status_of,
};
use eventcore_web::event::{Commit, EventId, InvalidJson, Json, Limits, SpaceId, StreamId};
use eventcore_web::protocol::{ErrorAnswer, EventsAnswer, PushAnswer, PushRequest, read_commit, read_push};
use eventcore_web::testing::block_on;
use eventcore_web::{StoreError, TooLarge, UndecodableEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The pushes of the files, in the order in which an endpoint is told them.
const PUSHES: [&str; 4] = ["1-accepted", "2-of-others", "3-conflict", "4-rejected"];
const BACKEND: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn place(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "wire", name].iter().collect()
}

/// A file, which ends with a line break that is no part of the message.
fn read(name: &str) -> String {
    let mut text = fs::read_to_string(place(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(text.pop(), Some('\n'), "{name}");
    text
}

/// Holds a message to its file.
fn hold(name: &str, said: &str) {
    if std::env::var("WIRE").is_ok_and(|what| what == "write") {
        fs::write(place(name), format!("{said}\n")).unwrap();
    }
    assert_eq!(said, read(name), "{name}");
}

/// Reads a message and writes it again.
fn again<T: DeserializeOwned + Serialize>(text: &str) -> String {
    serde_json::to_string(&serde_json::from_str::<T>(text).unwrap()).unwrap()
}

struct Host(Endpoint<Arc<MemorySpaces>>);

impl Host {
    fn ask(&self, method: &str, what: &str, query: &str, body: &str) -> Reply<Arc<MemorySpaces>> {
        let request = Request {
            method: method.into(),
            path: format!("/v1/spaces/team-1/{what}"),
            query: query.into(),
            body: body.as_bytes().to_vec(),
            ..Request::default()
        };
        block_on(self.0.handle(request, |_, _| async { Ok(()) }))
    }

    fn answer(&self, method: &str, what: &str, query: &str, body: &str) -> Answer {
        self.ask(method, what, query, body).answer().unwrap()
    }
}

/// An endpoint that was told every push of the files, in the order of their names.
fn host() -> Host {
    let host = Host(Endpoint::new(Arc::new(MemorySpaces::new(BACKEND)), EndpointConfig::default()));
    hold("events-empty.answer.json", &host.answer("GET", "events", "", "").body);
    for push in PUSHES {
        let answer = host.answer("POST", "push", "", &read(&format!("push-{push}.request.json")));
        assert_eq!(answer.status, 200, "{}", answer.body);
        hold(&format!("push-{push}.answer.json"), &answer.body);
    }
    host
}

#[test]
fn the_endpoint_answers_as_the_files_say() {
    let host = host();
    hold("events.answer.json", &host.answer("GET", "events", "", "").body);
    hold("events-page.answer.json", &host.answer("GET", "events", "after=1&limit=1", "").body);
    let Reply::Live(mut live) = host.ask("GET", "live", "after=4", "") else { panic!("no stream") };
    let page = block_on(live.next()).unwrap();
    let expired = StoreError::Unauthorized("the token expired; come back with another".into());
    let end = host.0.last_words(&expired);
    hold("live.stream.txt", &format!("{PREAMBLE}{page}{HEARTBEAT}{end}"));
}

#[test]
fn what_is_read_is_written_again_to_the_byte() {
    for push in ["1-accepted", "2-of-others", "3-conflict"] {
        let text = read(&format!("push-{push}.request.json"));
        let pushed = read_push(text.as_bytes(), &Limits::default()).unwrap();
        let commits: Vec<Commit> = pushed.into_iter().map(|pushed| pushed.commit.unwrap()).collect();
        for commit in &commits {
            let text = serde_json::to_string(commit).unwrap();
            assert_eq!(&read_commit(&text, &Limits::default()).unwrap(), commit);
        }
        assert_eq!(serde_json::to_string(&PushRequest { commits }).unwrap(), text, "{push}");
    }
    for push in PUSHES {
        let text = read(&format!("push-{push}.answer.json"));
        assert_eq!(again::<PushAnswer>(&text), text, "{push}");
    }
    for page in ["events", "events-empty", "events-page"] {
        let text = read(&format!("{page}.answer.json"));
        assert_eq!(again::<EventsAnswer>(&text), text, "{page}");
    }
    for line in read("errors.ndjson").lines() {
        let (_, body) = line.split_once("\"body\":").unwrap();
        let body = body.strip_suffix('}').unwrap();
        let answer: ErrorAnswer = serde_json::from_str(body).unwrap();
        assert_eq!(answer.backend_id.as_deref(), Some(BACKEND), "{line}");
        assert!(!answer.error.code.is_empty() && !answer.error.message.is_empty(), "{line}");
    }
}

/// One of each kind; the compiler asks for a new one's status, and the OpenAPI document for its code.
fn failures() -> Vec<StoreError> {
    let id: EventId = "01890a5d-ac96-774b-bcce-b302099a8058".parse().unwrap();
    let text = || "for a reason".to_owned();
    let invalid: InvalidJson = Json::parse("[1,]").unwrap_err();
    vec![
        StoreError::InvalidBatch(text()),
        StoreError::from("".parse::<StreamId>().unwrap_err()),
        StoreError::from(SpaceId::try_new("").unwrap_err()),
        StoreError::from("x".parse::<EventId>().unwrap_err()),
        invalid.into(),
        StoreError::PayloadTooLarge(Box::new(TooLarge {
            what: "body",
            size: 20_000_000,
            limit: 16_777_216,
            unit: "bytes",
        })),
        StoreError::EventIdReused(id.into()),
        StoreError::VersionOverflow("s".into()),
        UndecodableEvent { id, event_type: "Noted".into(), reason: text() }.into(),
        StoreError::UnknownEvent(id.into()),
        StoreError::QuotaExceeded(text()),
        StoreError::StorageUnavailable(text()),
        StoreError::Overloaded(text()),
        StoreError::SpaceErased(SpaceId::try_new("team-1").unwrap()),
        StoreError::StorageCorrupt(text()),
        StoreError::SchemaTooNew { found: 9, known: 2 },
        StoreError::Closed,
        StoreError::Offline(text()),
        StoreError::Unauthorized(text()),
        StoreError::Forbidden(text()),
        StoreError::EndpointReset(text()),
        StoreError::ProtocolUnsupported(text()),
        StoreError::InvalidRequest(text()),
        StoreError::RateLimited { retry_after_ms: 1_500 },
        StoreError::Internal(text()),
    ]
}

#[test]
fn every_error_has_its_status_and_its_code() {
    let host = host();
    let lines: Vec<String> = failures()
        .iter()
        .map(|error| {
            let answer = host.0.refuse(error);
            assert_eq!(answer.status, status_of(error));
            let retry = answer.retry_after.map_or_else(|| "null".into(), |seconds| seconds.to_string());
            format!(r#"{{"status":{},"retryAfter":{retry},"body":{}}}"#, answer.status, answer.body)
        })
        .collect();
    hold("errors.ndjson", &lines.join("\n"));
}
