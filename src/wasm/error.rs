//! Errors towards JavaScript: an `Error` with a `code` and its fields as JSON, which `js/errors.ts` makes typed.

use js_sys::Reflect;
use serde::Serialize;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;

use crate::error::StoreError;
use crate::protocol::ErrorBody;

/// An error for JavaScript to throw.
pub(super) fn to_js(error: StoreError) -> JsValue {
    new_error(&error.to_string(), error.code(), &details(&error))
}

/// An error that came over the wire or was kept as text.
pub(super) fn wire_to_js(error: ErrorBody) -> JsValue {
    new_error(&error.message, &error.code, &Value::Null)
}

/// JSON for JavaScript to parse.
pub(super) fn to_text<T: Serialize + ?Sized>(value: &T) -> Result<String, JsValue> {
    serde_json::to_string(value).map_err(|error| to_js(StoreError::Internal(error.to_string())))
}

fn new_error(message: &str, code: &str, details: &Value) -> JsValue {
    let error = js_sys::Error::new(message);
    // Setting a property of a fresh object cannot fail.
    let _ = Reflect::set(&error, &"code".into(), &code.into());
    if !details.is_null() {
        let _ = Reflect::set(&error, &"details".into(), &details.to_string().into());
    }
    error.into()
}

fn details(error: &StoreError) -> Value {
    match error {
        StoreError::VersionConflict(conflict) => json!(conflict),
        StoreError::PayloadTooLarge { what, size, limit, unit } => {
            json!({ "what": what, "size": size, "limit": limit, "unit": unit })
        }
        StoreError::InvalidPayload(invalid) => json!({ "path": invalid.path }),
        StoreError::EventIdReused(id) | StoreError::UnknownEvent(id) => json!({ "eventId": id }),
        StoreError::UndecodableEvent { id, event_type, reason } => {
            json!({ "eventId": id, "eventType": event_type, "reason": reason })
        }
        StoreError::SchemaTooNew { found, known } => json!({ "found": found, "known": known }),
        StoreError::RateLimited { retry_after_ms } => json!({ "retryAfterMs": retry_after_ms }),
        _ => Value::Null,
    }
}
