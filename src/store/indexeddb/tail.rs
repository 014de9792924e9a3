//! The tail: what the last transactions did, each under a key of its own, until it is folded into the log.
//!
//! Every transaction that writes adds one record here: the state after it, the record's own key, and the events
//! that it confirmed, if they are too few for a record of the log, whose indexes would cost more than they do. The
//! state of the whole is that of the last record, so nothing else has to be read or written to append an event.
//!
//! **Nobody writes on top of what they have not seen.** A key is an epoch and a count. Who knows the last record,
//! and made it, adds the next without looking: another connection that wrote meanwhile has put a *fence* there, so
//! that the key is taken and the transaction fails as a whole. That other connection looked, in its transaction,
//! and begins an epoch of its own behind the fence. Keys may be freed (by folding) only by who is in their epoch or
//! has fenced it, so a free key behind one's own last record means that nobody wrote. Fences are taken away after
//! [`FENCE_MS`]; who made the last record longer than [`TRUST_MS`] ago looks before it writes.

use std::rc::Rc;

use idb::KeyRange;
use js_sys::{Array, Object};
use wasm_bindgen::{JsCast, JsValue};

use super::failure::failed;
use super::records::{Lying, Value, Written, corrupt, number};
use super::schema::TAIL;
use super::state::State;
use crate::error::StoreError;
use crate::event::now_millis;
use crate::version::Position;

/// How long a fence stays, in milliseconds.
const FENCE_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long a connection may take it that nobody took its place, in milliseconds.
const TRUST_MS: u64 = 60 * 1_000;
/// Transactions of an epoch at most; far more than a connection lives to see.
const EPOCH: u64 = 1 << 32;

/// The key of a record: its epoch and, in the lower 32 bits, its number there, from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

impl Key {
    fn read(value: &Value) -> Result<Self, StoreError> {
        let key = value.k().as_f64().ok_or_else(|| corrupt(TAIL, "?", &"a record has no key"))?;
        Ok(Self(key as u64))
    }

    const fn epoch(self) -> u64 {
        self.0 / EPOCH
    }

    const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The first key behind every key of this epoch.
    const fn in_next_epoch(self) -> Self {
        Self((self.epoch() + 1) * EPOCH + 1)
    }

    fn get(self) -> f64 {
        number(self.0)
    }
}

/// What a transaction sees: the state, and what is not folded yet.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// Of the last record; 0 where there is none yet.
    key: Key,
    pub(super) state: State,
    /// The keys of the records, in order.
    keys: Vec<Key>,
    /// Other epochs' ends, and when they were put up.
    fences: Vec<(Key, u64)>,
    /// The records that hold events, in order.
    pub(super) records: Vec<Lying>,
    /// Bytes of their texts, about.
    pub(super) bytes: usize,
}

impl Seen {
    /// Keys behind what was seen.
    pub(super) fn newer(&self) -> Result<KeyRange, StoreError> {
        KeyRange::lower_bound(&self.key.get().into(), Some(true)).map_err(failed)
    }

    /// What is seen where these values lie behind what was seen before; and whether they are all that was written
    /// meanwhile: else some was written and folded, and is known by the log alone.
    pub(super) fn with(&self, values: Vec<JsValue>) -> Result<(Self, bool), StoreError> {
        let mut seen = self.clone();
        let mut records = Vec::with_capacity(values.len());
        for value in values {
            let value = Lying::of(value)?;
            let key = Key::read(value.value())?;
            match value.value().fence().as_f64() {
                Some(millis) => seen.fences.push((key, millis as u64)),
                None => records.push((key, value)),
            }
        }
        let Some((key, last)) = records.last() else { return Ok((seen, true)) };
        seen.key = *key;
        seen.state = State::read(key.get(), &last.value().state())?;
        let restarted = seen.state.restarts != self.state.restarts;
        let is_folded = restarted || seen.state.folded > self.state.folded;
        let is_all = !is_folded && seen.state.changes == self.state.changes + records.len() as u64;
        if is_folded {
            // What was folded lies in the log now; and all that was here before was folded at once.
            seen.keys.clear();
            seen.records.clear();
            seen.bytes = 0;
        }
        for (key, record) in records {
            seen.keys.push(key);
            if record.count()? > 0 && record.first()? > seen.state.folded {
                seen.bytes += record.size();
                seen.records.push(record);
            }
        }
        Ok((seen, is_all))
    }

    /// What all records of the tail say of the state themselves, where the last one's is damaged: enough to read by,
    /// and nothing to write on top of.
    pub(super) fn salvaged(values: Vec<JsValue>) -> Result<Self, StoreError> {
        let mut seen = Self::default();
        for value in values {
            let record = Lying::of(value)?;
            if record.value().fence().as_f64().is_some() {
                continue;
            }
            if let Ok(state) = State::read(0.0, &record.value().state()) {
                seen.state = state;
            }
            // One without an event stands behind the last.
            seen.state.head = record.last()?;
            if record.count()? > 0 {
                seen.records.push(record);
            }
        }
        // What is folded is taken out of the tail, so that what is there is not.
        let first = seen.records.first().map(Lying::first).transpose()?;
        let folded = first.map(|first| Position::new(first.get().saturating_sub(1)));
        seen.state.folded = folded.unwrap_or(seen.state.head);
        // Whether anything waits is to be looked for.
        seen.state.pending_commits = seen.state.pending_commits.max(1);
        Ok(seen)
    }

