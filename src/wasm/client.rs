//! The store towards JavaScript. Batches and events cross as one JSON text, payloads in it as they are.

use std::cell::RefCell;
use std::sync::Arc;

use event_listener::Event as Wakeup;
use futures_util::future::{self, Either};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::error::StoreError;
use crate::event::{RawEvent, StreamId};
use crate::store::indexeddb::{Durability, IndexedDbBackend};
use crate::store::{Backend, EventStore, FeedSlice, Follower, Replica, Store, StreamSlice};
use crate::version::{Cursor, EventVersion, Position};

use super::batch;
use super::error::{to_js, to_text};
use super::local::LocalBackend;
use super::options::Options;
use super::sync::{SyncHandle, SyncHost};

/// A store of this page.
#[wasm_bindgen]
pub struct LocalStore {
    store: Store<LocalBackend>,
}

impl LocalStore {
    fn over(backend: LocalBackend) -> Self {
        Self { store: Store::over(Arc::new(backend)) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenStream<'a> {
    stream_id: &'a StreamId,
    version: EventVersion,
    events: Vec<RawEvent>,
}

#[derive(Serialize)]
struct WrittenPage {
    cursor: Cursor,
    complete: bool,
    head: Position,
    events: Vec<RawEvent>,
}

impl From<FeedSlice> for WrittenPage {
    fn from(slice: FeedSlice) -> Self {
        let FeedSlice { events, cursor, complete, head } = slice;
        Self { cursor, complete, head, events }
    }
}

#[wasm_bindgen]
impl LocalStore {
    /// Opens a database of the browser; `durability` is `strict` or `relaxed`.
    #[wasm_bindgen(js_name = openIndexedDb)]
    pub async fn open_indexed_db(name: &str, durability: &str) -> Result<LocalStore, JsValue> {
        let durability: Durability = durability.parse().map_err(to_js)?;
        let backend = IndexedDbBackend::open(name, durability).await.map_err(to_js)?;
        Ok(Self::over(LocalBackend::IndexedDb(backend)))
    }

    /// An empty store in memory.
    #[wasm_bindgen(js_name = inMemory)]
    pub fn in_memory() -> LocalStore {
        Self::over(LocalBackend::Memory(Box::default()))
    }

    /// Deletes a database of the browser.
    #[wasm_bindgen(js_name = deleteIndexedDb)]
    pub async fn delete_indexed_db(name: &str) -> Result<(), JsValue> {
        IndexedDbBackend::delete(name).await.map_err(to_js)
    }

    /// An id for an event or a commit that may have to be written again.
    #[wasm_bindgen(js_name = newId)]
    pub fn new_id(&self) -> String {
        self.store.backend().ids().next().to_string()
    }

    /// Writes a batch, given as JSON; answers with what it did, as JSON.
    #[wasm_bindgen(js_name = writeEvents)]
    pub async fn write_events(&self, batch: &str) -> Result<String, JsValue> {
        let batch = batch::read(batch).map_err(to_js)?;
        let written = self.store.write_events(batch).await.map_err(to_js)?;
        to_text(&written)
    }

    /// Reads streams; answers with a JSON array in the order asked for.
    #[wasm_bindgen(js_name = readStreams)]
    pub async fn read_streams(&self, ids: Vec<String>, options: JsValue) -> Result<String, JsValue> {
        let (ids, slices) = self.slices(ids, options).await.map_err(to_js)?;
        let streams = ids
            .iter()
            .zip(slices)
            .map(|(stream_id, StreamSlice { version, events })| WrittenStream { stream_id, version, events });
        to_text(&streams.collect::<Vec<_>>())
    }

    /// Reads a page of the feed; answers with it as JSON.
    #[wasm_bindgen(js_name = readAllEvents)]
    pub async fn read_all_events(&self, options: JsValue) -> Result<String, JsValue> {
        let slice = self.page(options).await.map_err(to_js)?;
        to_text(&WrittenPage::from(slice))
    }

    /// Follows the feed.
    pub async fn subscribe(&self, options: JsValue) -> Result<Subscription, JsValue> {
        let options = Options::read(options).and_then(Options::for_subscribing).map_err(to_js)?;
        let follower = self.store.follow(options).await.map_err(to_js)?;
        Ok(Subscription { follower: RefCell::new(Some(follower)), closed: Wakeup::new() })
    }

    /// Resolves at the next change by anyone.
    pub async fn changed(&self) {
        self.store.backend().listen().await;
    }

    /// What the store is a replica of, as JSON.
    pub async fn state(&self) -> Result<String, JsValue> {
        to_text(&self.store.backend().state().await.map_err(to_js)?)
    }

    /// A sync of this store, not running yet; `config` is JSON.
    pub fn sync(&self, config: &str, host: SyncHost) -> Result<SyncHandle, JsValue> {
        SyncHandle::over(Arc::clone(self.store.backend()), config, host).map_err(to_js)
    }

    /// Lets go of the storage.
    pub fn close(&self) {
        self.store.close();
    }
}

impl LocalStore {
    async fn slices(
        &self,
        ids: Vec<String>,
        options: JsValue,
    ) -> Result<(Vec<StreamId>, Vec<StreamSlice>), StoreError> {
        let ids = ids.iter().map(|id| Ok(id.parse()?)).collect::<Result<Vec<StreamId>, StoreError>>()?;
        let query = self.store.stream_query(Options::read(options)?.for_reading()?).await?;
        let slices = self.store.backend().read_streams(&ids, &query).await?;
        Ok((ids, slices))
    }

    async fn page(&self, options: JsValue) -> Result<FeedSlice, StoreError> {
        let query = self.store.feed_query(Options::read(options)?.for_reading()?).await?;
        self.store.backend().read_feed(&query).await
    }
}

/// A following of the feed.
#[wasm_bindgen]
pub struct Subscription {
    /// Taken while a page is awaited, and for good once the subscription has ended.
    follower: RefCell<Option<Follower<LocalBackend>>>,
    closed: Wakeup,
}

#[wasm_bindgen]
impl Subscription {
    /// The next events as a JSON array of at least one; nothing once it is closed. One call at a time.
    pub async fn next(&self) -> Result<Option<String>, JsValue> {
        let Some(mut follower) = self.follower.borrow_mut().take() else { return Ok(None) };
        let closed = self.closed.listen();
        let read = match future::select(std::pin::pin!(follower.next_page()), closed).await {
            Either::Left((read, _)) => read.map_err(to_js)?,
            Either::Right(_) => return Ok(None),
        };
        *self.follower.borrow_mut() = Some(follower);
        to_text(&read).map(Some)
    }

    /// Ends it; a call of `next` that waits answers with nothing.
    pub fn close(&self) {
        drop(self.follower.borrow_mut().take());
        self.closed.notify(usize::MAX);
    }
}
