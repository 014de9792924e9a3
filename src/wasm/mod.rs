//! The JavaScript face: it converts, calls and converts. What it exports is private to `js/`.
#![allow(unreachable_pub, reason = "what JavaScript sees must be public, though no Rust code sees it")]
#![allow(clippy::arc_with_non_send_sync, reason = "the core shares by Arc; on wasm there is one thread")]

mod batch;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "contract")]
mod contract;
#[cfg(feature = "endpoint")]
mod endpoint;
#[cfg_attr(not(feature = "client"), allow(dead_code, reason = "only the client uses all of it"))]
mod error;
mod face;
#[cfg(feature = "client")]
mod local;
mod options;
#[cfg(feature = "client")]
mod promise;
#[cfg(feature = "endpoint")]
mod sql;
#[cfg(feature = "endpoint")]
mod sql_store;
#[cfg(feature = "client")]
mod sync;
#[cfg(feature = "client")]
mod writing;

/// A third of the standard library's in size, and no slower.
#[cfg(any(feature = "client", feature = "endpoint"))]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
