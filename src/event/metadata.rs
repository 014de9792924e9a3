//! Who, when, why: what every event carries beside its payload.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::{Decode, Encode, Object, Read, Reader};
use super::{CausationId, CorrelationId, StoredEvent, UserId};

/// What is known about how an event came to be.
///
/// `V` is how the values of the app's choice are held: as a tree, or as text where nobody looks into them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventMetadata<V = Value> {
    /// Who triggered this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Ties events together across services.
    pub correlation_id: CorrelationId,
    /// What caused this event, usually the id of an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<CausationId>,
    /// The version of the payload's schema, from 1; see [`Upcasters`](super::Upcasters).
    #[serde(default = "first_schema", skip_serializing_if = "is_first_schema")]
    pub schema_version: u32,
    /// Anything else, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom: BTreeMap<String, V>,
}

const fn first_schema() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_first_schema(version: &u32) -> bool {
    *version == 1
}

impl<V: Encode> Encode for EventMetadata<V> {
    fn encode(&self, out: &mut String) {
        Object::new(out)
            .optional("userId", self.user_id.as_ref())
            .member("correlationId", &self.correlation_id)
            .optional("causationId", self.causation_id.as_ref())
            .optional("schemaVersion", Some(&self.schema_version).filter(|version| **version != 1))
            .optional("custom", Some(&self.custom).filter(|custom| !custom.is_empty()))
            .end();
    }
}

impl<V: Decode> Decode for EventMetadata<V> {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let written = PartialMetadata::decode(reader)?;
        match written.correlation_id.clone() {
            Some(correlation_id) => Ok(written.complete(&correlation_id)),
            None => reader.fail(&"lacks \"correlationId\""),
        }
    }
}

/// Metadata that leaves its correlation to the batch.
pub(crate) struct PartialMetadata<V> {
    user_id: Option<UserId>,
    correlation_id: Option<CorrelationId>,
    causation_id: Option<CausationId>,
    schema_version: Option<u32>,
    custom: Option<BTreeMap<String, V>>,
    /// Whether there is a member beside these.
    #[cfg_attr(
        not(target_family = "wasm"),
        allow(dead_code, reason = "only JavaScript's batches are strict")
    )]
    pub(crate) has_more: bool,
}

impl<V> Default for PartialMetadata<V> {
    fn default() -> Self {
        let (user_id, correlation_id, causation_id) = (None, None, None);
        Self { user_id, correlation_id, causation_id, schema_version: None, custom: None, has_more: false }
    }
}

impl<V> PartialMetadata<V> {
    pub(crate) fn complete(self, correlation_id: &CorrelationId) -> EventMetadata<V> {
        EventMetadata {
            user_id: self.user_id,
            correlation_id: self.correlation_id.unwrap_or_else(|| correlation_id.clone()),
            causation_id: self.causation_id,
            schema_version: self.schema_version.unwrap_or(1),
            custom: self.custom.unwrap_or_default(),
        }
    }
}

impl<V: Decode> Decode for PartialMetadata<V> {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let (mut user_id, mut correlation_id, mut causation_id) = (None, None, None);
        let (mut schema_version, mut custom, mut has_more) = (None, None, false);
        reader.object(&mut |reader, name| match name {
            "userId" => reader.fill(&mut user_id),
            "correlationId" => reader.fill(&mut correlation_id),
            "causationId" => reader.fill(&mut causation_id),
            "schemaVersion" => reader.fill(&mut schema_version),
            "custom" => reader.fill(&mut custom),
            _ => {
                has_more = true;
                reader.raw().map(drop)
            }
        })?;
        Ok(Self { user_id, correlation_id, causation_id, schema_version, custom, has_more })
    }
}

impl<V> EventMetadata<V> {
    /// A correlation id and nothing else.
    pub(super) const fn bare(correlation_id: CorrelationId) -> Self {
        Self { user_id: None, correlation_id, causation_id: None, schema_version: 1, custom: BTreeMap::new() }
    }
}

impl EventMetadata {
    /// Metadata with a fresh correlation id and nothing else.
    #[expect(clippy::new_without_default, reason = "a default should not be random")]
    pub fn new() -> Self {
        Self::correlated(CorrelationId::new())
    }

    /// Metadata with this correlation id and nothing else.
    pub fn correlated(correlation_id: CorrelationId) -> Self {
        Self::bare(correlation_id)
    }

    /// States who triggered the event.
    #[must_use]
    pub fn with_user_id(mut self, user_id: UserId) -> Self {
        self.user_id = Some(user_id);
        self
    }

    /// Ties the event to others.
    #[must_use]
    pub fn with_correlation_id(mut self, correlation_id: CorrelationId) -> Self {
        self.correlation_id = correlation_id;
        self
    }

    /// States that an earlier event caused this one: its id becomes the causation, its correlation is kept.
    #[must_use]
    pub fn caused_by<E>(mut self, event: &StoredEvent<E>) -> Self {
        self.causation_id = Some(event.id.into());
        self.correlation_id = event.metadata.correlation_id.clone();
        self
    }

    /// Adds a value under a name of the app's choice.
    #[must_use]
    pub fn with_custom(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.custom.insert(name.into(), value.into());
        self
    }
}
