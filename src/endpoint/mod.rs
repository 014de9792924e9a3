//! The endpoint: a request becomes an answer. No socket, no clock; hosts bring HTTP, a database and tokens.

mod answer;
mod handler;
mod memory;
#[cfg(any(feature = "server", feature = "endpoint"))]
mod postgres;
mod request;

pub use answer::{Answer, status_of};
pub use handler::{Endpoint, EndpointConfig, Spaces};
pub use memory::MemorySpaces;
pub use request::{Request, Right, Route};