    /// Whether the next record may be added without looking, by a connection whose own last one is this.
    pub(super) fn is_trusted(&self, own: Option<&Own>) -> bool {
        own.is_some_and(|own| {
            own.key == self.key && now_millis().checked_sub(own.at).is_some_and(|age| age < TRUST_MS)
        })
    }

    /// Events that are not folded.
    pub(super) fn events(&self) -> u64 {
        self.state.head.get() - self.state.folded.get()
    }

    /// How many transactions are not folded.
    pub(super) const fn len(&self) -> usize {
        self.keys.len()
    }

    /// What folding takes away: ranges of keys.
    pub(super) fn folded(&self) -> Result<Vec<KeyRange>, StoreError> {
        let mut ranges: Vec<(Key, Key)> = Vec::new();
        for key in &self.keys {
            match ranges.last_mut() {
                // A fence stands at the end of an epoch, never within.
                Some((_, last)) if last.epoch() == key.epoch() => *last = *key,
                _ => ranges.push((*key, *key)),
            }
        }
        let now = now_millis();
        let old = self.fences.iter().filter(|(_, at)| now > at + FENCE_MS).map(|(key, _)| (*key, *key));
        let ranges = ranges.into_iter().chain(old);
        ranges.map(|(first, last)| range(first, last)).collect()
    }

    /// The same after such a folding.
    pub(super) fn after_folding(mut self) -> Self {
        let now = now_millis();
        self.fences.retain(|(_, at)| now <= at + FENCE_MS);
        self.keys.clear();
        self.records.clear();
        self.bytes = 0;
        self
    }

    /// The records to add behind this, of which the last says what a transaction did: after a fence, where the
    /// epoch is not the connection's own. `record` holds the events that stay in the tail, if any do.
    pub(super) fn next(&self, state: &State, record: Option<Lying>, own: Option<&Own>) -> Next {
        let is_own = own.is_some_and(|own| own.key.epoch() == self.key.epoch());
        let fence = (!is_own).then(|| self.key.next());
        let key = fence.map_or(self.key.next(), Key::in_next_epoch);
        let holds_events = record.is_some();
        let record = record.unwrap_or_else(|| Lying::empty(state.head));
        record.value().set_k(key.get());
        record.value().set_state(&state.write());
        Next { fence, key, record, holds_events, at: now_millis() }
    }
}

fn range(first: Key, last: Key) -> Result<KeyRange, StoreError> {
    KeyRange::bound(&first.get().into(), &last.get().into(), None, None).map_err(failed)
}

/// The last record that a connection made, and when.
#[derive(Clone)]
pub(super) struct Own {
    key: Key,
    at: u64,
}

impl Own {
    /// The same of a connection that looks before it writes.
    pub(super) fn distrusted(self) -> Self {
        Self { at: 0, ..self }
    }
}

/// What a transaction adds to the tail.
pub(super) struct Next {
    fence: Option<Key>,
    key: Key,
    record: Lying,
    holds_events: bool,
    at: u64,
}

impl Next {
    /// Keys and values to add.
    pub(super) fn entries(&self) -> impl Iterator<Item = (JsValue, JsValue)> {
        let fence = self.fence.map(|key| {
            let value = Object::new().unchecked_into::<Value>();
            value.set_k(key.get());
            value.set_fence(number(self.at));
            (JsValue::from(key.get()), JsValue::from(value))
        });
        let record = (self.key.get().into(), self.record.value().clone().into());
        fence.into_iter().chain([record])
    }

    /// What is seen from then on; `written` is what the record holds.
    pub(super) fn seen(self, mut before: Seen, state: State, written: Option<Rc<Written>>) -> Seen {
        before.fences.extend(self.fence.map(|key| (key, self.at)));
        before.key = self.key;
        before.keys.push(self.key);
        before.state = state;
        if self.holds_events {
            before.bytes += self.record.size();
            before.records.push(self.record.remembering(written));
        }
        before
    }

    pub(super) const fn own(&self) -> Own {
        Own { key: self.key, at: self.at }
    }
}

/// The first record of a tail: of a state that was kept elsewhere before.
pub(super) fn first_record(state: &State) -> (JsValue, JsValue) {
    let Next { key, record, .. } = Seen::default().next(state, None, None);
    (key.get().into(), record.value().clone().into())
}

/// What `getAll` on the tail answered.
pub(super) fn values(answer: JsValue) -> Vec<JsValue> {
    answer.unchecked_into::<Array>().into_iter().collect()
}
