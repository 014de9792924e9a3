//! The engine: does what the machine says, on a replica and a host, until it is stopped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use event_listener::{Event as Wakeup, EventListener};
use futures_util::future::{self, Either};
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::event::{CommitId, SpaceId};
use crate::maybe::MaybeSend;
use crate::protocol::{ErrorAnswer, ErrorBody, PushRequest};
use crate::store::{Refusal, Replica, Rewrite};
use crate::version::Cursor;

use super::conflict::{Conflict, Resolution};
use super::host::{Host, HostResponse};
use super::machine::{Failure, Input, Machine, Step};
use super::status::{SyncState, SyncStatus};

/// How a replica is synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncConfig {
    /// The space.
    pub space: SpaceId,
    /// How often to look for what others wrote, in milliseconds.
    pub poll_ms: u64,
    /// Commits of one push at most.
    pub push_commits: usize,
    /// Bytes of payload of one push, about.
    pub push_bytes: usize,
    /// Events of one pull at most.
    pub pull_events: usize,
}

impl SyncConfig {
    /// The defaults for a space.
    pub const fn new(space: SpaceId) -> Self {
        Self { space, poll_ms: 5_000, push_commits: 500, push_bytes: 1 << 20, pull_events: 1_000 }
    }
}

/// A sync of one replica. It runs while [`run`](Self::run) is polled.
pub struct Engine<R, H> {
    replica: Arc<R>,
    host: H,
    config: SyncConfig,
    shared: Mutex<Shared>,
    /// Wakes the engine: an order is there.
    ordered: Wakeup,
    /// Wakes those who wait for a round: it rests.
    rested: Wakeup,
}

#[derive(Default)]
struct Shared {
    orders: VecDeque<Order>,
    status: SyncStatus,
    /// Rounds that came to rest.
    rounds: u64,
}

enum Order {
    Wake { pull: bool },
    Stop,
}

impl<R: Replica, H: Host> Engine<R, H> {
    /// A sync of this replica, not running yet.
    pub fn new(replica: Arc<R>, host: H, config: SyncConfig) -> Self {
        Self {
            replica,
            host,
            config,
            shared: Mutex::default(),
            ordered: Wakeup::new(),
            rested: Wakeup::new(),
        }
    }

    /// The world that it runs in.
    pub const fn host(&self) -> &H {
        &self.host
    }

    /// What the app can show.
    pub fn status(&self) -> SyncStatus {
        self.lock().status.clone()
    }

    /// Runs until it is stopped or ends by an error that a repetition does not mend.
    ///
    /// # Errors
    /// That error; nothing local is lost by it.
    pub async fn run(&self) -> Result<(), StoreError> {
        if let Err(error) = self.replica.attach(&self.config.space).await {
            let last_error = Some(ErrorBody::from(&error));
            self.publish(&SyncStatus { state: SyncState::Stopped, last_error, ..self.status() });
            self.rest();
            return Err(error);
        }
        let mut machine = Machine::new(self.config.poll_ms);
        let mut input = Input::Wake { pull: true };
        let mut changed = self.replica.listen();
        loop {
            let step = machine.on(input);
            self.publish(machine.status());
            if step == Step::ReadReplica {
                // Taken before the replica is read: what changes after that wakes.
                changed = self.replica.listen();
            }
            input = match step {
                Step::End => {
                    self.rest();
                    return Ok(());
                }
                Step::Rest(ms) => {
                    self.rest();
                    self.wait(&mut changed, ms).await
                }
                step => match self.carry_out(step).await {
                    Ok(input) => input,
                    Err(failure) => Input::Failed(failure, self.host.random()),
                },
            };
        }
    }

    /// Ends the sync; what waits stays in the outbox.
    pub fn stop(&self) {
        self.order(Order::Stop);
    }

    /// Starts a round at once: the network is back, or the app wants one.
    pub fn wake(&self) {
        self.order(Order::Wake { pull: true });
    }

