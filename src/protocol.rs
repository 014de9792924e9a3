//! The messages between a replica and an endpoint: JSON over HTTP, one version number for all of them.
//!
//! What comes in is read loosely and then checked field by field, so that every fault has its typed error.

use serde::{Serialize, Serializer};

use crate::error::StoreError;
use crate::event::json::{
    self, Decode, Encode, Fault, Object, Read, Reader, decode_members, decode_words, encode_members,
    from_text, members,
};
use crate::event::{
    Commit, CommitId, EventMetadata, EventType, Expectation, Json, Limits, NewEvent, RawEvent, StreamId, time,
};
use crate::version::{Cursor, ExpectedVersion, Position, StreamConflict, WriteResult};

/// The version of these messages.
pub const VERSION: u32 = 1;

/// The header in which a replica states the version that it speaks, and an endpoint its own.
pub const VERSION_HEADER: &str = "eventcore-protocol";

/// `POST /v1/spaces/{space}/push`: commits, to be written in order.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// The commits.
    pub commits: Vec<Commit>,
}

encode_members!(PushRequest { commits: "commits" });

/// The answer to a push.
#[derive(Debug, Clone)]
pub struct PushAnswer {
    /// The endpoint's identity; another one means another history.
    pub backend_id: String,
    /// The last position of the space after the push.
    pub head: Position,
    /// One outcome per commit, in order.
    pub outcomes: Vec<PushOutcome>,
}

members!(PushAnswer { backend_id: "backendId", head: "head", outcomes: "outcomes" });

/// What became of a pushed commit.
#[derive(Debug, Clone)]
pub enum PushOutcome {
    /// It is written, by this push or an earlier one.
    Accepted {
        /// Where and at which versions.
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
        error: ErrorBody,
    },
    /// A commit before it was not accepted.
    NotAttempted {
        /// The commit.
        commit_id: CommitId,
    },
}

impl Encode for PushOutcome {
    fn encode(&self, out: &mut String) {
        let object = Object::new(out);
        match self {
            Self::Accepted { result } => object
                .member("status", &"accepted")
                .member("commitId", &result.commit_id)
                .member("eventIds", &result.event_ids)
                .member("versions", &result.versions)
                .member("positions", &result.positions),
            Self::Conflict { commit_id, streams, events } => object
                .member("status", &"conflict")
                .member("commitId", commit_id)
                .member("streams", streams)
                .member("events", events),
            Self::Rejected { commit_id, error } => object
                .member("status", &"rejected")
                .member("commitId", commit_id)
                .member("code", &error.code)
                .member("message", &error.message),
            Self::NotAttempted { commit_id } => {
                object.member("status", &"notAttempted").member("commitId", commit_id)
            }
        }
        .end();
    }
}

impl Decode for PushOutcome {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let (mut status, mut commit_id, mut event_ids, mut versions) = (None, None, None, None);
        let (mut positions, mut streams, mut events) = (None, None, None);
        let (mut code, mut message) = (None, None);
        reader.object(&mut |reader, name| match name {
            "status" => reader.fill(&mut status),
            "commitId" => reader.fill(&mut commit_id),
            "eventIds" => reader.fill(&mut event_ids),
            "versions" => reader.fill(&mut versions),
            "positions" => reader.fill(&mut positions),
            "streams" => reader.fill(&mut streams),
            "events" => reader.fill(&mut events),
            "code" => reader.fill(&mut code),
            "message" => reader.fill(&mut message),
            _ => reader.raw().map(drop),
        })?;
        let commit_id = reader.required(commit_id, "commitId")?;
        Ok(match reader.required(status, "status")? {
            Status::Accepted => Self::Accepted {
                result: WriteResult {
                    commit_id,
                    event_ids: reader.required(event_ids, "eventIds")?,
                    versions: reader.required(versions, "versions")?,
                    positions: reader.required(positions, "positions")?,
                },
            },
            Status::Conflict => Self::Conflict {
                commit_id,
                streams: reader.required(streams, "streams")?,
                events: events.unwrap_or_default(),
            },
            Status::Rejected => {
                let (code, message) = (reader.required(code, "code")?, reader.required(message, "message")?);
                Self::Rejected { commit_id, error: ErrorBody { code, message } }
            }
            Status::NotAttempted => Self::NotAttempted { commit_id },
        })
    }
}

enum Status {
    Accepted,
    Conflict,
    Rejected,
    NotAttempted,
}

decode_words!(Status {
    Accepted: "accepted",
    Conflict: "conflict",
    Rejected: "rejected",
    NotAttempted: "notAttempted",
});

/// `GET /v1/spaces/{space}/events?after=&limit=`: a page of the feed.
///
/// `GET /v1/spaces/{space}/live?after=` answers with the same, again and again, as server-sent events: the first one
/// at once, even where there is nothing to say, and the others as events come. Each is an event `page` whose `id` is
/// its cursor, so that `Last-Event-ID` goes on where the last one ended. Comments come in between, at least every
/// 15 seconds; a stream that is silent for longer is broken. Before the endpoint ends a stream for a reason it says
/// it by an event `end`, which is an [`ErrorAnswer`]: `UNAUTHORIZED` when the token expired.
#[derive(Debug, Clone)]
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

members!(EventsAnswer {
    backend_id: "backendId",
    head: "head",
    cursor: "cursor",
    complete: "complete",
    events: "events",
});

