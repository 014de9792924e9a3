//! What the browser throws, as the one error of the crate: told apart by the name of the `DOMException`.

use idb::Error;
use wasm_bindgen::JsValue;

use crate::error::StoreError;

/// The error that a thrown value means.
pub(super) fn thrown(value: &JsValue) -> StoreError {
    let (name, text) = (property(value, "name"), describe(value));
    match name.as_deref() {
        Some("QuotaExceededError") => StoreError::QuotaExceeded(text),
        // The transaction or the connection was ended under the call, by the browser or by someone's script.
        Some(
            "AbortError"
            | "InvalidStateError"
            | "SecurityError"
            | "TransactionInactiveError"
            | "TransientError"
            | "UnknownError",
        ) => StoreError::StorageUnavailable(text),
        Some("NotReadableError" | "NotFoundError" | "DataError") => StoreError::StorageCorrupt(text),
        _ => StoreError::Internal(text),
    }
}

/// The error that a failure of the `idb` crate means.
pub(super) fn failed(error: Error) -> StoreError {
    match cause(&error) {
        Some(value) => thrown(&value),
        None => StoreError::Internal("IndexedDB did what it never does".into()),
    }
}

/// The error that a failure to open or to delete a database means.
pub(super) fn unavailable(error: Error) -> StoreError {
    let cause = cause(&error);
    let name = cause.as_ref().and_then(|value| property(value, "name"));
    match (name.as_deref(), cause) {
        (Some("QuotaExceededError"), Some(value)) => thrown(&value),
        (_, Some(value)) if !value.is_undefined() => StoreError::StorageUnavailable(describe(&value)),
        _ => StoreError::StorageUnavailable("there is no IndexedDB here, or it answers with nothing".into()),
    }
}

/// Whether a database could not be opened because its schema is newer.
pub(super) fn is_version_error(error: &Error) -> bool {
    cause(error).and_then(|value| property(&value, "name")).as_deref() == Some("VersionError")
}

fn cause(error: &Error) -> Option<JsValue> {
    match error {
        Error::DomException(value) => Some(value.into()),
        Error::AddFailed(value)
        | Error::ClearFailed(value)
        | Error::CursorKeyNotFound(value)
        | Error::DeleteFailed(value)
        | Error::GetAllFailed(value)
        | Error::GetAllKeysFailed(value)
        | Error::GetFailed(value)
        | Error::GetKeyFailed(value)
        | Error::IndexCreateFailed(value)
        | Error::IndexedDbDeleteFailed(value)
        | Error::IndexedDbNotFound(value)
        | Error::IndexedDbOpenFailed(value)
        | Error::IndexNotFound(value)
        | Error::KeyRangeCreateFailed(value)
        | Error::ObjectStoreCreateFailed(value)
        | Error::ObjectStoreNotFound(value)
        | Error::OpenCursorFailed(value)
        | Error::OpenKeyCursorFailed(value)
        | Error::TransactionCommitError(value)
        | Error::TransactionOpenFailed(value)
        | Error::UpdateFailed(value) => Some(value.clone()),
        _ => None,
    }
}

fn describe(value: &JsValue) -> String {
    match (property(value, "name"), property(value, "message")) {
        (Some(name), Some(message)) => format!("{name}: {message}"),
        _ => value.as_string().unwrap_or_else(|| "what was thrown is no error".into()),
    }
}

fn property(value: &JsValue, name: &str) -> Option<String> {
    js_sys::Reflect::get(value, &name.into()).ok()?.as_string()
}
