//! What answers a request: the endpoint, or whatever stands in its place.

use crate::error::StoreError;
use crate::event::json::{Decode, Fault, from_text};
use crate::protocol::{ErrorAnswer, ErrorBody};

use super::host::HostResponse;
use super::machine::Failure;

/// An answer of the protocol, or why it is none.
pub(super) fn read<A: Decode>(response: HostResponse) -> Result<A, Failure> {
    let HostResponse { status, body, retry_after_ms } = response;
    if status == 200 {
        return from_text(&body).map_err(|fault| unreadable(&fault));
    }
    let (error, again) = match from_text::<ErrorAnswer>(&body) {
        Ok(answer) => (answer.error, !matches!(status, 400 | 401 | 403..=405 | 409 | 410 | 413 | 426)),
        // A gateway, a proxy or a portal: what it says of the caller counts, anything else may pass.
        Err(_) => (by_status(status), !matches!(status, 401 | 403 | 413 | 426)),
    };
    Err(Failure { error, again, retry_after_ms })
}

fn by_status(status: u16) -> ErrorBody {
    let code = match status {
        401 => "UNAUTHORIZED",
        403 => "FORBIDDEN",
        413 => "PAYLOAD_TOO_LARGE",
        426 => "PROTOCOL_UNSUPPORTED",
        429 => "RATE_LIMITED",
        _ => "OFFLINE",
    };
    let message = format!("something in the endpoint's place answered with status {status}");
    ErrorBody { code: code.into(), message }
}

/// There is no answer at all.
pub(super) fn offline(reason: String) -> Failure {
    let error = ErrorBody::from(&StoreError::Offline(reason));
    Failure { error, again: true, retry_after_ms: None }
}

/// What answered is not the endpoint, or its answer was cut: a captive portal, a proxy.
pub(super) fn unreadable(fault: &Fault) -> Failure {
    offline(format!("what answered does not speak the protocol: {fault}"))
}

/// The replica's storage failed. A closed store stays closed; anything else may pass.
pub(super) fn storage(error: StoreError) -> Failure {
    let again = !matches!(error, StoreError::Closed | StoreError::StorageCorrupt(_));
    Failure { error: ErrorBody::from(&error), again, retry_after_ms: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::EventsAnswer;

    fn failure(status: u16, body: &str) -> (String, bool) {
        let response = HostResponse { status, body: body.into(), retry_after_ms: None };
        let failure = read::<EventsAnswer>(response).unwrap_err();
        (failure.error.code, failure.again)
    }

    #[test]
    fn what_stands_in_the_endpoints_place_is_told_by_its_status() {
        let page = "<!doctype html><title>Sign in</title>";
        let offline = ("OFFLINE".to_owned(), true);
        assert_eq!(failure(200, page), offline, "a captive portal");
        assert_eq!(failure(200, r#"{"backendId":"e","head":3,"cur"#), offline, "an answer that was cut");
        for status in [302, 404, 405, 409, 500, 502, 503, 504] {
            assert_eq!(failure(status, page), offline, "{status}");
        }
        assert_eq!(failure(429, page), ("RATE_LIMITED".into(), true));
        assert_eq!(failure(401, page), ("UNAUTHORIZED".into(), false));
        assert_eq!(failure(403, ""), ("FORBIDDEN".into(), false));
        assert_eq!(failure(413, page), ("PAYLOAD_TOO_LARGE".into(), false));
        assert_eq!(failure(426, page), ("PROTOCOL_UNSUPPORTED".into(), false));
    }

    #[test]
    fn the_endpoints_own_word_counts() {
        let body = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"no"}}}}"#);
        assert_eq!(failure(404, &body("INVALID_REQUEST")), ("INVALID_REQUEST".into(), false));
        assert_eq!(failure(429, &body("RATE_LIMITED")), ("RATE_LIMITED".into(), true));
        assert_eq!(failure(503, &body("STORAGE_UNAVAILABLE")), ("STORAGE_UNAVAILABLE".into(), true));
        assert_eq!(failure(426, &body("PROTOCOL_UNSUPPORTED")), ("PROTOCOL_UNSUPPORTED".into(), false));
    }
}
