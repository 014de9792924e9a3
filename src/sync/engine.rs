//! The engine: does what the machine says, on a replica and a host, until it is stopped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use event_listener::{Event as Wakeup, EventListener};
use futures_util::future::{self, Either};

use crate::error::StoreError;
use crate::event::json::{Decode, decode_words, from_text, to_text};
use crate::event::{CommitId, SpaceId};
use crate::maybe::MaybeSend;
use crate::protocol::{ErrorBody, EventsAnswer, PushRequest};
use crate::store::{Refusal, Replica, Rewrite};
use crate::version::Cursor;

use super::answer::{offline, read, storage, unreadable};
use super::conflict::{Conflict, Resolution, pending_events};
use super::host::Host;
use super::machine::{Failure, Input, Machine, Step};
use super::policy::Policies;
use super::recovery::{event_at, is_at, rewind};
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
    /// Standing answers to conflicts; where they have none, the host is asked.
    pub policies: Policies,
    /// What to do where the endpoint lost what it had confirmed.
    pub recover: Recover,
}

/// What to do where the endpoint lost what it had confirmed, or is another one than before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recover {
    /// Stop with `ENDPOINT_RESET`, and keep everything.
    #[default]
    Stop,
    /// Push again what the endpoint no longer has, whoever wrote it.
    Repush,
}

decode_words!(Recover { Stop: "stop", Repush: "repush" });

impl SyncConfig {
    /// The defaults for a space.
    pub fn new(space: SpaceId) -> Self {
        Self {
            space,
            poll_ms: 5_000,
            push_commits: 1_000,
            push_bytes: 1 << 20,
            pull_events: 1_000,
            policies: Policies::default(),
            recover: Recover::Stop,
        }
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
    Live(bool),
    Heard(EventsAnswer),
    Stop,
}

impl From<Order> for Input {
    fn from(order: Order) -> Self {
        match order {
            Order::Wake { pull } => Self::Wake { pull },
            Order::Live(live) => Self::Live(live),
            Order::Heard(answer) => Self::Heard(answer),
            Order::Stop => Self::Stop,
        }
    }
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
        let mut machine = Machine::new(self.config.poll_ms, self.config.recover == Recover::Repush);
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

    /// The endpoint says by itself what was written from now on, or no longer: see [`heard`](Self::heard).
    pub fn set_live(&self, live: bool) {
        self.order(Order::Live(live));
    }

    /// What the endpoint said by itself: a page of the feed, behind what is confirmed here. What does not follow on
    /// it is pulled.
    ///
    /// # Errors
    /// `OFFLINE` where it is no such page.
    pub fn heard(&self, page: &str) -> Result<(), ErrorBody> {
        let mut page: EventsAnswer = from_text(page).map_err(|fault| unreadable(&fault).error)?;
        let mut shared = self.lock();
        let waiting = shared.orders.iter().rposition(|order| matches!(order, Order::Heard(_)));
        if let Some(waiting) = waiting.and_then(|at| shared.orders.remove(at)) {
            // The engine is behind: where the endpoint stands is enough, the rest is pulled.
            page.events.clear();
            drop(waiting);
        }
        drop(shared);
        self.order(Order::Heard(page));
        Ok(())
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
        // What came after a parked commit waits, and mostly only one is parked: the first.
        if self.replica.outbox(1, usize::MAX).await?.iter().all(|first| first.refused.is_none()) {
            return Ok(conflicts);
        }
        let pending = pending_events(&*self.replica).await?;
        for waiting in self.replica.outbox(usize::MAX, usize::MAX).await? {
            if let Some(refusal) = waiting.parked() {
                let id = waiting.commit.id();
                conflicts.push(Conflict::gather(&*self.replica, id, refusal, &pending).await?);
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
        let Some(refusal) = parked.and_then(|waiting| waiting.refused) else {
            return Err(StoreError::InvalidRequest(format!("commit {commit} is not parked")));
        };
        self.replica.rewrite(vec![(commit, rewrite(refusal, resolution))]).await?;
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
                let body = to_text(&PushRequest { commits });
                self.unless_stopped(async { self.send("POST", "push", Some(body)).await.map(Input::Pushed) })
                    .await
            }
            Step::Pull { after, verify } => self.unless_stopped(self.pull(after, verify)).await,
            Step::Rewind => {
                let rewind = async {
                    rewind(&*self.replica, |after| self.page(after, 1)).await.map(|()| Input::Rewound)
                };
                self.unless_stopped(rewind).await
            }
            Step::Settle(settlement) => {
                self.replica.settle(settlement).await.map(Input::Settled).map_err(storage)
            }
            Step::Ask(commit, refusal) => {
                self.ask(commit, refusal).await.map(|()| Input::Resolved).map_err(storage)
            }
            Step::Rest(_) | Step::End => Ok(Input::Wake { pull: false }),
        }
    }

