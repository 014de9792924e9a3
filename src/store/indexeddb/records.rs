//! How events and waiting commits lie in the object stores.
//!
//! A record of the log holds confirmed events, about [`SEGMENT`] of them, as one text that refers to streams and
//! types by number. Beside the text stands what the indexes and the browser need:
//! `{ p: first position, n: events, s: [[stream, last version]], m: [moments], t: text, c: checksum of the text }`.
//! While a log was never synced, its commits keep their expectations, so that they can move to an outbox. A record
//! of the tail is the same, of the events that one transaction confirmed, and what `tail` says.
//!
//! Whatever is decoded here is held against its checksum first, so that damage is neither pushed nor written anew.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use chrono::DateTime;
use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;

use super::checksum;
use super::rows::{Expected, Numbered, Part, Row, Text, WrittenRow};
use super::schema::{LOG, OUTBOX};
use crate::error::StoreError;
use crate::event::json::{from_text, to_text};
use crate::event::{
    Commit, CommitId, EventId, EventType, Expectation, Limits, NewEvent, Place, RawEvent, StreamId,
};
use crate::protocol::read_commit;
use crate::store::{OutboxCommit, Refusal};
use crate::version::{EventVersion, Position};

/// Events of a record at most: few enough to read one of them, many enough to read all of them fast. Records of 64 KiB
/// and more are compressed by Chromium on their way to the disk, so that four of them cost half of what eight do.
pub(super) const SEGMENT: usize = 256;
/// A record of fewer events is small, if they are not large ones.
pub(super) const SMALL: usize = SEGMENT / 2;
/// Bytes of payloads and metadata in a record, about; an event that is larger has one of its own.
pub(super) const SEGMENT_BYTES: usize = 1 << 20;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    pub(super) type Value;
    /// Of the tail: the record's own key.
    #[wasm_bindgen(method, getter)]
    pub(super) fn k(this: &Value) -> JsValue;
    #[wasm_bindgen(method, setter)]
    pub(super) fn set_k(this: &Value, key: f64);
    /// Of the tail: the state after the transaction.
    #[wasm_bindgen(method, getter)]
    pub(super) fn state(this: &Value) -> JsValue;
    #[wasm_bindgen(method, setter)]
    pub(super) fn set_state(this: &Value, state: &str);
    /// Of the tail: when a fence was put up.
    #[wasm_bindgen(method, getter)]
    pub(super) fn fence(this: &Value) -> JsValue;
    #[wasm_bindgen(method, setter)]
    pub(super) fn set_fence(this: &Value, millis: f64);
    #[wasm_bindgen(method, getter)]
    fn p(this: &Value) -> JsValue;
    #[wasm_bindgen(method, setter)]
    fn set_p(this: &Value, first: f64);
    #[wasm_bindgen(method, getter)]
    fn n(this: &Value) -> JsValue;
    #[wasm_bindgen(method, setter)]
    fn set_n(this: &Value, count: f64);
    #[wasm_bindgen(method, getter)]
    fn s(this: &Value) -> JsValue;
    #[wasm_bindgen(method, setter)]
    fn set_s(this: &Value, streams: &Array);
    #[wasm_bindgen(method, setter)]
    fn set_m(this: &Value, moments: &Array);
    #[wasm_bindgen(method, getter)]
    fn t(this: &Value) -> JsValue;
    #[wasm_bindgen(method, setter)]
    fn set_t(this: &Value, text: &str);
    #[wasm_bindgen(method, getter)]
    fn c(this: &Value) -> JsValue;
    #[wasm_bindgen(method, setter)]
    fn set_c(this: &Value, checksum: u32);
    #[wasm_bindgen(method, getter)]
    fn parked(this: &Value) -> JsValue;
    #[wasm_bindgen(method, setter)]
    fn set_parked(this: &Value, refusal: &str);
}

impl Value {
    fn set_text(&self, text: &str) {
        self.set_t(text);
        self.set_c(checksum::of(text));
    }

