//! Events: their ids, the streams they belong to, what they carry, and the batches they are written in.
//!
//! Everything here is a proof: a value that exists obeys its rule, and nothing behind it checks again.

mod batch;
mod clock;
mod commit;
mod digest;
mod enrich;
mod id;
pub mod json;
mod metadata;
mod name;
mod payload;
mod stored;
mod stream_id;
pub(crate) mod time;
mod type_name;
mod upcast;

pub use batch::{Batch, EventToWrite, Limits, Precondition};
pub use clock::{IdGenerator, now_millis};
pub use commit::{Commit, Expectation, NewEvent};
pub use digest::{Digest, DigestBuilder, InvalidDigest};
pub use enrich::{EnrichedEvent, EventContext, EventEnricher};
pub use id::{CommitId, EventId, InvalidEventId};
pub use json::{InvalidJson, Json};
pub use metadata::EventMetadata;
#[cfg(target_family = "wasm")]
pub(crate) use metadata::PartialMetadata;
pub use name::{CausationId, CorrelationId, EventType, InvalidName, RequestId, SessionId, SpaceId, UserId};
pub use payload::{Event, JsonEvent};
pub use stored::{Place, RawEvent, StoredEvent, StreamEvents};
pub use stream_id::{InvalidStreamId, StreamId};
pub use upcast::Upcasters;
