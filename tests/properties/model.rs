//! What the properties hold stores against: a log as a list, and strategies for what is asked of it.

use eventcore_web::event::{Batch, EventToWrite, EventType, Json, JsonEvent, StreamId};
use eventcore_web::store::ReadOptions;
use eventcore_web::version::{EventVersion, ExpectedVersion};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

pub(crate) const STREAMS: [&str; 4] = ["a", "a_1", "aX1", "b"];
pub(crate) const TYPES: [&str; 3] = ["Noted", "Noted_", "Paid"];

pub(crate) fn stream(number: usize) -> StreamId {
    StreamId::from_static(STREAMS[number])
}

pub(crate) fn event_type(number: usize) -> EventType {
    EventType::try_new(TYPES[number]).unwrap()
}

pub(crate) fn expectation() -> impl Strategy<Value = ExpectedVersion> {
    prop_oneof![
        2 => Just(ExpectedVersion::NoStream),
        3 => (0..6_u64).prop_map(|version| ExpectedVersion::Exact(EventVersion::new(version))),
        2 => Just(ExpectedVersion::Any),
        5 => Just(ExpectedVersion::NoCheck),
    ]
}

/// A batch: the streams that it writes, in order, with what is expected of each; the streams that it reads.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) events: Vec<(usize, usize)>,
    pub(crate) expected: [ExpectedVersion; 4],
    pub(crate) reads: Vec<usize>,
}

pub(crate) fn plan_of_batch() -> impl Strategy<Value = Plan> {
    let expected = [expectation(), expectation(), expectation(), expectation()];
    (vec((0..4_usize, 0..3_usize), 1..5), expected, vec(0..4_usize, 0..2))
        .prop_map(|(events, expected, reads)| Plan { events, expected, reads })
}

impl Plan {
    /// The batch, its events numbered from a number on.
    pub(crate) fn batch(&self, first: u64) -> Batch<JsonEvent> {
        let events = self.events.iter().zip(first..).map(|((of, kind), number)| {
            let payload = Json::from_value(&json!({ "number": number })).unwrap();
            let event = JsonEvent { event_type: event_type(*kind), payload };
            EventToWrite::new(stream(*of), event, self.expected[*of])
        });
        let batch = Batch::new(events.collect());
        self.reads.iter().fold(batch, |batch, of| batch.with_precondition(stream(*of), self.expected[*of]))
    }

    fn touches(&self, of: usize) -> bool {
        self.reads.contains(&of) || self.events.iter().any(|(stream, _)| *stream == of)
    }
}

/// A log as a list: stream, version in it, type, number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) log: Vec<(usize, u64, usize, u64)>,
}

impl Model {
    pub(crate) fn version(&self, of: usize) -> u64 {
        self.log.iter().filter(|(stream, ..)| *stream == of).count() as u64
    }

    /// The streams that are not as expected; if there are none the plan is carried out.
    pub(crate) fn write(&mut self, plan: &Plan, first: u64) -> Vec<(usize, u64)> {
        let stale: Vec<(usize, u64)> = (0..4)
            .filter(|of| plan.touches(*of))
            .map(|of| (of, self.version(of)))
            .filter(|(of, version)| match plan.expected[*of] {
                ExpectedVersion::NoStream => *version != 0,
                ExpectedVersion::Exact(expected) => *version != expected.get(),
                ExpectedVersion::Any => *version == 0,
                ExpectedVersion::NoCheck => false,
            })
            .collect();
        if stale.is_empty() {
            for ((of, kind), number) in plan.events.iter().zip(first..) {
                self.log.push((*of, self.version(*of) + 1, *kind, number));
            }
        }
        stale
    }
}

/// What a reader asks for, in plain words.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    from: Option<u64>,
    to: Option<u64>,
    max: Option<usize>,
    backwards: bool,
    after: Option<u64>,
    kinds: Vec<usize>,
    prefix: Option<&'static str>,
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    let prefix = prop_oneof![Just("a"), Just("a_"), Just("b"), Just(""), Just("c")];
    (
        proptest::option::of(0..6_u64),
        proptest::option::of(0..8_u64),
        proptest::option::of(1..6_usize),
        any::<bool>(),
        proptest::option::weighted(0.3, 0..12_u64),
        vec(0..3_usize, 0..3),
        proptest::option::weighted(0.3, prefix),
    )
        .prop_map(|(from, to, max, backwards, after, kinds, prefix)| Asked {
            from,
            to,
            max,
            backwards,
            after,
            kinds,
            prefix,
        })
}

impl Asked {
    pub(crate) fn options(&self) -> ReadOptions {
        let mut options = ReadOptions::default().event_types(self.kinds.iter().map(|kind| event_type(*kind)));
        if let Some(from) = self.from {
            options = options.from_version(EventVersion::new(from));
        }
        if let Some(to) = self.to {
            options = options.to_version(EventVersion::new(to));
        }
        if let Some(max) = self.max {
            options = options.max_events(max);
        }
        if let Some(after) = self.after {
            options = options.after(eventcore_web::version::Cursor::new(after));
        }
        if let Some(prefix) = self.prefix {
            options = options.stream_prefix(prefix);
        }
        if self.backwards { options.backwards() } else { options }
    }

    /// The numbers that a reading of these streams finds.
    pub(crate) fn of(&self, model: &Model, streams: &[usize]) -> Vec<u64> {
        let mut found: Vec<u64> = (1..)
            .zip(&model.log)
            .filter(|(position, (of, version, kind, _))| {
                let reached = self
                    .after
                    .is_none_or(|after| if self.backwards { *position < after } else { *position > after });
                reached
                    && streams.contains(of)
                    && self.from.is_none_or(|from| *version >= from)
                    && self.to.is_none_or(|to| *version <= to)
                    && (self.kinds.is_empty() || self.kinds.contains(kind))
                    && self.prefix.is_none_or(|prefix| STREAMS[*of].starts_with(prefix))
            })
            .map(|(_, (.., number))| *number)
            .collect();
        if self.backwards {
            found.reverse();
        }
        found.truncate(self.max.unwrap_or(usize::MAX));
        found
    }
}

pub(crate) fn number(payload: &JsonEvent) -> u64 {
    payload.payload.to::<Value>().unwrap()["number"].as_u64().unwrap()
}
