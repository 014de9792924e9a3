//! Readings: a stream by its index, the feed by windows of positions, an event by the moment of its id.
//!
//! Each is one transaction, so one moment; none reads more of the log than it needs, by more than a few records.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use futures_util::future::try_join_all;
use idb::KeyRange;
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::IdbCursor;

use super::Inner;
use super::cache::{Outbox, stream_range};
use super::failure::{failed, thrown};
use super::records::{self, Lying, Record, State, moment, number, stream_key};
use super::schema::{BY_MOMENT, BY_STREAM, LOG};
use super::transaction::{Answer, Transaction};
use crate::error::StoreError;
use crate::event::{EventId, Place, RawEvent, StreamId};
use crate::store::{FeedSlice, Query, StreamSlice};
use crate::version::{EventVersion, Position};

/// Records of a stream that are read at first, and later, at a time.
const RECORDS: (u32, u32) = (8, 256);
/// Positions of the feed that are read at first, at least, and later, at most, at a time.
const WINDOW: (u64, u64) = (64, 4_096);
/// Requests that are under way at a time.
const PIPELINE: usize = 64;

impl Inner {
    /// With `packed`, an array per stream of what its records hold is put there; see [`Page::packed`].
    pub(super) async fn read_streams(
        &self,
        streams: &[StreamId],
        query: &Query,
        packed: Option<&Array>,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        let transaction = self.begin_read()?;
        let state = self.state(&transaction).await?;
        let outbox = self.pending(&transaction, &state, query).await?;
        let heads = self.heads(&transaction, &state, streams.iter()).await?;
        let slices = streams.iter().map(|stream| {
            let head = heads.get(stream).copied().unwrap_or_default();
            let packed = packed.map(|packed| {
                let of_stream = Array::new();
                packed.push(&of_stream);
                of_stream
            });
            slice(&transaction, &outbox, stream, head, Page::new(query, packed))
        });
        try_join_all(slices).await
    }

    /// With `packed`, what the records hold is put there; see [`Page::packed`].
    pub(super) async fn read_feed(
        &self,
        query: &Query,
        packed: Option<&Array>,
    ) -> Result<FeedSlice, StoreError> {
        let transaction = self.begin_read()?;
        let state = self.state(&transaction).await?;
        let outbox = self.pending(&transaction, &state, query).await?;
        let mut page = Page::new(query, packed.cloned());
        match (query.backwards, query.after) {
            (false, Some(Place::Pending(_))) => page.take(outbox.events.iter().cloned()),
            (false, after) => {
                let after = after.and_then(Place::position).unwrap_or_default();
                feed(&transaction, after, state.head, &mut page).await?;
                if page.cut.is_none() {
                    page.take(outbox.events.iter().cloned());
                }
            }
            (true, before) => {
                page.take(outbox.events.iter().rev().cloned());
                let behind = state.head.next();
                let before = before.and_then(Place::position).map_or(behind, |before| before.min(behind));
                feed_backwards(&transaction, before, &mut page).await?;
            }
        }
        let (last, is_full, cut) = (page.last_packed, page.is_full(), page.cut);
        let mut slice = FeedSlice::of(page.events, query, state.head);
        if let Some(last) = last {
            slice.complete = !is_full;
            if is_full && slice.events.is_empty() {
                slice.cursor = last.into();
            }
        }
        if let Some(cut) = cut {
            (slice.complete, slice.cursor) = (false, cut.into());
        }
        Ok(slice)
    }

    pub(super) async fn locate(&self, id: EventId) -> Result<Option<Place>, StoreError> {
        let transaction = self.begin_read()?;
        let state = self.state(&transaction).await?;
        let outbox = self.outbox(&transaction, &state).await?;
        if let Some(pending) = outbox.events.iter().find(|event| event.id == id) {
            return Ok(Some(pending.place));
        }
        let stored = self.stored(&transaction, &HashSet::from([id])).await?;
        Ok(stored.get(&id).map(|event| event.place))
    }

