//! The native client: a pool of connections, each with its prepared statements.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError, Status, TimeoutType};
use futures_util::future::{Either, join_all, select};
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client};

use super::client::{Row, SqlClient, SqlError, SqlNotifications, SqlSession, Statement};
use super::connect::{Connector, Messages};
use super::spaces::PostgresSpaces;

/// How much longer than PostgreSQL itself a caller waits for a statement to be given up: a server that does not even
/// say that is not there.
const SILENCE: Duration = Duration::from_secs(5);

/// A pool of connections to PostgreSQL.
pub struct NativeClient {
    pool: Pool,
    connector: Connector,
    max_waiting: usize,
}

impl NativeClient {
    pub(super) const fn new(pool: Pool, connector: Connector, max_waiting: usize) -> Self {
        Self { pool, connector, max_waiting }
    }
}

/// How busy the connections of a pool are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections that are lent.
    pub lent: usize,
    /// Connections that nobody uses.
    pub idle: usize,
    /// Connections that there may be.
    pub most: usize,
    /// Who waits for one.
    pub waiting: usize,
}

impl PostgresSpaces<NativeClient> {
    /// How busy the connections are.
    pub fn pool(&self) -> PoolStatus {
        let Status { max_size, size, available, waiting } = self.client.pool.status();
        PoolStatus { lent: size.saturating_sub(available), idle: available, most: max_size, waiting }
    }
}

/// A connection, lent by the pool.
pub struct NativeSession {
    connection: Option<Object>,
    lost: AtomicBool,
    patience: Duration,
}

/// A connection that listens.
pub struct NativeNotifications {
    messages: Messages,
    /// Without it the connection ends.
    _client: Client,
}

impl SqlNotifications for NativeNotifications {
    async fn next(&mut self) -> Result<String, SqlError> {
        loop {
            match self.messages.next().await {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    return Ok(notification.payload().into());
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(of_server(&error, true)),
                None => return Err(SqlError::lost("the listening connection ended")),
            }
        }
    }
}

impl SqlClient for NativeClient {
    type Session = NativeSession;
    type Notifications = NativeNotifications;

    const PIPELINES: bool = true;

    async fn acquire(&self) -> Result<NativeSession, SqlError> {
        if self.pool.status().waiting >= self.max_waiting {
            return Err(SqlError::overloaded("too many wait for a connection to PostgreSQL"));
        }
        let connection = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => of_server(&error, true),
            PoolError::Timeout(TimeoutType::Wait) => {
                SqlError::overloaded("no connection to PostgreSQL became free in time")
            }
            other => SqlError::lost(other.to_string()),
        })?;
        let patience = self.connector.statement_timeout + SILENCE;
        Ok(NativeSession { connection: Some(connection), lost: AtomicBool::new(false), patience })
    }

    async fn listen(&self, channel: &str) -> Result<Option<NativeNotifications>, SqlError> {
        let (client, mut messages) = self.connector.open().await.map_err(|error| of_server(&error, true))?;
        let command = format!("listen \"{channel}\"");
        {
            let mut answer = pin!(client.batch_execute(&command));
            // The connection works only while its messages are read.
            loop {
                match select(answer.as_mut(), messages.next()).await {
                    Either::Left((answer, _)) => {
                        answer.map_err(|error| of_server(&error, false))?;
                        break;
                    }
                    Either::Right((Some(Ok(_)), _)) => {}
                    Either::Right((Some(Err(error)), _)) => return Err(of_server(&error, true)),
                    Either::Right((None, _)) => return Err(SqlError::lost("the connection ended")),
                }
            }
        }
        Ok(Some(NativeNotifications { messages, _client: client }))
    }

    fn yield_now(&self) -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        // Without a runtime nothing of this client works anyway.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(work);
        }
    }
}

impl SqlSession for NativeSession {
    async fn run(&self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, SqlError> {
        let silent = |_| SqlError::lost("PostgreSQL does not answer");
        let result = timeout(self.patience, self.send(statements)).await.map_err(silent).flatten();
        if result.as_ref().is_err_and(|error| error.connection_lost) {
            self.lost.store(true, Ordering::Relaxed);
        }
        result
    }

    fn release(mut self) {
        // Dropped in its wrapper, a connection goes back to its pool.
        drop(self.connection.take());
    }
}

impl NativeSession {
    async fn send(&self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, SqlError> {
        let connection =
            self.connection.as_ref().ok_or_else(|| SqlError::lost("the session was given back"))?;
        let mut prepared = Vec::with_capacity(statements.len());
        for statement in statements {
            let ready = connection.prepare_cached(statement.sql).await;
            prepared.push(ready.map_err(|error| of_server(&error, false))?);
        }
        let (needed, optional): (Vec<_>, Vec<_>) =
            statements.iter().zip(&prepared).partition(|(statement, _)| !statement.optional);
        // All are sent before the first is answered: a query is sent when its future is first polled.
        let sent = |(statement, prepared)| query(connection, statement, prepared);
        let (needed, told) = (needed.into_iter().map(sent), optional.into_iter().map(sent));
        let (needed, told) = (join_all(needed), join_all(told));
        let answers = match select(pin!(needed), pin!(told)).await {
            // Nobody waits for what does not matter: it goes on while the caller does.
            Either::Left((answers, _)) => answers,
            Either::Right((_, needed)) => needed.await,
        };
        answers.into_iter().collect()
    }
}

impl Drop for NativeSession {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // Where one connection was lost the idle ones are gone too, though they may not know it yet: a server that
        // starts again closes all of them. The next session must not be one of those.
        if let Some(pool) = Object::pool(&connection).filter(|_| *self.lost.get_mut()) {
            pool.retain(|_, _| false);
        }
        // Taken out of the pool and closed: PostgreSQL undoes what was not committed.
        drop(Object::take(connection));
    }
}

/// Rows are taken over as they come, while PostgreSQL sends the others.
async fn query(
    connection: &Client,
    statement: &Statement<'_>,
    prepared: &tokio_postgres::Statement,
) -> Result<Vec<Row>, SqlError> {
    let texts = statement.params.iter().map(|param| param as &(dyn ToSql + Sync));
    let arrays = statement.arrays.iter().map(|array| array as &(dyn ToSql + Sync));
    let params = texts.chain(arrays).collect::<Vec<_>>();
    let answer = connection.query_raw(prepared, params).await;
    let mut answer = pin!(answer.map_err(|error| of_server(&error, false))?);
    let mut rows = Vec::new();
    while let Some(row) = answer.try_next().await.map_err(|error| of_server(&error, false))? {
        rows.push(values(&row)?);
    }
    Ok(rows)
}

fn values(row: &tokio_postgres::Row) -> Result<Row, SqlError> {
    let column = |at| row.try_get(at).map_err(|error| of_server(&error, false));
    (0..row.len()).map(column).collect()
}

fn of_server(error: &tokio_postgres::Error, connecting: bool) -> SqlError {
    let Some(answer) = error.as_db_error() else {
        let cause = std::error::Error::source(error);
        let lost = connecting || error.is_closed() || cause.is_some_and(|cause| cause.is::<std::io::Error>());
        let message = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
        return SqlError { sqlstate: None, message, connection_lost: lost };
    };
    let detail = answer.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
    SqlError::answered(answer.code().code(), format!("{}{detail}", answer.message()))
}