    /// Starts a round and waits until it rests.
    ///
    /// # Errors
    /// Why the round did not go well: `OFFLINE`, or what ended the sync.
    pub async fn sync_now(&self) -> Result<SyncStatus, ErrorBody> {
        let before = self.lock().rounds;
        self.wake();
        loop {
            let rested = self.rested.listen();
            {
                let shared = self.lock();
                if shared.rounds > before || shared.status.state == SyncState::Stopped {
                    return match &shared.status.last_error {
                        Some(error) => Err(error.clone()),
                        None => Ok(shared.status.clone()),
                    };
                }
            }
            rested.await;
        }
    }

    /// The parked commits, each with what is needed to resolve it.
    ///
    /// # Errors
    /// A failure of the storage.
    pub async fn conflicts(&self) -> Result<Vec<Conflict>, StoreError> {
        let mut conflicts = Vec::new();
        for waiting in self.replica.outbox(usize::MAX, usize::MAX).await? {
            if let Some(refusal) = &waiting.parked {
                conflicts.push(Conflict::gather(&*self.replica, waiting.commit.id(), refusal).await?);
            }
        }
        Ok(conflicts)
    }

    /// Resolves a parked commit.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where no such commit is parked; a failure of the storage.
    pub async fn resolve(&self, commit: CommitId, resolution: Resolution) -> Result<(), StoreError> {
        let outbox = self.replica.outbox(usize::MAX, usize::MAX).await?;
        let parked = outbox.into_iter().find(|waiting| waiting.commit.id() == commit);
        let Some(refusal) = parked.and_then(|waiting| waiting.parked) else {
            return Err(StoreError::InvalidRequest(format!("commit {commit} is not parked")));
        };
        self.rewrite(commit, refusal, resolution).await?;
        self.wake();
        Ok(())
    }

    async fn carry_out(&self, step: Step) -> Result<Input, Failure> {
        match step {
            Step::ReadReplica => {
                let state = self.replica.state().await.map_err(storage)?;
                let outbox = self
                    .replica
                    .outbox(self.config.push_commits, self.config.push_bytes)
                    .await
                    .map_err(storage)?;
                Ok(Input::Replica(state, outbox))
            }
            Step::Push(commits) => {
                let body = serde_json::to_string(&PushRequest { commits }).map_err(unreadable)?;
                self.unless_stopped(async { self.send("POST", "push", Some(body)).await.map(Input::Pushed) })
                    .await
            }
            Step::Pull(after) => {
                let path = pull_path(after, self.config.pull_events);
                self.unless_stopped(async { self.send("GET", &path, None).await.map(Input::Pulled) }).await
            }
            Step::Settle(settlement) => {
                self.replica.settle(settlement).await.map(Input::Settled).map_err(storage)
            }
            Step::Ask(commit, refusal) => {
                let conflict = Conflict::gather(&*self.replica, commit, &refusal).await.map_err(storage)?;
                let resolution = self.host.resolve(&conflict).await.unwrap_or(Resolution::Park);
                self.rewrite(commit, refusal, resolution).await.map_err(storage)?;
                Ok(Input::Resolved)
            }
            Step::Rest(_) | Step::End => Ok(Input::Wake { pull: false }),
        }
    }

    async fn rewrite(
        &self,
        commit: CommitId,
        refusal: Refusal,
        resolution: Resolution,
    ) -> Result<bool, StoreError> {
        let rewrite = match resolution {
            Resolution::Rebase => Rewrite::Rebase,
            Resolution::Replace(commit) => Rewrite::Replace(commit),
            Resolution::Drop => Rewrite::Drop,
            Resolution::Park => Rewrite::Park(refusal),
        };
        self.replica.rewrite(commit, rewrite).await
    }

