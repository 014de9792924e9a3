//! Stores: the port that apps and adapters meet at, what every store does alike, and the adapters.
//!
//! An app sees [`EventStore`]. An adapter implements [`Backend`], and [`Replica`] if it can be synced;
//! [`Store`] makes an `EventStore` of it.

mod backend;
mod batch_writer;
mod cache;
mod chaos;
#[cfg(all(target_family = "wasm", feature = "client"))]
pub mod indexeddb;
pub mod memory;
mod options;
mod outbox;
mod port;
#[cfg(any(feature = "server", feature = "endpoint"))]
pub mod postgres;
mod replica;
mod subscription;
mod typed;

pub use backend::{Appended, Backend, FeedSlice, Query, StreamSlice, WrittenEvent, WrittenSlice};
pub use batch_writer::{BatchWriteError, FailedBatch, Progress, write_in_batches, write_stream_in_batches};
pub use cache::CachedEventStore;
pub use chaos::{ChaosConfig, ChaosEventStore, FailureMoment};
pub use memory::InMemoryEventStore;
pub use options::{After, ReadOptions, SubscriptionOptions};
pub use port::{EventStore, FeedPage};
pub use replica::{OutboxCommit, Refusal, Replica, ReplicaState, Rewrite, Settlement};
pub use subscription::EventSubscription;
pub(crate) use subscription::Follower;
pub use typed::Store;
