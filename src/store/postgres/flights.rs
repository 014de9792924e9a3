//! Appends to a space that are on their way at once: PostgreSQL begins the next as soon as the last is on the disk,
//! though nobody knows that yet.
//!
//! Two at most, on one session, in the order in which they were decided. Each is decided by what the one before it will
//! leave, and writes nothing where that left something else.
//!
//! A statement costs as much as some tens of events, so two halves are written for more than a whole. It is worth that
//! where the callers of the one half need as long to come again as the other half takes to be written, as through HTTP;
//! where they are back at once, as in a program, all go together. Which of the two it is shows by waiting for them.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;

use event_listener::Event;
use futures_util::poll;

use super::append::Target;
use super::client::{SqlClient, SqlError, SqlSession};
use super::heads::Plan;
use super::queue::Queue;

/// Appends that may be on their way.
const MOST: usize = 2;

/// Runs that are worth a statement of their own.
const WORTHWHILE: usize = 8;

/// How often who writes lets the callers of the last append come, before it goes without them.
const GATHERING: usize = 16;

/// After so many appends it is seen again whether all callers are back at once.
const AGAIN: usize = 64;

/// What is on its way to a space.
pub(super) struct Flights<S: SqlSession> {
    sky: Mutex<Sky<S>>,
    /// One has landed, or somebody has come to fly.
    changed: Arc<Event>,
}

struct Sky<S: SqlSession> {
    lane: Weak<Lane<S>>,
    traffic: Traffic,
}

#[derive(Default, Clone, Copy)]
struct Traffic {
    aloft: usize,
    /// Runs of those that are aloft.
    runs: usize,
    /// How many come again as soon as they are answered, about.
    callers: usize,
    /// Whether all of them did so at once when they were last waited for.
    is_quick: bool,
    /// Appends since that was forgotten.
    since: usize,
}

/// The session that flights share; the last one gives it back.
struct Lane<S: SqlSession> {
    session: Option<S>,
    is_lost: AtomicBool,
}

/// One that is on its way, until it is dropped.
pub(super) struct Flight<'a, S: SqlSession> {
    flights: &'a Flights<S>,
    lane: Arc<Lane<S>>,
    runs: usize,
    is_answered: bool,
}

impl<S: SqlSession> Flights<S> {
    /// Nothing is on its way yet; `changed` tells as well that somebody waits to go.
    pub(super) fn new(changed: &Arc<Event>) -> Self {
        let sky = Sky { lane: Weak::new(), traffic: Traffic::default() };
        Self { sky: Mutex::new(sky), changed: Arc::clone(changed) }
    }

    /// Waits until it is worth to go; answers with how many of those who wait should. Of one caller at a time.
    pub(super) async fn ready<C: SqlClient>(&self, client: &C, queue: &Queue) -> usize {
        let mut patience = GATHERING;
        loop {
            let changed = self.changed.listen();
            match self.decide(queue, patience, C::PIPELINES) {
                Decision::Go(runs) => return runs,
                Decision::Gather => {
                    patience -= 1;
                    client.yield_now().await;
                }
                Decision::Wait => changed.await,
            }
        }
    }

    fn decide(&self, queue: &Queue, patience: usize, pipelines: bool) -> Decision {
        let traffic = &mut self.lock().traffic;
        queue.want(traffic.enough());
        traffic.decide(queue.len(), patience, pipelines)
    }

