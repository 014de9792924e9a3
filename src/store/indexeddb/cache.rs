//! What was read once and is still true: versions of streams, and the outbox.
//!
//! Everything here belongs to what was seen of the tail. Every transaction looks there for what is newer, and takes
//! it in, or, if it made the last record itself, is refused where there is something newer: so what is stale is
//! never used.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use idb::KeyRange;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::IdbCursor;

use super::Inner;
use super::failure::{failed, thrown};
use super::records::{self, Lying, Written, stream_key};
use super::schema::{BY_STREAM, LOG, OUTBOX, TAIL};
use super::state::State;
use super::tail::{self, Next, Own, Seen};
use super::transaction::{self, Answer, Transaction};
use crate::error::StoreError;
use crate::event::{Commit, CommitId, Place, RawEvent, StreamId};
use crate::store::{OutboxCommit, outbox};
use crate::version::EventVersion;

/// Versions that are kept at most; then the cache begins anew.
const MAX_HEADS: usize = 50_000;
/// Commits of the outbox that are read at a time.
const PAGE: u32 = 512;

#[derive(Default)]
pub(super) struct Cache {
    seen: Option<Rc<Seen>>,
    own: Option<Own>,
    /// Of the streams in the tail and of others, confirmed.
    heads: HashMap<StreamId, EventVersion>,
    outbox: Option<Rc<Outbox>>,
}

/// The commits that wait, and their events on top of the confirmed log.
#[derive(Clone, Default)]
pub(super) struct Outbox {
    /// By their numbers, in order.
    pub(super) waiting: Vec<(u64, OutboxCommit)>,
    pub(super) events: Vec<RawEvent>,
    /// The versions of the streams that wait, pending events included.
    pub(super) heads: HashMap<StreamId, EventVersion>,
}

impl Outbox {
    pub(super) fn of(waiting: Vec<(u64, OutboxCommit)>, confirmed: &HashMap<StreamId, EventVersion>) -> Self {
        let mut outbox = Self { waiting, ..Self::default() };
        let head = |stream: &StreamId| confirmed.get(stream).copied().unwrap_or_default();
        outbox.count(outbox::pending_events(outbox.commits(), head));
        outbox
    }

    /// What waits on once these events are confirmed and the commits `gone` among them wait no longer, if the
    /// confirmed versions that it stands on are all known.
    fn settled(
        mut self,
        gone: &HashSet<CommitId>,
        events: &[RawEvent],
        confirmed: &HashMap<StreamId, EventVersion>,
    ) -> Option<Self> {
        let first =
            self.waiting.iter().take_while(|(_, waiting)| gone.contains(&waiting.commit.id())).count();
        let alike =
            |(here, there): (&RawEvent, &RawEvent)| here.id == there.id && here.version == there.version;
        if self.events.len() >= events.len() && self.events.iter().zip(events).all(alike) {
            // They became true as they were foretold: what stands behind them is as it was.
            self.waiting.drain(..first);
            self.events.drain(..events.len());
            for (event, number) in self.events.iter_mut().zip(1..) {
                event.place = Place::Pending(number);
            }
            return Some(self);
        }
        if gone.is_empty() && events.iter().all(|event| !self.heads.contains_key(&event.stream_id)) {
            return Some(self);
        }
        self.waiting.retain(|(_, waiting)| !gone.contains(&waiting.commit.id()));
        let mut streams = self.waiting.iter().flat_map(|(_, waiting)| waiting.commit.events());
        let known = streams.all(|event| confirmed.contains_key(&event.stream_id));
        known.then(|| Self::of(self.waiting, confirmed))
    }

    pub(super) fn commits(&self) -> impl Iterator<Item = &Commit> {
        self.waiting.iter().map(|(_, waiting)| &waiting.commit)
    }

    /// Adds commits that were just accepted, with their events.
    fn push(&mut self, waiting: impl Iterator<Item = (u64, OutboxCommit)>, events: Vec<RawEvent>) {
        self.waiting.extend(waiting);
        self.count(events);
    }

    fn count(&mut self, events: Vec<RawEvent>) {
        self.heads.extend(events.iter().map(|event| (event.stream_id.clone(), event.version)));
        self.events.extend(events);
    }
}

/// What a transaction added.
pub(super) enum Added {
    /// These events, and what their commits expect.
    Confirmed(Rc<Written>),
    Pending(Vec<(u64, OutboxCommit)>, Vec<RawEvent>),
    /// These commits left the outbox, and these events were confirmed, theirs among them.
    Settled(HashSet<CommitId>, Rc<Written>),
    /// The outbox is another one.
    Rewritten,
    /// Only how things lie has changed.
    Nothing,
}

