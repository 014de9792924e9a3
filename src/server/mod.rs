//! The native host of the endpoint: HTTP by axum around [`Endpoint`], over PostgreSQL.
//!
//! Where a [`Verifier`] checks tokens, each names its rights per space. Without one the server serves this machine
//! only: it listens on loopback, and answers only requests that were addressed to loopback and do not come from
//! another site's page.
//!
//! [`Endpoint`]: crate::endpoint::Endpoint

mod caller;
mod cors;
mod http;
mod keys;
mod listen;
mod live;
mod metrics;
mod options;
mod rate;
mod retention;
mod rights;
mod run;
mod stop;
mod verifier;

pub use cors::{AllowedOrigins, InvalidOrigin};
pub use keys::{InvalidKeys, KeySource};
pub use listen::ConnectionLimits;
pub use options::{InvalidOptions, LogFormat, Options};
pub use rate::RateLimit;
pub use retention::{Task, TaskError};
pub use rights::Rights;
pub use run::{ServerConfig, ServerError, run};
pub use stop::{Stop, Stopper};
pub use verifier::{TokenConfig, Verifier};
