//! A turn of the machine: what goes in, and what comes out.

use crate::event::{Commit, CommitId};
use crate::protocol::{ErrorBody, EventsAnswer, PushAnswer};
use crate::store::{OutboxCommit, Refusal, ReplicaState, Settlement};
use crate::version::Cursor;

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// There may be something to do: start, a commit, a timer, the network is back, the app asks.
    /// `pull` says whether to look for what others wrote even if nothing points at it.
    Wake {
        /// Whether to look.
        pull: bool,
    },
    /// What the replica is and the first commits of its outbox.
    Replica(ReplicaState, Vec<OutboxCommit>),
    /// The answer to a push.
    Pushed(PushAnswer),
    /// The answer to a pull.
    Pulled(EventsAnswer),
    /// What stands last in the log is not what the endpoint has there.
    Diverged,
    /// What the endpoint no longer has is in the outbox again.
    Rewound,
    /// The endpoint says by itself what was written, or no longer.
    Live(bool),
    /// What it said.
    Heard(EventsAnswer),
    /// A request or the replica failed; the number is chance, from 0 to 1, for the delay.
    Failed(Failure, f64),
    /// The replica was to take events in.
    Settled {
        /// Whether it did; its cursor may have been elsewhere.
        taken: bool,
        /// What came of pulling what follows behind this cursor, where that was done meanwhile.
        ahead: Option<(Cursor, Box<Input>)>,
    },
    /// The app was asked and the outbox rewritten accordingly.
    Resolved,
    /// The app ends the sync.
    Stop,
}

/// A failure, and whether it makes sense to try again.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What failed.
    pub error: ErrorBody,
    /// Whether trying again may help.
    pub again: bool,
    /// What the endpoint asked to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// What to do next; its result is the next [`Input`].
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Read the replica's state and the first commits of its outbox.
    ReadReplica,
    /// Push these commits.
    Push(Vec<Commit>),
    /// Pull what stands after the cursor; and where it is to be verified, see that the endpoint still has what
    /// stands before it.
    Pull {
        /// The cursor.
        after: Cursor,
        /// Whether it is to be verified.
        verify: bool,
    },
    /// Take what the endpoint no longer has back into the outbox.
    Rewind,
    /// Take these events into the log; and where more are known to follow, pull those meanwhile.
    Settle {
        /// The events.
        settlement: Settlement,
        /// Where to go on.
        ahead: Option<Cursor>,
    },
    /// Ask the app what becomes of this commit and rewrite the outbox.
    Ask(CommitId, Refusal),
    /// Wait until something changes, but not longer than so many milliseconds.
    Rest(Option<u64>),
    /// Nothing more.
    End,
}
