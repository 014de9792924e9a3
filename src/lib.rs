//! Event sourcing for web apps that work offline: one core for the browser, the edge and PostgreSQL.
//!
//! What happened is an [`event`]; one rule decides what may follow it ([`version`]); a [`store`] keeps it;
//! [`state`] is a fold over it; replicas share it by [`sync`], whose messages are the [`protocol`], with an
//! [`endpoint`]. Every failure is one [`error`] with a stable code, and [`testing`] is the kit to test with.

pub mod endpoint;
pub mod error;
pub mod event;
mod maybe;
pub mod protocol;
#[cfg(feature = "server")]
pub mod server;
pub mod state;
pub mod store;
pub mod sync;
pub mod testing;
mod timer;
pub mod version;
#[cfg(target_family = "wasm")]
mod wasm;

pub use error::{StoreError, TooLarge, UndecodableEvent};
pub use maybe::{MaybeSend, MaybeSync};

/// The README's example in Rust is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
