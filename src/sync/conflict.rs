//! A conflict as the app gets it, and what the app can answer.

use crate::error::StoreError;
use crate::event::json::{encode_members, order};
use crate::event::{Commit, CommitId, Place, RawEvent};
use crate::protocol::ErrorBody;
use crate::store::{Query, Refusal, Replica};
use crate::version::{EventVersion, StreamConflict};

/// A commit that the endpoint did not take, with what is needed to decide what becomes of it.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// The commit.
    pub commit_id: CommitId,
    /// The streams that are not as it expects; empty where it was rejected for another reason.
    pub streams: Vec<StreamConflict>,
    /// That other reason.
    pub rejected: Option<ErrorBody>,
    /// What others wrote to these streams since, in feed order. Of a stream that the commit holds to no version
    /// (`Any`, `NoCheck`) there is no "since", and nothing here: such a stream is in conflict only where it must
    /// exist and does not.
    pub remote_events: Vec<RawEvent>,
    /// What the commit wants to write.
    pub local_events: Vec<RawEvent>,
}

encode_members!(Conflict {
    commit_id: "commitId",
    streams: "streams",
    rejected: "rejected",
    remote_events: "remoteEvents",
    local_events: "localEvents",
});

/// What becomes of a commit in conflict.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolution {
    /// The same events on top of the versions that are there now.
    Rebase,
    /// Other events in its place.
    Replace(Commit),
    /// Nothing: the commit is given up.
    Drop,
    /// It is kept and not pushed, and what came after it waits, until the app resolves it.
    Park,
}

impl Conflict {
    /// Gathers what the replica knows about a commit that was refused; `pending` is what waits in it.
    pub(super) async fn gather<R: Replica>(
        replica: &R,
        commit_id: CommitId,
        refusal: &Refusal,
        pending: &[RawEvent],
    ) -> Result<Self, StoreError> {
        // Behind what was there when a commit was left behind may stand own events.
        let (conflict, rejected, bounded) = match refusal {
            Refusal::Conflict(conflict) => (Some(conflict), None, false),
            Refusal::Behind { conflict, .. } => (Some(conflict), None, true),
            Refusal::Rejected(error) => (None, Some(error.clone()), false),
        };
        let streams = conflict.map(|conflict| conflict.streams.clone()).unwrap_or_default();
        let mut remote_events: Vec<RawEvent> = Vec::new();
        for stream in &streams {
            let known = stream.expected.pinned().unwrap_or_default();
            let query = Query {
                from_version: known.next(),
                to_version: if bounded { stream.actual } else { EventVersion::MAX },
                pending: false,
                ..Query::default()
            };
            let slices = replica.read_streams(std::slice::from_ref(&stream.stream_id), &query).await?;
            remote_events.extend(slices.into_iter().flat_map(|slice| slice.events));
        }
        let by_place = |one: usize, other: usize| remote_events[one].place.cmp(&remote_events[other].place);
        let remote_events =
            order(remote_events.len(), &by_place).into_iter().map(|at| remote_events[at].clone()).collect();
        let local_events = pending.iter().filter(|event| event.commit_id == commit_id).cloned().collect();
        Ok(Self { commit_id, streams, rejected, remote_events, local_events })
    }
}

/// Every pending event of a replica.
pub(super) async fn pending_events<R: Replica>(replica: &R) -> Result<Vec<RawEvent>, StoreError> {
    let query = Query { after: Some(Place::Pending(0)), ..Query::default() };
    Ok(replica.read_feed(&query).await?.events)
}
