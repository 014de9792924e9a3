//! One transaction of IndexedDB. A write that is dropped before it is committed is aborted, and one that is
//! aborted has failed: `idb` guarantees neither.
//!
//! The browser ends a transaction as soon as it waits for nothing: while one is open, await its requests only.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_channel::oneshot;
use futures_util::FutureExt;
use idb::{CursorDirection, KeyRange, ObjectStore, Query};
use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;
use web_sys::{DomException, Event, IdbDatabase, IdbRequest, IdbTransaction};

use super::Durability;
use super::failure::{failed, thrown};
use super::schema::STORES;
use crate::error::StoreError;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = IdbDatabase)]
    type Database;

    // `idb` opens transactions without options.
    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn begin(
        this: &Database,
        stores: &Array,
        mode: &str,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;
}

/// A transaction over all stores, or some.
pub(super) struct Transaction {
    /// Taken when it ends.
    inner: Option<idb::Transaction>,
    /// Of a write: resolves when it is complete or aborted.
    end: Option<oneshot::Receiver<Result<Committed, StoreError>>>,
}

/// How a commit ended.
pub(super) enum Committed {
    Done,
    /// Nothing is written, and this is why; which browsers do not agree on where a key was taken.
    Aborted(StoreError),
}

impl Transaction {
    /// A transaction that only reads; it ends by itself.
    pub(super) fn read(database: &IdbDatabase) -> Result<Self, StoreError> {
        Self::over(database, &STORES, None)
    }

    /// A transaction that writes when it is committed.
    pub(super) fn write(database: &IdbDatabase, durability: Durability) -> Result<Self, StoreError> {
        Self::over(database, &STORES, Some(durability))
    }

    /// A transaction over some stores; one that writes has a durability.
    pub(super) fn over(
        database: &IdbDatabase,
        stores: &[&str],
        durability: Option<Durability>,
    ) -> Result<Self, StoreError> {
        let Some(durability) = durability else {
            return Ok(Self { inner: Some(begin(database, stores, "readonly", &Object::new())?), end: None });
        };
        let options = Object::new();
        // A plain object takes every property.
        let _ = js_sys::Reflect::set(&options, &"durability".into(), &durability.name().into());
        let mut transaction = begin(database, stores, "readwrite", &options)?;
        let (ended, end) = oneshot::channel();
        let ended = std::rc::Rc::new(std::cell::Cell::new(Some(ended)));
        let aborted = std::rc::Rc::clone(&ended);
        transaction.on_complete(move |_| {
            let _ = ended.take().map(|ended| ended.send(Ok(Committed::Done)));
        });
        transaction.on_abort(move |event| {
            let _ = aborted.take().map(|ended| ended.send(Ok(Committed::Aborted(reason(&event)))));
        });
        Ok(Self { inner: Some(transaction), end: Some(end) })
    }

    /// Persists what was written, as durably as was asked for; under way at once, ended when it is awaited.
    ///
    /// # Errors
    /// Where it cannot be begun, or it is not known how it ended.
    pub(super) fn commit(
        mut self,
    ) -> Result<impl Future<Output = Result<Committed, StoreError>>, StoreError> {
        let (Some(transaction), Some(end)) = (self.inner.take(), self.end.take()) else {
            return Err(StoreError::Internal("a transaction that reads cannot be committed".into()));
        };
        // What is dropped from here on may still be persisted, but never by half.
        self.inner = Some(match commits_by_itself() {
            true => transaction,
            false => transaction.commit().map_err(failed)?,
        });
        Ok(async move {
            let _transaction = self;
            end.await.unwrap_or_else(|_| Err(StoreError::Internal("a transaction ended unheard".into())))
        })
    }

    pub(super) fn get(&self, store: &str, key: &JsValue) -> Result<Answer, StoreError> {
        Ok(Answer::of(self.store(store)?.get(key.clone()).map_err(|error| self.fault(error))?))
    }

    /// The keys of a range, in their order.
    pub(super) fn get_all_keys(
        &self,
        store: &str,
        range: KeyRange,
        limit: Option<u32>,
    ) -> Result<Answer, StoreError> {
        Ok(Answer::of(self.store(store)?.get_all_keys(Some(range.into()), limit).map_err(failed)?))
    }

    /// The values of a range of keys, in their order.
    pub(super) fn get_all(
        &self,
        store: &str,
        range: KeyRange,
        limit: Option<u32>,
    ) -> Result<Answer, StoreError> {
        Ok(Answer::of(self.store(store)?.get_all(Some(range.into()), limit).map_err(failed)?))
    }

    /// A cursor on the last key of a range, or null.
    pub(super) fn last_key(&self, store: &str, range: KeyRange) -> Result<Answer, StoreError> {
        let direction = Some(CursorDirection::Prev);
        Ok(Answer::of(self.store(store)?.open_key_cursor(Some(range.into()), direction).map_err(failed)?))
    }

    pub(super) fn index(&self, store: &str, index: &str) -> Result<idb::Index, StoreError> {
        self.store(store)?.index(index).map_err(failed)
    }

