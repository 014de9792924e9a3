//! Group commit: runs that arrive while a transaction is under way share the next one.
//!
//! Each run is decided by [`Admission`] alone, inside the transaction. A group that fails as a whole is tried
//! again one by one, so that nobody fails for what another wrote.

use std::collections::HashSet;
use std::rc::Rc;

use futures_channel::oneshot;
use wasm_bindgen_futures::spawn_local;

use super::Inner;
use super::cache::{Added, Outbox};
use super::records;
use super::tail::Seen;
use super::transaction::Transaction;
use super::write::{Look, Writing};
use crate::error::StoreError;
use crate::event::{Commit, EventId, RawEvent};
use crate::store::{OutboxCommit, outbox};
use crate::version::{Admission, Known, Outcome};

/// Events of one transaction, about: so that a flood of writes lets readers in between.
const GROUP_EVENTS: usize = 4_096;

pub(crate) type Outcomes = Result<Vec<Outcome>, StoreError>;

/// Runs that wait for a transaction.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
    busy: bool,
}

/// What one caller has to write, and who is told what became of it.
struct Waiting {
    runs: Vec<Vec<Commit>>,
    answer: Box<dyn Answer>,
}

/// Is told what became of each run.
pub(crate) trait Answer {
    /// What will most likely be told; said while the browser is at work, so that what can be done now costs nothing.
    fn foresee(&mut self, outcomes: &[Vec<Outcome>]);

    /// What was foreseen did not become true.
    fn forget(&mut self);

    /// What became of them: what was foreseen, unless that was forgotten.
    fn tell(self: Box<Self>, outcomes: Vec<Outcomes>);
}

/// Who waits for how many runs of a group.
type Callers = Vec<(usize, Box<dyn Answer>)>;

/// An answer to who does nothing before it is there.
struct Channel(oneshot::Sender<Vec<Outcomes>>);

impl Answer for Channel {
    fn foresee(&mut self, _: &[Vec<Outcome>]) {}

    fn forget(&mut self) {}

    fn tell(self: Box<Self>, outcomes: Vec<Outcomes>) {
        // Who no longer waits is not told.
        let _ = self.0.send(outcomes);
    }
}

impl Inner {
    /// Queues runs, each of which stands for itself; they are written whether anybody waits for the answer or not.
    pub(super) fn append_each(self: &Rc<Self>, runs: Vec<Vec<Commit>>, answer: Box<dyn Answer>) {
        if let Err(error) = self.open() {
            return answer.tell(vec![Err(error); runs.len()]);
        }
        let idle = {
            let mut queue = self.queue.borrow_mut();
            queue.waiting.push(Waiting { runs, answer });
            !std::mem::replace(&mut queue.busy, true)
        };
        if idle {
            spawn_local(Rc::clone(self).drain());
        }
    }

    /// Appends a run, and waits for what becomes of it.
    pub(super) async fn append(self: &Rc<Self>, run: Vec<Commit>) -> Outcomes {
        let (answer, answered) = oneshot::channel();
        self.append_each(vec![run], Box::new(Channel(answer)));
        answered.await.ok().and_then(|mut outcomes| outcomes.pop()).unwrap_or(Err(StoreError::Closed))
    }

    /// Whether appends are under way.
    pub(super) fn is_writing(&self) -> bool {
        self.queue.borrow().busy
    }

    async fn drain(self: Rc<Self>) {
        loop {
            let (runs, mut callers) = self.next_group();
            if callers.is_empty() {
                return;
            }
            let mut outcomes = self.write_each(&runs, &mut callers).await.into_iter();
            for (count, answer) in callers {
                answer.tell(outcomes.by_ref().take(count).collect());
            }
        }
    }

    /// The next runs, and who waits for how many of them.
    fn next_group(&self) -> (Vec<Vec<Commit>>, Callers) {
        let mut queue = self.queue.borrow_mut();
        let mut events = 0;
        let fits = queue.waiting.iter().take_while(|waiting| {
            let fits = events < GROUP_EVENTS;
            events += waiting.runs.iter().flatten().map(|commit| commit.events().len()).sum::<usize>();
            fits
        });
        let count = fits.count();
        queue.busy = count > 0;
        let mut runs = Vec::new();
        let callers = queue.waiting.drain(..count).map(|mut waiting| {
            let count = waiting.runs.len();
            runs.append(&mut waiting.runs);
            (count, waiting.answer)
        });
        let callers = callers.collect();
        (runs, callers)
    }

