//! `plan`: the pure check of a commit against the heads of the streams that it touches.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::EventVersion;
use crate::error::StoreError;
use crate::event::json::{self, Decode, Encode, Read, Reader, members, quoted};
use crate::event::{Commit, StreamId};

/// What a stream must look like before a write.
///
/// Written as the number for `Exact`, else as `"noStream"`, `"any"` or `"noCheck"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExpectedVersion {
    /// The stream must not exist; the same as `Exact(0)`.
    NoStream,
    /// The stream must have exactly so many events.
    Exact(EventVersion),
    /// The stream must exist, at any version.
    Any,
    /// Nothing is checked. Two writers do not notice each other: use it for facts that cannot conflict.
    NoCheck,
}

impl Encode for ExpectedVersion {
    fn encode(&self, out: &mut String) {
        match self {
            Self::NoStream => "noStream".encode(out),
            Self::Exact(version) => version.encode(out),
            Self::Any => "any".encode(out),
            Self::NoCheck => "noCheck".encode(out),
        }
    }
}

impl Serialize for ExpectedVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for ExpectedVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::deserialize(deserializer)
    }
}

impl Decode for ExpectedVersion {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        if !reader.at_text() {
            return EventVersion::decode(reader).map(Self::Exact);
        }
        Ok(match reader.word(&["noStream", "any", "noCheck"])? {
            0 => Self::NoStream,
            1 => Self::Any,
            _ => Self::NoCheck,
        })
    }
}

/// A stream was not at the version that a write expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch {
    /// What was expected.
    pub expected: ExpectedVersion,
    /// What is there.
    pub actual: EventVersion,
}

impl ExpectedVersion {
    /// The rule: whether a stream at this version is as expected.
    ///
    /// # Errors
    /// [`Mismatch`] when it is not.
    pub fn check(self, actual: EventVersion) -> Result<(), Mismatch> {
        let holds = match self {
            Self::NoStream => actual.is_zero(),
            Self::Exact(expected) => actual == expected,
            Self::Any => !actual.is_zero(),
            Self::NoCheck => true,
        };
        holds.then_some(()).ok_or(Mismatch { expected: self, actual })
    }

    /// The version that this pins, if it pins one.
    pub(crate) const fn pinned(self) -> Option<EventVersion> {
        match self {
            Self::NoStream => Some(EventVersion::ZERO),
            Self::Exact(version) => Some(version),
            Self::Any | Self::NoCheck => None,
        }
    }

    /// Whether two expectations say the same; `NoStream` is `Exact(0)`.
    pub(crate) fn same_as(self, other: Self) -> bool {
        self == other || (self.pinned().is_some() && self.pinned() == other.pinned())
    }

    /// Whether a later event of the same batch may state `later`, `before` events of the stream before it.
    pub(crate) fn allows_later(self, later: Self, before: u64) -> bool {
        self.same_as(later)
            || match (self.pinned(), later) {
                (Some(first), Self::Exact(running)) => first.plus(before) == Some(running),
                _ => false,
            }
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStream => out.write_str("absent"),
            Self::Exact(version) => write!(out, "at version {version}"),
            Self::Any => out.write_str("present"),
            Self::NoCheck => out.write_str("at any version"),
        }
    }
}

/// A stream whose version was not the expected one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamConflict {
    /// The stream.
    pub stream_id: StreamId,
    /// What was expected.
    pub expected: ExpectedVersion,
    /// What is there.
    pub actual: EventVersion,
}

members!(StreamConflict { stream_id: "streamId", expected: "expected", actual: "actual" });

/// Every stream of a commit that was not as expected; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionConflict {
    /// The streams.
    pub streams: Vec<StreamConflict>,
}

members!(VersionConflict { streams: "streams" });

impl fmt::Display for VersionConflict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("version conflict: ")?;
        for (number, StreamConflict { stream_id, expected, actual }) in self.streams.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(
                out,
                "{comma}stream {} was expected {expected} and is at version {actual}",
                quoted(stream_id.as_str())
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for VersionConflict {}

/// What a commit does to the streams, once it is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The version of each event, in the order of the commit's events.
    pub versions: Vec<EventVersion>,
    /// The version that each written stream will have.
    pub heads: HashMap<StreamId, EventVersion>,
}

/// The one rule: whether a commit may follow, and the versions its events get.
///
/// `heads` answers with the version of a stream, 0 where it does not exist.
///
/// # Errors
/// `VERSION_CONFLICT` with every stream that is not as expected; `VERSION_OVERFLOW`.
pub fn plan(heads: impl Fn(&StreamId) -> EventVersion, commit: &Commit) -> Result<Plan, StoreError> {
    let streams: Vec<StreamConflict> = commit
        .expectations()
        .iter()
        .filter_map(|expectation| {
            let Mismatch { expected, actual } =
                expectation.expected.check(heads(&expectation.stream_id)).err()?;
            Some(StreamConflict { stream_id: expectation.stream_id.clone(), expected, actual })
        })
        .collect();
    if !streams.is_empty() {
        return Err(VersionConflict { streams }.into());
    }
    let mut next: HashMap<StreamId, EventVersion> = HashMap::new();
    let mut versions = Vec::with_capacity(commit.events().len());
    for event in commit.events() {
        let head = match next.get_mut(&event.stream_id) {
            Some(head) => head,
            None => next.entry(event.stream_id.clone()).or_insert_with(|| heads(&event.stream_id)),
        };
        let overflow = || StoreError::VersionOverflow(event.stream_id.to_string());
        *head = head.plus(1).ok_or_else(overflow)?;
        versions.push(*head);
    }
    Ok(Plan { versions, heads: next })
}
