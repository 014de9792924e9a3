//! A schema per test, in the database that `TEST_DATABASE_URL` names.
#![allow(dead_code, reason = "each test target uses a part of this")]

use eventcore_web::StoreError;
use eventcore_web::event::{EventToWrite, EventType, Json, JsonEvent, SpaceId, StreamId};
use eventcore_web::store::Store;
use eventcore_web::store::postgres::{NativeClient, PostgresBackend, PostgresConfig, PostgresEventStore};
use eventcore_web::version::ExpectedVersion;
use tokio_postgres::NoTls;

/// An event with this payload.
pub(crate) fn event(stream: &str, payload: &str, expected: ExpectedVersion) -> EventToWrite<JsonEvent> {
    let event_type = EventType::try_new("Noted").unwrap();
    let event = JsonEvent { event_type, payload: Json::parse(payload).unwrap() };
    EventToWrite::new(StreamId::try_new(stream).unwrap(), event, expected)
}

pub(crate) fn url() -> String {
    std::env::var("TEST_DATABASE_URL").unwrap_or_else(|_| {
        panic!(
            "these tests need a PostgreSQL: `npm test -- rust` starts one, or set TEST_DATABASE_URL to a database \
             that they may make schemas in, such as postgres://postgres@127.0.0.1:5432/postgres"
        )
    })
}

/// A connection beside the store's own.
pub(crate) async fn connect() -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Runs a test in a schema of its own, which is dropped when the test succeeded.
pub(crate) async fn in_schema<F, T>(test: T)
where
    T: FnOnce(PostgresConfig) -> F,
    F: Future<Output = Result<(), StoreError>>,
{
    in_schema_named(format!("test_{}", uuid::Uuid::new_v4().simple()), test).await;
}

/// Runs a test in a schema of this name.
pub(crate) async fn in_schema_named<F, T>(name: String, test: T)
where
    T: FnOnce(PostgresConfig) -> F,
    F: Future<Output = Result<(), StoreError>>,
{
    let admin = connect().await;
    let drop = format!("drop schema if exists \"{}\" cascade", name.replace('"', "\"\""));
    admin.batch_execute(&drop).await.unwrap();
    test(PostgresConfig::new(url()).with_schema(name)).await.unwrap();
    admin.batch_execute(&drop).await.unwrap();
}

/// A store in a schema, initialized.
pub(crate) async fn store(config: PostgresConfig) -> Result<PostgresEventStore<JsonEvent>, StoreError> {
    let store = PostgresEventStore::new(config).await?;
    store.initialize().await?;
    Ok(store)
}

/// The name of a test's schema, for SQL beside the store; those that `in_schema` makes need no quotes.
pub(crate) fn quoted(config: &PostgresConfig) -> String {
    config.schema().into()
}

/// An empty store: a space of its own, in the one schema of the contract.
pub(crate) async fn empty_store() -> Store<PostgresBackend<NativeClient>> {
    let config = PostgresConfig::new(url()).with_schema("test_contract").with_pool_size(8);
    let space = SpaceId::try_new(uuid::Uuid::new_v4().to_string()).unwrap();
    store(config).await.unwrap().space(&space)
}

/// Runs a future on a runtime of its own.
pub(crate) fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
