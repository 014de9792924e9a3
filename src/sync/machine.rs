//! The machine: what happened goes in, the one thing to do next comes out. No clock, no socket, no store.
//!
//! It goes round: read the replica; push what waits if the log is up to date, else pull; take in what came;
//! ask the app about what was refused, once everything that the refusal is about is here; rest.

mod acknowledged;
mod turn;

use crate::error::StoreError;
use crate::event::{Commit, CommitId, Place, RawEvent};
use crate::protocol::{ErrorBody, EventsAnswer, PushAnswer, PushOutcome};
use crate::store::{OutboxCommit, Refusal, ReplicaState, Settlement};
use crate::version::{Cursor, Position, VersionConflict};

use super::backoff;
use super::status::{Progress, SyncState, SyncStatus};

use acknowledged::acknowledged;
pub use turn::{Failure, Input, Step};

/// The machine.
#[derive(Debug, Clone)]
pub struct Machine {
    status: SyncStatus,
    backend_id: Option<String>,
    /// Whether to look for what others wrote even if nothing points at it.
    look: bool,
    /// Commits that are being pushed.
    in_flight: Vec<Commit>,
    /// A commit that was refused, until everything that it is about is here and the app was asked.
    refused: Option<(CommitId, Refusal)>,
    failures: u32,
    /// Whether the endpoint may have been put back since it was last heard.
    verify: bool,
    /// Commits of a push at most: less than the replica offers, after a push was too large.
    push_commits: usize,
    /// Where the pull or push began that is under way: at this cursor, or with so many events pending.
    began: u64,
    poll_ms: u64,
    rewinds: bool,
}

/// How often to look for what others wrote while the endpoint says it by itself, in milliseconds.
const LIVE_POLL_MS: u64 = 300_000;

impl Machine {
    /// A machine that looks for what others wrote every so many milliseconds, and where the endpoint lost what it
    /// had, either ends or rewinds.
    pub fn new(poll_ms: u64, rewinds: bool) -> Self {
        Self {
            status: SyncStatus::default(),
            backend_id: None,
            look: true,
            in_flight: Vec::new(),
            refused: None,
            failures: 0,
            verify: true,
            push_commits: usize::MAX,
            began: 0,
            poll_ms,
            rewinds,
        }
    }

    /// What the app can show.
    pub const fn status(&self) -> &SyncStatus {
        &self.status
    }

    /// Takes what happened and says what to do next.
    pub fn on(&mut self, input: Input) -> Step {
        if self.status.state == SyncState::Stopped {
            return Step::End;
        }
        match input {
            Input::Wake { pull } => {
                self.look |= pull;
                Step::ReadReplica
            }
            Input::Replica(state, outbox) => self.decide(state, outbox),
            Input::Pushed(answer) => self.pushed(answer),
            Input::Pulled(answer) => self.pulled(answer),
            Input::Failed(failure, random) => self.failed(failure, random),
            Input::Diverged => {
                self.reset(format!("it has something else where it confirmed {}", self.status.confirmed))
            }
            Input::Rewound => {
                self.status.head = Position::ZERO;
                self.verify = false;
                self.look = true;
                Step::ReadReplica
            }
            Input::Live(live) => {
                self.status.live = live;
                self.look |= !live;
                Step::ReadReplica
            }
            Input::Heard(answer) => self.heard(answer),
            Input::Settled { taken: true, ahead: Some((confirmed, input)) } => {
                self.status.confirmed = confirmed;
                self.enter(SyncState::Pulling);
                self.on(*input)
            }
            Input::Settled { .. } | Input::Resolved => Step::ReadReplica,
            Input::Stop => self.end(None),
        }
    }

