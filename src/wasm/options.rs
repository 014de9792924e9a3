//! What a reader asks for, from JavaScript.

use wasm_bindgen::JsValue;

use crate::error::StoreError;
use crate::event::EventType;
use crate::event::json::{Decode, Read, Reader, from_text, quoted};
use crate::store::{After, ReadOptions, SubscriptionOptions};
use crate::version::{Cursor, EventVersion};

#[derive(Default)]
pub(super) struct Options {
    from_version: Option<EventVersion>,
    to_version: Option<EventVersion>,
    max_events: Option<usize>,
    backwards: Option<bool>,
    after: Option<After>,
    event_types: Option<Vec<EventType>>,
    stream_prefix: Option<String>,
    confirmed_only: Option<bool>,
    buffer: Option<usize>,
}

impl Decode for Options {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let mut options = Self::default();
        // What JSON has no word for is written as null: no option is that.
        reader.object(&mut |reader, name| match name {
            "fromVersion" => EventVersion::decode(reader).map(|it| options.from_version = Some(it)),
            "toVersion" => EventVersion::decode(reader).map(|it| options.to_version = Some(it)),
            "maxEvents" => usize::decode(reader).map(|it| options.max_events = Some(it)),
            "backwards" => bool::decode(reader).map(|it| options.backwards = Some(it)),
            "after" => After::decode(reader).map(|it| options.after = Some(it)),
            "eventTypes" => Vec::decode(reader).map(|it| options.event_types = Some(it)),
            "streamPrefix" => String::decode(reader).map(|it| options.stream_prefix = Some(it)),
            "confirmedOnly" => bool::decode(reader).map(|it| options.confirmed_only = Some(it)),
            "buffer" => usize::decode(reader).map(|it| options.buffer = Some(it)),
            _ => reader.fail(&format_args!("unknown option {}", quoted(name))),
        })?;
        Ok(options)
    }
}

impl Decode for After {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        if reader.at_text() {
            reader.parsed().map(Self::Event)
        } else {
            Cursor::decode(reader).map(Self::Cursor)
        }
    }
}

impl Options {
    pub(super) fn read(value: JsValue) -> Result<Self, StoreError> {
        if value.is_undefined() || value.is_null() {
            return Ok(Self::default());
        }
        let invalid = |fault: &dyn std::fmt::Display| StoreError::InvalidRequest(format!("options: {fault}"));
        let text = js_sys::JSON::stringify(&value).map_err(|_| invalid(&"they cannot become JSON"))?;
        from_text(&String::from(text)).map_err(|fault| invalid(&fault))
    }

    pub(super) fn for_reading(self) -> ReadOptions {
        ReadOptions {
            after: self.after,
            from_version: self.from_version,
            to_version: self.to_version,
            max_events: self.max_events,
            backwards: self.backwards.unwrap_or_default(),
            event_types: self.event_types.unwrap_or_default(),
            stream_prefix: self.stream_prefix,
            confirmed_only: self.confirmed_only.unwrap_or_default(),
        }
    }

    pub(super) fn for_subscribing(self) -> SubscriptionOptions {
        SubscriptionOptions {
            after: self.after,
            event_types: self.event_types.unwrap_or_default(),
            stream_prefix: self.stream_prefix,
            confirmed_only: self.confirmed_only.unwrap_or_default(),
            buffer: self.buffer,
        }
    }
}