    /// Waits until nothing is on its way.
    pub(super) async fn landed(&self) {
        loop {
            let changed = self.changed.listen();
            if self.lock().traffic.aloft == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Of so many of those who wait: on the session of what is on its way, or another. Of one caller at a time.
    ///
    /// # Errors
    /// Where there is no session to be had.
    pub(super) async fn take_off<C: SqlClient<Session = S>>(
        &self,
        client: &C,
        runs: usize,
        waiting: usize,
    ) -> Result<Flight<'_, S>, SqlError> {
        let shared = self.lock().lane.upgrade().filter(|lane| !lane.is_lost.load(Ordering::Relaxed));
        let lane = match shared {
            Some(lane) => lane,
            None => {
                Arc::new(Lane { session: Some(client.acquire().await?), is_lost: AtomicBool::new(false) })
            }
        };
        let mut sky = self.lock();
        sky.lane = Arc::downgrade(&lane);
        sky.traffic.take_off(runs, waiting);
        Ok(Flight { flights: self, lane, runs, is_answered: false })
    }

    // A panic elsewhere leaves whole values.
    fn lock(&self) -> MutexGuard<'_, Sky<S>> {
        self.sky.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What those who wait should do.
enum Decision {
    /// So many go.
    Go(usize),
    /// Let those come who are about to.
    Gather,
    /// Until something has changed.
    Wait,
}

impl Traffic {
    /// How many may go on top of what is on its way.
    fn enough(self) -> usize {
        if self.is_quick { usize::MAX } else { self.half().max(WORTHWHILE) }
    }

    fn half(self) -> usize {
        self.callers.div_ceil(2)
    }

    /// What so many should do who wait, the first of them with so much patience left.
    fn decide(&mut self, waiting: usize, patience: usize, pipelines: bool) -> Decision {
        if waiting == 0 {
            return Decision::Go(0);
        }
        if self.aloft > 0 {
            let goes = self.aloft < MOST && waiting >= self.enough();
            return if goes { Decision::Go(waiting) } else { Decision::Wait };
        }
        let all_came = waiting >= self.callers;
        if !all_came && patience > 0 {
            return Decision::Gather;
        }
        self.is_quick = all_came;
        let splits = pipelines && !all_came && self.half() >= WORTHWHILE;
        Decision::Go(if splits { waiting.min(self.half()) } else { waiting })
    }

    /// So many of those who wait go.
    fn take_off(&mut self, runs: usize, waiting: usize) {
        let seen = self.runs + waiting;
        self.aloft += 1;
        self.runs += runs;
        // Those who are on their way back are not seen.
        self.callers = seen.max(self.callers - self.callers.div_ceil(8));
        self.since += 1;
        if self.since == AGAIN {
            (self.since, self.is_quick) = (0, true);
        }
    }

    fn land(&mut self, runs: usize) {
        self.aloft -= 1;
        self.runs -= runs;
    }
}

impl<S: SqlSession> Flight<'_, S> {
    /// Writes what was planned, and lets go of `turn` as soon as it is sent. False where the space is not as it was
    /// remembered; then nothing is written.
    pub(super) async fn write<C: SqlClient<Session = S>>(
        &mut self,
        target: &Target<'_, C>,
        plan: &Plan,
        turn: impl Sized,
    ) -> Result<bool, SqlError> {
        let session = self.lane.session.as_ref();
        let session = session.ok_or_else(|| SqlError::lost("the session was given back"))?;
        let mut writing = pin!(plan.write(session, target));
        // Sent when it is first polled: what is polled after it runs after it.
        let result = match poll!(writing.as_mut()) {
            Poll::Ready(result) => result,
            Poll::Pending => {
                drop(turn);
                writing.await
            }
        };
        self.is_answered = !result.as_ref().is_err_and(|error| error.connection_lost);
        result
    }
}

impl<S: SqlSession> Drop for Flight<'_, S> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.lane.is_lost.store(true, Ordering::Relaxed);
        }
        self.flights.lock().traffic.land(self.runs);
        self.flights.changed.notify(1);
    }
}

impl<S: SqlSession> Drop for Lane<S> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take().filter(|_| !*self.is_lost.get_mut()) {
            session.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes(traffic: &mut Traffic, waiting: usize, patience: usize) -> Option<usize> {
        match traffic.decide(waiting, patience, true) {
            Decision::Go(runs) => Some(runs),
            Decision::Gather | Decision::Wait => None,
        }
    }

    #[test]
    fn callers_who_need_a_while_to_come_again_go_by_halves_and_those_who_do_not_together() {
        let mut traffic = Traffic { callers: 32, ..Traffic::default() };
        assert_eq!(goes(&mut traffic, 20, 1), None, "the others may be about to come");
        assert_eq!(goes(&mut traffic, 20, 0), Some(16));
        traffic.take_off(16, 20);
        assert_eq!(goes(&mut traffic, 9, 0), None, "too few for a statement of their own");
        assert_eq!(goes(&mut traffic, 16, 0), Some(16));
        traffic.take_off(16, 16);
        assert_eq!(goes(&mut traffic, 16, 0), None, "two are on their way");
        traffic.land(16);
        traffic.land(16);
        assert_eq!(goes(&mut traffic, 32, 16), Some(32));
        traffic.take_off(32, 32);
        assert_eq!(goes(&mut traffic, 20, 0), None, "they are back at once, so they wait for all");
    }

    #[test]
    fn who_is_alone_waits_for_nobody_after_a_while() {
        let mut traffic = Traffic { callers: 100, ..Traffic::default() };
        for _ in 0..40 {
            traffic.take_off(1, 1);
            traffic.land(1);
        }
        assert_eq!(goes(&mut traffic, 1, GATHERING), Some(1));
    }

    #[test]
    fn a_client_that_sends_one_after_the_other_never_splits() {
        let mut traffic = Traffic { callers: 32, ..Traffic::default() };
        assert!(matches!(traffic.decide(20, 0, false), Decision::Go(20)));
    }
}