    /// The confirmed events with these ids.
    pub(super) async fn stored(
        &self,
        transaction: &Transaction,
        ids: &HashSet<EventId>,
    ) -> Result<HashMap<EventId, RawEvent>, StoreError> {
        let mut found = HashMap::new();
        let mut moments = BTreeSet::new();
        moments.extend(ids.iter().copied().map(moment));
        let (Some(first), Some(last)) = (moments.first(), moments.last()) else { return Ok(found) };
        let index = transaction.index(LOG, BY_MOMENT)?;
        // Ids that are new to the store, the usual case, are mostly of moments that it knows nothing of.
        let range = KeyRange::bound(&number(*first).into(), &number(*last).into(), None, None);
        if Answer::of(index.get_key(range.map_err(failed)?).map_err(failed)?).await?.is_undefined() {
            return Ok(found);
        }
        let mut keys = BTreeSet::new();
        let moments: Vec<u64> = moments.into_iter().collect();
        for some in moments.chunks(PIPELINE) {
            let answers = some.iter().map(|moment| {
                let range = KeyRange::only(&number(*moment).into()).map_err(failed)?;
                Ok(Answer::of(index.get_all_keys(Some(range.into()), None).map_err(failed)?))
            });
            for answer in try_join_all(answers.collect::<Result<Vec<_>, StoreError>>()?).await? {
                let some = answer.unchecked_into::<Array>().into_iter();
                keys.extend(some.filter_map(|key| key.as_f64()).map(|key| key as u64));
            }
        }
        let keys: Vec<JsValue> = keys.into_iter().map(|key| number(key).into()).collect();
        for some in keys.chunks(PIPELINE) {
            let events = records_at(transaction, some).await?.into_iter().flat_map(|record| record.events);
            found.extend(events.filter(|event| ids.contains(&event.id)).map(|event| (event.id, event)));
        }
        Ok(found)
    }

    async fn pending(
        &self,
        transaction: &Transaction,
        state: &State,
        query: &Query,
    ) -> Result<Rc<Outbox>, StoreError> {
        match query.pending {
            true => self.outbox(transaction, state).await,
            false => Ok(Rc::default()),
        }
    }
}

/// Selected events, up to as many as the reader wants.
struct Page<'a> {
    query: &'a Query,
    events: Vec<RawEvent>,
    /// Where the reader parses records itself: for each record its text, its first position, how many events
    /// it holds, and which of them are wanted, from and to (counted from 1 in the record for the feed,
    /// versions for a stream). They precede `events`.
    packed: Option<Array>,
    packed_events: usize,
    last_packed: Option<Position>,
    /// Where damage ended a page of the feed: the cursor from which the next reading meets it, and names it.
    cut: Option<Position>,
}

impl<'a> Page<'a> {
    fn new(query: &'a Query, packed: Option<Array>) -> Self {
        // What selects by content has to be read here.
        let is_plain = !query.backwards && query.event_types.is_empty() && query.stream_prefix.is_empty();
        let packed = packed.filter(|_| is_plain);
        Self { query, events: Vec::new(), packed, packed_events: 0, last_packed: None, cut: None }
    }

    fn room(&self) -> usize {
        self.query.max_events.saturating_sub(self.packed_events + self.events.len())
    }

    fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// Takes events of a record that is not read, from one to another, both counted from 1.
    fn pack(&mut self, packed: &Array, record: &Lying, from: u64, to: u64) -> Result<(), StoreError> {
        let to = to.min(from.saturating_add(self.room() as u64 - 1));
        self.packed_events += (to - from + 1) as usize;
        for part in record.parts()?.into_iter().chain([number(from).into(), number(to).into()]) {
            packed.push(&part);
        }
        Ok(())
    }

    /// Ends a page of the feed before a fault at `from`, if it looked at anything between that and `after`.
    fn damaged(&mut self, fault: StoreError, after: Position, from: Position) -> Result<(), StoreError> {
        if from <= after.next() {
            return Err(fault);
        }
        self.cut = Some(Position::new(from.get() - 1));
        Ok(())
    }

    fn take(&mut self, events: impl Iterator<Item = RawEvent>) {
        let room = self.room();
        self.events.extend(events.filter(|event| self.query.wants(event)).take(room));
    }
}

