//! Stores: the port that apps and adapters meet at, what every store does alike, and the adapters.
//!
//! An app sees [`EventStore`]. An adapter implements [`Backend`], and [`Replica`] if it can be synced;
//! [`Store`] makes an `EventStore` of it.

mod backend;
pub mod memory;
mod options;
mod outbox;
mod port;
mod replica;
mod subscription;
mod typed;

pub use backend::{Backend, FeedSlice, Query, StreamSlice};
pub use memory::InMemoryEventStore;
pub use options::{After, ReadOptions, SubscriptionOptions};
pub use port::{EventStore, FeedPage};
pub use replica::{OutboxCommit, Refusal, Replica, ReplicaState, Rewrite, Settlement};
pub use subscription::EventSubscription;
pub use typed::Store;
