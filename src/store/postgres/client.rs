//! What the adapter needs of a PostgreSQL client: sessions that run statements.
//!
//! A client is free in how values travel: as text, which each has, or in PostgreSQL's binary form. [`Sql`] has the
//! statements for either.
//!
//! [`Sql`]: super::Sql

use uuid::Uuid;

use crate::error::StoreError;
use crate::maybe::{MaybeSend, MaybeSync};

use super::arrays::Array;

/// As PostgreSQL says it when it has no connection to give.
const OVERLOADED: &str = "53300";

/// A row: its columns, none for SQL's null.
pub type Row = Vec<Option<Value>>;

/// A column of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// What the statement cast to text; a name is written as JSON.
    Written(String),
    /// Text as it is stored.
    Text(String),
    /// A whole number, or a time in milliseconds since 1970.
    Integer(i64),
    /// A truth value.
    Flag(bool),
    /// An id.
    Id(Uuid),
}

/// A statement with its parameters.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// The SQL, with `$1`, `$2`, … for the parameters.
    pub sql: &'a str,
    /// The first parameters, which the SQL casts from text.
    pub params: &'a [&'a str],
    /// The parameters behind them: arrays of the types that the SQL gives them.
    pub arrays: &'a [Array<'a>],
    /// Whether it does not matter if it fails, so that nobody waits for it: it has no rows. Such a statement stands behind
    /// those that matter.
    pub optional: bool,
}

impl<'a> Statement<'a> {
    /// A statement with parameters.
    pub const fn new(sql: &'a str, params: &'a [&'a str]) -> Self {
        Self { sql, params, arrays: &[], optional: false }
    }

    /// A statement that may fail without harm.
    pub const fn optional(sql: &'a str, params: &'a [&'a str]) -> Self {
        Self { optional: true, ..Self::new(sql, params) }
    }

    /// The same with arrays behind its parameters.
    #[must_use]
    pub const fn with_arrays(self, arrays: &'a [Array<'a>]) -> Self {
        Self { arrays, ..self }
    }
}

/// Where sessions come from; usually a pool.
pub trait SqlClient: MaybeSend + MaybeSync + 'static {
    /// What it lends.
    type Session: SqlSession;
    /// What comes in on a channel.
    type Notifications: SqlNotifications;

    /// Whether statements of several calls may be on their way on one session, and run in the order in which the calls
    /// were first polled.
    const PIPELINES: bool = false;

    /// Lends a session that is in no transaction, and that nobody else uses meanwhile.
    ///
    /// # Errors
    /// When there is none to be had.
    fn acquire(&self) -> impl Future<Output = Result<Self::Session, SqlError>> + MaybeSend;

    /// Listens on a channel, on a connection of its own; none where the client cannot, so that who follows polls.
    ///
    /// # Errors
    /// When there is no connection to be had.
    fn listen(
        &self,
        channel: &str,
    ) -> impl Future<Output = Result<Option<Self::Notifications>, SqlError>> + MaybeSend;

    /// Lets those go on who can, where the client knows how; then this can.
    fn yield_now(&self) -> impl Future<Output = ()> + MaybeSend {
        std::future::ready(())
    }

    /// Runs work beside everything else, on whatever the client itself runs.
    fn spawn(&self, work: impl Future<Output = ()> + MaybeSend + 'static);
}

/// Notifications of one channel. Dropping it gives its connection back.
pub trait SqlNotifications: MaybeSend {
    /// The payload of the next one.
    ///
    /// # Errors
    /// When the connection is lost: what was sent since is lost too.
    fn next(&mut self) -> impl Future<Output = Result<String, SqlError>> + MaybeSend;
}

/// A connection, lent. One that is dropped without [`release`](Self::release) may be in a transaction: it must
/// not be lent again before that is undone.
pub trait SqlSession: MaybeSend + MaybeSync {
    /// Runs statements in order, sent together where the client can; each sees what those before it did.
    /// Answers with the rows of each, [optional](Statement::optional) ones aside.
    ///
    /// # Errors
    /// What the first of them that failed says. Those behind it may have run.
    fn run(
        &self,
        statements: &[Statement<'_>],
    ) -> impl Future<Output = Result<Vec<Vec<Row>>, SqlError>> + MaybeSend;

    /// Gives the session back; it is in no transaction.
    fn release(self);
}

/// Why a statement failed or a session could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// PostgreSQL's code, where it answered at all.
    pub sqlstate: Option<String>,
    /// What PostgreSQL or the client said.
    pub message: String,
    /// Whether the connection is gone, so that it is not known what the last statements did.
    pub connection_lost: bool,
}

impl SqlError {
    /// What PostgreSQL answered. Some answers are its last on this connection: it shuts down, crashed, is starting.
    pub fn answered(sqlstate: impl Into<String>, message: impl Into<String>) -> Self {
        let (sqlstate, message) = (sqlstate.into(), message.into());
        // A server that became read-only is no longer the one to write to: after a failover another one is.
        let connection_lost =
            sqlstate.starts_with("57P") || sqlstate.starts_with("08") || sqlstate == "25006";
        Self { sqlstate: Some(sqlstate), message, connection_lost }
    }

    /// A failure of the client itself, with the connection gone or never there.
    pub fn lost(message: impl Into<String>) -> Self {
        Self { sqlstate: None, message: message.into(), connection_lost: true }
    }

    /// More is asked of the database than it can do in time; nothing was done.
    pub fn overloaded(message: impl Into<String>) -> Self {
        Self::answered(OVERLOADED, message)
    }

    /// An answer that is not what the statement answers.
    pub(super) fn unexpected(message: impl Into<String>) -> Self {
        Self { sqlstate: None, message: message.into(), connection_lost: false }
    }

    /// Whether the same may succeed if it is done once more: deadlocks, failed serialisation, lost connections.
    pub(super) fn is_transient(&self) -> bool {
        self.connection_lost || self.class() == "40"
    }

    /// Whether a row is there already that should be new.
    pub(super) fn is_duplicate(&self) -> bool {
        self.sqlstate.as_deref() == Some("23505")
    }

    /// Whether one run's content is the cause, so that other runs may succeed without it.
    pub(super) fn is_about_content(&self) -> bool {
        matches!(self.class(), "22" | "23" | "54")
    }

    fn class(&self) -> &str {
        self.sqlstate.as_deref().and_then(|code| code.get(..2)).unwrap_or_default()
    }
}

impl From<SqlError> for StoreError {
    fn from(error: SqlError) -> Self {
        let SqlError { sqlstate, message, connection_lost } = &error;
        match (sqlstate.as_deref(), error.class()) {
            // No connection to give; a statement that ran out of time.
            (Some(OVERLOADED | "57014"), _) => Self::Overloaded(message.clone()),
            (Some("53100"), _) => Self::QuotaExceeded(message.clone()),
            (Some("42P01" | "3F000"), _) => {
                Self::StorageUnavailable(format!("{message}; initialize the schema first"))
            }
            // A key says that the rows of streams and events contradict each other.
            (Some("23505"), _) | (_, "XX") => Self::StorageCorrupt(message.clone()),
            // Connections, authorisation, rights, read-only servers, resources, shutdowns, lost races.
            (_, "08" | "28" | "3D" | "25" | "40" | "53" | "55" | "57" | "58") | (Some("42501"), _) => {
                Self::StorageUnavailable(message.clone())
            }
            (None, _) if *connection_lost => Self::StorageUnavailable(message.clone()),
            (Some(code), _) => Self::Internal(format!("PostgreSQL: {message} ({code})")),
            (None, _) => Self::Internal(format!("PostgreSQL: {message}")),
        }
    }
}
