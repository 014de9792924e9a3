//! The messages between a replica and an endpoint: JSON over HTTP, one version number for all of them.
//!
//! What comes in is read loosely and then checked field by field, so that every fault has its typed error.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::StoreError;
use crate::event::{
    Commit, CommitId, EventId, EventType, Expectation, Json, Limits, NewEvent, RawEvent, StreamId, time,
};
use crate::version::{
    Cursor, EventVersion, ExpectedVersion, Position, Positions, StreamConflict, WriteResult,
};

/// The version of these messages.
pub const VERSION: u32 = 1;

/// The header in which a replica states the version that it speaks, and an endpoint its own.
pub const VERSION_HEADER: &str = "eventcore-protocol";

/// `POST /v1/spaces/{space}/push`: commits, to be written in order.
#[derive(Debug, Clone, Serialize)]
pub struct PushRequest {
    /// The commits.
    pub commits: Vec<Commit>,
}

/// The answer to a push.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushAnswer {
    /// The endpoint's identity; another one means another history.
    pub backend_id: String,
    /// The last position of the space after the push.
    pub head: Position,
    /// One outcome per commit, in order.
    pub outcomes: Vec<PushOutcome>,
}

/// What became of a pushed commit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    tag = "status",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    try_from = "WrittenOutcome"
)]
pub enum PushOutcome {
    /// It is written, by this push or an earlier one.
    Accepted {
        /// Where and at which versions.
        #[serde(flatten)]
        result: WriteResult,
    },
    /// Streams were not at the versions that it expects.
    Conflict {
        /// The commit.
        commit_id: CommitId,
        /// The streams, what was expected and what is there.
        streams: Vec<StreamConflict>,
        /// The events of these streams that the replica did not expect, in feed order; at most 1,000.
        events: Vec<RawEvent>,
    },
    /// It can never be written as it is.
    Rejected {
        /// The commit.
        commit_id: CommitId,
        /// Why.
        #[serde(flatten)]
        error: ErrorBody,
    },
    /// A commit before it was not accepted.
    NotAttempted {
        /// The commit.
        commit_id: CommitId,
    },
}

/// An outcome as it is read: serde's tagged enums buffer what they read, and text that is passed on unparsed
/// does not survive that.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenOutcome {
    status: Status,
    commit_id: CommitId,
    event_ids: Option<Vec<EventId>>,
    versions: Option<BTreeMap<StreamId, EventVersion>>,
    positions: Option<Positions>,
    streams: Option<Vec<StreamConflict>>,
    #[serde(default)]
    events: Vec<RawEvent>,
    code: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Status {
    Accepted,
    Conflict,
    Rejected,
    NotAttempted,
}

impl TryFrom<WrittenOutcome> for PushOutcome {
    type Error = String;

    fn try_from(written: WrittenOutcome) -> Result<Self, String> {
        let WrittenOutcome { commit_id, positions, events, .. } = written;
        let lacks = |field: &str| format!("the outcome of commit {commit_id} lacks {field}");
        Ok(match written.status {
            Status::Accepted => Self::Accepted {
                result: WriteResult {
                    commit_id,
                    event_ids: written.event_ids.ok_or_else(|| lacks("eventIds"))?,
                    versions: written.versions.ok_or_else(|| lacks("versions"))?,
                    positions,
                },
            },
            Status::Conflict => {
                let streams = written.streams.ok_or_else(|| lacks("streams"))?;
                Self::Conflict { commit_id, streams, events }
            }
            Status::Rejected => {
                let code = written.code.ok_or_else(|| lacks("code"))?;
                let message = written.message.ok_or_else(|| lacks("message"))?;
                Self::Rejected { commit_id, error: ErrorBody { code, message } }
            }
            Status::NotAttempted => Self::NotAttempted { commit_id },
        })
    }
}

/// `GET /v1/spaces/{space}/events?after=&limit=`: a page of the feed.
///
/// `GET /v1/spaces/{space}/live?after=` answers with the same, again and again, as server-sent events: the first one
/// at once, even where there is nothing to say, and the others as events come. Each is an event `page` whose `id` is
/// its cursor, so that `Last-Event-ID` goes on where the last one ended. Comments come in between, at least every
/// 15 seconds; a stream that is silent for longer is broken. Before the endpoint ends a stream for a reason it says
/// it by an event `end`, which is an [`ErrorAnswer`]: `UNAUTHORIZED` when the token expired.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventsAnswer {
    /// The endpoint's identity.
    pub backend_id: String,
    /// The last position of the space.
    pub head: Position,
    /// Where to go on.
    pub cursor: Cursor,
    /// Whether there was nothing more to read.
    pub complete: bool,
    /// The events, in order; the last one ends its commit.
    pub events: Vec<RawEvent>,
}

