//! One stream: the log's records by their index, then what lies in the tail.

use std::collections::HashMap;

use idb::KeyRange;
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};

use super::cache::{Outbox, stream_range};
use super::failure::failed;
use super::page::{Page, events_of};
use super::read::{PIPELINE, ask, records_at};
use super::records::{Lying, Record, number, stream_key};
use super::schema::{BY_STREAM, LOG};
use super::tail::Seen;
use super::transaction::{Answer, Transaction};
use crate::error::StoreError;
use crate::event::StreamId;
use crate::store::{Query, StreamSlice};
use crate::version::EventVersion;

/// Keys of records that are asked for at a time.
const KEYS: u32 = 1_024;

/// The records of a stream that a reading looks into first; asked for, and answered when they are awaited.
pub(super) struct Reading<'a> {
    transaction: &'a Transaction,
    stream: &'a StreamId,
    /// Forwards; backwards it has to be known first where the stream ends.
    keys: Option<Answer>,
    from: EventVersion,
}

impl<'a> Reading<'a> {
    pub(super) fn begin(
        transaction: &'a Transaction,
        stream: &'a StreamId,
        query: &Query,
    ) -> Result<Self, StoreError> {
        let from = query.from_version.max(EventVersion::ZERO.next());
        let keys = match query.backwards {
            true => None,
            false => Some(keys_from(transaction, stream, from, query)?),
        };
        Ok(Self { transaction, stream, keys, from })
    }

    /// What the query selects, of a stream whose confirmed version is given.
    pub(super) async fn slice(
        self,
        seen: &Seen,
        outbox: &Outbox,
        heads: &HashMap<StreamId, EventVersion>,
        page: Page<'_>,
    ) -> Result<StreamSlice, StoreError> {
        // Places are no part of what is packed.
        let mut page = if page.query.after.is_some() { page.unpacked() } else { page };
        let stream = self.stream;
        let head = heads.get(stream).copied().unwrap_or_default();
        let version = outbox.heads.get(stream).copied().unwrap_or(head);
        let pending = outbox.events.iter().filter(|event| event.stream_id == *stream);
        let tail: Vec<&Lying> = seen.records.iter().filter(|record| record.holds(stream).is_some()).collect();
        if page.query.backwards {
            page.take(pending.rev().cloned());
            for record in tail.into_iter().rev() {
                if !page.is_full() {
                    page.take(events_of(Record::read(record)?, stream).into_iter().rev());
                }
            }
            self.backwards(head, &mut page).await?;
        } else {
            self.forwards(&tail, head, &mut page).await?;
            page.take(pending.cloned());
        }
        Ok(StreamSlice { version, events: page.events })
    }

    async fn forwards(
        self,
        tail: &[&Lying],
        head: EventVersion,
        page: &mut Page<'_>,
    ) -> Result<(), StoreError> {
        let last = head.min(page.query.to_version);
        let (mut from, mut keys) = (self.from, self.keys);
        while let Some(asked) = keys.take()
            && from <= last
            && !page.is_full()
        {
            let some: Vec<JsValue> = asked.await?.unchecked_into::<Array>().into_iter().collect();
            let is_last = (some.len() as u32) < limit(page.query);
            // As many as may be needed at first, and then more: records hold several events of a stream, mostly.
            let mut chunk = (page.room() / 64).clamp(1, PIPELINE);
            let mut rest = some.as_slice();
            while !rest.is_empty() && from <= last && !page.is_full() {
                let (now, later) = rest.split_at(chunk.min(rest.len()));
                for answer in ask(self.transaction, now)? {
                    let record = Lying::of(answer.await?)?;
                    from = page.take_stream(&record, self.stream, from, last)?.next();
                }
                (rest, chunk) = (later, PIPELINE);
            }
            if !is_last {
                keys = Some(keys_from(self.transaction, self.stream, from, page.query)?);
            }
        }
        for record in tail {
            if from <= last && !page.is_full() {
                let held = record.last_version(self.stream)?;
                if held >= from {
                    from = page.take_stream(record, self.stream, from, last)?.next();
                }
            }
        }
        Ok(())
    }

    async fn backwards(self, head: EventVersion, page: &mut Page<'_>) -> Result<(), StoreError> {
        let mut to = page.query.to_version.min(head);
        if self.from > to || page.is_full() {
            return Ok(());
        }
        // The record that holds the last of them, and those whose last version is below, some at a time.
        let last = stream_range(self.stream, number(to.get()))?;
        let mut keys = self.keys_of(last, Some(1)).await?;
        loop {
            let room = page.room() as u64;
            let from = self.from.max(EventVersion::new(to.get().saturating_sub(room)));
            if from < to {
                let range = versions(self.stream, from, to)?;
                keys.splice(..0, self.keys_of(range, None).await?);
            }
            while !keys.is_empty() && !page.is_full() {
                let chunk = (page.room() / 64).clamp(1, PIPELINE);
                let some = keys.split_off(keys.len().saturating_sub(chunk));
                for record in records_at(self.transaction, &some).await?.iter().rev() {
                    page.take(events_of(Record::read(record)?, self.stream).into_iter().rev());
                }
            }
            if page.is_full() || from == self.from {
                return Ok(());
            }
            to = from;
        }
    }

    async fn keys_of(&self, range: KeyRange, limit: Option<u32>) -> Result<Vec<JsValue>, StoreError> {
        let index = self.transaction.index(LOG, BY_STREAM)?;
        let keys = Answer::of(index.get_all_keys(Some(range.into()), limit).map_err(failed)?);
        Ok(keys.await?.unchecked_into::<Array>().into_iter().collect())
    }
}

/// The records whose last version of a stream is one of these, the last excluded.
fn versions(stream: &StreamId, from: EventVersion, end: EventVersion) -> Result<KeyRange, StoreError> {
    let (lower, upper) = (stream_key(stream, number(from.get())), stream_key(stream, number(end.get())));
    KeyRange::bound(&lower, &upper, None, Some(true)).map_err(failed)
}

/// How many keys are asked for at a time: no more than there are events wanted.
fn limit(query: &Query) -> u32 {
    KEYS.min(u32::try_from(query.max_events).unwrap_or(u32::MAX)).max(1)
}

fn keys_from(
    transaction: &Transaction,
    stream: &StreamId,
    from: EventVersion,
    query: &Query,
) -> Result<Answer, StoreError> {
    let range = stream_range(stream, number(from.get()))?;
    let index = transaction.index(LOG, BY_STREAM)?;
    Ok(Answer::of(index.get_all_keys(Some(range.into()), Some(limit(query))).map_err(failed)?))
}
