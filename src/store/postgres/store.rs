//! The event store of native apps.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, Runtime};

use crate::error::StoreError;
use crate::event::{Batch, Event, JsonEvent, SpaceId, StreamEvents, StreamId, Upcasters};
use crate::maybe::MaybeSend;
use crate::store::{EventStore, EventSubscription, FeedPage, ReadOptions, Store, SubscriptionOptions};
use crate::version::WriteResult;

use super::backend::PostgresBackend;
use super::connect::Connector;
use super::native::NativeClient;
use super::spaces::{MAX_WAITING, PostgresSpaces};
use super::sql::{Form, Sql};
use super::tls::TlsOptions;

/// The space of a store whose user does not name one.
const DEFAULT_SPACE: &str = "default";
const CONNECT: Duration = Duration::from_secs(5);
/// How long an operation waits for a connection.
const WAIT: Duration = Duration::from_secs(5);
const STATEMENT: Duration = Duration::from_secs(30);
/// A connection that only listens says nothing for hours: this is how it is noticed that nobody is there any more.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Where PostgreSQL is and how to use it.
#[derive(Clone)]
pub struct PostgresConfig {
    url: String,
    pool_size: usize,
    schema: String,
    connect_timeout: Option<Duration>,
    statement_timeout: Duration,
    wait_timeout: Duration,
    max_waiting: usize,
}

impl PostgresConfig {
    /// A database by its address, `postgresql://user:password@host/database?sslmode=verify-full`, whose `sslmode` and
    /// `sslrootcert` mean what they mean to libpq; 20 connections, schema
    /// `eventcore`, 5 seconds to connect or to wait for a connection, 30 seconds for a statement.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            pool_size: 20,
            schema: "eventcore".into(),
            connect_timeout: None,
            statement_timeout: STATEMENT,
            wait_timeout: WAIT,
            max_waiting: MAX_WAITING,
        }
    }

    /// How long opening a connection may take.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// How long PostgreSQL may work on a statement, waiting for locks included; then it fails as `OVERLOADED`.
    #[must_use]
    pub const fn with_statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// How long an operation waits for a connection of the pool; then it fails as `OVERLOADED`.
    #[must_use]
    pub const fn with_wait_timeout(mut self, timeout: Duration) -> Self {
        self.wait_timeout = timeout;
        self
    }

    /// How many operations wait for a connection, and how many appends to one space for their turn; the next one
    /// fails as `OVERLOADED` at once.
    #[must_use]
    pub const fn with_max_waiting(mut self, operations: usize) -> Self {
        self.max_waiting = operations;
        self
    }

    /// At most so many connections; at least one.
    #[must_use]
    pub const fn with_pool_size(mut self, connections: usize) -> Self {
        self.pool_size = connections;
        self
    }

    /// The schema that holds the tables, whatever characters are in its name.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// The schema that holds the tables.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Every space of the schema, over a pool of its own. Nothing is connected yet.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for an address or a schema's name that PostgreSQL does not take.
    pub fn spaces(&self) -> Result<PostgresSpaces<NativeClient>, StoreError> {
        let sql = Sql::new(&self.schema, Form::Binary)?;
        Ok(PostgresSpaces::new(Arc::new(self.client()?), Arc::new(sql)).with_max_waiting(self.max_waiting))
    }

    fn client(&self) -> Result<NativeClient, StoreError> {
        let invalid = |what: &dyn std::fmt::Display| {
            StoreError::InvalidRequest(format!("the database's address: {what}"))
        };
        let (address, tls) = TlsOptions::take_from(&self.url).map_err(|error| invalid(&error))?;
        let mut server: tokio_postgres::Config =
            address.parse().map_err(|error: tokio_postgres::Error| {
                invalid(
                    &std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string),
                )
            })?;
        let connect = self.connect_timeout.or(server.get_connect_timeout().copied()).unwrap_or(CONNECT);
        server.connect_timeout(connect).keepalives_idle(KEEPALIVE).ssl_mode(tls.ssl_mode());
        if server.get_application_name().is_none() {
            server.application_name("eventcore-web");
        }
        let (statement_timeout, tls) =
            (self.statement_timeout, tls.connector().map_err(|error| invalid(&error))?);
        let connector = Connector { server: server.clone(), tls, statement_timeout };
        let manager = Manager::from_connect(server, connector.clone(), ManagerConfig::default());
        let pool = Pool::builder(manager)
            .max_size(self.pool_size.max(1))
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(connect))
            .recycle_timeout(Some(connect))
            .wait_timeout(Some(self.wait_timeout))
            .build()
            .map_err(|error| invalid(&error))?;
        Ok(NativeClient::new(pool, connector, self.max_waiting))
    }
}

