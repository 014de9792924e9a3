//! What a backend must be able to do beyond a log, so that it can be one replica of a synced space.

use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::event::{Commit, CommitId, RawEvent, SpaceId};
use crate::maybe::MaybeSend;
use crate::protocol::ErrorBody;
use crate::version::{Cursor, VersionConflict};

use super::Backend;

/// What a replica knows of its endpoint. Persisted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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

/// Why an endpoint did not take a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// Streams are not at the versions that it expects.
    Conflict(VersionConflict),
    /// It can never be taken as it is.
    Rejected(ErrorBody),
}

/// A commit that waits in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxCommit {
    /// The commit, with the expectations to push it with.
    pub commit: Commit,
    /// Why it was parked; it and what came after it are not pushed.
    pub parked: Option<Refusal>,
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
    /// The same events, expecting the versions that the log has now.
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

    /// Rewrites a commit of the outbox. Answers `false` where the commit is not there (any more).
    ///
    /// # Errors
    /// A failure of the storage.
    fn rewrite(
        &self,
        commit: CommitId,
        rewrite: Rewrite,
    ) -> impl Future<Output = Result<bool, StoreError>> + MaybeSend;
}