    async fn send<A: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        body: Option<String>,
    ) -> Result<A, Failure> {
        let path = format!("/v1/spaces/{}/{path}", percent_encode(self.config.space.as_str()));
        let response = self.host.request(method, path, body).await.map_err(|reason| Failure {
            error: ErrorBody::from(&StoreError::Offline(reason)),
            again: true,
            retry_after_ms: None,
        })?;
        read(response)
    }

    async fn wait(&self, changed: &mut EventListener, ms: Option<u64>) -> Input {
        let ordered = self.ordered.listen();
        match self.lock().orders.pop_front() {
            Some(Order::Wake { pull }) => return Input::Wake { pull },
            Some(Order::Stop) => return Input::Stop,
            None => {}
        }
        let retrying = self.lock().status.state == SyncState::Offline;
        let timer = async {
            match ms {
                Some(ms) => self.host.sleep(ms).await,
                None => future::pending().await,
            }
        };
        let woken = future::select(changed, ordered);
        match future::select(std::pin::pin!(timer), woken).await {
            Either::Left(_) => Input::Wake { pull: true },
            // A commit while the endpoint is away starts a try at once, as the network may be back.
            Either::Right((Either::Left(_), _)) => Input::Wake { pull: retrying },
            Either::Right((Either::Right(_), _)) => match self.lock().orders.pop_front() {
                Some(Order::Stop) => Input::Stop,
                Some(Order::Wake { pull }) => Input::Wake { pull },
                None => Input::Wake { pull: false },
            },
        }
    }

    /// The answer to a request, unless the app ends the sync before it comes.
    async fn unless_stopped(
        &self,
        request: impl Future<Output = Result<Input, Failure>> + MaybeSend,
    ) -> Result<Input, Failure> {
        let mut request = std::pin::pin!(request);
        loop {
            let ordered = self.ordered.listen();
            if self.lock().orders.iter().any(|order| matches!(order, Order::Stop)) {
                return Ok(Input::Stop);
            }
            match future::select(request.as_mut(), ordered).await {
                Either::Left((answer, _)) => return answer,
                Either::Right(_) => {}
            }
        }
    }

    fn publish(&self, status: &SyncStatus) {
        let mut shared = self.lock();
        if shared.status != *status {
            shared.status = status.clone();
            drop(shared);
            self.host.status(status);
        }
    }

    /// The round is over. One that was ordered meanwhile is still to come, and those who wait wait for it.
    fn rest(&self) {
        let mut shared = self.lock();
        if shared.orders.is_empty() || shared.status.state == SyncState::Stopped {
            shared.rounds += 1;
            drop(shared);
            self.rested.notify(usize::MAX);
        }
    }

    fn order(&self, order: Order) {
        self.lock().orders.push_back(order);
        self.ordered.notify(usize::MAX);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pull_path(after: Cursor, limit: usize) -> String {
    format!("events?after={after}&limit={limit}")
}

/// An answer of the protocol, or why it is none.
fn read<A: DeserializeOwned>(response: HostResponse) -> Result<A, Failure> {
    let HostResponse { status, body, retry_after_ms } = response;
    if status == 200 {
        return serde_json::from_str(&body).map_err(unreadable);
    }
    let error = match serde_json::from_str::<ErrorAnswer>(&body) {
        Ok(answer) => answer.error,
        Err(_) => ErrorBody {
            code: "OFFLINE".into(),
            message: format!("the endpoint cannot be reached: something answered with status {status}"),
        },
    };
    let again = !matches!(status, 400 | 401 | 403 | 404 | 405 | 409 | 413 | 426);
    Err(Failure { error, again, retry_after_ms })
}

/// What answered is not the endpoint, or its answer was cut: a captive portal, a proxy.
fn unreadable(error: serde_json::Error) -> Failure {
    let reason = format!("what answered does not speak the protocol: {error}");
    Failure { error: ErrorBody::from(&StoreError::Offline(reason)), again: true, retry_after_ms: None }
}

/// The replica's storage failed. A closed store stays closed; anything else may pass.
fn storage(error: StoreError) -> Failure {
    let again = !matches!(error, StoreError::Closed | StoreError::StorageCorrupt(_));
    Failure { error: ErrorBody::from(&error), again, retry_after_ms: None }
}

/// Everything but unreserved characters, so that any space is one segment of the path.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}