// Without the address: it may hold a password.
impl std::fmt::Debug for PostgresConfig {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pool_size, schema, .. } = self;
        out.debug_struct("PostgresConfig")
            .field("pool_size", pool_size)
            .field("schema", schema)
            .finish_non_exhaustive()
    }
}

/// An event store in PostgreSQL. It writes to the space `default`; [`space`](Self::space) gives the others.
/// Clones share the pool.
pub struct PostgresEventStore<E = JsonEvent> {
    spaces: Arc<PostgresSpaces<NativeClient>>,
    store: Store<PostgresBackend<NativeClient>, E>,
    upcasters: Upcasters,
}

impl<E> Clone for PostgresEventStore<E> {
    fn clone(&self) -> Self {
        let Self { spaces, store, upcasters } = self;
        Self { spaces: Arc::clone(spaces), store: store.clone(), upcasters: upcasters.clone() }
    }
}

impl<E: Event> PostgresEventStore<E> {
    /// A store over this database, which is asked for an answer. Its tables are made by
    /// [`initialize`](Self::initialize).
    ///
    /// # Errors
    /// `INVALID_REQUEST` for an address or a schema's name that PostgreSQL does not take,
    /// `STORAGE_UNAVAILABLE` where it does not answer.
    pub async fn new(config: PostgresConfig) -> Result<Self, StoreError> {
        let spaces = Arc::new(config.spaces()?);
        spaces.ping().await?;
        let store = Store::over(spaces.space(&SpaceId::try_new(DEFAULT_SPACE)?));
        Ok(Self { spaces, store, upcasters: Upcasters::new() })
    }

    /// Makes the tables or brings them up to date. Any number of processes may do this at once.
    ///
    /// # Errors
    /// `SCHEMA_TOO_NEW`, or a failure of the storage.
    pub async fn initialize(&self) -> Result<(), StoreError> {
        self.spaces.initialize().await
    }

    /// The same store, reading through upcasters and stamping writes with their newest schemas.
    #[must_use]
    pub fn with_upcasters(mut self, upcasters: Upcasters) -> Self {
        self.store = self.store.with_upcasters(upcasters.clone());
        self.upcasters = upcasters;
        self
    }

    /// The store of a space.
    pub fn space(&self, space: &SpaceId) -> Store<PostgresBackend<NativeClient>, E> {
        Store::over(self.spaces.space(space)).with_upcasters(self.upcasters.clone())
    }

    /// Closes the logs of every space; later calls answer [`StoreError::Closed`].
    pub fn close(&self) {
        self.spaces.close();
    }
}

impl<E: Event> EventStore for PostgresEventStore<E> {
    type Event = E;

    async fn read_streams(
        &self,
        stream_ids: &[StreamId],
        options: ReadOptions,
    ) -> Result<Vec<StreamEvents<E>>, StoreError> {
        self.store.read_streams(stream_ids, options).await
    }

    async fn read_all_events(&self, options: ReadOptions) -> Result<FeedPage<E>, StoreError> {
        self.store.read_all_events(options).await
    }

    async fn write_events(&self, batch: impl Into<Batch<E>> + MaybeSend) -> Result<WriteResult, StoreError> {
        self.store.write_events(batch).await
    }

    async fn subscribe(&self, options: SubscriptionOptions) -> Result<EventSubscription<E>, StoreError> {
        self.store.subscribe(options).await
    }
}
