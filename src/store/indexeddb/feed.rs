//! The feed: windows of positions of the log, then what lies in the tail.

use idb::KeyRange;
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::IdbCursor;

use super::failure::{failed, thrown};
use super::page::Page;
use super::read::{PIPELINE, ask};
use super::records::{Lying, SEGMENT, number};
use super::schema::LOG;
use super::tail::Seen;
use super::transaction::{Answer, Transaction, all};
use crate::error::StoreError;
use crate::store::Query;
use crate::version::Position;

/// Positions that are looked for at first, at least, and later, at most, at a time.
const WINDOW: (u64, u64) = (64, 4_096);
/// Records of fewer events than this, on average, are read together and not one by one.
const SMALL: usize = 16;

/// A part of the log: its records' keys are asked for, and are answered when they are awaited.
pub(super) struct Window {
    from: Position,
    /// The position behind it.
    end: Position,
    keys: Answer,
}

impl Window {
    /// The first that a reading forwards looks into.
    pub(super) fn first(
        transaction: &Transaction,
        query: &Query,
        after: Position,
    ) -> Result<Self, StoreError> {
        Self::behind(transaction, after, first_width(query))
    }

    fn behind(transaction: &Transaction, after: Position, width: u64) -> Result<Self, StoreError> {
        let from = after.next();
        Self::between(transaction, from, Position::new(from.get() + width))
    }

    fn before(transaction: &Transaction, end: Position, width: u64) -> Result<Self, StoreError> {
        Self::between(transaction, Position::new(end.get().saturating_sub(width).max(1)), end)
    }

    fn between(transaction: &Transaction, from: Position, end: Position) -> Result<Self, StoreError> {
        // The first record that holds one of these positions begins not farther before them than a record is long.
        let start = Position::new((from.get() + 1).saturating_sub(SEGMENT as u64));
        let keys = transaction.get_all_keys(LOG, range(start, end)?, None)?;
        Ok(Self { from, end, keys })
    }

    const fn width(&self) -> u64 {
        self.end.get() - self.from.get()
    }

    /// The keys of the records that hold these positions, in order.
    async fn keys(self) -> Result<Vec<f64>, StoreError> {
        let keys = self.keys.await?.unchecked_into::<Array>();
        let mut keys: Vec<f64> = keys.iter().filter_map(|key| key.as_f64()).collect();
        let from = number(self.from.get());
        let first = keys.iter().rposition(|key| *key <= from).ok_or_else(|| hole(self.from))?;
        keys.drain(..first);
        Ok(keys)
    }
}

/// The confirmed events behind a position; `window` is the first, opened in the same transaction.
pub(super) async fn forwards(
    transaction: &Transaction,
    mut window: Window,
    after: Position,
    seen: &Seen,
    page: &mut Page<'_>,
) -> Result<(), StoreError> {
    // The last position that was looked at.
    let mut last = after;
    while last < seen.state.folded && !page.is_full() {
        let (end, width) = (window.end, window.width());
        let keys = match window.keys().await {
            Ok(keys) => keys,
            Err(fault) => return page.damaged(fault, after, last),
        };
        let before = last;
        for some in keys.chunks(PIPELINE) {
            for answer in records_of(transaction, some, end)? {
                for value in values(answer.await?) {
                    if page.is_full() {
                        return Ok(());
                    }
                    match Lying::of(value).and_then(|record| page.take_feed(&record, after)) {
                        Ok(position) => last = position,
                        Err(fault) => return page.damaged(fault, after, last),
                    }
                }
            }
        }
        if last <= before {
            return page.damaged(hole(before.next()), after, before);
        }
        window = Window::behind(transaction, last, (width * 2).min(WINDOW.1))?;
    }
    for record in &seen.records {
        if page.is_full() {
            return Ok(());
        }
        if record.last()? > after {
            match page.take_feed(record, after) {
                Ok(position) => last = position,
                Err(fault) => return page.damaged(fault, after, last),
            }
        }
    }
    Ok(())
}

/// The confirmed events before a position, the last first.
pub(super) async fn backwards(
    transaction: &Transaction,
    before: Position,
    seen: &Seen,
    page: &mut Page<'_>,
) -> Result<(), StoreError> {
    let before = before.min(seen.state.head.next());
    let mut end = before;
    for record in seen.records.iter().rev() {
        if page.is_full() {
            return Ok(());
        }
        if record.first()? < before {
            match page.take_feed_backwards(record) {
                Ok(first) => end = first,
                Err(fault) => return page.damaged(fault, before, end),
            }
        }
    }
    let mut width = first_width(page.query);
    while end > Position::ZERO.next() && !page.is_full() {
        let keys = match Window::before(transaction, end, width)?.keys().await {
            Ok(keys) => keys,
            Err(fault) => return page.damaged(fault, before, end),
        };
        let limit = end;
        for some in keys.rchunks(PIPELINE) {
            let answers = all(records_of(transaction, some, limit)?).await?;
            for value in answers.into_iter().rev().flat_map(|answer| values(answer).into_iter().rev()) {
                if page.is_full() {
                    return Ok(());
                }
                match Lying::of(value).and_then(|record| page.take_feed_backwards(&record)) {
                    Ok(first) => end = first,
                    Err(fault) => return page.damaged(fault, before, end),
                }
            }
        }
        if end >= limit {
            return page.damaged(hole(limit), before, limit);
        }
        width = (width * 2).min(WINDOW.1);
    }
    Ok(())
}

fn first_width(query: &Query) -> u64 {
    (query.max_events as u64).clamp(WINDOW.0, WINDOW.1)
}

/// Asks for the records with these keys, which follow each other below `end`, one by one or together; see [`values`].
fn records_of(transaction: &Transaction, keys: &[f64], end: Position) -> Result<Vec<Answer>, StoreError> {
    match keys {
        [first, .., last] if last - first < (keys.len() * SMALL) as f64 => {
            let range = range(Position::new(*first as u64), end)?;
            Ok(vec![transaction.get_all(LOG, range, Some(keys.len() as u32))?])
        }
        _ => ask(transaction, &keys.iter().map(|key| (*key).into()).collect::<Vec<JsValue>>()),
    }
}

/// What an answer holds: one record, or those that were asked for together.
fn values(answer: JsValue) -> Vec<JsValue> {
    match Array::is_array(&answer) {
        true => answer.unchecked_into::<Array>().to_vec(),
        false => vec![answer],
    }
}

/// The first position of the record that holds this one.
pub(super) async fn record_of(transaction: &Transaction, position: Position) -> Result<Position, StoreError> {
    let range = KeyRange::upper_bound(&key(position), None).map_err(failed)?;
    let cursor = transaction.last_key(LOG, range)?.await?;
    let Some(cursor) = cursor.dyn_ref::<IdbCursor>() else { return Err(hole(position)) };
    let first = cursor.key().map_err(|error| thrown(&error))?.as_f64();
    first.map(|first| Position::new(first as u64)).ok_or_else(|| hole(position))
}

/// The keys of records that begin at these positions, the last excluded.
pub(super) fn range(from: Position, end: Position) -> Result<KeyRange, StoreError> {
    KeyRange::bound(&key(from), &key(end), None, Some(true)).map_err(failed)
}

fn hole(position: Position) -> StoreError {
    StoreError::StorageCorrupt(format!("{LOG} has no record of position {position}"))
}

fn key(position: Position) -> JsValue {
    number(position.get()).into()
}