    /// The text, if it is the one that was written; records of older versions have no checksum.
    fn text(&self) -> Result<String, &'static str> {
        let text = self.t().as_string().ok_or("it has no text")?;
        match self.c().as_f64() {
            Some(sum) if sum != f64::from(checksum::of(&text)) => {
                Err("its text is not the one that was written")
            }
            _ => Ok(text),
        }
    }
}

/// What the commits of a log that was never synced expect.
pub(super) type Expectations<'a> = HashMap<CommitId, &'a [Expectation]>;

/// A record of events.
pub(super) fn encode(events: &[RawEvent], expected: &Expectations<'_>) -> Lying {
    let mut streams: Numbered<StreamId, EventVersion> = Numbered::default();
    let mut types: Numbered<EventType, ()> = Numbered::default();
    let mut moments = Vec::new();
    let mut commits: Vec<Part<WrittenRow<'_>>> = Vec::new();
    for event in events {
        if commits.last().is_none_or(|part| part.id != event.commit_id) {
            let expected = expected.get(&event.commit_id).copied();
            let expected = expected.map(|expected| expected.iter().cloned().map(Expected).collect());
            commits.push(Part { id: event.commit_id, expected, events: Vec::new() });
        }
        insert(&mut moments, moment(event.id));
        let stream = streams.number(&event.stream_id, event.version);
        let row = WrittenRow { stream, event_type: types.number(&event.event_type, ()), event };
        if let Some(part) = commits.last_mut() {
            part.events.push(row);
        }
    }
    let first = events.first().and_then(|event| event.place.position()).unwrap_or_default();
    let value = Object::new().unchecked_into::<Value>();
    value.set_p(number(first.get()));
    value.set_n(number(events.len() as u64));
    value.set_s(&streams.last.iter().map(|(id, version)| stream_key(id, number(version.get()))).collect());
    value.set_m(&moments.into_iter().map(|moment| JsValue::from(number(moment))).collect());
    let text = to_text(&Text { streams: streams.names(), types: types.names(), commits });
    value.set_text(&text);
    Lying { size: Some(text.len()), ..Lying::of_value(value) }
}

/// A record, read.
pub(super) struct Record {
    pub(super) first: Position,
    pub(super) events: Vec<RawEvent>,
    /// What the commits in it expected; empty once they were confirmed elsewhere.
    pub(super) expected: HashMap<CommitId, Vec<Expectation>>,
}

impl Record {
    /// The position behind its last event.
    pub(super) fn end(&self) -> Position {
        Position::new(self.first.get() + self.events.len() as u64)
    }

    pub(super) fn read(lying: &Lying) -> Result<Self, StoreError> {
        let value = &lying.value;
        let first = lying.first()?;
        let corrupt = |fault: &dyn std::fmt::Display| corrupt(LOG, &first.to_string(), fault);
        let text = value.text().map_err(|fault| corrupt(&fault))?;
        let text: Text<Row> = from_text(&text).map_err(|fault| corrupt(&fault))?;
        let mut record = Self { first, events: Vec::new(), expected: HashMap::new() };
        let mut position = first;
        for part in text.commits {
            if let Some(expected) = part.expected {
                record.expected.insert(part.id, expected.into_iter().map(|Expected(it)| it).collect());
            }
            for Row { id, stream, version, event_type, millis, metadata, payload } in part.events {
                let lacks = |what: &str| corrupt(&format!("event {id} has no {what}"));
                record.events.push(RawEvent {
                    place: Place::Confirmed(position),
                    id,
                    commit_id: part.id,
                    stream_id: text.streams.get(stream).ok_or_else(|| lacks("stream"))?.clone(),
                    version,
                    event_type: text.types.get(event_type).ok_or_else(|| lacks("type"))?.clone(),
                    payload: payload.0,
                    metadata: metadata.0,
                    occurred_at: DateTime::from_timestamp_millis(millis).ok_or_else(|| lacks("time"))?,
                });
                position = position.next();
            }
        }
        match value.n().as_f64() {
            Some(count) if count == number(record.events.len() as u64) => Ok(record),
            _ => Err(corrupt(&"it does not hold as many events as it says")),
        }
    }
}