/// The confirmed events behind a position.
async fn feed(
    transaction: &Transaction,
    after: Position,
    head: Position,
    page: &mut Page<'_>,
) -> Result<(), StoreError> {
    let packed = page.packed.clone().filter(|_| selects_all_versions(page.query));
    let mut window = first_window(page.query);
    let mut from = after.next();
    if !after.is_zero() && from <= head {
        from = record_of(transaction, from).await?;
    }
    while from <= head && !page.is_full() {
        let end = Position::new(from.get() + window);
        let range = KeyRange::bound(&key(from), &key(end), None, Some(true)).map_err(failed)?;
        let values = transaction.get_all(LOG, range, None)?.await?.unchecked_into::<Array>();
        if values.length() == 0 {
            return page.damaged(hole(from), after, from);
        }
        for value in values {
            let read = match &packed {
                Some(packed) => pack_feed(packed, value, after, page),
                None => take_feed(value, page),
            };
            match read {
                Ok(end) => from = end,
                Err(fault) => return page.damaged(fault, after, from),
            }
            if page.is_full() {
                return Ok(());
            }
        }
        window = (window * 2).min(WINDOW.1);
    }
    Ok(())
}

fn selects_all_versions(query: &Query) -> bool {
    query.from_version <= EventVersion::ZERO.next() && query.to_version == EventVersion::MAX
}

/// Takes what a record holds behind a position; answers with the position behind the record.
fn pack_feed(
    packed: &Array,
    value: JsValue,
    after: Position,
    page: &mut Page<'_>,
) -> Result<Position, StoreError> {
    let record = Lying::of(value)?;
    let (first, count) = (record.first()?, record.count()?);
    let from = (after.get() + 1).saturating_sub(first.get()) + 1;
    if from <= count {
        let before = page.packed_events as u64;
        page.pack(packed, &record, from, count)?;
        page.last_packed = first.plus(from + page.packed_events as u64 - before - 2);
    }
    first.plus(count).ok_or_else(|| hole(first))
}

fn take_feed(value: JsValue, page: &mut Page<'_>) -> Result<Position, StoreError> {
    let record = Record::read(value)?;
    let end = record.end();
    page.take(record.events.into_iter());
    Ok(end)
}

/// The confirmed events before a position, the last first.
async fn feed_backwards(
    transaction: &Transaction,
    before: Position,
    page: &mut Page<'_>,
) -> Result<(), StoreError> {
    let mut window = first_window(page.query);
    let mut end = before;
    while end > Position::ZERO.next() && !page.is_full() {
        let from = Position::new(end.get().saturating_sub(window).max(1));
        let from = record_of(transaction, from).await?;
        let range = KeyRange::bound(&key(from), &key(end), None, Some(true)).map_err(failed)?;
        let values = transaction.get_all(LOG, range, None)?.await?.unchecked_into::<Array>();
        for value in values.to_vec().into_iter().rev() {
            match Record::read(value) {
                Ok(record) => {
                    end = record.first;
                    page.take(record.events.into_iter().rev());
                }
                Err(_) if end < before || !page.events.is_empty() => {
                    page.cut = Some(end);
                    return Ok(());
                }
                Err(fault) => return Err(fault),
            }
        }
        end = from;
        window = (window * 2).min(WINDOW.1);
    }
    Ok(())
}

fn first_window(query: &Query) -> u64 {
    (query.max_events as u64).clamp(WINDOW.0, WINDOW.1)
}

/// The first position of the record that holds this one.
pub(super) async fn record_of(transaction: &Transaction, position: Position) -> Result<Position, StoreError> {
    let range = KeyRange::upper_bound(&key(position), None).map_err(failed)?;
    let cursor = transaction.last_key(LOG, range)?.await?;
    let Some(cursor) = cursor.dyn_ref::<IdbCursor>() else { return Err(hole(position)) };
    let first = cursor.key().map_err(|error| thrown(&error))?.as_f64();
    first.map(|first| Position::new(first as u64)).ok_or_else(|| hole(position))
}

fn hole(position: Position) -> StoreError {
    StoreError::StorageCorrupt(format!("{LOG} has no record of position {position}"))
}

fn key(position: Position) -> JsValue {
    number(position.get()).into()
}

