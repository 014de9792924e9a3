//! An endpoint over memory that holds what it does against what it says; shared with the fuzzer in `tests/fuzz`.

use std::collections::BTreeSet;
use std::sync::Arc;

use eventcore_web::endpoint::{Answer, Endpoint, EndpointConfig, MemorySpaces, Reply, Request, Spaces};
use eventcore_web::event::{EventId, SpaceId};
use eventcore_web::store::{Backend, Query};
use eventcore_web::testing::block_on;
use serde_json::Value;

const SPACE: &str = "team";

pub(crate) struct Host(Endpoint<Arc<MemorySpaces>>);

impl Host {
    pub(crate) fn new() -> Self {
        Self(Endpoint::new(Arc::new(MemorySpaces::new("backend")), EndpointConfig::default()))
    }

    /// The answer to a request; a stream of events is none, and fine.
    pub(crate) fn answer(&self, request: Request) -> Option<Answer> {
        match block_on(self.0.handle(request, |_, _| async { Ok(()) })) {
            Reply::Answer(answer) => Some(answer),
            Reply::Live(_) => None,
        }
    }

    fn push(&self, body: Vec<u8>) -> Answer {
        let path = format!("/v1/spaces/{SPACE}/push");
        self.answer(Request { method: "POST".into(), path, body, ..Request::default() }).unwrap()
    }

    pub(crate) fn logged(&self) -> Vec<EventId> {
        let log = self.0.spaces().space(&SpaceId::try_new(SPACE).unwrap());
        let feed = block_on(log.read_feed(&Query::default())).unwrap();
        feed.events.iter().map(|event| event.id).collect()
    }

    /// Pushes, and holds what it does against what it says.
    pub(crate) fn push_and_check(&self, body: Vec<u8>) -> Answer {
        let before = self.logged();
        let answer = self.push(body);
        let said = is_typed(&answer);
        let accepted: Vec<String> = said["outcomes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|outcome| outcome["status"] == "accepted")
            .flat_map(|outcome| outcome["eventIds"].as_array().unwrap().clone())
            .map(|id| id.as_str().unwrap().to_owned())
            .collect();
        let after: Vec<String> = self.logged().iter().map(ToString::to_string).collect();
        let known: BTreeSet<String> = before.iter().map(ToString::to_string).collect();
        let written: Vec<String> = after[before.len()..].to_vec();
        let new: Vec<String> = accepted.into_iter().filter(|id| !known.contains(id)).collect();
        assert_eq!(written, new, "what was accepted, and nothing else, is in the log: {}", answer.body);
        answer
    }
}

/// 200, or a refusal with a code; never a fault of the endpoint's own.
pub(crate) fn is_typed(answer: &Answer) -> Value {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert!(answer.status == 200 || (400..500).contains(&answer.status), "{}: {body}", answer.status);
    if answer.status != 200 {
        let code = body["error"]["code"].as_str().unwrap();
        assert!(!code.is_empty() && code != "INTERNAL", "{body}");
        assert!(!body["error"]["message"].as_str().unwrap().is_empty(), "{body}");
    }
    body
}
