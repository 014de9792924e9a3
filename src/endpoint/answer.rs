//! Answers, and the one place where errors become statuses.

use crate::error::StoreError;
use crate::event::json::{Encode, to_text};
use crate::protocol::{ErrorAnswer, PushOutcome};

use super::handler::Spaces;
use super::live::Live;
use super::request::NoRoute;

/// What a request is answered with.
pub enum Reply<S: Spaces> {
    /// A whole answer.
    Answer(Answer),
    /// Server-sent events, as they come; see [`Live`].
    Live(Live<S>),
}

impl<S: Spaces> Reply<S> {
    /// The answer, where it is a whole one.
    pub fn answer(self) -> Option<Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Live(_) => None,
        }
    }
}

/// What became of a push, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Commits that are written, by this push or an earlier one.
    pub accepted: u64,
    /// Their events.
    pub events: u64,
    /// Commits that met other versions than they expected.
    pub conflicts: u64,
    /// Commits that can never be written.
    pub rejected: u64,
    /// Commits behind one that was not accepted.
    pub not_attempted: u64,
}

impl Tally {
    /// The outcomes, counted.
    pub(super) fn of(outcomes: &[PushOutcome]) -> Self {
        let mut tally = Self::default();
        for outcome in outcomes {
            match outcome {
                PushOutcome::Accepted { result } => {
                    tally.accepted += 1;
                    tally.events += result.event_ids.len() as u64;
                }
                PushOutcome::Conflict { .. } => tally.conflicts += 1,
                PushOutcome::Rejected { .. } => tally.rejected += 1,
                PushOutcome::NotAttempted { .. } => tally.not_attempted += 1,
            }
        }
        tally
    }
}

/// An HTTP answer, as far as the endpoint decides it. Its body is JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Allow`, with a 405.
    pub allow: Option<&'static str>,
    /// `Retry-After` in seconds, with a 429 or 503.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: String,
    /// What a push did.
    pub tally: Tally,
}

/// The status that an error is answered with.
pub const fn status_of(error: &StoreError) -> u16 {
    match error {
        StoreError::InvalidBatch(_)
        | StoreError::InvalidStreamId(_)
        | StoreError::InvalidName(_)
        | StoreError::InvalidEventId(_)
        | StoreError::InvalidPayload(_)
        | StoreError::InvalidRequest(_)
        | StoreError::UnknownEvent(_)
        | StoreError::VersionOverflow(_) => 400,
        StoreError::Unauthorized(_) => 401,
        StoreError::Forbidden(_) => 403,
        StoreError::VersionConflict(_) | StoreError::EventIdReused(_) | StoreError::EndpointReset(_) => 409,
        StoreError::SpaceErased(_) => 410,
        StoreError::PayloadTooLarge(_) => 413,
        StoreError::ProtocolUnsupported(_) => 426,
        StoreError::RateLimited { .. } => 429,
        StoreError::UndecodableEvent(_) | StoreError::StorageCorrupt(_) | StoreError::Internal(_) => 500,
        StoreError::QuotaExceeded(_)
        | StoreError::StorageUnavailable(_)
        | StoreError::Overloaded(_)
        | StoreError::SchemaTooNew { .. }
        | StoreError::Closed
        | StoreError::Offline(_) => 503,
    }
}

impl Answer {
    /// 200 with a JSON body.
    pub(super) fn ok(body: &dyn Encode) -> Self {
        Self::text(to_text(body))
    }

    /// 200 with a body that is JSON already.
    pub(super) fn text(body: String) -> Self {
        Self { status: 200, body, ..Self::default() }
    }

    /// An error with its status and code, and the endpoint's identity where it is known.
    pub(super) fn error(error: &StoreError, identity: Option<String>) -> Self {
        let status = status_of(error);
        let retry_after = match (error, status) {
            (StoreError::RateLimited { retry_after_ms }, _) => Some(retry_after_ms.div_ceil(1_000).max(1)),
            (_, 503) => Some(1),
            _ => None,
        };
        Self { retry_after, ..Self::failed(status, ErrorAnswer::new(error, identity)) }
    }

    pub(super) fn no_route(no_route: &NoRoute, identity: Option<String>) -> Self {
        let failed = |status, message: &str| {
            let error = StoreError::InvalidRequest(message.into());
            Self::failed(status, ErrorAnswer::new(&error, identity.clone()))
        };
        match no_route {
            NoRoute::NotFound => failed(404, "there is nothing at this path"),
            NoRoute::MethodNotAllowed(allow) => {
                Self { allow: Some(allow), ..failed(405, &format!("this path takes {allow}")) }
            }
            NoRoute::Invalid(error) => Self::error(error, identity),
        }
    }

    /// A body that takes too long.
    pub(super) fn too_slow(seconds: u64, identity: Option<String>) -> Self {
        let error = StoreError::InvalidRequest(format!("the body took longer than {seconds} s"));
        Self::failed(408, ErrorAnswer::new(&error, identity))
    }

    fn failed(status: u16, answer: ErrorAnswer) -> Self {
        // Strings always become JSON; an empty body would only lose the message.
        let body = to_text(&answer);
        Self { status, body, ..Self::default() }
    }
}
