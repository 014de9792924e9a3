//! Events as a store gives them back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CommitId, EventId, EventMetadata, EventType, Json, StreamId, time};
use crate::version::{EventVersion, Position};

/// Where an event stands in the feed: confirmed events by position, then pending ones in the order in which
/// they were written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Accepted: the event has its position in the space for good.
    Confirmed(Position),
    /// Waiting in the outbox, as the n-th event there; its version is provisional.
    Pending(u64),
}

impl Place {
    /// The position, where there is one already.
    pub const fn position(self) -> Option<Position> {
        match self {
            Self::Confirmed(position) => Some(position),
            Self::Pending(_) => None,
        }
    }
}

/// An event as stored, its payload decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent<E> {
    /// Its id: UUIDv7, the client's own, the idempotency key.
    pub id: EventId,
    /// The stream it belongs to.
    pub stream_id: StreamId,
    /// Its number in the stream; the first event has 1. Provisional while the event is pending.
    pub version: EventVersion,
    /// What kind of thing happened.
    pub event_type: EventType,
    /// What happened.
    pub payload: E,
    /// Who, when, why.
    pub metadata: EventMetadata,
    /// When it happened, in milliseconds of UTC.
    pub occurred_at: DateTime<Utc>,
    /// The commit it was written in.
    pub commit_id: CommitId,
    /// Where it stands in the feed.
    pub place: Place,
}

impl<E> StoredEvent<E> {
    /// Its position in the space; none while it is pending.
    pub const fn position(&self) -> Option<Position> {
        self.place.position()
    }

    /// Whether it still waits to be confirmed by the endpoint.
    pub const fn is_pending(&self) -> bool {
        matches!(self.place, Place::Pending(_))
    }
}

/// The events of one stream that a read selected, and the version of the whole stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvents<E> {
    /// The stream.
    pub stream_id: StreamId,
    /// The version of the stream when it was read; 0 when it does not exist.
    pub version: EventVersion,
    /// The events, in the order that was asked for.
    pub events: Vec<StoredEvent<E>>,
}

/// An event as adapters keep it and as it travels: payload and metadata are text that nobody needs to parse.
#[derive(Debug, Clone, PartialEq)]
pub struct RawEvent {
    /// Where it stands in the feed.
    pub place: Place,
    /// Its id.
    pub id: EventId,
    /// The commit it was written in.
    pub commit_id: CommitId,
    /// The stream it belongs to.
    pub stream_id: StreamId,
    /// Its number in the stream.
    pub version: EventVersion,
    /// What kind of thing happened.
    pub event_type: EventType,
    /// The payload.
    pub payload: Json,
    /// An [`EventMetadata`].
    pub metadata: Json,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
}

/// The one written form of an event: on the wire, in exports, and towards JavaScript.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<J, T> {
    /// Null while pending.
    position: Option<Position>,
    id: EventId,
    commit_id: CommitId,
    stream_id: StreamId,
    version: EventVersion,
    #[serde(rename = "type")]
    event_type: EventType,
    payload: J,
    metadata: J,
    occurred_at: T,
}

impl Serialize for RawEvent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written {
            position: self.place.position(),
            id: self.id,
            commit_id: self.commit_id,
            stream_id: self.stream_id.clone(),
            version: self.version,
            event_type: self.event_type.clone(),
            payload: &self.payload,
            metadata: &self.metadata,
            occurred_at: time::format(self.occurred_at),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawEvent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::<Json, String>::deserialize(deserializer)?;
        Ok(Self {
            place: written.position.map_or(Place::Pending(0), Place::Confirmed),
            id: written.id,
            commit_id: written.commit_id,
            stream_id: written.stream_id,
            version: written.version,
            event_type: written.event_type,
            payload: written.payload,
            metadata: written.metadata,
            occurred_at: time::parse(&written.occurred_at).map_err(serde::de::Error::custom)?,
        })
    }
}