/// A record as it lies, its text not read.
#[derive(Clone)]
pub(super) struct Lying {
    value: Value,
    /// The streams that it holds, each with the last version of it that it holds; read once.
    streams: Rc<OnceCell<Vec<(String, EventVersion)>>>,
    /// What was written into it, where that is known.
    written: Option<Rc<Written>>,
    /// Bytes of its text, where that is known.
    size: Option<usize>,
}

/// Events, and what their commits expect.
pub(super) type Written = (Vec<RawEvent>, HashMap<CommitId, Vec<Expectation>>);

impl Lying {
    pub(super) fn of(value: JsValue) -> Result<Self, StoreError> {
        let value = value.unchecked_into::<Value>();
        match value.is_falsy() {
            true => Err(corrupt(LOG, "?", &"a record is no object")),
            false => Ok(Self::of_value(value)),
        }
    }

    fn of_value(value: Value) -> Self {
        Self { value, streams: Rc::default(), written: None, size: None }
    }

    /// The same, with what was written into it, so that it need not be read.
    pub(super) fn remembering(self, written: Option<Rc<Written>>) -> Self {
        Self { written, ..self }
    }

    /// What was written into it, where that is known.
    pub(super) fn written(&self) -> Option<&Written> {
        self.written.as_deref()
    }

    /// A record of no event, behind a position.
    pub(super) fn empty(head: Position) -> Self {
        let value = Object::new().unchecked_into::<Value>();
        value.set_p(number(head.next().get()));
        value.set_n(0.0);
        Self::of_value(value)
    }

    pub(super) const fn value(&self) -> &Value {
        &self.value
    }

    /// Its key in the log.
    pub(super) fn key(&self) -> Result<JsValue, StoreError> {
        self.first().map(|first| number(first.get()).into())
    }

    /// The position of its last event.
    pub(super) fn last(&self) -> Result<Position, StoreError> {
        Ok(Position::new((self.first()?.get() + self.count()?).saturating_sub(1)))
    }

    /// Bytes of its text, about.
    pub(super) fn size(&self) -> usize {
        let characters = || self.value.t().dyn_ref::<js_sys::JsString>().map(|text| text.length() as usize);
        self.size.or_else(characters).unwrap_or_default()
    }

    /// Whether it would better be part of a larger one.
    pub(super) fn is_small(&self) -> bool {
        self.count().is_ok_and(|count| count < SMALL as u64) && self.size() < SEGMENT_BYTES / 2
    }

    /// The streams that it holds, each with the last version of it that it holds.
    pub(super) fn streams(&self) -> &[(String, EventVersion)] {
        self.streams.get_or_init(|| {
            let pairs = self.value.s().dyn_into::<Array>().unwrap_or_default();
            let pairs = pairs.iter().filter_map(|pair| pair.dyn_into::<Array>().ok());
            let pairs = pairs.filter_map(|pair| Some((pair.get(0).as_string()?, pair.get(1).as_f64()?)));
            pairs.map(|(stream, version)| (stream, EventVersion::new(version as u64))).collect()
        })
    }

    /// The position of its first event.
    pub(super) fn first(&self) -> Result<Position, StoreError> {
        let first = self.value.p().as_f64().ok_or_else(|| corrupt(LOG, "?", &"a record has no position"))?;
        // A position is a whole number that a double holds.
        Ok(Position::new(first as u64))
    }

    /// How many events it holds.
    pub(super) fn count(&self) -> Result<u64, StoreError> {
        self.value.n().as_f64().map(|count| count as u64).ok_or_else(|| self.corrupt("it has no count"))
    }

    /// Its text, its first position and how many events it holds.
    pub(super) fn parts(&self) -> Result<(JsValue, f64, f64), StoreError> {
        let (text, first, count) = (self.value.t(), self.first()?, self.count()?);
        if !text.is_string() {
            return Err(self.corrupt("it has no text"));
        }
        Ok((text, number(first.get()), number(count)))
    }

    /// The last version of a stream that it holds, if it holds the stream.
    pub(super) fn holds(&self, stream: &StreamId) -> Option<EventVersion> {
        self.streams().iter().find(|(name, _)| name == stream.as_str()).map(|(_, version)| *version)
    }

