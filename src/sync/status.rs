//! What an app can show of a sync.

use crate::event::json::{encode_members, encode_words};
use crate::protocol::ErrorBody;
use crate::version::{Cursor, Position};

/// What a sync is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SyncState {
    /// Nothing waits on either side.
    #[default]
    Idle,
    /// Taking in what others wrote.
    Pulling,
    /// Handing over what was written here.
    Pushing,
    /// A commit is parked; it and what came after it wait for the app.
    Conflicted,
    /// The endpoint cannot be reached or does not serve; it is tried again.
    Offline,
    /// Ended, by the app or by an error that a repetition does not mend.
    Stopped,
}

encode_words!(SyncState {
    Idle: "idle",
    Pulling: "pulling",
    Pushing: "pushing",
    Conflicted: "conflicted",
    Offline: "offline",
    Stopped: "stopped",
});

/// A sync at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncStatus {
    /// What it is doing.
    pub state: SyncState,
    /// Commits in the outbox.
    pub pending_commits: u64,
    /// Events in them.
    pub pending_events: u64,
    /// The position up to which the local log is confirmed.
    pub confirmed: Cursor,
    /// The endpoint's last position, as far as it is known.
    pub head: Position,
    /// What went wrong last; none once it went well again.
    pub last_error: Option<ErrorBody>,
    /// Milliseconds until the next try, while waiting for one after an error.
    pub next_retry_ms: Option<u64>,
    /// How far the pull or push is that is under way.
    pub progress: Option<Progress>,
    /// Whether the endpoint says by itself when others wrote, so that nobody has to ask.
    pub live: bool,
}

encode_members!(SyncStatus {
    state: "state",
    pending_commits: "pendingCommits",
    pending_events: "pendingEvents",
    confirmed: "confirmed",
    head: "head",
    last_error: "lastError",
    next_retry_ms: "nextRetryMs",
    progress: "progress",
    live: "live",
});

/// How far a pull or a push is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events that are through.
    pub done: u64,
    /// Events in all, as far as is known.
    pub total: u64,
}

encode_members!(Progress { done: "done", total: "total" });
