//! The one error of the crate: a variant per failure, a stable code per variant, the same on every side.

use crate::event::json::quoted;
use crate::event::{EventId, InvalidEventId, InvalidJson, InvalidName, InvalidStreamId, SpaceId};
use crate::version::VersionConflict;

/// Why a store, a sync or an endpoint could not do what it was asked.
///
/// [`code`](Self::code) is stable: the same word here, in JavaScript (`error.code`) and on the wire. What is large is boxed:
/// an error is copied wherever a function may fail, and in a client all of that is downloaded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A stream is not at the version that the batch expects. Read it again, decide again, write again.
    #[error("{0}")]
    VersionConflict(VersionConflict),
    /// The batch contradicts itself or says nothing; nothing was written.
    #[error("invalid batch: {0}")]
    InvalidBatch(String),
    /// A stream id is empty, too long, untrimmed or has a control character.
    #[error("invalid stream id: {0}")]
    InvalidStreamId(Box<InvalidStreamId>),
    /// An event type, user id, correlation id or space is empty, too long or has a control character.
    #[error("invalid name: {0}")]
    InvalidName(Box<InvalidName>),
    /// An event or commit id is not a UUIDv7.
    #[error("invalid id: {0}")]
    InvalidEventId(Box<InvalidEventId>),
    /// A payload or metadata cannot be carried as I-JSON.
    #[error("invalid payload: {0}")]
    InvalidPayload(Box<InvalidJson>),
    /// A payload, an event's metadata or a batch is over its limit.
    #[error("{0}")]
    PayloadTooLarge(Box<TooLarge>),
    /// An event id was written before with other content.
    #[error("event id {0} was written before with other content; give the new event an id of its own")]
    EventIdReused(Box<EventId>),
    /// A stream would pass 2^53 - 1 events.
    #[error("stream {} would pass 2^53 - 1 events", quoted(.0))]
    VersionOverflow(String),
    /// A stored event cannot be decoded into the type that was asked for.
    #[error("{0}")]
    UndecodableEvent(Box<UndecodableEvent>),
    /// An event that a read should start after is not in this store.
    #[error("event {0} is not in this store; start from a cursor or from the beginning")]
    UnknownEvent(Box<EventId>),
    /// The browser or the disk has no room for the write; what was there stays readable.
    #[error("no room left to write: {0}; free some, or ask for persistent storage")]
    QuotaExceeded(String),
    /// The storage cannot be opened or reached here.
    #[error("storage is unavailable: {0}")]
    StorageUnavailable(String),
    /// The storage has more to do than it can. Nothing was written; try again in a moment.
    #[error("too much to do: {0}; try again in a moment")]
    Overloaded(String),
    /// The space was erased for good, on purpose; its name is not used again.
    #[error("space {0} was erased")]
    SpaceErased(SpaceId),
    /// A stored record is damaged; the message names it, the rest stays readable.
    #[error("storage is damaged: {0}")]
    StorageCorrupt(String),
    /// The storage was written by a newer version of this library.
    #[error("the storage has schema {found}, newer than {known} which this version knows; update the app")]
    SchemaTooNew {
        /// The schema on disk.
        found: u32,
        /// The newest that this version knows.
        known: u32,
    },
    /// The store was closed.
    #[error("the store is closed; open it again")]
    Closed,
    /// The endpoint could not be reached.
    #[error("the endpoint cannot be reached: {0}")]
    Offline(String),
    /// The endpoint does not know who is asking.
    #[error("unauthorized: {0}")]
    Unauthorized(String),
    /// The endpoint knows who is asking and refuses.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// The endpoint is another one than before, or lost what it had. Nothing local is lost.
    #[error("the endpoint was reset: {0}")]
    EndpointReset(String),
    /// The endpoint speaks another version of the protocol.
    #[error("protocol not supported: {0}")]
    ProtocolUnsupported(String),
    /// The message is not one of the protocol's.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// The caller asks too often.
    #[error("too many requests; try again in {retry_after_ms} ms")]
    RateLimited {
        /// How long to wait, in milliseconds.
        retry_after_ms: u64,
    },
    /// Something failed that the caller cannot mend; the operation may be repeated.
    #[error("internal error: {0}")]
    Internal(String),
}

// Three words and a tag: see the type.
const _: () = assert!(size_of::<StoreError>() <= 4 * size_of::<usize>());

/// What is over its limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {size} {unit}; the limit is {limit}")]
pub struct TooLarge {
    /// What is too large: `payload`, `metadata`, `batch` or `body`.
    pub what: &'static str,
    /// Its size.
    pub size: usize,
    /// What may be at most.
    pub limit: usize,
    /// The unit of both: `bytes` or `events`.
    pub unit: &'static str,
}

/// A stored event that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {id} of type {} cannot be decoded: {reason}", quoted(event_type))]
pub struct UndecodableEvent {
    /// The event.
    pub id: EventId,
    /// Its type, as stored.
    pub event_type: String,
    /// What the decoder said.
    pub reason: String,
}

impl StoreError {
    /// The stable code of this failure.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::VersionConflict(_) => "VERSION_CONFLICT",
            Self::InvalidBatch(_) => "INVALID_BATCH",
            Self::InvalidStreamId(_) => "INVALID_STREAM_ID",
            Self::InvalidName(_) => "INVALID_NAME",
            Self::InvalidEventId(_) => "INVALID_EVENT_ID",
            Self::InvalidPayload(_) => "INVALID_PAYLOAD",
            Self::PayloadTooLarge(_) => "PAYLOAD_TOO_LARGE",
            Self::EventIdReused(_) => "EVENT_ID_REUSED",
            Self::VersionOverflow(_) => "VERSION_OVERFLOW",
            Self::UndecodableEvent(_) => "UNDECODABLE_EVENT",
            Self::UnknownEvent(_) => "UNKNOWN_EVENT",
            Self::QuotaExceeded(_) => "QUOTA_EXCEEDED",
            Self::StorageUnavailable(_) => "STORAGE_UNAVAILABLE",
            Self::Overloaded(_) => "OVERLOADED",
            Self::SpaceErased(_) => "SPACE_ERASED",
            Self::StorageCorrupt(_) => "STORAGE_CORRUPT",
            Self::SchemaTooNew { .. } => "SCHEMA_TOO_NEW",
            Self::Closed => "CLOSED",
            Self::Offline(_) => "OFFLINE",
            Self::Unauthorized(_) => "UNAUTHORIZED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::EndpointReset(_) => "ENDPOINT_RESET",
            Self::ProtocolUnsupported(_) => "PROTOCOL_UNSUPPORTED",
            Self::InvalidRequest(_) => "INVALID_REQUEST",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::Internal(_) => "INTERNAL",
        }
    }
}

macro_rules! from_boxed {
    ($($error:ident)+) => {
        $(impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::$error(Box::new(error))
            }
        })+
    };
}

from_boxed!(InvalidStreamId InvalidName InvalidEventId UndecodableEvent);

impl From<InvalidJson> for StoreError {
    fn from(invalid: InvalidJson) -> Self {
        Self::InvalidPayload(Box::new(invalid))
    }
}

impl From<VersionConflict> for StoreError {
    fn from(conflict: VersionConflict) -> Self {
        Self::VersionConflict(conflict)
    }
}

/// Holds a size against its limit.
pub(crate) fn at_most(
    what: &'static str,
    size: usize,
    limit: usize,
    unit: &'static str,
) -> Result<(), StoreError> {
    match size > limit {
        true => Err(StoreError::PayloadTooLarge(TooLarge { what, size, limit, unit }.into())),
        false => Ok(()),
    }
}