impl Added {
    /// The events that were confirmed.
    fn confirmed(&self) -> Option<Rc<Written>> {
        match self {
            Self::Confirmed(written) | Self::Settled(_, written) => Some(Rc::clone(written)),
            Self::Pending(..) | Self::Rewritten | Self::Nothing => None,
        }
    }
}

impl Cache {
    /// What was seen last, where the next record may be added without looking.
    pub(super) fn trusted(&self) -> Option<Rc<Seen>> {
        self.seen.clone().filter(|seen| seen.is_trusted(self.own.as_ref()))
    }

    /// The state, as far as it is known.
    pub(super) fn state(&self) -> State {
        self.seen.as_ref().map(|seen| seen.state.clone()).unwrap_or_default()
    }

    pub(super) fn own(&self) -> Option<Own> {
        self.own.clone()
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Somebody else wrote, or may have.
    pub(super) fn distrust(&mut self) {
        self.own = self.own.take().map(Own::distrusted);
    }

    /// Whether this is what was seen last: a transaction that overlapped with a change may be behind it.
    fn is_at(&self, seen: &Rc<Seen>) -> bool {
        self.seen.as_ref().is_some_and(|last| Rc::ptr_eq(last, seen))
    }

    /// Takes in what others wrote since: the values that lie behind what was seen.
    fn catch_up(&mut self, since: &Seen, values: Vec<JsValue>) -> Result<Rc<Seen>, StoreError> {
        let (seen, is_all) = since.with(values)?;
        self.outbox = None;
        if !is_all {
            self.heads.clear();
        }
        let known = if is_all { since.records.len() } else { 0 };
        for record in seen.records.iter().skip(known) {
            self.learn(record);
        }
        let seen = Rc::new(seen);
        self.seen = Some(Rc::clone(&seen));
        Ok(seen)
    }

    /// Takes in what a transaction that is complete made of what it saw.
    pub(super) fn advance(
        &mut self,
        before: Rc<Seen>,
        is_folding: bool,
        next: Next,
        after: State,
        added: Added,
    ) {
        self.own = Some(next.own());
        if !self.is_at(&before) {
            return;
        }
        self.seen = None;
        let before = Rc::unwrap_or_clone(before);
        let restarted = before.state.restarts != after.restarts;
        let before = if is_folding { before.after_folding() } else { before };
        self.seen = Some(Rc::new(next.seen(before, after, added.confirmed())));
        if restarted {
            self.heads.clear();
            self.outbox = None;
        }
        match added {
            Added::Confirmed(written) => self.confirm(&written.0),
            Added::Pending(waiting, events) => {
                if let Some(outbox) = &mut self.outbox {
                    Rc::make_mut(outbox).push(waiting.into_iter(), events);
                }
            }
            Added::Settled(commits, written) => {
                let events = &written.0;
                self.confirm(events);
                let outbox = self.outbox.take().map(Rc::unwrap_or_clone);
                let settled = outbox.and_then(|outbox| outbox.settled(&commits, events, &self.heads));
                self.outbox = settled.map(Rc::new);
            }
            Added::Rewritten => self.outbox = None,
            Added::Nothing => {}
        }
    }

    fn learn(&mut self, record: &Lying) {
        // A name that is none cannot be asked for.
        let named =
            record.streams().iter().filter_map(|(name, version)| Some((name.parse().ok()?, *version)));
        self.heads.extend(named);
    }

    fn confirm(&mut self, events: &[RawEvent]) {
        if self.heads.len() > MAX_HEADS {
            self.heads.clear();
            let seen = self.seen.clone();
            seen.iter().flat_map(|seen| &seen.records).for_each(|record| self.learn(record));
        }
        self.heads.extend(events.iter().map(|event| (event.stream_id.clone(), event.version)));
    }
}

impl Inner {
    /// What a transaction sees; the first thing to ask in every one that does not know.
    pub(super) async fn see(&self, transaction: &Transaction) -> Result<Rc<Seen>, StoreError> {
        let since = self.cache.borrow_mut().seen.get_or_insert_default().clone();
        let values = tail::values(transaction.get_all(TAIL, since.newer()?, None)?.await?);
        self.connection.proven();
        if values.is_empty() {
            return Ok(since);
        }
        let mut cache = self.cache.borrow_mut();
        if cache.is_at(&since) {
            return cache.catch_up(&since, values);
        }
        // Another transaction went further meanwhile.
        Ok(Rc::new(since.with(values)?.0))
    }

