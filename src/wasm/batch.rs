//! Batches as `js/` writes them: one text for all events, payloads in it as they are.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::StoreError;
use crate::event::{
    Batch, CausationId, CorrelationId, EventId, EventMetadata, EventToWrite, EventType, Json, JsonEvent,
    Precondition, StreamId, UserId, time,
};
use crate::version::ExpectedVersion;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenBatch {
    commit_id: Option<String>,
    events: Vec<WrittenEvent>,
    #[serde(default)]
    preconditions: Vec<WrittenPrecondition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenEvent {
    stream_id: String,
    #[serde(rename = "type")]
    event_type: String,
    payload: Box<RawValue>,
    #[serde(default)]
    metadata: WrittenMetadata,
    expected_version: ExpectedVersion,
    id: Option<String>,
    occurred_at: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenMetadata {
    user_id: Option<UserId>,
    correlation_id: Option<CorrelationId>,
    causation_id: Option<CausationId>,
    schema_version: Option<u32>,
    #[serde(default)]
    custom: BTreeMap<String, Box<RawValue>>,
}

impl WrittenMetadata {
    fn complete(self, shared: &CorrelationId) -> EventMetadata<Box<RawValue>> {
        EventMetadata {
            user_id: self.user_id,
            correlation_id: self.correlation_id.unwrap_or_else(|| shared.clone()),
            causation_id: self.causation_id,
            schema_version: self.schema_version.unwrap_or(1),
            custom: self.custom,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenPrecondition {
    stream_id: String,
    expected_version: ExpectedVersion,
}

/// A batch whose metadata holds the app's values as text.
pub(super) type TextBatch = Batch<JsonEvent, Box<RawValue>>;

/// Reads a batch.
pub(super) fn read(text: &str) -> Result<TextBatch, StoreError> {
    let written: WrittenBatch =
        serde_json::from_str(text).map_err(|error| StoreError::InvalidBatch(error.to_string()))?;
    // Where the ids are given the write may be repeated, and then it must have the same content.
    let first = written.events.first().and_then(|event| event.id.as_deref());
    let shared = match first {
        Some(id) => CorrelationId::from(id.parse::<EventId>()?),
        None => CorrelationId::new(),
    };
    let events = written.events.into_iter().map(|event| {
        let stream_id: StreamId = event.stream_id.parse()?;
        let payload = JsonEvent {
            event_type: event.event_type.parse::<EventType>()?,
            payload: Json::from_raw(event.payload)?,
        };
        let occurred_at = event.occurred_at.map(|text| {
            time::parse(&text).map_err(|error| StoreError::InvalidBatch(format!("occurredAt: {error}")))
        });
        Ok(EventToWrite {
            stream_id,
            payload,
            metadata: Some(event.metadata.complete(&shared)),
            expected_version: event.expected_version,
            id: event.id.map(|id| id.parse()).transpose()?,
            occurred_at: occurred_at.transpose()?,
        })
    });
    let events = events.collect::<Result<_, StoreError>>()?;
    let preconditions = written.preconditions.into_iter().map(|precondition| {
        let stream_id: StreamId = precondition.stream_id.parse()?;
        Ok(Precondition { stream_id, expected_version: precondition.expected_version })
    });
    Ok(Batch {
        commit_id: written.commit_id.map(|id| id.parse()).transpose()?,
        events,
        preconditions: preconditions.collect::<Result<_, StoreError>>()?,
    })
}
