//! One transaction of IndexedDB. A write that is dropped before it is committed is aborted, and one that is
//! aborted has failed: `idb` guarantees neither.
//!
//! The browser ends a transaction as soon as it waits for nothing: while one is open, await its requests only.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use idb::{CursorDirection, KeyRange, ObjectStore, Query};
use js_sys::{Array, JsString, Object};
use wasm_bindgen::prelude::*;
use web_sys::{DomException, IdbDatabase, IdbObjectStore, IdbRequest, IdbTransaction};

use super::Durability;
use super::engine::may_commit;
use super::failure::{failed, thrown};
use super::heard::Heard;
use super::quota::is_used_up;
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
        mode: &JsString,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;

    #[wasm_bindgen(extends = IdbTransaction)]
    type Named;

    #[wasm_bindgen(method, catch, js_name = objectStore)]
    fn store(this: &Named, name: &JsString) -> Result<IdbObjectStore, JsValue>;
}

thread_local! {
    /// Texts that every transaction needs, as JavaScript has them: to hand one over costs as much as a call.
    static NAMES: RefCell<Vec<(&'static str, JsString)>> = RefCell::default();
    static EVERY_STORE: Array = array_of(&STORES);
    static READING: Object = Object::new();
    static STRICT: Object = options(Durability::Strict);
    static RELAXED: Object = options(Durability::Relaxed);
}

/// A transaction over all stores, or some.
pub(super) struct Transaction {
    /// Taken when it ends.
    inner: Option<IdbTransaction>,
    /// Of a write: when it is complete or aborted.
    end: Option<Heard>,
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
        EVERY_STORE.with(|stores| Self::begin(database, stores, None))
    }

    /// A transaction that writes when it is committed.
    pub(super) fn write(database: &IdbDatabase, durability: Durability) -> Result<Self, StoreError> {
        EVERY_STORE.with(|stores| Self::begin(database, stores, Some(durability)))
    }

    /// A transaction over some stores; one that writes has a durability.
    pub(super) fn over(
        database: &IdbDatabase,
        stores: &[&'static str],
        durability: Option<Durability>,
    ) -> Result<Self, StoreError> {
        Self::begin(database, &array_of(stores), durability)
    }

    fn begin(
        database: &IdbDatabase,
        stores: &Array,
        durability: Option<Durability>,
    ) -> Result<Self, StoreError> {
        let (mode, options) = match durability {
            None => ("readonly", &READING),
            Some(Durability::Strict) => ("readwrite", &STRICT),
            Some(Durability::Relaxed) => ("readwrite", &RELAXED),
        };
        let database = database.unchecked_ref::<Database>();
        let begun = options.with(|options| named(mode, |mode| database.begin(stores, mode, options)));
        let transaction = begun.map_err(|error| thrown(&error))?;
        let end = durability.map(|_| {
            Heard::of(&transaction, |complete, aborted| {
                transaction.set_oncomplete(complete);
                transaction.set_onabort(aborted);
            })
        });
        Ok(Self { inner: Some(transaction), end })
    }

    /// Persists what was written, of so many bytes about, as durably as was asked for; under way at once, ended when it
    /// is awaited.
    ///
    /// # Errors
    /// Where it cannot be begun, or it is not known how it ended.
    pub(super) fn commit(
        mut self,
        bytes: usize,
    ) -> Result<impl Future<Output = Result<Committed, StoreError>>, StoreError> {
        let (Some(transaction), Some(end)) = (self.inner.take(), self.end.take()) else {
            return Err(StoreError::Internal("a transaction that reads cannot be committed".into()));
        };
        // What is dropped from here on may still be persisted, but never by half.
        if may_commit(bytes) {
            // Of the third edition of IndexedDB, which the bindings do not know.
            #[allow(deprecated)]
            transaction.commit().map_err(|error| thrown(&error))?;
        }
        Ok(async move {
            Ok(match end.await {
                true => Committed::Done,
                false => Committed::Aborted(reason(&transaction).await),
            })
        })
    }

    pub(super) fn get(&self, store: &'static str, key: &JsValue) -> Result<Answer, StoreError> {
        Ok(Answer::of(self.store(store)?.get(key).map_err(|error| self.fault(&error))?))
    }

    /// The keys of a range, in their order.
    pub(super) fn get_all_keys(
        &self,
        store: &'static str,
        range: KeyRange,
        limit: Option<u32>,
    ) -> Result<Answer, StoreError> {
        let store = ObjectStore::from(self.store(store)?);
        Ok(Answer::of(store.get_all_keys(Some(range.into()), limit).map_err(failed)?))
    }

    /// The values of a range of keys, in their order.
    pub(super) fn get_all(
        &self,
        store: &'static str,
        range: KeyRange,
        limit: Option<u32>,
    ) -> Result<Answer, StoreError> {
        let store = ObjectStore::from(self.store(store)?);
        Ok(Answer::of(store.get_all(Some(range.into()), limit).map_err(failed)?))
    }

    /// A cursor on the last key of a range, or null.
    pub(super) fn last_key(&self, store: &'static str, range: KeyRange) -> Result<Answer, StoreError> {
        let store = ObjectStore::from(self.store(store)?);
        let direction = Some(CursorDirection::Prev);
        Ok(Answer::of(store.open_key_cursor(Some(range.into()), direction).map_err(failed)?))
    }

    pub(super) fn index(&self, store: &'static str, index: &str) -> Result<idb::Index, StoreError> {
        ObjectStore::from(self.store(store)?).index(index).map_err(failed)
    }

    /// Writes a value; a failure aborts the transaction and is what its commit answers.
    pub(super) fn put(&self, store: &'static str, key: &JsValue, value: &JsValue) -> Result<(), StoreError> {
        self.store(store)?.put_with_key(value, key).map(drop).map_err(|error| self.fault(&error))
    }

    /// Writes a value under a key that must be free.
    pub(super) fn add(&self, store: &'static str, key: &JsValue, value: &JsValue) -> Result<(), StoreError> {
        self.store(store)?.add_with_key(value, key).map(drop).map_err(|error| self.fault(&error))
    }

    /// Deletes what lies under a key, or a range of keys.
    pub(super) fn delete(&self, store: &'static str, keys: impl Into<Query>) -> Result<(), StoreError> {
        let keys = JsValue::from(keys.into());
        self.store(store)?.delete(&keys).map(drop).map_err(|error| self.fault(&error))
    }

    pub(super) fn clear(&self, store: &'static str) -> Result<(), StoreError> {
        self.store(store)?.clear().map(drop).map_err(|error| self.fault(&error))
    }

    /// Why a request could not be made: because the transaction is aborted already, where it is, and else its own
    /// fault.
    fn fault(&self, error: &JsValue) -> StoreError {
        let aborted = self.inner.as_ref().and_then(IdbTransaction::error);
        aborted.map_or_else(|| thrown(error), |why| thrown(&why))
    }

    fn store(&self, name: &'static str) -> Result<IdbObjectStore, StoreError> {
        let over = || StoreError::Internal("a transaction is over".into());
        let transaction = self.inner.as_ref().ok_or_else(over)?.unchecked_ref::<Named>();
        named(name, |name| transaction.store(name)).map_err(|error| self.fault(&error))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let (Some(transaction), Some(_)) = (self.inner.take(), self.end.take()) {
            // Refused where it is over already, which is as good.
            let _ = transaction.abort();
        }
    }
}

/// Calls with a text that is handed over once.
fn named<T>(name: &'static str, call: impl FnOnce(&JsString) -> T) -> T {
    NAMES.with(|names| {
        let mut names = names.borrow_mut();
        let at = names.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            names.push((name, name.into()));
            names.len() - 1
        });
        call(&names[at].1)
    })
}