/// Why a request was not carried out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorAnswer {
    /// The endpoint's identity, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_id: Option<String>,
    /// The error.
    pub error: ErrorBody,
}

impl ErrorAnswer {
    /// What an endpoint says of an error.
    pub fn new(error: &StoreError, backend_id: Option<String>) -> Self {
        Self { backend_id, error: error.into() }
    }
}

/// An error on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The stable code; see [`StoreError::code`].
    pub code: String,
    /// What a person should know.
    pub message: String,
}

impl From<&StoreError> for ErrorBody {
    fn from(error: &StoreError) -> Self {
        Self { code: error.code().into(), message: error.to_string() }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenCommit<E> {
    id: CommitId,
    expectations: Vec<WrittenExpectation>,
    events: Vec<E>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenExpectation {
    stream_id: String,
    expected: ExpectedVersion,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenEvent<J> {
    id: String,
    stream_id: String,
    #[serde(rename = "type")]
    event_type: String,
    occurred_at: String,
    metadata: J,
    payload: J,
}

impl Serialize for Commit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let events = self.events().iter().map(|event| WrittenEvent {
            id: event.id.to_string(),
            stream_id: event.stream_id.to_string(),
            event_type: event.event_type.to_string(),
            occurred_at: time::format(event.occurred_at),
            metadata: &event.metadata,
            payload: &event.payload,
        });
        let expectations = self.expectations().iter().map(|expectation| WrittenExpectation {
            stream_id: expectation.stream_id.to_string(),
            expected: expectation.expected,
        });
        WrittenCommit { id: self.id(), expectations: expectations.collect(), events: events.collect() }
            .serialize(serializer)
    }
}

impl WrittenCommit<WrittenEvent<Box<RawValue>>> {
    fn check(self, limits: &Limits) -> Result<Commit, StoreError> {
        let events = self.events.into_iter().map(|event| {
            Ok(NewEvent {
                id: event.id.parse()?,
                stream_id: event.stream_id.parse()?,
                event_type: event.event_type.parse::<EventType>()?,
                payload: Json::from_raw(event.payload)?,
                metadata: metadata(event.metadata)?,
                occurred_at: time::parse(&event.occurred_at)
                    .map_err(|error| StoreError::InvalidBatch(format!("occurredAt of an event: {error}")))?,
            })
        });
        let events = events.collect::<Result<_, StoreError>>()?;
        let expectations = self.expectations.into_iter().map(|expectation| {
            let stream_id: StreamId = expectation.stream_id.parse()?;
            Ok(Expectation { stream_id, expected: expectation.expected })
        });
        let expectations = expectations.collect::<Result<_, StoreError>>()?;
        Commit::from_parts(self.id, events, expectations, limits)
    }
}

/// Metadata must be what [`EventMetadata`](crate::event::EventMetadata) can be read from.
fn metadata(raw: Box<RawValue>) -> Result<Json, StoreError> {
    let json = Json::from_raw(raw)?;
    json.to::<crate::event::EventMetadata<IgnoredAny>>()
        .map_err(|error| StoreError::InvalidBatch(format!("metadata of an event: {error}")))?;
    Ok(json)
}

/// Reads one commit as [`Commit`] writes itself.
///
/// # Errors
/// `INVALID_REQUEST` where it is not such a text; else as [`Commit::from_parts`].
pub fn read_commit(text: &str, limits: &Limits) -> Result<Commit, StoreError> {
    let written: WrittenCommit<WrittenEvent<Box<RawValue>>> =
        serde_json::from_str(text).map_err(malformed)?;
    written.check(limits)
}

/// A commit of a push: checked, or what is wrong with it.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// The commit's id.
    pub id: CommitId,
    /// The commit, or the first fault in it.
    pub commit: Result<Commit, StoreError>,
}

/// Reads the body of a push.
///
/// # Errors
/// `INVALID_REQUEST` where it is not such a text.
pub fn read_push(body: &[u8], limits: &Limits) -> Result<Vec<Pushed>, StoreError> {
    #[derive(Deserialize)]
    struct Push {
        commits: Vec<WrittenCommit<WrittenEvent<Box<RawValue>>>>,
    }
    let text = std::str::from_utf8(body)
        .map_err(|error| StoreError::InvalidRequest(format!("the body is not UTF-8: {error}")))?;
    let push: Push = serde_json::from_str(text).map_err(malformed)?;
    Ok(push
        .commits
        .into_iter()
        .map(|commit| Pushed { id: commit.id, commit: commit.check(limits) })
        .collect())
}

fn malformed(error: serde_json::Error) -> StoreError {
    StoreError::InvalidRequest(error.to_string())
}
