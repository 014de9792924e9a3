//! The stores of apps towards JavaScript.

use std::rc::Rc;
use std::sync::Arc;

use js_sys::{Function, Map, Promise};
use wasm_bindgen::prelude::*;

use crate::event::StreamId;
use crate::event::json::to_text;
use crate::store::indexeddb::{Durability, IndexedDbBackend, Opening, Unpacking};
use crate::store::{Backend, Query, Replica, Store};

use super::error::to_js;
use super::face::{self, Following};
use super::local::LocalBackend;
use super::promise::promise;
use super::sync::{SyncHandle, SyncHost};
use super::writing;

/// A store of this page.
#[wasm_bindgen]
pub struct LocalStore(Rc<Store<LocalBackend>>);

impl LocalStore {
    fn over(backend: LocalBackend) -> Self {
        Self(Rc::new(Store::over(Arc::new(backend))))
    }

    fn share(&self) -> Rc<Store<LocalBackend>> {
        Rc::clone(&self.0)
    }

    fn backend(&self) -> &Arc<LocalBackend> {
        self.0.backend()
    }
}

#[wasm_bindgen]
impl LocalStore {
    /// Opens a database of the browser; `durability` is `strict` or `relaxed`. `blocked` is called where an older
    /// connection is in the way, `emptied` with why the browser has emptied it.
    #[wasm_bindgen(js_name = openIndexedDb, unchecked_return_type = "Promise<LocalStore>")]
    pub fn open_indexed_db(
        name: String,
        durability: String,
        blocked: Option<Function>,
        emptied: Option<Function>,
    ) -> Promise {
        promise(async move {
            let opening = Opening { blocked, emptied };
            let durability: Durability = durability.parse().map_err(to_js)?;
            let backend = IndexedDbBackend::open(&name, durability, opening).await.map_err(to_js)?;
            Ok(Self::over(LocalBackend::IndexedDb(backend)))
        })
    }

    /// An empty store in memory.
    #[wasm_bindgen(js_name = inMemory)]
    pub fn in_memory() -> LocalStore {
        Self::over(LocalBackend::Memory(Box::default(), Map::new()))
    }

    /// Deletes a database of the browser.
    #[wasm_bindgen(js_name = deleteIndexedDb, unchecked_return_type = "Promise<void>")]
    pub fn delete_indexed_db(name: String, blocked: Option<Function>) -> Promise {
        promise(async move {
            IndexedDbBackend::delete(&name, blocked).await.map_err(to_js)?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// An id for an event or a commit that may have to be written again.
    #[wasm_bindgen(js_name = newId)]
    pub fn new_id(&self) -> String {
        self.backend().ids().next().to_string()
    }

    /// Writes batches, a line of JSON each, that stand each for itself; they share a transaction where that is possible.
    /// `answered` is called once with an array of what each did, or why it did not, maybe at once.
    #[wasm_bindgen(js_name = writeEvents)]
    pub fn write_events(
        &self,
        batches: &str,
        #[wasm_bindgen(unchecked_param_type = "(answers: unknown[]) => void")] answered: Function,
    ) {
        writing::write_each(&self.0, batches, answered);
    }

    /// Reads streams; answers with a JSON array in the order asked for. Where `unpacking` is given, it is handed
    /// records, a reading for each stream; their events precede those of the answer.
    #[wasm_bindgen(js_name = readStreams, unchecked_return_type = "Promise<string>")]
    pub fn read_streams(&self, ids: Vec<String>, options: JsValue, unpacking: Option<Unpacking>) -> Promise {
        let store = self.share();
        promise(async move {
            let read = async |log: &LocalBackend, ids: &[StreamId], query: &Query| {
                log.read_streams_packed(ids, query, unpacking).await
            };
            face::read_streams(&store, ids, options, read).await
        })
    }

    /// Reads a page of the feed; answers with it as JSON. Where `unpacking` is given, it is handed records likewise.
    #[wasm_bindgen(js_name = readAllEvents, unchecked_return_type = "Promise<string>")]
    pub fn read_all_events(&self, options: JsValue, unpacking: Option<Unpacking>) -> Promise {
        let store = self.share();
        promise(async move {
            let read = async |log: &LocalBackend, query: &Query| log.read_feed_packed(query, unpacking).await;
            face::read_all_events(&store, options, read).await
        })
    }

    /// Follows the feed.
    #[wasm_bindgen(unchecked_return_type = "Promise<Subscription>")]
    pub fn subscribe(&self, options: JsValue) -> Promise {
        let store = self.share();
        promise(async move { Following::of(&store, options).await.map(Rc::new).map(Subscription) })
    }

    /// Resolves at the next change by anyone.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn changed(&self) -> Promise {
        let change = self.backend().listen();
        promise(async move {
            change.await;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Resolves when the store is closed, with why.
    #[wasm_bindgen(unchecked_return_type = "Promise<unknown>")]
    pub fn closed(&self) -> Promise {
        let store = self.share();
        promise(async move { Ok(to_js(store.backend().closed().await)) })
    }

    /// What was kept beside the log under a name.
    #[wasm_bindgen(js_name = readSnapshot, unchecked_return_type = "Promise<unknown>")]
    pub fn read_snapshot(&self, name: String) -> Promise {
        let store = self.share();
        promise(async move { store.backend().read_snapshot(&name).await.map_err(to_js) })
    }

    /// Keeps a value beside the log under a name; `undefined` removes it.
    #[wasm_bindgen(js_name = writeSnapshot, unchecked_return_type = "Promise<void>")]
    pub fn write_snapshot(&self, name: String, value: JsValue) -> Promise {
        let store = self.share();
        promise(async move {
            store.backend().write_snapshot(&name, &value).await.map_err(to_js)?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// What the store is a replica of, as JSON.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn state(&self) -> Promise {
        let store = self.share();
        promise(async move { Ok(to_text(&store.backend().state().await.map_err(to_js)?)) })
    }

    /// What waits and can be read, and what beside the log cannot, as JSON.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn salvage(&self) -> Promise {
        let store = self.share();
        promise(async move { Ok(to_text(&store.backend().salvage().await.map_err(to_js)?)) })
    }

    /// A sync of this store, not running yet; `config` is JSON.
    pub fn sync(&self, config: &str, host: SyncHost) -> Result<SyncHandle, JsValue> {
        SyncHandle::over(Arc::clone(self.backend()), config, host).map_err(to_js)
    }

    /// Lets go of the storage.
    pub fn close(&self) {
        self.0.close();
    }
}

/// A following of the feed.
#[wasm_bindgen]
pub struct Subscription(Rc<Following<LocalBackend>>);

#[wasm_bindgen]
impl Subscription {
    /// The next events as a JSON array of at least one; nothing once it is closed. One call at a time.
    #[wasm_bindgen(unchecked_return_type = "Promise<string | undefined>")]
    pub fn next(&self) -> Promise {
        let following = Rc::clone(&self.0);
        promise(async move { following.next().await })
    }

    /// Ends it; a call of `next` that waits answers with nothing.
    pub fn close(&self) {
        self.0.close();
    }
}
