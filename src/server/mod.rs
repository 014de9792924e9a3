//! The native host of the endpoint: HTTP by axum around [`Endpoint`], over PostgreSQL.
//!
//! It does not verify tokens yet, so it serves this machine only: it listens on loopback, and answers only
//! requests that were addressed to loopback and do not come from another site's page.
//!
//! [`Endpoint`]: crate::endpoint::Endpoint

mod caller;
mod cors;
mod http;
mod live;
mod run;
mod stop;

pub use cors::{AllowedOrigins, InvalidOrigin};
pub use http::router;
pub use run::{ServerConfig, ServerError, run};
pub use stop::{Stop, Stopper};
