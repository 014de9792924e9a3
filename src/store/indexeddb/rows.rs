//! The text of a record: how its events are written down.

use std::collections::HashMap;

use crate::event::json::{self, Decode, Encode, Read, Reader, array, decode_members, encode_members};
use crate::event::{CommitId, EventId, EventType, Expectation, Json, RawEvent, StreamId};
use crate::version::EventVersion;

/// A record's events: names of streams and types once each, and commits that refer to them by number.
pub(super) struct Text<E> {
    pub(super) streams: Vec<StreamId>,
    pub(super) types: Vec<EventType>,
    pub(super) commits: Vec<Part<E>>,
}

encode_members!(Text<WrittenRow<'_>> { streams: "streams", types: "types", commits: "commits" });
decode_members!(Text<Row> { streams: "streams", types: "types", commits: "commits" });

/// The events of a commit that lie in one record.
pub(super) struct Part<E> {
    pub(super) id: CommitId,
    pub(super) expected: Option<Vec<Expected>>,
    pub(super) events: Vec<E>,
}

impl Encode for Part<WrittenRow<'_>> {
    fn encode(&self, out: &mut String) {
        let object = json::Object::new(out).member("id", &self.id);
        object.optional("expected", self.expected.as_ref()).member("events", &self.events).end();
    }
}

decode_members!(Part<Row> { id: "id", expected: "expected", events: "events" });

/// What a commit expects of a stream.
pub(super) struct Expected(pub(super) Expectation);

impl Encode for Expected {
    fn encode(&self, out: &mut String) {
        array(&[&self.0.stream_id, &self.0.expected], out);
    }
}

impl Decode for Expected {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let (stream_id, expected) = (reader.element(true)?, reader.element(false)?);
        reader.end_of_array()?;
        Ok(Self(Expectation { stream_id, expected }))
    }
}

/// An event, its stream and its type by number.
pub(super) struct WrittenRow<'a> {
    pub(super) stream: usize,
    pub(super) event_type: usize,
    pub(super) event: &'a RawEvent,
}

impl Encode for WrittenRow<'_> {
    fn encode(&self, out: &mut String) {
        let RawEvent { id, version, metadata, payload, occurred_at, .. } = self.event;
        let millis = occurred_at.timestamp_millis();
        array(&[id, &self.stream, version, &self.event_type, &millis, metadata, payload], out);
    }
}

/// Likewise, as it is read.
pub(super) struct Row {
    pub(super) id: EventId,
    pub(super) stream: usize,
    pub(super) version: EventVersion,
    pub(super) event_type: usize,
    pub(super) millis: i64,
    pub(super) metadata: Trusted,
    pub(super) payload: Trusted,
}

impl Decode for Row {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let row = Self {
            id: reader.element(true)?,
            stream: reader.element(false)?,
            version: reader.element(false)?,
            event_type: reader.element(false)?,
            millis: reader.element(false)?,
            metadata: reader.element(false)?,
            payload: reader.element(false)?,
        };
        reader.end_of_array()?;
        Ok(row)
    }
}

/// JSON that was checked when it was written.
pub(super) struct Trusted(pub(super) Json);

impl Decode for Trusted {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        reader.raw().map(|text| Self(Json::checked(text)))
    }
}

/// Names by number, in the order of their first use, each with the last value that it came with.
pub(super) struct Numbered<N, V> {
    numbers: HashMap<N, usize>,
    pub(super) last: Vec<(N, V)>,
}

impl<N, V> Default for Numbered<N, V> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), last: Vec::new() }
    }
}

impl<N: Clone + Eq + std::hash::Hash, V> Numbered<N, V> {
    pub(super) fn number(&mut self, name: &N, value: V) -> usize {
        // Mostly it is the newest name that comes again.
        let newest = self.last.last().is_some_and(|(last, _)| last == name);
        let known = if newest { Some(self.last.len() - 1) } else { self.numbers.get(name).copied() };
        if let Some(number) = known {
            self.last[number].1 = value;
            return number;
        }
        self.numbers.insert(name.clone(), self.last.len());
        self.last.push((name.clone(), value));
        self.last.len() - 1
    }

    pub(super) fn names(&self) -> Vec<N> {
        self.last.iter().map(|(name, _)| name.clone()).collect()
    }
}
