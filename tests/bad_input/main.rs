//! Whatever is sent to the endpoint, it answers with a typed refusal or carries it out: no panic, no 500, and of a
//! commit that it does not accept nothing is in the log. A failing case is replayed by what proptest prints and keeps.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod host;

use eventcore_web::endpoint::{Answer, EndpointConfig, Request};
use eventcore_web::event::IdGenerator;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use host::{Host, is_typed};

/// A push that is accepted as it is.
fn sound_push(streams: &[&str]) -> Value {
    let ids = IdGenerator::new();
    let commits = streams.iter().map(|stream| {
        json!({
            "id": ids.next().to_string(),
            "expectations": [{ "streamId": stream, "expected": "noCheck" }],
            "events": [{
                "id": ids.next().to_string(),
                "streamId": stream,
                "type": "Noted",
                "occurredAt": "2026-01-31T23:59:59.999Z",
                "metadata": { "correlationId": "c-1", "custom": { "n": 1 } },
                "payload": { "text": "tea", "list": [1, 2.5, null, true] },
            }],
        })
    });
    json!({ "commits": commits.collect::<Vec<_>>() })
}

/// What was put where something else belongs; as text, since much of it is no JSON that `Value` could hold.
const HOSTILE: [&str; 24] = [
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "9007199254740993",
    "18446744073709551616",
    "-0.0",
    "\"\"",
    "\" a\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\x\"",
    "[]",
    "{}",
    "[[[[[[[[]]]]]]]]",
    "{\"a\":1,\"a\":2}",
    "NaN",
    "'text'",
    "\"2026-02-30T00:00:00Z\"",
    "\"00000000-0000-0000-0000-000000000000\"",
    "\"noStream\"",
    "{\"correlationId\":7,\"schemaVersion\":-1}",
];

/// How many values there are in a tree.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// The text of a tree in which the value of this number is replaced.
fn replaced(value: &Value, number: &mut usize, by: &str) -> String {
    if *number == 0 {
        *number = usize::MAX;
        return by.to_owned();
    }
    *number = number.saturating_sub(1);
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| replaced(item, number, by)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let member =
                |(key, value): (&String, &Value)| format!("\"{key}\":{}", replaced(value, number, by));
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}

#[derive(Debug, Clone)]
enum Damage {
    Cut(Index),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Flip(Index, u8),
    Repeat(Index, usize),
}

impl Damage {
    fn to(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let end = |from: usize, length: usize, bytes: &Vec<u8>| (from + length).min(bytes.len());
        match self {
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Self::Remove(at, length) => {
                let from = at.index(bytes.len());
                bytes.drain(from..end(from, *length, bytes));
            }
            Self::Insert(at, some) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, some.iter().copied());
            }
            Self::Flip(at, mask) => {
                let at = at.index(bytes.len());
                bytes[at] ^= mask;
            }
            Self::Repeat(at, length) => {
                let from = at.index(bytes.len());
                let some = bytes[from..end(from, *length, bytes)].to_vec();
                bytes.splice(from..from, some);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), 1..20_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(at, some)| Damage::Insert(at, some)),
        (any::<Index>(), 1..=255_u8).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        (any::<Index>(), 1..120_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

fn cases() -> u32 {
    std::env::var("CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let host = Host::new();
        prop_assert_eq!(host.push_and_check(body).status, 400);
    }

    #[test]
    fn a_damaged_push_is_carried_out_or_refused_commit_by_commit(
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let host = Host::new();
        host.push_and_check(sound_push(&["a"]).to_string().into_bytes());
        let mut body = sound_push(&["a", "b", "c"]).to_string().into_bytes();
        damages.iter().for_each(|damage| damage.to(&mut body));
        host.push_and_check(body);
    }

    #[test]
    fn a_value_of_another_kind_is_carried_out_or_refused(number in any::<Index>(), by in 0..HOSTILE.len()) {
        let host = Host::new();
        let sound = sound_push(&["a", "b"]);
        let text = replaced(&sound, &mut number.index(count(&sound)), HOSTILE[by]);
        host.push_and_check(text.into_bytes());
    }

    #[test]
    fn any_request_is_answered(
        method in prop_oneof![Just("GET".to_owned()), Just("POST".to_owned()), "[A-Z]{0,6}"],
        path in prop_oneof![
            "(/[a-z0-9%.~\u{e4}]{0,8}){0,6}",
            "/v1/spaces/[a-z%0-9/.]{0,12}/(push|events|live)",
            any::<String>(),
        ],
        query in prop_oneof!["(after|limit)=[0-9a-f%-]{0,22}(&(after|limit)=-?[0-9]{0,22})?", any::<String>()],
        protocol in prop::option::of(prop_oneof![Just("1".to_owned()), any::<String>()]),
        last_event_id in prop::option::of(any::<String>()),
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let request = Request { method, path, query, protocol, last_event_id, body };
        if let Some(answer) = Host::new().answer(request) {
            is_typed(&answer);
        }
    }
}

#[test]
fn a_sound_push_is_accepted() {
    let answer = Host::new().push_and_check(sound_push(&["a", "b", "c"]).to_string().into_bytes());
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.matches("\"accepted\"").count(), 3, "{}", answer.body);
}

