//! Events and metadata for tests, with defaults for everything that a test does not care about.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::event::{
    CommitId, CorrelationId, Event, EventId, EventMetadata, Place, StoredEvent, StreamId, UserId,
};
use crate::version::{EventVersion, Position};

/// Stands where a builder has no payload yet.
#[derive(Debug, Clone, Copy)]
pub struct NoPayload;

/// Builds an event as a store would give it back.
///
/// What is left out: stream `test-stream`, version 1, fresh ids and metadata, the time in the id. Events stand
/// in the feed in the order in which they were built.
#[derive(Debug, Clone)]
pub struct StoredEventBuilder<E = NoPayload> {
    id: Option<EventId>,
    stream_id: StreamId,
    version: EventVersion,
    payload: E,
    metadata: Option<EventMetadata>,
    occurred_at: Option<DateTime<Utc>>,
    commit_id: Option<CommitId>,
    place: Option<Place>,
}

impl StoredEventBuilder {
    /// An event about nothing yet; it needs [`with_payload`](Self::with_payload).
    #[expect(clippy::new_without_default, reason = "a default event would say nothing")]
    pub const fn new() -> Self {
        Self {
            id: None,
            stream_id: StreamId::from_static("test-stream"),
            version: EventVersion::new(1),
            payload: NoPayload,
            metadata: None,
            occurred_at: None,
            commit_id: None,
            place: None,
        }
    }
}

impl<E> StoredEventBuilder<E> {
    /// What happened.
    #[must_use]
    pub fn with_payload<P: Event>(self, payload: P) -> StoredEventBuilder<P> {
        let Self { id, stream_id, version, metadata, occurred_at, commit_id, place, .. } = self;
        StoredEventBuilder { id, stream_id, version, payload, metadata, occurred_at, commit_id, place }
    }

    /// The id.
    #[must_use]
    pub fn with_id(self, id: EventId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// The stream.
    #[must_use]
    pub fn with_stream_id(self, stream_id: StreamId) -> Self {
        Self { stream_id, ..self }
    }

    /// The number in the stream, from 1.
    #[must_use]
    pub fn with_version(self, version: EventVersion) -> Self {
        Self { version, ..self }
    }

    /// Who, when, why.
    #[must_use]
    pub fn with_metadata(self, metadata: EventMetadata) -> Self {
        Self { metadata: Some(metadata), ..self }
    }

    /// When it happened.
    #[must_use]
    pub fn with_occurred_at(self, occurred_at: DateTime<Utc>) -> Self {
        Self { occurred_at: Some(occurred_at), ..self }
    }

    /// The commit it was written in.
    #[must_use]
    pub fn with_commit_id(self, commit_id: CommitId) -> Self {
        Self { commit_id: Some(commit_id), ..self }
    }

    /// The position in the space.
    #[must_use]
    pub fn with_position(self, position: Position) -> Self {
        Self { place: Some(Place::Confirmed(position)), ..self }
    }

    /// Waits in the outbox as the n-th event there, from 1.
    #[must_use]
    pub fn pending(self, number: u64) -> Self {
        Self { place: Some(Place::Pending(number)), ..self }
    }
}

impl<E: Event> StoredEventBuilder<E> {
    /// The event.
    ///
    /// # Panics
    /// When the payload has no event type or cannot be JSON: no store would have it.
    #[track_caller]
    pub fn build(self) -> StoredEvent<E> {
        static BUILT: AtomicU64 = AtomicU64::new(0);
        let event_type = match self.payload.encode() {
            Ok(encoded) => encoded.event_type,
            Err(error) => panic!("the payload is no event: {error}"),
        };
        let id = self.id.unwrap_or_default();
        let position = || Place::Confirmed(Position::new(BUILT.fetch_add(1, Ordering::Relaxed) + 1));
        StoredEvent {
            id,
            stream_id: self.stream_id,
            version: self.version,
            event_type,
            payload: self.payload,
            metadata: self.metadata.unwrap_or_else(EventMetadata::new),
            occurred_at: self.occurred_at.unwrap_or_else(|| id.timestamp()),
            commit_id: self.commit_id.unwrap_or_default(),
            place: self.place.unwrap_or_else(position),
        }
    }
}

/// Builds metadata. What is left out: a fresh correlation id, nothing else.
#[derive(Debug, Clone)]
pub struct EventMetadataBuilder(EventMetadata);

impl EventMetadataBuilder {
    /// Metadata with a fresh correlation id.
    #[expect(clippy::new_without_default, reason = "a default should not be random")]
    pub fn new() -> Self {
        Self(EventMetadata::new())
    }

    /// Who triggered the event.
    #[must_use]
    pub fn with_user_id(self, user_id: UserId) -> Self {
        Self(self.0.with_user_id(user_id))
    }

    /// What ties it to others.
    #[must_use]
    pub fn with_correlation_id(self, correlation_id: CorrelationId) -> Self {
        Self(self.0.with_correlation_id(correlation_id))
    }

    /// The event that caused it; its correlation is kept.
    #[must_use]
    pub fn caused_by<E>(self, event: &StoredEvent<E>) -> Self {
        Self(self.0.caused_by(event))
    }

    /// A value under a name of the app's choice.
    #[must_use]
    pub fn with_custom(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self(self.0.with_custom(name, value))
    }

    /// The version of the payload's schema, from 1.
    #[must_use]
    pub fn with_schema_version(mut self, schema_version: u32) -> Self {
        self.0.schema_version = schema_version;
        self
    }

    /// The metadata.
    pub fn build(self) -> EventMetadata {
        self.0
    }
}
