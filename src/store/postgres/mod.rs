//! The log in PostgreSQL: the same SQL over any client, native or lent by a JavaScript host.
//!
//! Every statement names one space, and each table leads with it. Who appends locks the space's row first, so
//! positions are dense and in the order of commits; the rule for versions is [`Admission`] and no statement.
//!
//! [`Admission`]: crate::version::Admission

mod append;
mod arrays;
mod backend;
mod client;
mod columns;
#[cfg(feature = "server")]
mod connect;
mod flights;
mod heads;
mod listener;
mod migrate;
#[cfg(feature = "server")]
mod native;
mod queue;
mod retention;
mod spaces;
mod sql;
#[cfg(feature = "server")]
mod store;
#[cfg(feature = "server")]
mod tls;
#[cfg(feature = "server")]
mod values;

pub use arrays::Array;
pub use backend::PostgresBackend;
pub use client::{Row, SqlClient, SqlError, SqlNotifications, SqlSession, Statement, Value};
pub use migrate::{SCHEMA_VERSION, initialize};
#[cfg(feature = "server")]
pub use native::{NativeClient, PoolStatus};
pub use spaces::PostgresSpaces;
pub use sql::{Form, Sql};
#[cfg(feature = "server")]
pub use store::{PostgresConfig, PostgresEventStore};
