//! The outbox of a synced database: each change of it, and of the log with it, is one transaction.

use std::collections::HashMap;

use idb::KeyRange;

use super::IndexedDbBackend;
use super::append::{put_confirmed, put_waiting};
use super::cache::Added;
use super::failure::failed;
use super::records::{self, STATE, State, number};
use super::schema::{LOG, META, OUTBOX};
use super::transaction::Transaction;
use crate::error::StoreError;
use crate::event::{Commit, CommitId, Expectation, RawEvent, SpaceId, StreamId};
use crate::store::{OutboxCommit, Replica, ReplicaState, Rewrite, Settlement, outbox};
use crate::version::{Cursor, Position};

/// Records that are moved at a time when a log becomes an outbox.
const PAGE: u32 = 128;

impl Replica for IndexedDbBackend {
    async fn state(&self) -> Result<ReplicaState, StoreError> {
        let transaction = self.0.begin_read()?;
        Ok(self.0.state(&transaction).await?.replica())
    }

    async fn attach(&self, space: &SpaceId) -> Result<(), StoreError> {
        let transaction = self.0.begin_write()?;
        let before = self.0.state(&transaction).await?;
        if outbox::is_attached(before.space.as_ref(), space)? {
            return Ok(());
        }
        let mut after = State { space: Some(space.clone()), head: Position::ZERO, ..before.changed() };
        move_to_outbox(&transaction, &mut after).await?;
        transaction.clear(LOG)?;
        transaction.put(META, &STATE.into(), &after.write()?)?;
        transaction.commit().await?;
        self.0.cache.borrow_mut().forget();
        self.0.announce();
        Ok(())
    }

    async fn outbox(&self, max_commits: usize, max_bytes: usize) -> Result<Vec<OutboxCommit>, StoreError> {
        let transaction = self.0.begin_read()?;
        let state = self.0.state(&transaction).await?;
        let outbox = self.0.outbox(&transaction, &state).await?;
        let waiting = outbox.waiting.iter().map(|(_, waiting)| waiting.clone());
        Ok(outbox::first_of(waiting, max_commits, max_bytes))
    }

    async fn settle(&self, settlement: Settlement) -> Result<bool, StoreError> {
        let transaction = self.0.begin_write()?;
        let before = self.0.state(&transaction).await?;
        if Cursor::from(before.head) != settlement.after {
            return Ok(false);
        }
        settlement.check()?;
        let outbox = self.0.outbox(&transaction, &before).await?;
        let mut after = before.changed();
        let confirmed = settlement.commits();
        for (number_, waiting) in &outbox.waiting {
            if confirmed.contains(&waiting.commit.id()) {
                transaction.delete(OUTBOX, number(*number_).into())?;
                after.forget_waiting(&waiting.commit);
            }
        }
        after.backend_id = Some(settlement.backend_id);
        put_confirmed(&transaction, &mut after, &settlement.events, &HashMap::new())?;
        settlement.events.iter().for_each(|event| self.0.ids.observe(event.id));
        self.0.finish(transaction, &before, &after, Added::Rewritten(settlement.events)).await?;
        Ok(true)
    }

    async fn rewrite(&self, commit: CommitId, rewrite: Rewrite) -> Result<bool, StoreError> {
        let transaction = self.0.begin_write()?;
        let before = self.0.state(&transaction).await?;
        let outbox = self.0.outbox(&transaction, &before).await?;
        let Some(at) = outbox.waiting.iter().position(|(_, waiting)| waiting.commit.id() == commit) else {
            return Ok(false);
        };
        let (number_, waiting) = outbox.waiting[at].clone();
        let touched = outbox.commits().take(at + 1).flat_map(Commit::expectations);
        let touched = touched.map(|expectation| &expectation.stream_id);
        let confirmed = self.0.heads(&transaction, &before, touched).await?;
        let confirmed = |stream: &StreamId| confirmed.get(stream).copied().unwrap_or_default();
        let versions = outbox::versions_after(outbox.commits().take(at), confirmed);
        let heads = |stream: &StreamId| versions.get(stream).copied().unwrap_or_else(|| confirmed(stream));
        let mut after = before.changed();
        after.forget_waiting(&waiting.commit);
        match outbox::rewritten(waiting, rewrite, heads) {
            Some(waiting) => {
                let (key, value) = records::encode_waiting(number_, &waiting)?;
                transaction.put(OUTBOX, &key, &value)?;
                after.count_waiting(&waiting.commit);
            }
            None => transaction.delete(OUTBOX, number(number_).into())?,
        }
        self.0.finish(transaction, &before, &after, Added::Rewritten(Vec::new())).await?;
        Ok(true)
    }
}

/// A commit on its way from the log to the outbox; it may lie in several records.
struct Moved {
    id: CommitId,
    events: Vec<RawEvent>,
    expected: Vec<Expectation>,
}

/// Puts the commits of a log that was never synced into the outbox, as they were written.
async fn move_to_outbox(transaction: &Transaction, state: &mut State) -> Result<(), StoreError> {
    let mut from = Position::ZERO.next();
    let mut moved: Option<Moved> = None;
    loop {
        let range = KeyRange::lower_bound(&number(from.get()).into(), None).map_err(failed)?;
        let page = records::records(transaction.get_all(LOG, range, Some(PAGE))?.await?)?;
        let Some(last) = page.last() else { break };
        from = last.end();
        for mut record in page {
            for event in record.events {
                match &mut moved {
                    Some(commit) if commit.id == event.commit_id => commit.events.push(event),
                    _ => {
                        let id = event.commit_id;
                        let expected = record.expected.remove(&id).unwrap_or_default();
                        put_moved(
                            transaction,
                            state,
                            moved.replace(Moved { id, events: vec![event], expected }),
                        )?;
                    }
                }
            }
        }
    }
    put_moved(transaction, state, moved)
}

fn put_moved(transaction: &Transaction, state: &mut State, moved: Option<Moved>) -> Result<(), StoreError> {
    let Some(Moved { id, events, expected }) = moved else { return Ok(()) };
    let commit = records::commit(id, events, expected)?;
    put_waiting(transaction, state, &OutboxCommit { commit, parked: None })
}
