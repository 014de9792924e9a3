//! Values that an app keeps beside the log, under names, because they are dear to make anew.
//!
//! Nothing here counts as a change of the log: nobody is woken, and appends do not wait for it.

use wasm_bindgen::JsValue;

use super::schema::SNAPSHOTS;
use super::transaction::{Committed, Transaction};
use super::{Durability, IndexedDbBackend};
use crate::error::StoreError;

impl IndexedDbBackend {
    /// What was kept under a name; `undefined` where nothing is.
    ///
    /// # Errors
    /// A failure of the storage.
    pub(crate) async fn read_snapshot(&self, name: &str) -> Result<JsValue, StoreError> {
        self.0.ready().await?;
        let transaction = Transaction::over(&self.0.connection.database(), &[SNAPSHOTS], None)?;
        transaction.get(SNAPSHOTS, &name.into())?.await
    }

    /// Keeps a value that structured clone takes; `undefined` removes what was kept.
    ///
    /// # Errors
    /// A failure of the storage.
    pub(crate) async fn write_snapshot(&self, name: &str, value: &JsValue) -> Result<(), StoreError> {
        self.0.ready().await?;
        let transaction =
            Transaction::over(&self.0.connection.database(), &[SNAPSHOTS], Some(Durability::Relaxed))?;
        match value.is_undefined() {
            true => transaction.delete(SNAPSHOTS, JsValue::from(name))?,
            false => transaction.put(SNAPSHOTS, &name.into(), value)?,
        };
        done(transaction).await
    }

    /// Forgets all of them: the log has become another one.
    pub(super) async fn forget_snapshots(&self) -> Result<(), StoreError> {
        self.0.ready().await?;
        let transaction =
            Transaction::over(&self.0.connection.database(), &[SNAPSHOTS], Some(Durability::Relaxed))?;
        transaction.clear(SNAPSHOTS)?;
        done(transaction).await
    }
}

async fn done(transaction: Transaction) -> Result<(), StoreError> {
    // An app keeps values of any size.
    match transaction.commit(usize::MAX)?.await? {
        Committed::Done => Ok(()),
        Committed::Aborted(why) => Err(why),
    }
}