    fn decide(&mut self, state: ReplicaState, outbox: Vec<OutboxCommit>) -> Step {
        self.status.confirmed = state.cursor;
        self.status.pending_commits = state.pending_commits;
        self.status.pending_events = state.pending_events;
        self.status.head = self.status.head.max(state.cursor.into());
        self.backend_id = state.backend_id;
        // Nothing is pushed to an endpoint that may not have what it confirmed.
        let unverified = self.verify && !state.cursor.is_zero();
        if unverified || self.status.head > Position::from(state.cursor) {
            return self.pull();
        }
        if let Some((commit, refusal)) = self.refused.take()
            && outbox.first().is_some_and(|waiting| waiting.commit.id() == commit)
        {
            return Step::Ask(commit, refusal);
        }
        let unparked = || outbox.iter().take_while(|waiting| waiting.parked().is_none());
        if let Some((waiting, refusal)) =
            unparked().find_map(|waiting| Some((waiting, waiting.refused.clone()?)))
        {
            return Step::Ask(waiting.commit.id(), refusal);
        }
        let ready = unparked().take(self.push_commits).map(|waiting| waiting.commit.clone());
        let ready: Vec<Commit> = ready.collect();
        if !ready.is_empty() {
            self.enter(SyncState::Pushing);
            self.in_flight.clone_from(&ready);
            return Step::Push(ready);
        }
        if self.look {
            return self.pull();
        }
        self.enter(if outbox.is_empty() { SyncState::Idle } else { SyncState::Conflicted });
        Step::Rest(Some(if self.status.live { LIVE_POLL_MS.max(self.poll_ms) } else { self.poll_ms }))
    }

    fn pull(&mut self) -> Step {
        self.look = false;
        self.enter(SyncState::Pulling);
        Step::Pull { after: self.status.confirmed, verify: self.verify && !self.status.confirmed.is_zero() }
    }

    /// Goes into a state, or on in it.
    fn enter(&mut self, state: SyncState) {
        let (confirmed, pending) = (self.status.confirmed.get(), self.status.pending_events);
        if self.status.state != state {
            self.began = if state == SyncState::Pulling { confirmed } else { pending };
            self.status.state = state;
        }
        self.status.progress = match state {
            SyncState::Pulling => {
                let total = self.status.head.get().saturating_sub(self.began);
                Some(Progress { done: confirmed.saturating_sub(self.began), total })
            }
            SyncState::Pushing => {
                self.began = self.began.max(pending);
                Some(Progress { done: self.began - pending, total: self.began })
            }
            SyncState::Idle | SyncState::Conflicted | SyncState::Offline | SyncState::Stopped => None,
        };
    }

    /// What the endpoint said by itself. It may have been on its way for long, so it says nothing about a reset.
    fn heard(&mut self, answer: EventsAnswer) -> Step {
        if self.backend_id.as_ref() != Some(&answer.backend_id) || self.verify {
            self.look = true;
            return Step::ReadReplica;
        }
        self.status.head = self.status.head.max(answer.head);
        let confirmed = Position::from(self.status.confirmed);
        let mut events = answer.events;
        events.retain(|event| event.place > Place::Confirmed(confirmed));
        match events.first() {
            Some(first) if first.place == Place::Confirmed(confirmed.next()) => {
                self.settle(answer.backend_id, events, None)
            }
            _ => Step::ReadReplica,
        }
    }

    fn pushed(&mut self, answer: PushAnswer) -> Step {
        let commits = std::mem::take(&mut self.in_flight);
        if let Some(reset) = self.recognise(&answer.backend_id, answer.head) {
            return reset;
        }
        // What was pushed without a look at the log was the first that there is.
        self.verify = false;
        if answer.outcomes.len() != commits.len() {
            return self
                .end(Some(StoreError::Internal("the endpoint did not answer for every commit".into())));
        }
        let mut events: Vec<RawEvent> = Vec::new();
        for (commit, outcome) in commits.iter().zip(answer.outcomes) {
            match outcome {
                PushOutcome::Accepted { result } => {
                    let next = self.status.confirmed.get() + events.len() as u64 + 1;
                    // Others wrote in between: the commit comes back with their events in the next pull.
                    if result.positions.is_some_and(|positions| positions.first.get() == next) {
                        events.extend(acknowledged(commit, &result));
                    }
                }
                PushOutcome::Conflict { commit_id, streams, .. } => {
                    self.refused = Some((commit_id, Refusal::Conflict(VersionConflict { streams })));
                }
                PushOutcome::Rejected { commit_id, error } => {
                    self.refused = Some((commit_id, Refusal::Rejected(error)));
                }
                PushOutcome::NotAttempted { .. } => {}
            }
        }
        self.settle(answer.backend_id, events, None)
    }

