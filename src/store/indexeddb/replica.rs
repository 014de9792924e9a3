//! The outbox of a synced database: each change of it, and of the log with it, is one transaction.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use idb::KeyRange;
use wasm_bindgen::JsValue;

use super::cache::Added;
use super::failure::failed;
use super::feed;
use super::records::{self, number};
use super::schema::{LOG, OUTBOX};
use super::transaction::Transaction;
use super::write::{Look, Writing};
use super::{Durability, IndexedDbBackend};
use crate::error::StoreError;
use crate::event::{Commit, CommitId, Expectation, Place, RawEvent, SpaceId, StreamId};
use crate::store::{OutboxCommit, Replica, ReplicaState, Rewrite, Settlement, outbox};
use crate::version::{Cursor, Position};

/// Records that are moved at a time when a log becomes an outbox.
const PAGE: u32 = 128;

impl Replica for IndexedDbBackend {
    async fn state(&self) -> Result<ReplicaState, StoreError> {
        let transaction = self.0.begin_read().await?;
        Ok(self.0.look(&transaction).await?.state.clone().replica())
    }

    async fn attach(&self, space: &SpaceId) -> Result<(), StoreError> {
        let mut writing = self.0.begin_write(Look::First).await?;
        if outbox::is_attached(writing.before.state.space.as_ref(), space)? {
            return Ok(());
        }
        writing.fold()?;
        move_to_outbox(&mut writing).await?;
        writing.transaction.clear(LOG)?;
        writing.after.space = Some(space.clone());
        writing.restart_at(Position::ZERO);
        writing.commit(Added::Rewritten)?.await?;
        self.forget_snapshots().await
    }

    async fn outbox(&self, max_commits: usize, max_bytes: usize) -> Result<Vec<OutboxCommit>, StoreError> {
        let transaction = self.0.begin_read().await?;
        let seen = self.0.see(&transaction).await?;
        let outbox = self.0.outbox(&transaction, &seen).await?;
        let waiting = outbox.waiting.iter().map(|(_, waiting)| waiting.clone());
        Ok(outbox::first_of(waiting, max_commits, max_bytes))
    }

    async fn settle(&self, settlement: Settlement) -> Result<bool, StoreError> {
        // The endpoint has these events. Should the machine crash before they are on the disk, they come again: the
        // cursor, the log and the outbox go back together.
        let mut writing = self.0.begin_write_as(Look::First, Durability::Relaxed).await?;
        if Cursor::from(writing.before.state.head) != settlement.after {
            return Ok(false);
        }
        settlement.check()?;
        let outbox = self.0.outbox(&writing.transaction, &writing.before).await?;
        let confirmed = settlement.commits();
        let is_confirmed = |waiting: &OutboxCommit| confirmed.contains(&waiting.commit.id());
        let mut gone = HashSet::new();
        // Mostly all that goes stands in a row, and one request takes it out.
        for run in outbox.waiting.chunk_by(|(_, one), (_, other)| is_confirmed(one) == is_confirmed(other)) {
            let [(first, waiting), ..] = run else { continue };
            if !is_confirmed(waiting) {
                continue;
            }
            let last = run.last().map_or(*first, |(last, _)| *last);
            let range = KeyRange::bound(&number(*first).into(), &number(last).into(), None, None);
            writing.transaction.delete(OUTBOX, range.map_err(failed)?)?;
            for (_, waiting) in run {
                writing.after.forget_waiting(&waiting.commit);
                gone.insert(waiting.commit.id());
            }
        }
        drop(outbox);
        writing.after.backend_id = Some(settlement.backend_id);
        writing.put_confirmed(&settlement.events, &HashMap::new())?;
        settlement.events.iter().for_each(|event| self.0.ids.observe(event.id));
        writing.commit(Added::Settled(gone, Rc::new((settlement.events, HashMap::new()))))?.await
    }

