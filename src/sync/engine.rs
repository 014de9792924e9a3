//! The engine: does what the machine says, on a replica and a host, until it is stopped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use event_listener::{Event as Wakeup, EventListener};
use futures_util::future::{self, Either};

use crate::error::StoreError;
use crate::event::json::from_text;
use crate::protocol::{ErrorBody, EventsAnswer};
use crate::store::Replica;

use super::answer::unreadable;
use super::config::{Recover, SyncConfig};
use super::host::Host;
use super::machine::{Input, Machine, Step};
use super::status::{SyncState, SyncStatus};

/// A sync of one replica. It runs while [`run`](Self::run) is polled.
pub struct Engine<R, H> {
    pub(super) replica: Arc<R>,
    pub(super) host: H,
    pub(super) config: SyncConfig,
    shared: Mutex<Shared>,
    /// Wakes the engine: an order is there.
    pub(super) ordered: Wakeup,
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

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().orders.iter().any(|order| matches!(order, Order::Stop))
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
