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
use super::records::{self, Expectations, SEGMENT, STATE, State};
use super::schema::{LOG, META, OUTBOX};
use super::transaction::Transaction;
use crate::error::StoreError;
use crate::event::{Commit, EventId, RawEvent};
use crate::store::{OutboxCommit, outbox};
use crate::version::{Admission, Known, Outcome};

/// Events of one transaction, about: so that a flood of writes lets readers in between.
const GROUP_EVENTS: usize = 4_096;

type Outcomes = Result<Vec<Outcome>, StoreError>;

/// Runs that wait for a transaction.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Vec<(Vec<Commit>, oneshot::Sender<Outcomes>)>,
    busy: bool,
}

impl Inner {
    /// Queues a run. Its transaction goes on when the caller no longer waits.
    pub(super) async fn append(self: &Rc<Self>, run: Vec<Commit>) -> Outcomes {
        self.open()?;
        let (answer, answered) = oneshot::channel();
        let idle = {
            let mut queue = self.queue.borrow_mut();
            queue.waiting.push((run, answer));
            !std::mem::replace(&mut queue.busy, true)
        };
        if idle {
            spawn_local(Rc::clone(self).drain());
        }
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn drain(self: Rc<Self>) {
        loop {
            let (runs, answers) = self.next_group();
            if runs.is_empty() {
                return;
            }
            for (outcomes, answer) in self.write_each(&runs).await.into_iter().zip(answers) {
                // A caller that no longer waits is not told.
                let _ = answer.send(outcomes);
            }
        }
    }

    fn next_group(&self) -> (Vec<Vec<Commit>>, Vec<oneshot::Sender<Outcomes>>) {
        let mut queue = self.queue.borrow_mut();
        let mut events = 0;
        let fits = queue.waiting.iter().take_while(|(run, _)| {
            let fits = events < GROUP_EVENTS;
            events += run.iter().map(|commit| commit.events().len()).sum::<usize>();
            fits
        });
        let count = fits.count();
        queue.busy = count > 0;
        queue.waiting.drain(..count).unzip()
    }

    async fn write_each(&self, runs: &[Vec<Commit>]) -> Vec<Outcomes> {
        match self.write(runs).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) if runs.len() == 1 => vec![Err(error)],
            Err(_) => {
                let mut outcomes = Vec::with_capacity(runs.len());
                for run in runs {
                    let alone = self.write(std::slice::from_ref(run)).await;
                    outcomes.push(alone.map(|mut one| one.pop().unwrap_or_default()));
                }
                outcomes
            }
        }
    }

    /// Decides and persists runs in one transaction.
    async fn write(&self, runs: &[Vec<Commit>]) -> Result<Vec<Vec<Outcome>>, StoreError> {
        let transaction = self.begin_write()?;
        let before = self.state(&transaction).await?;
        let outbox = self.outbox(&transaction, &before).await?;
        let known = self.known(&transaction, &before, &outbox, runs).await?;
        let mut admission = match before.space {
            Some(_) => Admission::pending(known, outbox.events.len() as u64),
            None => Admission::confirmed(known, before.head),
        };
        drop(outbox);
        let mut outcomes = Vec::with_capacity(runs.len());
        let mut accepted = Vec::new();
        let mut written = Vec::new();
        for run in runs {
            let (outcome, events) = admission.run(run);
            outcomes.push(outcome);
            accepted.extend(outbox::accepted(run.iter(), &events));
            written.extend(events);
        }
        if written.is_empty() {
            return Ok(outcomes);
        }
        let mut after = before.changed();
        after.clock = after.clock.max(self.ids.last());
        let added = match before.space {
            Some(_) => put_accepted(&transaction, &mut after, &accepted, written)?,
            None => {
                let expected = accepted.iter().map(|commit| (commit.id(), commit.expectations())).collect();
                put_confirmed(&transaction, &mut after, &written, &expected)?;
                Added::Confirmed(written)
            }
        };
        self.finish(transaction, &before, &after, added).await?;
        Ok(outcomes)
    }

    /// Writes the state, commits, and tells everyone.
    pub(super) async fn finish(
        &self,
        transaction: Transaction,
        before: &State,
        after: &State,
        added: Added,
    ) -> Result<(), StoreError> {
        transaction.put(META, &STATE.into(), &after.write())?;
        transaction.commit().await?;
        self.cache.borrow_mut().advance(before, after, added);
        self.announce();
        Ok(())
    }

    /// What the store knows of what the runs touch.
    async fn known(
        &self,
        transaction: &Transaction,
        state: &State,
        outbox: &Outbox,
        runs: &[Vec<Commit>],
    ) -> Result<Known, StoreError> {
        let commits = || runs.iter().flatten();
        let streams = commits().flat_map(Commit::expectations).map(|expectation| &expectation.stream_id);
        let mut heads = self.heads(transaction, state, streams).await?;
        for (stream, head) in &mut heads {
            *head = outbox.heads.get(stream).copied().unwrap_or(*head);
        }
        let repeatable = commits().filter(|commit| !commit.is_fresh()).flat_map(Commit::events);
        let ids: HashSet<EventId> = repeatable.map(|event| event.id).collect();
        let mut events = self.stored(transaction, &ids).await?;
        if !ids.is_empty() {
            let pending = outbox.events.iter().filter(|event| ids.contains(&event.id));
            events.extend(pending.map(|event| (event.id, event.clone())));
        }
        Ok(Known { heads, events })
    }
}

/// Puts confirmed events behind the log.
pub(super) fn put_confirmed(
    transaction: &Transaction,
    state: &mut State,
    events: &[RawEvent],
    expected: &Expectations<'_>,
) -> Result<(), StoreError> {
    for segment in events.chunks(SEGMENT) {
        let (key, value) = records::encode(segment, expected)?;
        // A key that is taken would be a position that is given twice.
        transaction.add(LOG, &key, &value)?;
    }
    if let Some(head) = events.last().and_then(|event| event.place.position()) {
        state.head = head;
    }
    Ok(())
}

fn put_accepted(
    transaction: &Transaction,
    state: &mut State,
    accepted: &[&Commit],
    events: Vec<RawEvent>,
) -> Result<Added, StoreError> {
    let mut added = Vec::with_capacity(accepted.len());
    for commit in accepted {
        let waiting = OutboxCommit::ready((*commit).clone());
        added.push((state.next, waiting.clone()));
        put_waiting(transaction, state, &waiting)?;
    }
    Ok(Added::Pending(added, events))
}

/// Puts a commit at the end of the outbox.
pub(super) fn put_waiting(
    transaction: &Transaction,
    state: &mut State,
    waiting: &OutboxCommit,
) -> Result<(), StoreError> {
    let (key, value) = records::encode_waiting(state.next, waiting)?;
    transaction.add(OUTBOX, &key, &value)?;
    state.next += 1;
    state.count_waiting(&waiting.commit);
    Ok(())
}