    async fn pull(&self, after: Cursor, verify: bool) -> Result<Input, Failure> {
        if !verify {
            return self.page(after, self.config.pull_events).await.map(Input::Pulled);
        }
        // With the last event that is here: the endpoint must still have it.
        let before = Cursor::new(after.get() - 1);
        let mut answer = self.page(before, self.config.pull_events.saturating_add(1)).await?;
        let last = event_at(&*self.replica, after).await?;
        if answer.head >= after.into() && !is_at(last.as_ref(), &answer) {
            return Ok(Input::Diverged);
        }
        if !answer.events.is_empty() {
            answer.events.remove(0);
        }
        if answer.events.is_empty() && answer.head > after.into() {
            // The next commit did not fit into the page beside it.
            answer = self.page(after, self.config.pull_events).await?;
        }
        Ok(Input::Pulled(answer))
    }

    async fn page(&self, after: Cursor, limit: usize) -> Result<EventsAnswer, Failure> {
        self.send("GET", &format!("events?after={after}&limit={limit}"), None).await
    }

    /// Asks what becomes of a commit, and of those that this leaves behind: all of them before the first is pushed,
    /// while what they are about is the same.
    async fn ask(&self, commit: CommitId, refusal: Refusal) -> Result<(), StoreError> {
        let mut asking = vec![(commit, refusal)];
        while !asking.is_empty() {
            let pending = pending_events(&*self.replica).await?;
            let mut rewrites = Vec::with_capacity(asking.len());
            for (commit, refusal) in asking {
                let conflict = Conflict::gather(&*self.replica, commit, &refusal, &pending).await?;
                let resolution = match self.config.policies.decide(&conflict) {
                    Some(resolution) => resolution,
                    None => self.host.resolve(&conflict).await.unwrap_or(Resolution::Park),
                };
                let parks = resolution == Resolution::Park;
                rewrites.push((commit, rewrite(refusal, resolution)));
                if parks {
                    break;
                }
            }
            self.replica.rewrite(rewrites).await?;
            let outbox = self.replica.outbox(usize::MAX, usize::MAX).await?;
            let unparked = outbox.into_iter().take_while(|waiting| waiting.parked().is_none());
            asking = unparked
                .filter_map(|waiting| waiting.refused.map(|refusal| (waiting.commit.id(), refusal)))
                .collect();
        }
        Ok(())
    }

    async fn send<A: Decode>(
        &self,
        method: &'static str,
        path: &str,
        body: Option<String>,
    ) -> Result<A, Failure> {
        let path = format!("/v1/spaces/{}/{path}", percent_encode(self.config.space.as_str()));
        let response = self.host.request(method, path, body).await.map_err(offline)?;
        read(response)
    }

    async fn wait(&self, changed: &mut EventListener, ms: Option<u64>) -> Input {
        let ordered = self.ordered.listen();
        if let Some(order) = self.next_order() {
            return order.into();
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
            Either::Right((Either::Right(_), _)) => {
                self.next_order().map_or(Input::Wake { pull: false }, Input::from)
            }
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

    fn next_order(&self) -> Option<Order> {
        self.lock().orders.pop_front()
    }

    fn order(&self, order: Order) {
        self.lock().orders.push_back(order);
        self.ordered.notify(usize::MAX);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an answer of the app does to the outbox.
fn rewrite(refusal: Refusal, resolution: Resolution) -> Rewrite {
    match (resolution, refusal) {
        (Resolution::Rebase, _) => Rewrite::Rebase,
        (Resolution::Replace(commit), _) => Rewrite::Replace(commit),
        (Resolution::Drop, _) => Rewrite::Drop,
        (Resolution::Park, Refusal::Behind { conflict, .. }) => {
            Rewrite::Park(Refusal::Behind { conflict, asked: true })
        }
        (Resolution::Park, refusal) => Rewrite::Park(refusal),
    }
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