/// What a query selects of one stream.
async fn slice(
    transaction: &Transaction,
    outbox: &Outbox,
    stream: &StreamId,
    head: EventVersion,
    mut page: Page<'_>,
) -> Result<StreamSlice, StoreError> {
    let version = outbox.heads.get(stream).copied().unwrap_or(head);
    let pending = outbox.events.iter().filter(|event| event.stream_id == *stream);
    if page.query.backwards {
        page.take(pending.rev().cloned());
        confirmed_backwards(transaction, stream, head, &mut page).await?;
    } else {
        confirmed(transaction, stream, head, &mut page).await?;
        page.take(pending.cloned());
    }
    Ok(StreamSlice { version, events: page.events })
}

async fn confirmed(
    transaction: &Transaction,
    stream: &StreamId,
    head: EventVersion,
    page: &mut Page<'_>,
) -> Result<(), StoreError> {
    let index = transaction.index(LOG, BY_STREAM)?;
    let packed = page.packed.clone().filter(|_| page.query.after.is_none());
    let last = head.min(page.query.to_version);
    let mut from = page.query.from_version.max(EventVersion::ZERO.next());
    let mut limit = RECORDS.0;
    while from <= last && !page.is_full() {
        let range = stream_range(stream, number(from.get()))?;
        let answer = Answer::of(index.get_all(Some(range.into()), Some(limit)).map_err(failed)?);
        let values = answer.await?;
        let read = match &packed {
            Some(packed) => pack_stream(packed, values, stream, from, last, page)?,
            None => {
                let events = events_of(records::records(values)?, stream);
                let read = events.last().map(|event| event.version);
                page.take(events.into_iter());
                read
            }
        };
        let Some(read) = read else { break };
        from = read.next();
        limit = (limit * 2).min(RECORDS.1);
    }
    Ok(())
}

/// Takes the versions of a stream from one on that these records hold; answers with the last that they hold.
fn pack_stream(
    packed: &Array,
    values: JsValue,
    stream: &StreamId,
    mut from: EventVersion,
    last: EventVersion,
    page: &mut Page<'_>,
) -> Result<Option<EventVersion>, StoreError> {
    let mut read = None;
    for value in values.unchecked_into::<Array>() {
        let record = Lying::of(value)?;
        let held = record.last_version(stream)?;
        if from <= held.min(last) && !page.is_full() {
            page.pack(packed, &record, from.get(), held.min(last).get())?;
        }
        from = held.next();
        read = Some(held);
    }
    Ok(read)
}

async fn confirmed_backwards(
    transaction: &Transaction,
    stream: &StreamId,
    head: EventVersion,
    page: &mut Page<'_>,
) -> Result<(), StoreError> {
    let (from, to) = (page.query.from_version, page.query.to_version.min(head));
    if from > to || to.is_zero() || page.is_full() {
        return Ok(());
    }
    // The records whose last version is below `to`, and the one that holds it.
    let index = transaction.index(LOG, BY_STREAM)?;
    let last = stream_range(stream, number(to.get()))?;
    let last = Answer::of(index.get_all_keys(Some(last.into()), Some(1)).map_err(failed)?);
    let mut keys: Vec<JsValue> = Vec::new();
    if from < to {
        let (lower, upper) = (stream_key(stream, number(from.get())), stream_key(stream, number(to.get())));
        let below = KeyRange::bound(&lower, &upper, None, Some(true)).map_err(failed)?;
        let below = Answer::of(index.get_all_keys(Some(below.into()), None).map_err(failed)?);
        keys.extend(below.await?.unchecked_into::<Array>());
    }
    keys.extend(last.await?.unchecked_into::<Array>());
    let mut limit = RECORDS.0 as usize;
    while !keys.is_empty() && !page.is_full() {
        let some = keys.split_off(keys.len().saturating_sub(limit));
        let events = events_of(records_at(transaction, &some).await?, stream);
        page.take(events.into_iter().rev());
        limit = (limit * 2).min(PIPELINE);
    }
    Ok(())
}

fn events_of(records: Vec<Record>, stream: &StreamId) -> Vec<RawEvent> {
    let events = records.into_iter().flat_map(|record| record.events);
    events.filter(|event| event.stream_id == *stream).collect()
}

/// The records with these keys.
async fn records_at(transaction: &Transaction, keys: &[JsValue]) -> Result<Vec<Record>, StoreError> {
    let answers = keys.iter().map(|key| transaction.get(LOG, key)).collect::<Result<Vec<_>, _>>()?;
    try_join_all(answers).await?.into_iter().map(Record::read).collect()
}
