//! What a reader asks for, from JavaScript.

use serde::Deserialize;
use wasm_bindgen::JsValue;

use crate::error::StoreError;
use crate::event::{EventId, EventType};
use crate::store::{After, ReadOptions, SubscriptionOptions};
use crate::version::{Cursor, EventVersion};

/// Numbers arrive as doubles; the newtypes refuse what is no whole number up to 2^53 - 1.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Options {
    from_version: Option<EventVersion>,
    to_version: Option<EventVersion>,
    max_events: Option<usize>,
    backwards: bool,
    after: Option<WrittenAfter>,
    event_types: Option<Vec<EventType>>,
    stream_prefix: Option<String>,
    confirmed_only: bool,
    buffer: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenAfter {
    Cursor(u64),
    Event(EventId),
}

impl Options {
    pub(super) fn read(value: JsValue) -> Result<Self, StoreError> {
        if value.is_undefined() || value.is_null() {
            return Ok(Self::default());
        }
        serde_wasm_bindgen::from_value(value)
            .map_err(|error| StoreError::InvalidRequest(format!("options: {error}")))
    }

    fn after(&self) -> Result<Option<After>, StoreError> {
        Ok(match self.after {
            None => None,
            Some(WrittenAfter::Event(id)) => Some(After::Event(id)),
            Some(WrittenAfter::Cursor(cursor)) => Some(After::Cursor(
                Cursor::try_from(cursor)
                    .map_err(|error| StoreError::InvalidRequest(format!("after: {error}")))?,
            )),
        })
    }

    pub(super) fn for_reading(self) -> Result<ReadOptions, StoreError> {
        Ok(ReadOptions {
            after: self.after()?,
            from_version: self.from_version,
            to_version: self.to_version,
            max_events: self.max_events,
            backwards: self.backwards,
            event_types: self.event_types.unwrap_or_default(),
            stream_prefix: self.stream_prefix,
            confirmed_only: self.confirmed_only,
        })
    }

    pub(super) fn for_subscribing(self) -> Result<SubscriptionOptions, StoreError> {
        Ok(SubscriptionOptions {
            after: self.after()?,
            event_types: self.event_types.unwrap_or_default(),
            stream_prefix: self.stream_prefix,
            confirmed_only: self.confirmed_only,
            buffer: self.buffer,
        })
    }
}
