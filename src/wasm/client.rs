//! The stores of apps towards JavaScript.

use std::sync::Arc;

use js_sys::{Array, Function, Map};
use wasm_bindgen::prelude::*;

use crate::event::StreamId;
use crate::event::json::to_text;
use crate::store::indexeddb::{Durability, IndexedDbBackend};
use crate::store::{Backend, Query, Replica, Store};

use super::error::to_js;
use super::face::{self, Following};
use super::local::LocalBackend;
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

#[wasm_bindgen]
impl LocalStore {
    /// Opens a database of the browser; `durability` is `strict` or `relaxed`. `blocked` is called where an older
    /// connection is in the way.
    #[wasm_bindgen(js_name = openIndexedDb)]
    pub async fn open_indexed_db(
        name: &str,
        durability: &str,
        blocked: Option<Function>,
    ) -> Result<LocalStore, JsValue> {
        let durability: Durability = durability.parse().map_err(to_js)?;
        let backend = IndexedDbBackend::open(name, durability, blocked).await.map_err(to_js)?;
        Ok(Self::over(LocalBackend::IndexedDb(backend)))
    }

    /// An empty store in memory.
    #[wasm_bindgen(js_name = inMemory)]
    pub fn in_memory() -> LocalStore {
        Self::over(LocalBackend::Memory(Box::default(), Map::new()))
    }

    /// Deletes a database of the browser.
    #[wasm_bindgen(js_name = deleteIndexedDb)]
    pub async fn delete_indexed_db(name: &str, blocked: Option<Function>) -> Result<(), JsValue> {
        IndexedDbBackend::delete(name, blocked).await.map_err(to_js)
    }

    /// An id for an event or a commit that may have to be written again.
    #[wasm_bindgen(js_name = newId)]
    pub fn new_id(&self) -> String {
        self.store.backend().ids().next().to_string()
    }

    /// Writes a batch, given as JSON; answers with what it did, as JSON.
    #[wasm_bindgen(js_name = writeEvents)]
    pub async fn write_events(&self, batch: &str) -> Result<String, JsValue> {
        face::write_events(&self.store, batch).await
    }

    /// Reads streams; answers with a JSON array in the order asked for. Where `packed` is given, an array per
    /// stream is put there of records that `js/records.ts` reads; their events precede those of the answer.
    #[wasm_bindgen(js_name = readStreams)]
    pub async fn read_streams(
        &self,
        ids: Vec<String>,
        options: JsValue,
        packed: Option<Array>,
    ) -> Result<String, JsValue> {
        let read = async |log: &LocalBackend, ids: &[StreamId], query: &Query| {
            log.read_streams_packed(ids, query, packed).await
        };
        face::read_streams(&self.store, ids, options, read).await
    }

    /// Reads a page of the feed; answers with it as JSON. Where `packed` is given, records are put there.
    #[wasm_bindgen(js_name = readAllEvents)]
    pub async fn read_all_events(&self, options: JsValue, packed: Option<Array>) -> Result<String, JsValue> {
        let read = async |log: &LocalBackend, query: &Query| log.read_feed_packed(query, packed).await;
        face::read_all_events(&self.store, options, read).await
    }

    /// Follows the feed.
    pub async fn subscribe(&self, options: JsValue) -> Result<Subscription, JsValue> {
        Following::of(&self.store, options).await.map(Subscription)
    }

    /// Resolves at the next change by anyone.
    pub async fn changed(&self) {
        self.store.backend().listen().await;
    }

    /// Resolves when the store is closed, with why.
    pub async fn closed(&self) -> JsValue {
        to_js(self.store.backend().closed().await)
    }

    /// What was kept beside the log under a name.
    #[wasm_bindgen(js_name = readSnapshot)]
    pub async fn read_snapshot(&self, name: &str) -> Result<JsValue, JsValue> {
        self.store.backend().read_snapshot(name).await.map_err(to_js)
    }

    /// Keeps a value beside the log under a name; `undefined` removes it.
    #[wasm_bindgen(js_name = writeSnapshot)]
    pub async fn write_snapshot(&self, name: &str, value: JsValue) -> Result<(), JsValue> {
        self.store.backend().write_snapshot(name, &value).await.map_err(to_js)
    }

    /// What the store is a replica of, as JSON.
    pub async fn state(&self) -> Result<String, JsValue> {
        Ok(to_text(&self.store.backend().state().await.map_err(to_js)?))
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

/// A following of the feed.
#[wasm_bindgen]
pub struct Subscription(Following<LocalBackend>);

#[wasm_bindgen]
impl Subscription {
    /// The next events as a JSON array of at least one; nothing once it is closed. One call at a time.
    pub async fn next(&self) -> Result<Option<String>, JsValue> {
        self.0.next().await
    }

    /// Ends it; a call of `next` that waits answers with nothing.
    pub fn close(&self) {
        self.0.close();
    }
}
