//! Errors towards JavaScript: an `Error` with a `code` and its fields as JSON, which `js/errors.ts` makes typed.

use js_sys::Reflect;
use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::error::StoreError;
use crate::event::EventId;
use crate::protocol::ErrorBody;
use crate::version::VersionConflict;

/// An error for JavaScript to throw.
pub(super) fn to_js(error: StoreError) -> JsValue {
    new_error(&error.to_string(), error.code(), details(&error))
}

/// An error that came over the wire or was kept as text.
pub(super) fn wire_to_js(error: ErrorBody) -> JsValue {
    new_error(&error.message, &error.code, None)
}

/// JSON for JavaScript to parse.
pub(super) fn to_text<T: Serialize + ?Sized>(value: &T) -> Result<String, JsValue> {
    serde_json::to_string(value).map_err(|error| to_js(StoreError::Internal(error.to_string())))
}

fn new_error(message: &str, code: &str, details: Option<String>) -> JsValue {
    let error = js_sys::Error::new(message);
    // Setting a property of a fresh object cannot fail.
    let _ = Reflect::set(&error, &"code".into(), &code.into());
    if let Some(details) = details {
        let _ = Reflect::set(&error, &"details".into(), &details.into());
    }
    error.into()
}

/// The fields of an error.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Details<'a> {
    Conflict(&'a VersionConflict),
    TooLarge { what: &'a str, size: usize, limit: usize, unit: &'a str },
    Payload { path: &'a str },
    Event { event_id: EventId },
    Undecodable { event_id: EventId, event_type: &'a str, reason: &'a str },
    Schema { found: u32, known: u32 },
    Rate { retry_after_ms: u64 },
}

fn details(error: &StoreError) -> Option<String> {
    let details = match error {
        StoreError::VersionConflict(conflict) => Details::Conflict(conflict),
        StoreError::PayloadTooLarge { what, size, limit, unit } => {
            Details::TooLarge { what, size: *size, limit: *limit, unit }
        }
        StoreError::InvalidPayload(invalid) => Details::Payload { path: &invalid.path },
        StoreError::EventIdReused(id) | StoreError::UnknownEvent(id) => Details::Event { event_id: *id },
        StoreError::UndecodableEvent { id, event_type, reason } => {
            Details::Undecodable { event_id: *id, event_type, reason }
        }
        StoreError::SchemaTooNew { found, known } => Details::Schema { found: *found, known: *known },
        StoreError::RateLimited { retry_after_ms } => Details::Rate { retry_after_ms: *retry_after_ms },
        _ => return None,
    };
    // Texts and numbers always become JSON.
    serde_json::to_string(&details).ok()
}