    async fn rewrite(&self, rewrites: Vec<(CommitId, Rewrite)>) -> Result<usize, StoreError> {
        let mut writing = self.0.begin_write(Look::First).await?;
        let outbox = self.0.outbox(&writing.transaction, &writing.before).await?;
        let there: HashSet<CommitId> = outbox.commits().map(Commit::id).collect();
        let count = rewrites.iter().filter(|(id, _)| there.contains(id)).count();
        let touched = outbox.commits().flat_map(Commit::expectations);
        let mut touched = touched.map(|expectation| &expectation.stream_id);
        let confirmed = self.0.heads(&writing.transaction, &writing.before, &mut touched).await?;
        let confirmed = |stream: &StreamId| confirmed.get(stream).copied().unwrap_or_default();
        let waiting = outbox.waiting.iter().map(|(_, waiting)| waiting);
        for (at, changed) in outbox::rewritten(waiting, rewrites, confirmed) {
            let (number_, waiting) = &outbox.waiting[at];
            writing.after.forget_waiting(&waiting.commit);
            match changed {
                Some(waiting) => {
                    let (key, value, _) = records::encode_waiting(*number_, &waiting)?;
                    writing.transaction.put(OUTBOX, &key, &value)?;
                    writing.after.count_waiting(&waiting.commit);
                }
                None => writing.transaction.delete(OUTBOX, JsValue::from(number(*number_)))?,
            }
        }
        writing.commit(Added::Rewritten)?.await?;
        Ok(count)
    }

    async fn rewind(&self, to: Cursor) -> Result<(), StoreError> {
        let mut writing = self.0.begin_write(Look::First).await?;
        let outbox = self.0.outbox(&writing.transaction, &writing.before).await?;
        writing.fold()?;
        let rewound = cut_log(&writing.transaction, to.into(), writing.after.head).await?;
        for (number_, waiting) in &outbox.waiting {
            writing.transaction.delete(OUTBOX, JsValue::from(number(*number_)))?;
            writing.after.forget_waiting(&waiting.commit);
        }
        let waiting = outbox.waiting.iter().map(|(_, waiting)| waiting.clone());
        for waiting in outbox::unconfirmed(rewound)?.into_iter().chain(waiting) {
            writing.put_waiting(&waiting)?;
        }
        writing.after.backend_id = None;
        writing.restart_at(to.into());
        writing.commit(Added::Rewritten)?.await?;
        self.forget_snapshots().await
    }
}

/// Takes out of the log what stands behind `to`, and answers with it.
async fn cut_log(
    transaction: &Transaction,
    to: Position,
    head: Position,
) -> Result<Vec<RawEvent>, StoreError> {
    let mut cut = Vec::new();
    if to >= head {
        return Ok(cut);
    }
    let mut from = match to.is_zero() {
        true => to.next(),
        false => feed::record_of(transaction, to).await?,
    };
    loop {
        let range = KeyRange::lower_bound(&number(from.get()).into(), None).map_err(failed)?;
        let page = records::records(transaction.get_all(LOG, range, Some(PAGE))?.await?)?;
        let Some(last) = page.last() else { return Ok(cut) };
        from = last.end();
        for record in page {
            let is_kept = |event: &RawEvent| event.place <= Place::Confirmed(to);
            let (kept, gone): (Vec<_>, Vec<_>) = record.events.into_iter().partition(is_kept);
            cut.extend(gone);
            match kept.is_empty() {
                true => transaction.delete(LOG, JsValue::from(number(record.first.get())))?,
                false => {
                    let record = records::encode(&kept, &HashMap::new());
                    transaction.put(LOG, &record.key()?, record.value())?;
                }
            }
        }
    }
}

/// A commit on its way from the log to the outbox; it may lie in several records.
struct Moved {
    id: CommitId,
    events: Vec<RawEvent>,
    expected: Vec<Expectation>,
}

/// Puts the commits of a log that was never synced into the outbox, as they were written.
async fn move_to_outbox(writing: &mut Writing<'_>) -> Result<(), StoreError> {
    let mut from = Position::ZERO.next();
    let mut moved: Option<Moved> = None;
    loop {
        let range = KeyRange::lower_bound(&number(from.get()).into(), None).map_err(failed)?;
        let page = records::records(writing.transaction.get_all(LOG, range, Some(PAGE))?.await?)?;
        let Some(last) = page.last() else { break };
        from = last.end();
        for mut record in page {
            for event in record.events {
                match &mut moved {
                    Some(commit) if commit.id == event.commit_id => commit.events.push(event),
                    _ => {
                        let id = event.commit_id;
                        let expected = record.expected.remove(&id).unwrap_or_default();
                        put_moved(writing, moved.replace(Moved { id, events: vec![event], expected }))?;
                    }
                }
            }
        }
    }
    put_moved(writing, moved)
}

fn put_moved(writing: &mut Writing<'_>, moved: Option<Moved>) -> Result<(), StoreError> {
    let Some(Moved { id, events, expected }) = moved else { return Ok(()) };
    let commit = records::commit(id, events, expected)?;
    writing.put_waiting(&OutboxCommit::ready(commit))
}
