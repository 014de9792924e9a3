//! What a caller hands to a store: events to write, expectations, preconditions.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{CommitId, EventId, EventMetadata, StreamId};
use crate::version::ExpectedVersion;

/// An event ready to be written; `V` as in [`EventMetadata`].
#[derive(Debug, Clone, PartialEq)]
pub struct EventToWrite<E, V = Value> {
    /// The stream it goes to.
    pub stream_id: StreamId,
    /// What happened.
    pub payload: E,
    /// Who, when, why; without it the event gets a correlation id shared by its batch.
    pub metadata: Option<EventMetadata<V>>,
    /// What the stream must look like before the batch; see [`Batch`].
    pub expected_version: ExpectedVersion,
    /// The event's id, for a write that may have to be repeated; without it the store makes one.
    pub id: Option<EventId>,
    /// When it happened; without it the time in the event's id.
    pub occurred_at: Option<DateTime<Utc>>,
}

impl<E> EventToWrite<E> {
    /// An event for a stream, if the stream is as expected.
    pub const fn new(stream_id: StreamId, payload: E, expected_version: ExpectedVersion) -> Self {
        Self { stream_id, payload, metadata: None, expected_version, id: None, occurred_at: None }
    }

    /// Adds metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: EventMetadata) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Gives the event its id: writing it again with the same content answers with the first result.
    #[must_use]
    pub const fn with_id(mut self, id: EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// States when it happened; what is finer than a millisecond is cut.
    #[must_use]
    pub const fn at(mut self, occurred_at: DateTime<Utc>) -> Self {
        self.occurred_at = Some(occurred_at);
        self
    }
}

/// A stream that a batch only reads, and what it must look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precondition {
    /// The stream.
    pub stream_id: StreamId,
    /// What must hold of it.
    pub expected_version: ExpectedVersion,
}

/// Events that are written together or not at all, over one stream or several.
///
/// The first event of a stream states what the stream must look like before the batch. A later event of that
/// stream repeats it, or, where the first pins a version, states the running one (`Exact(3)`, then `Exact(4)`).
/// Anything else contradicts itself and is [`InvalidBatch`](crate::StoreError::InvalidBatch).
#[derive(Debug, Clone, PartialEq)]
pub struct Batch<E, V = Value> {
    /// The commit's id; without it the store makes one.
    pub commit_id: Option<CommitId>,
    /// The events, in their order.
    pub events: Vec<EventToWrite<E, V>>,
    /// What must hold of streams that the batch only reads.
    pub preconditions: Vec<Precondition>,
}

impl<E> Batch<E> {
    /// A batch of events without preconditions.
    pub const fn new(events: Vec<EventToWrite<E>>) -> Self {
        Self { commit_id: None, events, preconditions: Vec::new() }
    }

    /// Adds a stream that the batch only reads, and what must hold of it.
    #[must_use]
    pub fn with_precondition(mut self, stream_id: StreamId, expected_version: ExpectedVersion) -> Self {
        self.preconditions.push(Precondition { stream_id, expected_version });
        self
    }
}

impl<E> From<Vec<EventToWrite<E>>> for Batch<E> {
    fn from(events: Vec<EventToWrite<E>>) -> Self {
        Self::new(events)
    }
}

impl<E> From<EventToWrite<E>> for Batch<E> {
    fn from(event: EventToWrite<E>) -> Self {
        Self::new(vec![event])
    }
}

/// What one write may hold at most. The endpoint's defaults are the same, so that what is accepted offline is
/// accepted there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one payload's JSON text.
    pub payload_bytes: usize,
    /// Bytes of one event's metadata as JSON text.
    pub metadata_bytes: usize,
    /// Events of one batch.
    pub batch_events: usize,
    /// Bytes of one batch: its payloads and metadata together.
    pub batch_bytes: usize,
}

impl Limits {
    /// For what a border let in: it is not held against limits again.
    pub(crate) const NONE: Self = Self {
        payload_bytes: usize::MAX,
        metadata_bytes: usize::MAX,
        batch_events: usize::MAX,
        batch_bytes: usize::MAX,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self { payload_bytes: 1 << 20, metadata_bytes: 64 << 10, batch_events: 10_000, batch_bytes: 8 << 20 }
    }
}