    /// Writes a value; a failure aborts the transaction and is what its commit answers.
    pub(super) fn put(&self, store: &str, key: &JsValue, value: &JsValue) -> Result<(), StoreError> {
        self.store(store)?.put(value, Some(key)).map(drop).map_err(|error| self.fault(error))
    }

    /// Writes a value under a key that must be free.
    pub(super) fn add(&self, store: &str, key: &JsValue, value: &JsValue) -> Result<(), StoreError> {
        self.store(store)?.add(value, Some(key)).map(drop).map_err(|error| self.fault(error))
    }

    /// Deletes what lies under a key, or a range of keys.
    pub(super) fn delete(&self, store: &str, keys: impl Into<Query>) -> Result<(), StoreError> {
        self.store(store)?.delete(keys.into()).map(drop).map_err(failed)
    }

    pub(super) fn clear(&self, store: &str) -> Result<(), StoreError> {
        self.store(store)?.clear().map(drop).map_err(failed)
    }

    /// Why a request could not be made: because the transaction is aborted already, where it is, and else its own
    /// fault.
    fn fault(&self, error: idb::Error) -> StoreError {
        let aborted = self.inner.as_ref().and_then(idb::Transaction::error);
        aborted.map_or_else(|| failed(error), |why| thrown(&why))
    }

    fn store(&self, name: &str) -> Result<ObjectStore, StoreError> {
        match &self.inner {
            Some(transaction) => transaction.object_store(name).map_err(|error| self.fault(error)),
            None => Err(StoreError::Internal("a transaction is over".into())),
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(transaction) = self.inner.take() else { return };
        let raw = IdbTransaction::from(transaction);
        raw.set_oncomplete(None);
        raw.set_onabort(None);
        if self.end.is_some() {
            // Refused where it is over already, which is as good.
            let _ = raw.abort();
        }
    }
}

/// Whether a transaction is left to commit by itself, when all of its requests are done: that takes a moment longer,
/// and in other browsers than Chromium it is the only sound way. In Firefox (seen in 153) one that is committed before
/// completes without a large value for which there was no room: half of it is written, and nobody is told. In WebKit
/// (seen in 2.50) one that a worker committed just before it was terminated stays open, and whoever wants to write
/// waits for it for ever.
fn commits_by_itself() -> bool {
    thread_local!(static IS_CHROMIUM: bool = is_chromium());
    IS_CHROMIUM.with(|is_chromium| !is_chromium)
}

fn is_chromium() -> bool {
    let navigator = js_sys::Reflect::get(&js_sys::global(), &"navigator".into());
    let agent = navigator.and_then(|navigator| js_sys::Reflect::get(&navigator, &"userAgent".into()));
    agent.ok().and_then(|agent| agent.as_string()).is_some_and(|agent| agent.contains("Chrome/"))
}

fn begin(
    database: &IdbDatabase,
    stores: &[&str],
    mode: &str,
    options: &Object,
) -> Result<idb::Transaction, StoreError> {
    let stores: Array = stores.iter().copied().map(JsValue::from).collect();
    let transaction = database.unchecked_ref::<Database>().begin(&stores, mode, options);
    transaction.map(Into::into).map_err(|error| thrown(&error))
}

/// Why a transaction was aborted.
fn reason(event: &Event) -> StoreError {
    let transaction = event.target().and_then(|target| target.dyn_into::<IdbTransaction>().ok());
    match transaction.and_then(|transaction| transaction.error()) {
        Some(error) => thrown(&error),
        None => StoreError::StorageUnavailable("the transaction was aborted; nothing was written".into()),
    }
}

/// What a request will answer. It is under way from the start, so that several can be, and may be dropped.
pub(super) struct Answer {
    request: IdbRequest,
    done: oneshot::Receiver<()>,
    _callback: Closure<dyn FnMut(Event)>,
}

impl Answer {
    pub(super) fn of(request: impl Into<IdbRequest>) -> Self {
        let request = request.into();
        let (ready, done) = oneshot::channel();
        let callback = Closure::once(move |_: Event| {
            let _ = ready.send(());
        });
        // One of the two happens, once.
        request.set_onsuccess(Some(callback.as_ref().unchecked_ref()));
        request.set_onerror(Some(callback.as_ref().unchecked_ref()));
        Self { request, done, _callback: callback }
    }

    fn result(&self) -> Result<JsValue, StoreError> {
        match self.request.error() {
            Ok(None) => self.request.result().map_err(|error| thrown(&error)),
            Ok(Some(error)) => Err(thrown(error.unchecked_ref::<DomException>())),
            Err(error) => Err(thrown(&error)),
        }
    }
}

/// What requests that are under way will answer, in their order.
pub(super) async fn all(answers: Vec<Answer>) -> Result<Vec<JsValue>, StoreError> {
    let mut values = Vec::with_capacity(answers.len());
    for answer in answers {
        values.push(answer.await?);
    }
    Ok(values)
}

impl Future for Answer {
    type Output = Result<JsValue, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.done.poll_unpin(context)) {
            Ok(()) => self.result(),
            Err(oneshot::Canceled) => Err(StoreError::Internal("a request was dropped".into())),
        })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.request.set_onsuccess(None);
        self.request.set_onerror(None);
    }
}
