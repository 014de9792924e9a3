//! Batches as `js/` writes them: one text for all events, payloads in it as they are.

use crate::error::StoreError;
use crate::event::json::{Decode, Fault, Read, Reader, decode_members, from_text};
use crate::event::{
    Batch, CorrelationId, EventId, EventToWrite, EventType, Json, JsonEvent, PartialMetadata, Precondition,
    StreamId, time,
};
use crate::version::ExpectedVersion;

struct WrittenBatch {
    commit_id: Option<String>,
    events: Vec<WrittenEvent>,
    preconditions: Option<Vec<WrittenPrecondition>>,
}

decode_members!(WrittenBatch { commit_id: "commitId", events: "events", preconditions: "preconditions" });

struct WrittenEvent {
    stream_id: String,
    event_type: String,
    payload: Json,
    metadata: Option<Metadata>,
    expected_version: ExpectedVersion,
    id: Option<String>,
    occurred_at: Option<String>,
}

decode_members!(WrittenEvent {
    stream_id: "streamId",
    event_type: "type",
    payload: "payload",
    metadata: "metadata",
    expected_version: "expectedVersion",
    id: "id",
    occurred_at: "occurredAt",
});

struct WrittenPrecondition {
    stream_id: String,
    expected_version: ExpectedVersion,
}

decode_members!(WrittenPrecondition { stream_id: "streamId", expected_version: "expectedVersion" });

/// Metadata that has no member of another name: what the app wants to add goes below `custom`.
struct Metadata(PartialMetadata<Json>);

impl Decode for Metadata {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let metadata = PartialMetadata::decode(reader)?;
        if metadata.has_more { reader.fail(&"unknown member of metadata") } else { Ok(Self(metadata)) }
    }
}

/// A batch whose metadata holds the app's values as text.
pub(super) type TextBatch = Batch<JsonEvent, Json>;

/// Reads a batch.
pub(super) fn read(text: &str) -> Result<TextBatch, StoreError> {
    let written: WrittenBatch = from_text(text).map_err(|fault| match fault {
        Fault::Json(invalid) => invalid.into(),
        Fault::Message(message) => StoreError::InvalidBatch(message),
    })?;
    // A batch without any metadata is completed by its first event's id.
    let is_bare = written.events.iter().all(|event| event.metadata.is_none());
    // Where the ids are given the write may be repeated, and then it must have the same content.
    let first = written.events.first().and_then(|event| event.id.as_deref());
    let shared = match first {
        _ if is_bare => None,
        Some(id) => Some(CorrelationId::from(id.parse::<EventId>()?)),
        None => Some(CorrelationId::new()),
    };
    let events = written.events.into_iter().map(|event| {
        let stream_id: StreamId = event.stream_id.parse()?;
        let event_type: EventType = event.event_type.parse()?;
        let occurred_at = event.occurred_at.map(|text| {
            time::parse(&text).map_err(|error| StoreError::InvalidBatch(format!("occurredAt: {error}")))
        });
        let metadata = event.metadata.map(|Metadata(metadata)| metadata).unwrap_or_default();
        let metadata = shared.as_ref().map(|shared| metadata.complete(shared));
        Ok(EventToWrite {
            stream_id,
            payload: JsonEvent { event_type, payload: event.payload },
            metadata,
            expected_version: event.expected_version,
            id: event.id.map(|id| id.parse()).transpose()?,
            occurred_at: occurred_at.transpose()?,
        })
    });
    let events = events.collect::<Result<_, StoreError>>()?;
    let preconditions = written.preconditions.unwrap_or_default().into_iter().map(|precondition| {
        let stream_id: StreamId = precondition.stream_id.parse()?;
        Ok(Precondition { stream_id, expected_version: precondition.expected_version })
    });
    Ok(Batch {
        commit_id: written.commit_id.map(|id| id.parse()).transpose()?,
        events,
        preconditions: preconditions.collect::<Result<_, StoreError>>()?,
    })
}