    async fn write_each(&self, runs: &[Vec<Commit>], callers: &mut Callers) -> Vec<Outcomes> {
        match self.write(runs, callers).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) if runs.len() == 1 => vec![Err(error)],
            Err(_) => {
                let mut outcomes = Vec::with_capacity(runs.len());
                for run in runs {
                    let alone = self.write(std::slice::from_ref(run), &mut Vec::new()).await;
                    outcomes.push(alone.map(|mut one| one.pop().unwrap_or_default()));
                }
                outcomes
            }
        }
    }

    /// Decides and persists runs in one transaction: by what is remembered, if that holds, else by what is there. One
    /// that the browser ends is tried once more.
    async fn write(
        &self,
        runs: &[Vec<Commit>],
        callers: &mut Callers,
    ) -> Result<Vec<Vec<Outcome>>, StoreError> {
        // A commit that may be a repeat is looked for in any case.
        let is_fresh = runs.iter().flatten().all(Commit::is_fresh);
        let look = if is_fresh { Look::IfNeeded } else { Look::First };
        match self.write_once(runs, look, callers).await {
            Ok(Some(outcomes)) => return Ok(outcomes),
            // Somebody else wrote; or the browser ended the transaction, maybe when it was done already.
            Ok(None) | Err(StoreError::StorageUnavailable(_)) => {}
            Err(error) => return Err(error),
        }
        let again = runs.iter().map(|run| run.iter().cloned().map(Commit::again).collect());
        let again: Vec<Vec<Commit>> = again.collect();
        let outcomes = self.write_once(&again, Look::First, callers).await?;
        outcomes.ok_or_else(|| StoreError::Internal("a writer that looked was refused".into()))
    }

    /// None where what is remembered does not hold, or would refuse something and may not hold.
    async fn write_once(
        &self,
        runs: &[Vec<Commit>],
        look: Look,
        callers: &mut Callers,
    ) -> Result<Option<Vec<Vec<Outcome>>>, StoreError> {
        let mut writing = self.begin_write(look).await?;
        let before = Rc::clone(&writing.before);
        let outbox = self.outbox(&writing.transaction, &before).await?;
        let known = self.known(&writing.transaction, &before, &outbox, runs).await?;
        let mut admission = match before.state.space {
            Some(_) => Admission::pending(known, outbox.events.len() as u64),
            None => Admission::confirmed(known, before.state.head),
        };
        drop(outbox);
        let mut outcomes = Vec::with_capacity(runs.len());
        let mut accepted = Vec::new();
        let mut written = Vec::new();
        let mut is_refused = false;
        for run in runs {
            let (outcome, events) = admission.run(run);
            is_refused |= outcome.iter().any(|outcome| !matches!(outcome, Outcome::Accepted(_)));
            outcomes.push(outcome);
            accepted.extend(outbox::accepted(run.iter(), &events));
            written.extend(events);
        }
        if is_refused && !writing.has_looked {
            return Ok(None);
        }
        if written.is_empty() {
            return Ok(Some(outcomes));
        }
        let added = match before.state.space {
            Some(_) => put_accepted(&mut writing, &accepted, written)?,
            None => {
                let expected = accepted.iter().map(|commit| (commit.id(), commit.expectations())).collect();
                writing.put_confirmed(&written, &expected)?;
                Added::Confirmed(Rc::new((written, records::expectations(&expected))))
            }
        };
        drop(before);
        let ending = writing.commit(added)?;
        let mut foreseen = outcomes.as_slice();
        for (count, answer) in callers.iter_mut() {
            let (own, rest) = foreseen.split_at(*count);
            answer.foresee(own);
            foreseen = rest;
        }
        self.ids.prepare();
        drop((accepted, admission));
        let ended = ending.await;
        if !matches!(ended, Ok(true)) {
            callers.iter_mut().for_each(|(_, answer)| answer.forget());
        }
        Ok(ended?.then_some(outcomes))
    }

    /// What the store knows of what the runs touch.
    async fn known(
        &self,
        transaction: &Transaction,
        seen: &Rc<Seen>,
        outbox: &Outbox,
        runs: &[Vec<Commit>],
    ) -> Result<Known, StoreError> {
        let commits = || runs.iter().flatten();
        let mut streams = commits().flat_map(Commit::expectations).map(|expectation| &expectation.stream_id);
        let mut heads = self.heads(transaction, seen, &mut streams).await?;
        for (stream, head) in &mut heads {
            *head = outbox.heads.get(stream).copied().unwrap_or(*head);
        }
        let repeatable = commits().filter(|commit| !commit.is_fresh()).flat_map(Commit::events);
        let ids: HashSet<EventId> = repeatable.map(|event| event.id).collect();
        let mut events = self.stored(transaction, seen, &ids).await?;
        if !ids.is_empty() {
            let pending = outbox.events.iter().filter(|event| ids.contains(&event.id));
            events.extend(pending.map(|event| (event.id, event.clone())));
        }
        Ok(Known { heads, events })
    }
}

fn put_accepted(
    writing: &mut Writing<'_>,
    accepted: &[&Commit],
    events: Vec<RawEvent>,
) -> Result<Added, StoreError> {
    let mut added = Vec::with_capacity(accepted.len());
    for commit in accepted {
        let waiting = OutboxCommit::ready((*commit).clone());
        added.push((writing.after.next, waiting.clone()));
        writing.put_waiting(&waiting)?;
    }
    Ok(Added::Pending(added, events))
}
