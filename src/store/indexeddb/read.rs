//! Readings: streams, the feed, an event by the moment of its id.
//!
//! Each is one transaction, so one moment; none reads more of the log than it needs, by more than a few records.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::{self, FutureExt, LocalBoxFuture};
use idb::KeyRange;
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};

use super::Inner;
use super::cache::Outbox;
use super::failure::failed;
use super::feed::{self, Window};
use super::page::{Page, Unpacking};
use super::records::{Lying, Record, insert, moment, number};
use super::schema::{BY_MOMENT, LOG};
use super::streams::Reading;
use super::tail::Seen;
use super::transaction::{self, Answer, Transaction};
use crate::error::StoreError;
use crate::event::{EventId, Place, RawEvent, StreamId};
use crate::store::{FeedSlice, Query, StreamSlice};
use crate::version::{EventVersion, Position};

/// Requests that are under way at a time.
pub(super) const PIPELINE: usize = 64;

impl Inner {
    /// With `unpacking`, records are handed to it as they are, a reading for each stream; see [`Page`].
    pub(super) async fn read_streams(
        &self,
        streams: &[StreamId],
        query: &Query,
        unpacking: Option<&Unpacking>,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        let transaction = self.begin_read().await?;
        let readings = streams.iter().map(|stream| Reading::begin(&transaction, stream, query));
        let readings = readings.collect::<Result<Vec<_>, _>>()?;
        let seen = self.look(&transaction).await?;
        let outbox = self.pending(&transaction, &seen, query).await?;
        let heads = self.heads(&transaction, &seen, &mut streams.iter()).await?;
        let slices = (0..).zip(readings).map(|(number, reading)| {
            let page = Page::new(query, unpacking.map(|unpacking| (unpacking.clone(), number)));
            reading.slice(&seen, &outbox, &heads, page).boxed_local()
        });
        together(slices.collect()).await
    }

    /// With `unpacking`, records are handed to it as they are; see [`Page`].
    pub(super) async fn read_feed(
        &self,
        query: &Query,
        unpacking: Option<&Unpacking>,
    ) -> Result<FeedSlice, StoreError> {
        let transaction = self.begin_read().await?;
        let after = query.after.and_then(Place::position);
        let is_forwards = !query.backwards && !matches!(query.after, Some(Place::Pending(_)));
        // Asked for together with the tail.
        let window = is_forwards.then(|| Window::first(&transaction, query, after.unwrap_or_default()));
        let seen = self.look(&transaction).await?;
        let outbox = self.pending(&transaction, &seen, query).await?;
        let mut page = Page::new(query, unpacking.map(|unpacking| (unpacking.clone(), 0)));
        if query.from_version > EventVersion::ZERO.next() || query.to_version < EventVersion::MAX {
            page = page.unpacked();
        }
        if query.backwards {
            page.take(outbox.events.iter().rev().cloned());
            feed::backwards(&transaction, after.unwrap_or(Position::MAX), &seen, &mut page).await?;
        } else {
            if let Some(window) = window {
                feed::forwards(&transaction, window?, after.unwrap_or_default(), &seen, &mut page).await?;
            }
            if page.cut.is_none() {
                page.take(outbox.events.iter().cloned());
            }
        }
        let (last, is_full, cut) = (page.last_packed, page.is_full(), page.cut);
        let mut slice = FeedSlice::of(page.events, query, seen.state.head);
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
        let transaction = self.begin_read().await?;
        let seen = self.look(&transaction).await?;
        let outbox = self.outbox(&transaction, &seen).await?;
        if let Some(pending) = outbox.events.iter().find(|event| event.id == id) {
            return Ok(Some(pending.place));
        }
        let stored = self.stored(&transaction, &seen, &HashSet::from([id])).await?;
        Ok(stored.get(&id).map(|event| event.place))
    }

    /// The confirmed events with these ids.
    pub(super) async fn stored(
        &self,
        transaction: &Transaction,
        seen: &Seen,
        ids: &HashSet<EventId>,
    ) -> Result<HashMap<EventId, RawEvent>, StoreError> {
        let mut found = HashMap::new();
        if !ids.is_empty() {
            for record in &seen.records {
                let events = Record::read(record)?.events.into_iter();
                found.extend(events.filter(|event| ids.contains(&event.id)).map(|event| (event.id, event)));
            }
        }
        let mut moments = Vec::new();
        ids.iter().for_each(|id| insert(&mut moments, moment(*id)));
        let (Some(first), Some(last)) = (moments.first(), moments.last()) else { return Ok(found) };
        let index = transaction.index(LOG, BY_MOMENT)?;
        // Ids that are new to the store, the usual case, are mostly of moments that it knows nothing of.
        let range = KeyRange::bound(&number(*first).into(), &number(*last).into(), None, None);
        if Answer::of(index.get_key(range.map_err(failed)?).map_err(failed)?).await?.is_undefined() {
            return Ok(found);
        }
        let mut keys = Vec::new();
        for some in moments.chunks(PIPELINE) {
            let answers = some.iter().map(|moment| {
                let range = KeyRange::only(&number(*moment).into()).map_err(failed)?;
                Ok(Answer::of(index.get_all_keys(Some(range.into()), None).map_err(failed)?))
            });
            for answer in transaction::all(answers.collect::<Result<_, StoreError>>()?).await? {
                let some = answer.unchecked_into::<Array>().into_iter();
                some.filter_map(|key| key.as_f64()).for_each(|key| insert(&mut keys, key as u64));
            }
        }
        let keys: Vec<JsValue> = keys.into_iter().map(|key| number(key).into()).collect();
        for some in keys.chunks(PIPELINE) {
            for record in records_at(transaction, some).await? {
                let events = Record::read(&record)?.events.into_iter();
                found.extend(events.filter(|event| ids.contains(&event.id)).map(|event| (event.id, event)));
            }
        }
        Ok(found)
    }

    async fn pending(
        &self,
        transaction: &Transaction,
        seen: &Rc<Seen>,
        query: &Query,
    ) -> Result<Rc<Outbox>, StoreError> {
        match query.pending {
            true => self.outbox(transaction, seen).await,
            false => Ok(Rc::default()),
        }
    }
}

/// What readings answer that go on at the same time, as many as requests do. (That of `futures` is made for many more, and
/// so large to download.)
async fn together(
    readings: Vec<LocalBoxFuture<'_, Result<StreamSlice, StoreError>>>,
) -> Result<Vec<StreamSlice>, StoreError> {
    let mut slices = Vec::with_capacity(readings.len());
    let mut readings = readings.into_iter();
    loop {
        let mut some: Vec<_> = readings.by_ref().take(PIPELINE).map(future::maybe_done).collect();
        if some.is_empty() {
            return Ok(slices);
        }
        future::poll_fn(|context| {
            let is_done = |one: &mut future::MaybeDone<_>| Pin::new(one).poll(context).is_ready();
            // Each is asked, whatever the one before it says.
            match some.iter_mut().map(is_done).filter(|is_done| !is_done).count() {
                0 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
        for one in &mut some {
            slices.extend(Pin::new(one).take_output().transpose()?);
        }
    }
}

/// The records with these keys.
pub(super) async fn records_at(
    transaction: &Transaction,
    keys: &[JsValue],
) -> Result<Vec<Lying>, StoreError> {
    transaction::all(ask(transaction, keys)?).await?.into_iter().map(Lying::of).collect()
}

/// Asks for the records with these keys.
pub(super) fn ask(transaction: &Transaction, keys: &[JsValue]) -> Result<Vec<Answer>, StoreError> {
    keys.iter().map(|key| transaction.get(LOG, key)).collect()
}
