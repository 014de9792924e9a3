//! Events as a store gives them back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::json::{self, Decode, Encode, Object, Read, Reader};
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

/// The one written form of an event: on the wire, in exports, and towards JavaScript. Its position is null while it
/// is pending.
impl Encode for RawEvent {
    fn encode(&self, out: &mut String) {
        Object::new(out)
            .member("position", &self.place.position())
            .member("id", &self.id)
            .member("commitId", &self.commit_id)
            .member("streamId", &self.stream_id)
            .member("version", &self.version)
            .member("type", &self.event_type)
            .member("payload", &self.payload)
            .member("metadata", &self.metadata)
            .member("occurredAt", &time::format(self.occurred_at))
            .end();
    }
}

impl Decode for RawEvent {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let (mut position, mut id, mut commit_id, mut stream_id) = (None, None, None, None);
        let (mut version, mut event_type, mut payload, mut metadata) = (None, None, None, None);
        let mut occurred_at = None;
        reader.object(&mut |reader, name| match name {
            "position" => reader.fill(&mut position),
            "id" => reader.fill(&mut id),
            "commitId" => reader.fill(&mut commit_id),
            "streamId" => reader.fill(&mut stream_id),
            "version" => reader.fill(&mut version),
            "type" => reader.fill(&mut event_type),
            "payload" => reader.fill(&mut payload),
            "metadata" => reader.fill(&mut metadata),
            "occurredAt" => reader.fill(&mut occurred_at),
            _ => reader.raw().map(drop),
        })?;
        let position: Option<Position> = reader.required(position, "position")?;
        let occurred_at: String = reader.required(occurred_at, "occurredAt")?;
        Ok(Self {
            place: position.map_or(Place::Pending(0), Place::Confirmed),
            id: reader.required(id, "id")?,
            commit_id: reader.required(commit_id, "commitId")?,
            stream_id: reader.required(stream_id, "streamId")?,
            version: reader.required(version, "version")?,
            event_type: reader.required(event_type, "type")?,
            payload: reader.required(payload, "payload")?,
            metadata: reader.required(metadata, "metadata")?,
            occurred_at: time::parse(&occurred_at).or_else(|error| reader.fail(&error))?,
        })
    }
}

impl Serialize for RawEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for RawEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::deserialize(deserializer)
    }
}
