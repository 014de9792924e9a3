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
use super::records::{self, Record, State, moment, number, stream_key};
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
    pub(super) async fn read_streams(
        &self,
        streams: &[StreamId],
        query: &Query,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        let transaction = self.begin_read()?;
        let state = self.state(&transaction).await?;
        let outbox = self.pending(&transaction, &state, query).await?;
        let heads = self.heads(&transaction, &state, streams.iter()).await?;
        let slices = streams.iter().map(|stream| {
            let head = heads.get(stream).copied().unwrap_or_default();
            slice(&transaction, &outbox, stream, head, query)
        });
        try_join_all(slices).await
    }

    pub(super) async fn read_feed(&self, query: &Query) -> Result<FeedSlice, StoreError> {
        let transaction = self.begin_read()?;
        let state = self.state(&transaction).await?;
        let outbox = self.pending(&transaction, &state, query).await?;
        let mut page = Page { query, events: Vec::new() };
        match (query.backwards, query.after) {
            (false, Some(Place::Pending(_))) => page.take(outbox.events.iter().cloned()),
            (false, after) => {
                let after = after.and_then(Place::position).unwrap_or_default();
                feed(&transaction, after, state.head, &mut page).await?;
                page.take(outbox.events.iter().cloned());
            }
            (true, before) => {
                page.take(outbox.events.iter().rev().cloned());
                let behind = state.head.next();
                let before = before.and_then(Place::position).map_or(behind, |before| before.min(behind));
                feed_backwards(&transaction, before, &mut page).await?;
            }
        }
        Ok(FeedSlice::of(page.events, query, state.head))
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
        let moments: BTreeSet<u64> = ids.iter().copied().map(moment).collect();
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
}

impl Page<'_> {
    fn is_full(&self) -> bool {
        self.events.len() >= self.query.max_events
    }

    fn take(&mut self, events: impl Iterator<Item = RawEvent>) {
        let room = self.query.max_events.saturating_sub(self.events.len());
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
    let mut window = first_window(page.query);
    let mut from = after.next();
    if !after.is_zero() && from <= head {
        from = record_of(transaction, from).await?;
    }
    while from <= head && !page.is_full() {
        let end = Position::new(from.get() + window);
        let range = KeyRange::bound(&key(from), &key(end), None, Some(true)).map_err(failed)?;
        let records = records::records(transaction.get_all(LOG, range, None)?.await?)?;
        from = records.last().map(Record::end).ok_or_else(|| hole(from))?;
        page.take(records.into_iter().flat_map(|record| record.events));
        window = (window * 2).min(WINDOW.1);
    }
    Ok(())
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
        let records = records::records(transaction.get_all(LOG, range, None)?.await?)?;
        page.take(records.into_iter().rev().flat_map(|record| record.events.into_iter().rev()));
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
    query: &Query,
) -> Result<StreamSlice, StoreError> {
    let version = outbox.heads.get(stream).copied().unwrap_or(head);
    let mut page = Page { query, events: Vec::new() };
    let pending = outbox.events.iter().filter(|event| event.stream_id == *stream);
    if query.backwards {
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
    let last = head.min(page.query.to_version);
    let mut from = page.query.from_version.max(EventVersion::ZERO.next());
    let mut limit = RECORDS.0;
    while from <= last && !page.is_full() {
        let range = stream_range(stream, number(from.get()))?;
        let answer = Answer::of(index.get_all(Some(range.into()), Some(limit)).map_err(failed)?);
        let events = events_of(records::records(answer.await?)?, stream);
        let Some(read) = events.last().map(|event| event.version) else { break };
        from = read.next();
        page.take(events.into_iter());
        limit = (limit * 2).min(RECORDS.1);
    }
    Ok(())
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
