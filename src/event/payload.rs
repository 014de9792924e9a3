//! What a domain event must be able to do: say its type, become JSON, and come back.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{EventType, InvalidJson, Json, type_name};
use crate::maybe::{MaybeSend, MaybeSync};

/// A domain event. Every type with serde's `Serialize` and `Deserialize` is one.
///
/// A struct's event type is its name, and its JSON the payload. Of an enum, the variant's name is the type and
/// its content the payload, so that `OrderEvent::OrderPlaced { total: 3 }` is what JavaScript knows as
/// `{ type: 'OrderPlaced', payload: { total: 3 } }`. `#[serde(rename = "…")]` gives another name.
pub trait Event: Sized + Clone + MaybeSend + MaybeSync + 'static {
    /// The event's type and payload.
    ///
    /// # Errors
    /// When it has no name (a map, a number) or JSON cannot carry it.
    fn encode(&self) -> Result<JsonEvent, EncodeError>;

    /// The event of this type with this payload.
    ///
    /// # Errors
    /// What the decoder said.
    fn decode(event_type: &EventType, payload: &Json) -> Result<Self, String>;
}

/// Why an event cannot be written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// Neither a struct nor an enum: there is no name to use as the event's type.
    #[error("an event must be a struct or an enum, so that it has a name")]
    Unnamed,
    /// The name does not obey the rule for event types.
    #[error(transparent)]
    Name(#[from] super::InvalidName),
    /// JSON cannot carry it.
    #[error(transparent)]
    Json(#[from] InvalidJson),
}

/// An event whose shape the program does not know: a type and JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonEvent {
    /// What kind of thing happened.
    pub event_type: EventType,
    /// What happened.
    pub payload: Json,
}

impl Event for JsonEvent {
    fn encode(&self) -> Result<JsonEvent, EncodeError> {
        Ok(self.clone())
    }

    fn decode(event_type: &EventType, payload: &Json) -> Result<Self, String> {
        Ok(Self { event_type: event_type.clone(), payload: payload.clone() })
    }
}

impl<T: Serialize + DeserializeOwned + Clone + MaybeSend + MaybeSync + 'static> Event for T {
    fn encode(&self) -> Result<JsonEvent, EncodeError> {
        let (name, payload) = type_name::encode(self)?;
        Ok(JsonEvent { event_type: EventType::try_new(name)?, payload })
    }

    fn decode(event_type: &EventType, payload: &Json) -> Result<Self, String> {
        type_name::decode(event_type.as_str(), payload.text()).map_err(|error| error.to_string())
    }
}