/// The push of one commit with this payload, given as text.
fn with_payload(payload: &str) -> Vec<u8> {
    let sound = sound_push(&["a"]).to_string();
    let marker = "{\"list\":[1,2.5,null,true],\"text\":\"tea\"}";
    assert!(sound.contains(marker), "{sound}");
    sound.replace(marker, payload).into_bytes()
}

/// What the one commit of a push was answered with: its status, and the code where it was rejected.
fn outcome(answer: &Answer) -> (String, String) {
    let body = is_typed(answer);
    let outcome = &body["outcomes"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match answer.status {
        200 => (text(&outcome["status"]), text(&outcome["code"])),
        _ => ("refused".into(), text(&body["error"]["code"])),
    }
}

#[test]
fn what_json_or_postgresql_cannot_carry_is_rejected_by_its_name() {
    for payload in [
        "1e400",
        "9007199254740993",
        "123456789012345678901234567890",
        "{\"a\":1,\"a\":2}",
        "\"\\u0000\"",
        "{\"\\u0000\":1}",
        "\"\\ud800\"",
        "\"\\ud83d\\ud83d\"",
        "[\"\\udc00\"]",
    ] {
        let answer = Host::new().push_and_check(with_payload(payload));
        assert_eq!(outcome(&answer), ("rejected".into(), "INVALID_PAYLOAD".into()), "{payload}");
    }
}

#[test]
fn depth_is_bounded_wherever_it_is() {
    for depth in [129, 10_000, 1_000_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let bomb = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            for body in [with_payload(&bomb), bomb.clone().into_bytes(), open.repeat(depth).into_bytes()] {
                let (status, code) = outcome(&Host::new().push_and_check(body));
                assert!(
                    status != "accepted" && status != "conflict",
                    "{depth} levels of {open}: {status} {code}"
                );
            }
        }
    }
}

#[test]
fn sizes_have_their_limits() {
    let config = EndpointConfig::default();
    let text = |length: usize| format!("\"{}\"", "x".repeat(length));
    let answer = Host::new().push_and_check(with_payload(&text(10 << 20)));
    assert_eq!(outcome(&answer), ("rejected".into(), "PAYLOAD_TOO_LARGE".into()));
    let answer = Host::new().push_and_check(vec![b' '; config.body_bytes + 1]);
    assert_eq!((answer.status, outcome(&answer).1.as_str()), (413, "PAYLOAD_TOO_LARGE"));
    let many: Vec<&str> = std::iter::repeat_n("a", config.push_commits + 1).collect();
    let answer = Host::new().push_and_check(sound_push(&many).to_string().into_bytes());
    assert_eq!((answer.status, outcome(&answer).1.as_str()), (413, "PAYLOAD_TOO_LARGE"));
}

#[test]
fn a_commit_of_thousands_of_streams_is_written_or_refused_as_a_whole() {
    let ids = IdGenerator::new();
    for streams in [5_000_usize, 20_000] {
        let names: Vec<String> = (0..streams).map(|number| format!("s-{number}")).collect();
        let push = json!({ "commits": [{
            "id": ids.next().to_string(),
            "expectations": names.iter().map(|name| json!({ "streamId": name, "expected": "noStream" })).collect::<Vec<_>>(),
            "events": names.iter().map(|name| json!({
                "id": ids.next().to_string(), "streamId": name, "type": "Noted",
                "occurredAt": "2026-01-31T23:59:59.999Z", "metadata": { "correlationId": "c" }, "payload": {},
            })).collect::<Vec<_>>(),
        }] });
        let host = Host::new();
        let (status, _) = outcome(&host.push_and_check(push.to_string().into_bytes()));
        let written = host.logged().len();
        assert_eq!(written, if status == "accepted" { streams } else { 0 }, "{status}");
    }
}