    fn pulled(&mut self, answer: EventsAnswer) -> Step {
        if let Some(reset) = self.recognise(&answer.backend_id, answer.head) {
            return reset;
        }
        self.verify = false;
        if answer.events.is_empty() && answer.head > Position::from(self.status.confirmed) {
            let error = StoreError::Internal("the endpoint has more events and sends none".into());
            let failure = Failure { error: ErrorBody::from(&error), again: true, retry_after_ms: None };
            return self.failed(failure, 1.0);
        }
        let last = answer.events.last().and_then(|event| event.place.position());
        let ahead = last.filter(|last| answer.head > *last).map(Cursor::from);
        self.settle(answer.backend_id, answer.events, ahead)
    }

    fn settle(&mut self, backend_id: String, events: Vec<RawEvent>, ahead: Option<Cursor>) -> Step {
        if events.is_empty() && self.backend_id.is_some() {
            return Step::ReadReplica;
        }
        Step::Settle { settlement: Settlement { backend_id, after: self.status.confirmed, events }, ahead }
    }

    /// Takes note of what the endpoint is; another identity, or a head below ours, ends the sync.
    fn recognise(&mut self, backend_id: &str, head: Position) -> Option<Step> {
        self.failures = 0;
        self.status.last_error = None;
        self.status.next_retry_ms = None;
        if let Some(known) = &self.backend_id
            && known != backend_id
        {
            return Some(self.reset(format!("it was {known} and is {backend_id} now")));
        }
        if head < Position::from(self.status.confirmed) {
            let confirmed = self.status.confirmed;
            return Some(self.reset(format!("its head is {head}, below {confirmed} which it confirmed")));
        }
        self.status.head = head;
        None
    }

    /// The endpoint is not what confirmed the log, or not any more.
    fn reset(&mut self, how: String) -> Step {
        match self.rewinds {
            true => Step::Rewind,
            false => self.end(Some(StoreError::EndpointReset(how))),
        }
    }

    fn failed(&mut self, failure: Failure, random: f64) -> Step {
        let pushed = std::mem::take(&mut self.in_flight);
        if failure.error.code == "PAYLOAD_TOO_LARGE"
            && let Some(first) = pushed.first()
        {
            // Half of it may fit; a commit that does not fit alone is the app's to change.
            self.push_commits = pushed.len() / 2;
            if self.push_commits == 0 {
                self.push_commits = usize::MAX;
                self.refused = Some((first.id(), Refusal::Rejected(failure.error)));
            }
            return Step::ReadReplica;
        }
        self.look = true;
        self.verify = true;
        self.status.last_error = Some(failure.error);
        if !failure.again {
            return self.stopped();
        }
        self.failures = self.failures.saturating_add(1);
        let delay = backoff::delay(self.failures, random, failure.retry_after_ms);
        self.enter(SyncState::Offline);
        self.status.next_retry_ms = Some(delay);
        Step::Rest(Some(delay))
    }

    fn end(&mut self, error: Option<StoreError>) -> Step {
        self.status.last_error = error.as_ref().map(ErrorBody::from);
        self.stopped()
    }

    fn stopped(&mut self) -> Step {
        self.enter(SyncState::Stopped);
        self.status.live = false;
        self.status.next_retry_ms = None;
        Step::End
    }
}

#[cfg(test)]
mod tests;
