//! Runs that wait for their turn. Who has the turn takes all that wait and writes them together.
//!
//! A caller may go away at any moment. If it had the turn, what it took goes back, marked as tried: its
//! transaction may have been committed all the same.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::{Event, EventListener};
use futures_channel::oneshot;

use crate::error::StoreError;
use crate::event::Commit;
use crate::store::Appended;

/// What becomes of a run.
pub(super) type Answer = Result<Appended, StoreError>;

/// Events and bytes of one transaction, a single larger run aside: `jsonb` takes 255 MB.
const MAX_EVENTS: usize = 20_000;
const MAX_BYTES: usize = 32 << 20;

/// A run that waits.
pub(super) struct Waiting {
    pub(super) run: Vec<Commit>,
    /// Whether a transaction with it may have been committed.
    pub(super) tried: bool,
    answer: oneshot::Sender<Answer>,
}

pub(super) struct Queue {
    waiting: Mutex<VecDeque<Waiting>>,
    /// How many may wait.
    limit: usize,
    /// How many have to wait for somebody to hear of it.
    wanted: AtomicUsize,
    /// So many wait.
    changed: Arc<Event>,
    /// Runs are back that were taken.
    returned: Event,
}

impl Queue {
    pub(super) fn new(limit: usize, changed: &Arc<Event>) -> Self {
        Self {
            waiting: Mutex::default(),
            limit,
            wanted: AtomicUsize::new(0),
            changed: Arc::clone(changed),
            returned: Event::new(),
        }
    }

    /// Puts a run at the end; its answer comes here. A queue of more than the database writes in time only grows:
    /// where it is full, whoever comes is sent away, to come again.
    pub(super) fn push(&self, run: Vec<Commit>) -> Result<oneshot::Receiver<Answer>, StoreError> {
        let mut queue = self.lock();
        if queue.len() >= self.limit {
            queue.retain(|waiting| !waiting.answer.is_canceled());
        }
        if queue.len() >= self.limit {
            return Err(StoreError::Overloaded(
                "too many appends to this space wait for the database".into(),
            ));
        }
        let (answer, receiver) = oneshot::channel();
        queue.push_back(Waiting { run, tried: false, answer });
        let is_wanted = queue.len() >= self.wanted.load(Ordering::Relaxed);
        drop(queue);
        if is_wanted {
            self.changed.notify(1);
        }
        Ok(receiver)
    }

    /// From so many on it is told that they wait.
    pub(super) fn want(&self, runs: usize) {
        self.wanted.store(runs, Ordering::Relaxed);
    }

    /// Resolves when runs are back that were taken.
    pub(super) fn returned(&self) -> EventListener {
        self.returned.listen()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Takes the runs that one transaction may hold, at most so many, in order; those whose caller went away are dropped.
    pub(super) fn take(&self, runs: usize) -> Taken<'_> {
        let mut queue = self.lock();
        queue.retain(|waiting| !waiting.answer.is_canceled());
        let (mut events, mut bytes) = (0, 0);
        let fits = |waiting: &&Waiting| {
            events += waiting.run.iter().map(|commit| commit.events().len()).sum::<usize>();
            bytes += waiting.run.iter().map(Commit::bytes).sum::<usize>();
            events <= MAX_EVENTS && bytes <= MAX_BYTES
        };
        let count = queue.iter().take(runs).take_while(fits).count().max(1).min(queue.len());
        let runs = queue.drain(..count).collect();
        drop(queue);
        Taken { queue: self, runs }
    }

    // A panic elsewhere leaves a queue of whole runs.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs that were taken; back in the queue unless they are answered.
pub(super) struct Taken<'a> {
    queue: &'a Queue,
    runs: Vec<Waiting>,
}

impl Taken<'_> {
    pub(super) fn runs(&self) -> &[Waiting] {
        &self.runs
    }

    /// Answers the runs, in their order.
    pub(super) fn answer(mut self, answers: impl IntoIterator<Item = Answer>) {
        for (waiting, answer) in std::mem::take(&mut self.runs).into_iter().zip(answers) {
            // A caller that went away meanwhile needs no answer.
            let _ = waiting.answer.send(answer);
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.runs.is_empty() {
            return;
        }
        let mut queue = self.queue.lock();
        for mut waiting in std::mem::take(&mut self.runs).into_iter().rev() {
            waiting.tried = true;
            queue.push_front(waiting);
        }
        drop(queue);
        self.queue.returned.notify(usize::MAX);
    }
}
