//! The native client: a pool of connections, each with its prepared statements.

use deadpool_postgres::{Object, Pool, PoolError};
use futures_util::future::join_all;
use tokio_postgres::types::ToSql;

use super::client::{Row, SqlClient, SqlError, SqlSession, Statement};

/// A pool of connections to PostgreSQL.
pub struct NativeClient {
    pool: Pool,
}

impl NativeClient {
    /// A client over a pool.
    pub const fn new(pool: Pool) -> Self {
        Self { pool }
    }
}

/// A connection, lent by the pool.
pub struct NativeSession {
    connection: Option<Object>,
    lost: bool,
}

impl SqlClient for NativeClient {
    type Session = NativeSession;

    async fn acquire(&self) -> Result<NativeSession, SqlError> {
        let connection = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => of_server(&error, true),
            // As PostgreSQL says it when it has no connection to give.
            PoolError::Timeout(_) => {
                SqlError::answered("53300", "no connection to PostgreSQL became free in time")
            }
            other => SqlError::lost(other.to_string()),
        })?;
        Ok(NativeSession { connection: Some(connection), lost: false })
    }
}

impl SqlSession for NativeSession {
    async fn run(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, SqlError> {
        let result = self.send(statements).await;
        self.lost |= result.as_ref().is_err_and(|error| error.connection_lost);
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
        // All are sent before the first is answered: a query is sent when its future is first polled.
        let answers = join_all(statements.iter().zip(&prepared).map(|(statement, prepared)| async move {
            let params: Vec<&(dyn ToSql + Sync)> =
                statement.params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
            connection.query(prepared, &params).await
        }));
        let mut results = Vec::with_capacity(statements.len());
        for rows in answers.await {
            let rows = rows.map_err(|error| of_server(&error, false))?;
            results.push(rows.iter().map(texts).collect::<Result<_, _>>()?);
        }
        Ok(results)
    }
}

impl Drop for NativeSession {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // Where one connection was lost the idle ones are gone too, though they may not know it yet: a server that
        // starts again closes all of them. The next session must not be one of those.
        if let Some(pool) = Object::pool(&connection).filter(|_| self.lost) {
            pool.retain(|_, _| false);
        }
        // Taken out of the pool and closed: PostgreSQL undoes what was not committed.
        drop(Object::take(connection));
    }
}

fn texts(row: &tokio_postgres::Row) -> Result<Row, SqlError> {
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
