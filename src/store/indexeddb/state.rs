//! What is known of a store as a whole, as it lies beside what each transaction wrote.

use wasm_bindgen::prelude::*;

use super::checksum;
use super::records::corrupt;
use super::schema::TAIL;
use crate::error::StoreError;
use crate::event::json::{from_text, members, to_text};
use crate::event::{Commit, EventId, SpaceId};
use crate::store::ReplicaState;
use crate::version::Position;

/// Where schema 1 had the state, in a store of its own.
pub(super) const STATE: &str = "state";

/// What is known of the whole, after each transaction that writes.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// How often something was written.
    pub(super) changes: u64,
    /// The position of the last confirmed event.
    pub(super) head: Position,
    /// The position of the last event in the log; what is behind it lies in the tail.
    pub(super) folded: Position,
    /// Up to here the log's records are as large as they should be; what is behind it is to be looked at.
    pub(super) compacted: Position,
    /// How often confirmed events were taken out again: what was known of streams then is true no longer.
    pub(super) restarts: u64,
    /// The newest id that a generator of this store had made.
    pub(super) clock: Option<EventId>,
    /// The number of the next commit that will wait.
    pub(super) next: u64,
    pub(super) space: Option<SpaceId>,
    pub(super) backend_id: Option<String>,
    pub(super) pending_commits: u64,
    pub(super) pending_events: u64,
}

members!(State {
    changes: "changes",
    head: "head",
    folded: "folded",
    compacted: "compacted",
    restarts: "restarts",
    clock: "clock",
    next: "next",
    space: "space",
    backend_id: "backendId",
    pending_commits: "pendingCommits",
    pending_events: "pendingEvents",
});

impl State {
    pub(super) fn read(key: f64, value: &JsValue) -> Result<Self, StoreError> {
        let fault = |fault: &dyn std::fmt::Display| corrupt(TAIL, &(key as u64).to_string(), fault);
        let text = value.as_string().ok_or_else(|| fault(&"it has no state"))?;
        if !checksum::holds(&text) {
            return Err(fault(&"its state is not the one that was written"));
        }
        from_text(&text).map_err(|error| fault(&error))
    }

    /// The state as schema 1 kept it, when every event lay in the log.
    pub(super) fn of_schema_1(value: &JsValue) -> Result<Self, StoreError> {
        if value.is_undefined() {
            return Ok(Self::default());
        }
        let fault = |fault: &dyn std::fmt::Display| corrupt("meta", STATE, fault);
        let text = value.as_string().ok_or_else(|| fault(&"it is no text"))?;
        // An object without the members that came with schema 2.
        let text = text.trim_end().strip_suffix('}').ok_or_else(|| fault(&"it is no object"))?;
        let text = format!("{text},\"folded\":0,\"compacted\":0,\"restarts\":0}}");
        let state: Self = from_text(&text).map_err(|error| fault(&error))?;
        Ok(Self { folded: state.head, ..state })
    }

    pub(super) fn write(&self) -> String {
        checksum::sealed(to_text(self))
    }

    /// Counts a commit that waits.
    pub(super) fn count_waiting(&mut self, commit: &Commit) {
        self.pending_commits += 1;
        self.pending_events += commit.events().len() as u64;
    }

    /// Counts a commit that waits no longer.
    pub(super) fn forget_waiting(&mut self, commit: &Commit) {
        self.pending_commits = self.pending_commits.saturating_sub(1);
        self.pending_events = self.pending_events.saturating_sub(commit.events().len() as u64);
    }

    pub(super) fn replica(self) -> ReplicaState {
        ReplicaState {
            space: self.space,
            backend_id: self.backend_id,
            cursor: self.head.into(),
            pending_commits: self.pending_commits,
            pending_events: self.pending_events,
        }
    }
}
