//! What a backend must be able to do beyond a log, so that it can be one replica of a synced space.

use crate::error::StoreError;
use crate::event::json::{Decode, Encode, Object, Read, Reader, encode_members, members};
use crate::event::{Commit, CommitId, RawEvent, SpaceId};
use crate::maybe::MaybeSend;
use crate::protocol::ErrorBody;
use crate::version::{Cursor, VersionConflict};

use super::Backend;

/// What a replica knows of its endpoint. Persisted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicaState {
    /// The space that it is a replica of; none for a store that was never synced.
    pub space: Option<SpaceId>,
    /// The identity of the endpoint that confirmed its log.
    pub backend_id: Option<String>,
    /// The position up to which its log is confirmed, without a hole.
    pub cursor: Cursor,
    /// Commits that wait in the outbox.
    pub pending_commits: u64,
    /// Events in them.
    pub pending_events: u64,
}

encode_members!(ReplicaState {
    space: "space",
    backend_id: "backendId",
    cursor: "cursor",
    pending_commits: "pendingCommits",
    pending_events: "pendingEvents",
});

/// Why a commit of the outbox cannot be pushed as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The endpoint said that streams are not at the versions that it expects.
    Conflict(VersionConflict),
    /// The endpoint can never take it as it is.
    Rejected(ErrorBody),
    /// It was made on top of a commit in conflict that was then resolved, without knowing what that commit was in
    /// conflict with.
    Behind {
        /// What it knew of its streams, and what was there when the other was resolved.
        conflict: VersionConflict,
        /// Whether the app was asked about it, and left it parked.
        asked: bool,
    },
}

impl Encode for Refusal {
    fn encode(&self, out: &mut String) {
        match self {
            Self::Conflict(conflict) => Object::new(out).member("conflict", conflict).end(),
            Self::Rejected(error) => Object::new(out).member("rejected", error).end(),
            Self::Behind { conflict, asked } => {
                let behind = Behind { conflict: conflict.clone(), asked: *asked };
                Object::new(out).member("behind", &behind).end();
            }
        }
    }
}

impl Decode for Refusal {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let mut refusal = None;
        reader.object(&mut |reader, name| {
            refusal = Some(match name {
                "conflict" => Self::Conflict(Decode::decode(reader)?),
                "rejected" => Self::Rejected(Decode::decode(reader)?),
                "behind" => {
                    let Behind { conflict, asked } = Decode::decode(reader)?;
                    Self::Behind { conflict, asked }
                }
                _ => return reader.expected("a refusal"),
            });
            Ok(())
        })?;
        refusal.map_or_else(|| reader.expected("a refusal"), Ok)
    }
}

/// The written form of [`Refusal::Behind`].
struct Behind {
    conflict: VersionConflict,
    asked: bool,
}

members!(Behind { conflict: "conflict", asked: "asked" });

/// A commit that waits in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxCommit {
    /// The commit, with the expectations to push it with.
    pub commit: Commit,
    /// Why it is not pushed, nor what came after it.
    pub refused: Option<Refusal>,
}

impl OutboxCommit {
    /// A commit that can be pushed.
    pub const fn ready(commit: Commit) -> Self {
        Self { commit, refused: None }
    }

    /// Why the app left it parked, if it did.
    pub fn parked(&self) -> Option<&Refusal> {
        self.refused.as_ref().filter(|refusal| !matches!(refusal, Refusal::Behind { asked: false, .. }))
    }
}

/// Confirmed events that a replica takes in: a pulled page, or its own commits that were acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// The identity of the endpoint.
    pub backend_id: String,
    /// The cursor that the events follow on; it must still be the replica's.
    pub after: Cursor,
    /// The events from `after + 1` on, dense.
    pub events: Vec<RawEvent>,
}

/// What happens to a commit in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub enum Rewrite {
    /// The same events, expecting the versions that are there now.
    Rebase,
    /// Another commit in its place.
    Replace(Commit),
    /// The commit is given up.
    Drop,
    /// The commit is kept and not pushed until it is resolved.
    Park(Refusal),
}

/// A backend with an outbox.
pub trait Replica: Backend {
    /// What it knows of its endpoint.
    ///
    /// # Errors
    /// A failure of the storage.
    fn state(&self) -> impl Future<Output = Result<ReplicaState, StoreError>> + MaybeSend;

    /// Makes the store a replica of a space: from now on what is written waits in the outbox. What was written
    /// before, confirmed by nobody else, moves to the outbox. Doing it again changes nothing.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where it is a replica of another space; a failure of the storage.
    fn attach(&self, space: &SpaceId) -> impl Future<Output = Result<(), StoreError>> + MaybeSend;

    /// The first commits of the outbox, in order: at most so many commits, and no more than about so many
    /// bytes of payload, but at least one if there is one.
    ///
    /// # Errors
    /// A failure of the storage.
    fn outbox(
        &self,
        max_commits: usize,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Vec<OutboxCommit>, StoreError>> + MaybeSend;

    /// Takes confirmed events into the log, moves the cursor behind them, and takes commits out of the outbox
    /// whose events are among them, all in one transaction. Answers `false` and changes nothing where the
    /// cursor is no longer at `after`.
    ///
    /// # Errors
    /// A failure of the storage.
    fn settle(&self, settlement: Settlement) -> impl Future<Output = Result<bool, StoreError>> + MaybeSend;

    /// Rewrites commits of the outbox, in one transaction, and marks as [`Refusal::Behind`] those that were made
    /// on top of a rewritten one without knowing what others wrote. Answers how many of them were there.
    ///
    /// # Errors
    /// A failure of the storage.
    fn rewrite(
        &self,
        rewrites: Vec<(CommitId, Rewrite)>,
    ) -> impl Future<Output = Result<usize, StoreError>> + MaybeSend;

    /// Takes what is confirmed behind `to`, where a commit must end, back into the outbox, before what waits
    /// there; and forgets the endpoint that confirmed it. Each commit then expects what it was confirmed upon.
    ///
    /// # Errors
    /// A failure of the storage.
    fn rewind(&self, to: Cursor) -> impl Future<Output = Result<(), StoreError>> + MaybeSend;
}