fn array_of(names: &[&'static str]) -> Array {
    names.iter().copied().map(JsValue::from).collect()
}

fn options(durability: Durability) -> Object {
    let options = Object::new();
    // A plain object takes every property.
    let _ = js_sys::Reflect::set(&options, &"durability".into(), &durability.name().into());
    options
}

/// Why a transaction was aborted. Near the end of its quota Firefox says `UnknownError` now and then.
async fn reason(transaction: &IdbTransaction) -> StoreError {
    let Some(error) = transaction.error() else {
        return StoreError::StorageUnavailable("the transaction was aborted; nothing was written".into());
    };
    match thrown(&error) {
        StoreError::StorageUnavailable(why) if error.name() == "UnknownError" && is_used_up().await => {
            StoreError::QuotaExceeded(why)
        }
        why => why,
    }
}

/// What a request will answer. It is under way from the start, so that several can be, and may be dropped.
pub(super) struct Answer {
    request: IdbRequest,
    end: Heard,
}

impl Answer {
    pub(super) fn of(request: impl Into<IdbRequest>) -> Self {
        let request = request.into();
        let end = Heard::of(&request, |succeeded, failed| {
            request.set_onsuccess(succeeded);
            request.set_onerror(failed);
        });
        Self { request, end }
    }

    fn result(&self, is_success: bool) -> Result<JsValue, StoreError> {
        match is_success {
            true => self.request.result().map_err(|error| thrown(&error)),
            false => Err(match self.request.error() {
                Ok(Some(error)) => thrown(error.unchecked_ref::<DomException>()),
                Ok(None) => StoreError::Internal("a request failed without a reason".into()),
                Err(error) => thrown(&error),
            }),
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
        let is_success = ready!(self.end.poll_unpin(context));
        Poll::Ready(self.result(is_success))
    }
}