/// Why a request was not carried out.
#[derive(Debug, Clone)]
pub struct ErrorAnswer {
    /// The endpoint's identity, where it is known.
    pub backend_id: Option<String>,
    /// The error.
    pub error: ErrorBody,
}

decode_members!(ErrorAnswer { backend_id: "backendId", error: "error" });

impl Encode for ErrorAnswer {
    fn encode(&self, out: &mut String) {
        Object::new(out).optional("backendId", self.backend_id.as_ref()).member("error", &self.error).end();
    }
}

impl ErrorAnswer {
    /// What an endpoint says of an error.
    pub fn new(error: &StoreError, backend_id: Option<String>) -> Self {
        Self { backend_id, error: error.into() }
    }
}

/// An error on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    /// The stable code; see [`StoreError::code`].
    pub code: String,
    /// What a person should know.
    pub message: String,
}

members!(ErrorBody { code: "code", message: "message" });

impl From<&StoreError> for ErrorBody {
    fn from(error: &StoreError) -> Self {
        Self { code: error.code().into(), message: error.to_string() }
    }
}

impl Encode for Commit {
    fn encode(&self, out: &mut String) {
        Object::new(out)
            .member("id", &self.id())
            .member("expectations", &self.expectations())
            .member("events", &self.events())
            .end();
    }
}

encode_members!(Expectation { stream_id: "streamId", expected: "expected" });

impl Encode for NewEvent {
    fn encode(&self, out: &mut String) {
        Object::new(out)
            .member("id", &self.id)
            .member("streamId", &self.stream_id)
            .member("type", &self.event_type)
            .member("occurredAt", &time::format(self.occurred_at))
            .member("metadata", &self.metadata)
            .member("payload", &self.payload)
            .end();
    }
}

impl Serialize for Commit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize(self, serializer)
    }
}

/// A commit as it is read: what can be wrong with it alone is not looked at yet.
struct WrittenCommit {
    id: CommitId,
    expectations: Vec<WrittenExpectation>,
    events: Vec<WrittenEvent>,
}

decode_members!(WrittenCommit { id: "id", expectations: "expectations", events: "events" });

struct WrittenExpectation {
    stream_id: Text,
    expected: ExpectedVersion,
}

decode_members!(WrittenExpectation { stream_id: "streamId", expected: "expected" });

struct WrittenEvent {
    id: Text,
    stream_id: Text,
    event_type: Text,
    occurred_at: Text,
    metadata: Unchecked,
    payload: Unchecked,
}

decode_members!(WrittenEvent {
    id: "id",
    stream_id: "streamId",
    event_type: "type",
    occurred_at: "occurredAt",
    metadata: "metadata",
    payload: "payload",
});

/// A text that may be none of what it is to be.
struct Text(String);

impl Decode for Text {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        reader.any_text().map(|text| Self(text.into_owned()))
    }
}

/// JSON that may break a rule.
struct Unchecked(String);

impl Decode for Unchecked {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        reader.raw().map(|text| Self(text.into()))
    }
}

impl WrittenCommit {
    fn check(self, limits: &Limits) -> Result<Commit, StoreError> {
        let events = self.events.into_iter().map(|event| {
            Ok(NewEvent {
                id: event.id.0.parse()?,
                stream_id: event.stream_id.0.parse()?,
                event_type: event.event_type.0.parse::<EventType>()?,
                payload: Json::parse(&event.payload.0)?,
                metadata: metadata(&event.metadata.0)?,
                occurred_at: time::parse(&event.occurred_at.0)
                    .map_err(|error| StoreError::InvalidBatch(format!("occurredAt of an event: {error}")))?,
            })
        });
        let events = events.collect::<Result<_, StoreError>>()?;
        let expectations = self.expectations.into_iter().map(|expectation| {
            let stream_id: StreamId = expectation.stream_id.0.parse()?;
            Ok(Expectation { stream_id, expected: expectation.expected })
        });
        let expectations = expectations.collect::<Result<_, StoreError>>()?;
        Commit::from_parts(self.id, events, expectations, limits)
    }
}

/// Metadata must be what [`EventMetadata`] can be read from.
fn metadata(text: &str) -> Result<Json, StoreError> {
    let json = Json::parse(text)?;
    from_text::<EventMetadata<Json>>(text)
        .map_err(|fault| StoreError::InvalidBatch(format!("metadata of an event: {fault}")))?;
    Ok(json)
}

/// Reads one commit as [`Commit`] writes itself.
///
/// # Errors
/// `INVALID_REQUEST` where it is not such a text; else as [`Commit::from_parts`].
pub fn read_commit(text: &str, limits: &Limits) -> Result<Commit, StoreError> {
    from_text::<WrittenCommit>(text).map_err(|fault| malformed(&fault))?.check(limits)
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
    struct Push {
        commits: Vec<WrittenCommit>,
    }
    decode_members!(Push { commits: "commits" });
    let text = std::str::from_utf8(body)
        .map_err(|error| StoreError::InvalidRequest(format!("the body is not UTF-8: {error}")))?;
    let push: Push = from_text(text).map_err(|fault| malformed(&fault))?;
    Ok(push
        .commits
        .into_iter()
        .map(|commit| Pushed { id: commit.id, commit: commit.check(limits) })
        .collect())
}

fn malformed(fault: &Fault) -> StoreError {
    StoreError::InvalidRequest(fault.to_string())
}