    /// The confirmed versions of streams.
    pub(super) async fn heads(
        &self,
        transaction: &Transaction,
        seen: &Rc<Seen>,
        streams: &mut dyn Iterator<Item = &StreamId>,
    ) -> Result<HashMap<StreamId, EventVersion>, StoreError> {
        let mut heads = HashMap::new();
        let mut unknown = Vec::new();
        {
            let cache = self.cache.borrow();
            let cached = cache.is_at(seen).then_some(&cache.heads);
            for stream in streams {
                if let Some(head) = cached.and_then(|heads| heads.get(stream)) {
                    heads.insert(stream.clone(), *head);
                } else if heads.insert(stream.clone(), EventVersion::ZERO).is_none() {
                    unknown.push(stream.clone());
                }
            }
        }
        if unknown.is_empty() {
            return Ok(heads);
        }
        if !seen.state.folded.is_zero() {
            let answers = unknown.iter().map(|stream| last_entry(transaction, stream));
            let answers = answers.collect::<Result<Vec<_>, _>>()?;
            for (stream, cursor) in unknown.iter().zip(transaction::all(answers).await?) {
                heads.insert(stream.clone(), version_at(&cursor)?);
            }
        }
        for stream in &unknown {
            let in_tail = seen.records.iter().rev().find_map(|record| record.holds(stream));
            heads.extend(in_tail.map(|version| (stream.clone(), version)));
        }
        let mut cache = self.cache.borrow_mut();
        if cache.is_at(seen) {
            let found = unknown.into_iter().filter_map(|stream| heads.get_key_value(&stream));
            cache.heads.extend(found.map(|(stream, head)| (stream.clone(), *head)));
        }
        Ok(heads)
    }

    /// The outbox that a transaction sees; empty for a store that was never synced.
    pub(super) async fn outbox(
        &self,
        transaction: &Transaction,
        seen: &Rc<Seen>,
    ) -> Result<Rc<Outbox>, StoreError> {
        if seen.state.pending_commits == 0 {
            return Ok(Rc::default());
        }
        if let Some(outbox) = self.cached_outbox(seen) {
            return Ok(outbox);
        }
        let mut waiting = Vec::new();
        let mut from = 0;
        loop {
            let range = KeyRange::lower_bound(&records::number(from).into(), None).map_err(failed)?;
            let page = records::waiting(transaction.get_all(OUTBOX, range, Some(PAGE))?.await?)?;
            let Some((last, _)) = page.last() else { break };
            from = last + 1;
            waiting.extend(page);
        }
        let streams = waiting.iter().flat_map(|(_, waiting)| waiting.commit.events());
        let heads = self.heads(transaction, seen, &mut streams.map(|event| &event.stream_id)).await?;
        let outbox = Rc::new(Outbox::of(waiting, &heads));
        let mut cache = self.cache.borrow_mut();
        if cache.is_at(seen) {
            cache.outbox = Some(Rc::clone(&outbox));
        }
        Ok(outbox)
    }

    fn cached_outbox(&self, seen: &Rc<Seen>) -> Option<Rc<Outbox>> {
        let cache = self.cache.borrow();
        cache.outbox.clone().filter(|_| cache.is_at(seen))
    }
}

/// A cursor on the last entry of a stream in the index.
fn last_entry(transaction: &Transaction, stream: &StreamId) -> Result<Answer, StoreError> {
    let range = stream_range(stream, 0.0)?;
    let direction = Some(idb::CursorDirection::Prev);
    let index = transaction.index(LOG, BY_STREAM)?;
    Ok(Answer::of(index.open_key_cursor(Some(range.into()), direction).map_err(failed)?))
}

/// The records of a stream that hold this version or a later one.
pub(super) fn stream_range(stream: &StreamId, from: f64) -> Result<KeyRange, StoreError> {
    let (lower, upper) = (stream_key(stream, from), stream_key(stream, f64::INFINITY));
    KeyRange::bound(&lower, &upper, None, None).map_err(failed)
}

fn version_at(cursor: &JsValue) -> Result<EventVersion, StoreError> {
    let Some(cursor) = cursor.dyn_ref::<IdbCursor>() else { return Ok(EventVersion::ZERO) };
    let key = cursor.key().map_err(|error| thrown(&error))?.unchecked_into::<js_sys::Array>();
    // The index holds nothing but versions.
    Ok(EventVersion::new(key.get(1).as_f64().unwrap_or_default() as u64))
}
