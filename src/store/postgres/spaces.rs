//! All spaces of one schema, each with a log of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::StoreError;
use crate::event::{SpaceId, now_millis};
use crate::store::Backend as _;

use super::backend::{self, PostgresBackend};
use super::client::{SqlClient, SqlSession as _, Statement};
use super::columns::Columns;
use super::listener::Listener;
use super::migrate;
use super::sql::Sql;

/// Logs that are kept at hand though nobody uses them: a log holds no connection, so it costs little.
const MAX_UNUSED: usize = 1_000;
/// Operations that wait for a connection, and appends to one space that wait for their turn.
pub(super) const MAX_WAITING: usize = 1_024;
/// How long the identity is taken for granted: a database that is gone or was replaced shows within a second.
const IDENTITY_MS: u64 = 1_000;

/// The spaces of one schema. Appends to a space from one process share transactions, so use one of these.
pub struct PostgresSpaces<C: SqlClient> {
    pub(super) client: Arc<C>,
    pub(super) sql: Arc<Sql>,
    pub(super) listener: Arc<Listener<C>>,
    logs: Mutex<HashMap<SpaceId, Arc<PostgresBackend<C>>>>,
    /// The identity, and when it was read.
    identity: Mutex<Option<(String, u64)>>,
    max_waiting: usize,
}

impl<C: SqlClient> PostgresSpaces<C> {
    /// The spaces of a schema.
    pub fn new(client: Arc<C>, sql: Arc<Sql>) -> Self {
        let listener = Arc::new(Listener::new(Arc::clone(&client), sql.schema()));
        Self {
            client,
            sql,
            listener,
            logs: Mutex::default(),
            identity: Mutex::default(),
            max_waiting: MAX_WAITING,
        }
    }

    /// The same, with another limit of appends to one space that wait; the next one fails as `OVERLOADED` at once.
    #[must_use]
    pub const fn with_max_waiting(mut self, appends: usize) -> Self {
        self.max_waiting = appends;
        self
    }

    /// Makes the tables or brings them up to date; see [`initialize`](migrate::initialize).
    ///
    /// # Errors
    /// `SCHEMA_TOO_NEW`, or a failure of the storage.
    pub async fn initialize(&self) -> Result<(), StoreError> {
        migrate::initialize(&*self.client, &self.sql).await
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE` where there is none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.client.acquire().await?.release();
        Ok(())
    }

    /// Closes the log of every space; each answers [`StoreError::Closed`] from then on.
    pub fn close(&self) {
        lock(&self.logs).drain().for_each(|(_, log)| log.close());
        self.listener.stop();
    }

    /// The log of a space; callers of one space share one log, and so its transactions.
    pub fn space(&self, space: &SpaceId) -> Arc<PostgresBackend<C>> {
        let mut logs = lock(&self.logs);
        if let Some(log) = logs.get(space).filter(|log| !log.is_closed()) {
            return Arc::clone(log);
        }
        if logs.len() >= MAX_UNUSED {
            logs.retain(|_, log| Arc::strong_count(log) > 1);
        }
        let (client, sql) = (Arc::clone(&self.client), Arc::clone(&self.sql));
        let listener = Arc::clone(&self.listener);
        let log = PostgresBackend::new(client, sql, listener, space.clone(), self.max_waiting);
        let log = Arc::new(log);
        logs.insert(space.clone(), Arc::clone(&log));
        log
    }

    /// The identity of the storage: made with its tables, and gone with them. At most a second old.
    ///
    /// # Errors
    /// A failure of the storage.
    pub async fn backend_id(&self) -> Result<String, StoreError> {
        let now = now_millis();
        if let Some((id, read_at)) = &*lock(&self.identity)
            && now.abs_diff(*read_at) < IDENTITY_MS
        {
            return Ok(id.clone());
        }
        let rows = backend::read(&*self.client, Statement::new(&self.sql.backend_id, &[])).await?;
        let row = rows.into_iter().next();
        let row = row.ok_or_else(|| StoreError::StorageCorrupt("the table endpoint has no row".into()))?;
        let id = Columns::from(row).text()?;
        *lock(&self.identity) = Some((id.clone(), now));
        Ok(id)
    }
}

// A panic elsewhere leaves a whole value: each change is one assignment or insertion.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