    /// The last version of a stream that it is found by.
    pub(super) fn last_version(&self, stream: &StreamId) -> Result<EventVersion, StoreError> {
        self.holds(stream).ok_or_else(|| self.corrupt("it does not hold the stream that it is found by"))
    }

    fn corrupt(&self, fault: &str) -> StoreError {
        corrupt(LOG, &self.first().map_or_else(|_| "?".into(), |first| first.to_string()), &fault)
    }
}

/// Reads what `getAll` on the log answered.
pub(super) fn records(values: JsValue) -> Result<Vec<Record>, StoreError> {
    values.unchecked_into::<Array>().into_iter().map(|value| Record::read(&Lying::of(value)?)).collect()
}

/// What commits expect, as a record holds it when it is read.
pub(super) fn expectations(expected: &Expectations<'_>) -> HashMap<CommitId, Vec<Expectation>> {
    expected.iter().map(|(commit, expected)| (*commit, expected.to_vec())).collect()
}

/// The key and the value of a waiting commit, and the bytes of its text.
pub(super) fn encode_waiting(
    number_: u64,
    waiting: &OutboxCommit,
) -> Result<(JsValue, JsValue, usize), StoreError> {
    let value = Object::new().unchecked_into::<Value>();
    value.set_p(number(number_));
    let text = to_text(&waiting.commit);
    value.set_text(&text);
    if let Some(refusal) = &waiting.refused {
        value.set_parked(&to_text(refusal));
    }
    Ok((number(number_).into(), value.into(), text.len()))
}

/// Reads what `getAll` on the outbox answered: commits with their numbers.
pub(super) fn waiting(values: JsValue) -> Result<Vec<(u64, OutboxCommit)>, StoreError> {
    values.unchecked_into::<Array>().into_iter().map(waiting_commit).collect()
}

/// Reads a waiting commit, with its number.
pub(super) fn waiting_commit(value: JsValue) -> Result<(u64, OutboxCommit), StoreError> {
    let value = value.unchecked_into::<Value>();
    let Some(key) = Some(&value).filter(|value| !value.is_falsy()).and_then(|value| value.p().as_f64())
    else {
        return Err(corrupt(OUTBOX, "?", &"a commit has no number"));
    };
    let corrupt = |fault: &dyn std::fmt::Display| corrupt(OUTBOX, &(key as u64).to_string(), fault);
    let text = value.text().map_err(|fault| corrupt(&fault))?;
    let commit: Commit = read_commit(&text, &Limits::NONE).map_err(|error| corrupt(&error))?;
    let refused: Option<Refusal> = match value.parked().as_string() {
        None => None,
        Some(text) => Some(from_text(&text).map_err(|fault| corrupt(&fault))?),
    };
    Ok((key as u64, OutboxCommit { commit, refused }))
}

/// A commit from its events and expectations, as they lay in a log that was never synced.
pub(super) fn commit(
    id: CommitId,
    events: Vec<RawEvent>,
    expected: Vec<Expectation>,
) -> Result<Commit, StoreError> {
    let events = events.into_iter().map(NewEvent::from);
    Commit::from_parts(id, events.collect(), expected, &Limits::NONE)
        .map_err(|error| corrupt(LOG, &format!("commit {id}"), &error))
}

/// `[stream, version]`.
pub(super) fn stream_key(stream: &StreamId, version: f64) -> JsValue {
    Array::of2(&stream.as_str().into(), &version.into()).into()
}

/// The moment in which an id was made, in units of 16 ms: what the index by ids goes by, since ids that are
/// written together were mostly made together, and an entry for each would cost a third of the writing.
pub(super) fn moment(id: EventId) -> u64 {
    id.timestamp_millis() >> 4
}

/// Adds a number to an ascending list that has each once: mostly it is the last. A tree would be more to download.
pub(super) fn insert(numbers: &mut Vec<u64>, number: u64) {
    if let Err(place) = numbers.binary_search(&number) {
        numbers.insert(place, number);
    }
}

/// A key or count as JavaScript has it.
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

pub(super) fn corrupt(store: &str, key: &str, fault: &dyn std::fmt::Display) -> StoreError {
    StoreError::StorageCorrupt(format!("record {key} of {store}: {fault}"))
}
