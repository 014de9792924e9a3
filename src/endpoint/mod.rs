//! The endpoint: a request becomes an answer. No socket, no clock; hosts bring HTTP, a database and tokens.

mod answer;
mod handler;
mod live;
mod memory;
mod page;
#[cfg(any(feature = "server", feature = "endpoint"))]
mod postgres;
mod request;

pub use answer::{Answer, Reply, Tally, status_of};
pub use handler::{Endpoint, EndpointConfig, Grant, OPENAPI, Spaces};
pub use live::{CONTENT_TYPE as LIVE_CONTENT_TYPE, HEARTBEAT, HEARTBEAT_MS, Live, PREAMBLE, Said};
pub use memory::MemorySpaces;
pub use request::{Request, Right, Route};
