//! What every store does towards JavaScript, whatever it is made of. Batches and events cross as one JSON text,
//! payloads in it as they are.

use std::cell::RefCell;
use std::pin::pin;

use event_listener::Event as Wakeup;
use futures_util::future::{self, Either};
use wasm_bindgen::JsValue;

use crate::error::StoreError;
use crate::event::json::{encode_members, to_text};
use crate::event::{RawEvent, StreamId};
use crate::store::{Backend, FeedSlice, Follower, Query, Store, StreamSlice};
use crate::version::{Cursor, EventVersion, Position};

#[cfg(feature = "endpoint")]
use super::batch;
use super::error::to_js;
use super::options::Options;

struct WrittenStream<'a> {
    stream_id: &'a StreamId,
    version: EventVersion,
    events: Vec<RawEvent>,
}

encode_members!(WrittenStream<'_> { stream_id: "streamId", version: "version", events: "events" });

struct WrittenPage {
    cursor: Cursor,
    complete: bool,
    head: Position,
    events: Vec<RawEvent>,
}

encode_members!(WrittenPage { cursor: "cursor", complete: "complete", head: "head", events: "events" });

impl From<FeedSlice> for WrittenPage {
    fn from(slice: FeedSlice) -> Self {
        let FeedSlice { events, cursor, complete, head } = slice;
        Self { cursor, complete, head, events }
    }
}

/// Writes a batch, given as JSON; answers with what it did, as JSON.
#[cfg(feature = "endpoint")]
pub(super) async fn write_events<B: Backend>(store: &Store<B>, batch: &str) -> Result<String, JsValue> {
    let batch = batch::read(batch).map_err(to_js)?;
    let written = store.write(batch).await.map_err(to_js)?;
    Ok(to_text(&written))
}

/// Reads streams by `read`; answers with a JSON array in the order asked for.
pub(super) async fn read_streams<B: Backend>(
    store: &Store<B>,
    ids: Vec<String>,
    options: JsValue,
    read: impl AsyncFnOnce(&B, &[StreamId], &Query) -> Result<Vec<StreamSlice>, StoreError>,
) -> Result<String, JsValue> {
    let ids = ids.iter().map(|id| Ok(id.parse()?)).collect::<Result<Vec<StreamId>, StoreError>>();
    let ids = ids.map_err(to_js)?;
    let options = Options::read(options).map_err(to_js)?.for_reading();
    let query = store.stream_query(options).await.map_err(to_js)?;
    let slices = read(store.backend(), &ids, &query).await.map_err(to_js)?;
    let streams = ids.iter().zip(slices).map(|(stream_id, StreamSlice { version, events })| WrittenStream {
        stream_id,
        version,
        events,
    });
    Ok(to_text(&streams.collect::<Vec<_>>()))
}

/// Reads a page of the feed by `read`; answers with it as JSON.
pub(super) async fn read_all_events<B: Backend>(
    store: &Store<B>,
    options: JsValue,
    read: impl AsyncFnOnce(&B, &Query) -> Result<FeedSlice, StoreError>,
) -> Result<String, JsValue> {
    let options = Options::read(options).map_err(to_js)?.for_reading();
    let query = store.feed_query(options).await.map_err(to_js)?;
    let slice = read(store.backend(), &query).await.map_err(to_js)?;
    Ok(to_text(&WrittenPage::from(slice)))
}

/// A following of the feed.
pub(super) struct Following<B> {
    /// Taken while a page is awaited, and for good once the following has ended.
    follower: RefCell<Option<Follower<B>>>,
    closed: Wakeup,
}

impl<B: Backend> Following<B> {
    pub(super) async fn of(store: &Store<B>, options: JsValue) -> Result<Self, JsValue> {
        let options = Options::read(options).map_err(to_js)?.for_subscribing();
        let follower = store.follow(options).await.map_err(to_js)?;
        Ok(Self { follower: RefCell::new(Some(follower)), closed: Wakeup::new() })
    }

    /// The next events as a JSON array of at least one; nothing once it is closed. One call at a time.
    pub(super) async fn next(&self) -> Result<Option<String>, JsValue> {
        let Some(mut follower) = self.follower.borrow_mut().take() else { return Ok(None) };
        let closed = self.closed.listen();
        let read = match future::select(pin!(follower.next_page()), closed).await {
            Either::Left((read, _)) => read.map_err(to_js)?,
            Either::Right(_) => return Ok(None),
        };
        *self.follower.borrow_mut() = Some(follower);
        Ok(Some(to_text(&read)))
    }

    /// Ends it; a call of `next` that waits answers with nothing.
    pub(super) fn close(&self) {
        drop(self.follower.borrow_mut().take());
        self.closed.notify(usize::MAX);
    }
}
