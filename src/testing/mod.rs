//! The kit to test with, for users of the crate as well: events from builders ([`builders`]), checks with
//! telling messages ([`assertions`]), decisions without a store ([`given`]), and the laws of the store port
//! ([`contract`]), which any implementation can run with one line.

pub mod assertions;
pub mod builders;
pub mod contract;
mod decisions;
#[cfg(not(target_family = "wasm"))]
mod executor;

pub use decisions::{Given, Then, given, given_nothing};
#[cfg(not(target_family = "wasm"))]
pub use executor::block_on;
