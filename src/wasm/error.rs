//! Errors towards JavaScript: an `Error` with a `code` and its fields as JSON, which `js/errors.ts` makes typed.

use js_sys::Reflect;
use wasm_bindgen::JsValue;

use crate::error::StoreError;
use crate::event::json::Object;
use crate::protocol::ErrorBody;

/// An error for JavaScript to throw.
pub(super) fn to_js(error: StoreError) -> JsValue {
    new_error(&error.to_string(), error.code(), details(&error))
}

/// An error as part of an answer, with the same members.
pub(super) fn write(error: &StoreError, out: &mut String) {
    Object::new(out)
        .member("code", &error.code())
        .member("message", &error.to_string())
        .optional("details", details(error).as_ref())
        .end();
}

/// An error that came over the wire or was kept as text.
pub(super) fn wire_to_js(error: ErrorBody) -> JsValue {
    new_error(&error.message, &error.code, None)
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

/// The fields of an error, as JSON.
fn details(error: &StoreError) -> Option<String> {
    let mut out = String::new();
    let object = Object::new(&mut out);
    match error {
        StoreError::VersionConflict(conflict) => object.member("streams", &conflict.streams),
        StoreError::PayloadTooLarge(large) => object
            .member("what", &large.what)
            .member("size", &large.size)
            .member("limit", &large.limit)
            .member("unit", &large.unit),
        StoreError::InvalidPayload(invalid) => object.member("path", &invalid.path),
        StoreError::EventIdReused(id) | StoreError::UnknownEvent(id) => object.member("eventId", &**id),
        StoreError::UndecodableEvent(event) => object
            .member("eventId", &event.id)
            .member("eventType", &event.event_type)
            .member("reason", &event.reason),
        StoreError::SchemaTooNew { found, known } => object.member("found", found).member("known", known),
        StoreError::RateLimited { retry_after_ms } => object.member("retryAfterMs", retry_after_ms),
        _ => return None,
    }
    .end();
    Some(out)
}
