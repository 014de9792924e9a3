//! What a reading takes of the records that it comes by: events, or texts for a reader that parses them itself.

use wasm_bindgen::prelude::*;

use super::records::{Lying, Record, number};
use crate::error::StoreError;
use crate::event::{RawEvent, StreamId};
use crate::store::Query;
use crate::version::{EventVersion, Position};

#[wasm_bindgen]
extern "C" {
    /// A reader that parses records itself: see `js/records.ts`.
    #[derive(Clone)]
    pub type Unpacking;

    /// Takes, for a reading, the text of a record, its first position, how many events it holds, and which of them are
    /// wanted, from and to: counted from 1 in the record for the feed, versions for a stream.
    #[wasm_bindgen(method)]
    fn take(this: &Unpacking, reading: u32, text: &JsValue, first: f64, count: f64, from: f64, to: f64);
}

/// Selected events, up to as many as the reader wants.
pub(super) struct Page<'a> {
    pub(super) query: &'a Query,
    pub(super) events: Vec<RawEvent>,
    /// Where the reader parses records itself: who does, and which of its readings this is. A record is handed over as
    /// soon as it is there, so that it is parsed while the browser fetches the next. What they hold precedes `events`.
    unpacking: Option<(Unpacking, u32)>,
    packed_events: usize,
    pub(super) last_packed: Option<Position>,
    /// Where damage ended a page of the feed: the cursor from which the next reading meets it, and names it.
    pub(super) cut: Option<Position>,
}

impl<'a> Page<'a> {
    pub(super) fn new(query: &'a Query, unpacking: Option<(Unpacking, u32)>) -> Self {
        // What selects by content has to be read here.
        let unpacking = unpacking.filter(|_| !query.backwards && !query.selects_by_content());
        Self { query, events: Vec::new(), unpacking, packed_events: 0, last_packed: None, cut: None }
    }

    /// For a reading that selects by more than texts can be packed by.
    pub(super) fn unpacked(self) -> Self {
        Self { unpacking: None, ..self }
    }

    pub(super) fn room(&self) -> usize {
        self.query.max_events.saturating_sub(self.packed_events + self.events.len())
    }

    pub(super) fn is_full(&self) -> bool {
        self.room() == 0
    }

    pub(super) fn take(&mut self, events: impl Iterator<Item = RawEvent>) {
        let room = self.room();
        self.events.extend(events.filter(|event| self.query.wants(event)).take(room));
    }

    /// Takes what a record of the feed holds behind a position; answers with the position of its last event.
    pub(super) fn take_feed(&mut self, record: &Lying, after: Position) -> Result<Position, StoreError> {
        let (first, count) = (record.first()?, record.count()?);
        if self.unpacking.is_none() {
            self.take(Record::read(record)?.events.into_iter());
            return record.last();
        }
        let from = (after.get() + 1).saturating_sub(first.get()) + 1;
        if from <= count {
            let taken = self.pack(record, from, count)?;
            self.last_packed = first.plus(from + taken - 2);
        }
        record.last()
    }

    /// Takes what a record of the feed holds, the last event first; answers with the position of its first.
    pub(super) fn take_feed_backwards(&mut self, record: &Lying) -> Result<Position, StoreError> {
        let record = Record::read(record)?;
        self.take(record.events.into_iter().rev());
        Ok(record.first)
    }

    /// Ends a page of the feed before a fault, if it came that far from where it began.
    pub(super) fn damaged(
        &mut self,
        fault: StoreError,
        began: Position,
        came_to: Position,
    ) -> Result<(), StoreError> {
        if came_to == began && self.events.is_empty() {
            return Err(fault);
        }
        self.cut = Some(came_to);
        Ok(())
    }

    /// Takes the versions of a stream, from one to another, that a record holds; answers with the last it holds.
    pub(super) fn take_stream(
        &mut self,
        record: &Lying,
        stream: &StreamId,
        from: EventVersion,
        to: EventVersion,
    ) -> Result<EventVersion, StoreError> {
        let held = record.last_version(stream)?;
        if self.unpacking.is_none() {
            self.take(events_of(Record::read(record)?, stream).into_iter());
        } else if from <= held.min(to) && !self.is_full() {
            self.pack(record, from.get(), held.min(to).get())?;
        }
        Ok(held)
    }

    /// Takes events of a record that is not read, from one to another; answers how many.
    fn pack(&mut self, record: &Lying, from: u64, to: u64) -> Result<u64, StoreError> {
        let to = to.min(from.saturating_add(self.room() as u64 - 1));
        let taken = to - from + 1;
        self.packed_events += taken as usize;
        let (text, first, count) = record.parts()?;
        if let Some((unpacking, reading)) = &self.unpacking {
            unpacking.take(*reading, &text, first, count, number(from), number(to));
        }
        Ok(taken)
    }
}

pub(super) fn events_of(record: Record, stream: &StreamId) -> Vec<RawEvent> {
    record.events.into_iter().filter(|event| event.stream_id == *stream).collect()
}
