//! Sync: what was written here reaches the endpoint once and in order; what others wrote arrives here; what
//! does not fit together is a question to the app.
//!
//! The [`Machine`] decides and does nothing; the [`Engine`] does what it says on a replica and a [`Host`].

mod answer;
mod backoff;
mod config;
mod conflict;
mod engine;
mod host;
mod machine;
mod policy;
mod recovery;
mod resolving;
mod status;
mod steps;

pub use config::{Recover, SyncConfig};
pub use conflict::{Conflict, Resolution};
pub use engine::Engine;
pub use host::{Host, HostResponse};
pub use machine::{Failure, Input, Machine, Step};
pub use policy::{Policies, Policy};
pub use status::{Progress, SyncState, SyncStatus};
