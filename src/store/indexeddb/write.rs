//! A transaction that writes: what it saw, what it changes, and the one record of the tail that says so.

use std::rc::Rc;

use super::cache::Added;
use super::fold;
use super::records::{self, Expectations, Lying};
use super::schema::{LOG, OUTBOX, TAIL};
use super::state::State;
use super::tail::{Own, Seen};
use super::transaction::{Committed, Transaction};
use super::{Durability, Inner};
use crate::error::StoreError;
use crate::event::RawEvent;
use crate::store::OutboxCommit;
use crate::version::Position;

/// So many events that are written at once are a record of the log.
const LARGE: usize = 64;
/// At so many events, transactions or bytes the tail is folded.
const TAIL_EVENTS: u64 = 256;
const TAIL_RECORDS: usize = 256;
const TAIL_BYTES: usize = 512 << 10;

/// Whether a writer looks at what others wrote.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    First,
    /// Not where nobody else is thought to have written: where someone did, the commit is refused.
    IfNeeded,
}

pub(super) struct Writing<'a> {
    inner: &'a Inner,
    pub(super) transaction: Transaction,
    pub(super) before: Rc<Seen>,
    /// The state as the transaction leaves it.
    pub(super) after: State,
    pub(super) has_looked: bool,
    own: Option<Own>,
    /// The new events, where they stay in the tail.
    record: Option<Lying>,
    is_folding: bool,
    /// Bytes that are written, about; for who looked first as many as there can be, so that the browser says why it
    /// failed.
    bytes: usize,
}

impl Inner {
    pub(super) async fn begin_write(&self, look: Look) -> Result<Writing<'_>, StoreError> {
        self.begin_write_as(look, self.durability).await
    }

    /// For what is safe elsewhere already, and need not be on this disk at once.
    pub(super) async fn begin_write_as(
        &self,
        look: Look,
        durability: Durability,
    ) -> Result<Writing<'_>, StoreError> {
        self.ready().await?;
        let transaction = Transaction::write(&self.connection.database(), durability)?;
        if self.signals.heard.take() {
            self.cache.borrow_mut().distrust();
        }
        let trusted = match look {
            Look::First => None,
            Look::IfNeeded => self.cache.borrow().trusted(),
        };
        let has_looked = trusted.is_none();
        let before = match trusted {
            Some(seen) => seen,
            None => self.see(&transaction).await?,
        };
        let mut after = State { changes: before.state.changes + 1, ..before.state.clone() };
        after.clock = after.clock.max(self.ids.last());
        Ok(Writing {
            inner: self,
            transaction,
            before,
            after,
            has_looked,
            own: self.cache.borrow().own(),
            record: None,
            is_folding: false,
            bytes: if has_looked { usize::MAX } else { 0 },
        })
    }
}

impl<'a> Writing<'a> {
    /// Puts confirmed events behind the head: in the tail, or, with what lies there, into the log.
    pub(super) fn put_confirmed(
        &mut self,
        events: &[RawEvent],
        expected: &Expectations<'_>,
    ) -> Result<(), StoreError> {
        let Some(head) = events.last().and_then(|event| event.place.position()) else { return Ok(()) };
        self.after.head = head;
        let record = match events.len() < LARGE {
            true => Some(records::encode(events, expected)),
            false => None,
        };
        match record {
            Some(record) if self.has_room(events.len() as u64, record.size()) => {
                self.bytes = self.bytes.saturating_add(record.size());
                self.record = Some(record);
            }
            _ => {
                let tail = fold::read(&self.before.records);
                let events = fold::Part::Events(events.to_vec(), records::expectations(expected));
                self.put_in_log(tail.into_iter().chain([events]).collect())?;
            }
        }
        Ok(())
    }

    /// Moves what lies in the tail into the log.
    pub(super) fn fold(&mut self) -> Result<(), StoreError> {
        if self.before.events() == 0 {
            return Ok(());
        }
        self.put_in_log(fold::read(&self.before.records))
    }

    /// After confirmed events were taken out of the log: it ends at this position.
    pub(super) fn restart_at(&mut self, head: Position) {
        let compacted = self.after.compacted.min(head);
        self.after = State {
            restarts: self.after.restarts + 1,
            head,
            folded: head,
            compacted,
            ..std::mem::take(&mut self.after)
        };
        // What lies in the tail was before it.
        self.is_folding = true;
    }

    fn has_room(&self, events: u64, bytes: usize) -> bool {
        self.before.events() + events < TAIL_EVENTS && self.before.bytes + bytes < TAIL_BYTES
    }

    fn put_in_log(&mut self, parts: Vec<fold::Part>) -> Result<(), StoreError> {
        self.bytes = usize::MAX;
        let records = fold::packed(parts);
        for record in &records {
            // A key that is taken would be a position that is given twice.
            self.transaction.add(LOG, &record.key()?, record.value())?;
        }
        if self.after.compacted == self.after.folded && !records.iter().any(Lying::is_small) {
            self.after.compacted = self.after.head;
        }
        self.after.folded = self.after.head;
        self.is_folding = true;
        Ok(())
    }

    /// Puts a commit at the end of the outbox.
    pub(super) fn put_waiting(&mut self, waiting: &OutboxCommit) -> Result<(), StoreError> {
        let (key, value, size) = records::encode_waiting(self.after.next, waiting)?;
        self.transaction.add(OUTBOX, &key, &value)?;
        self.bytes = self.bytes.saturating_add(size);
        self.after.next += 1;
        self.after.count_waiting(&waiting.commit);
        Ok(())
    }

    /// Says in the tail what was done, begins to commit, and tells everyone. What is answered waits for the commit: false
    /// where nothing is written, maybe because somebody else wrote and this writer did not look.
    ///
    /// What is done between the two costs nothing: the browser is at work.
    pub(super) fn commit(
        mut self,
        added: Added,
    ) -> Result<impl Future<Output = Result<bool, StoreError>> + use<'a>, StoreError> {
        if self.record.is_none() && (self.is_folding || self.before.len() >= TAIL_RECORDS) {
            self.fold_if_needed()?;
            for keys in self.before.folded()? {
                self.transaction.delete(TAIL, keys)?;
            }
            self.is_folding = true;
        }
        let next = self.before.next(&self.after, self.record.take(), self.own.as_ref());
        for (key, value) in next.entries() {
            self.transaction.add(TAIL, &key, &value)?;
        }
        let ending = self.transaction.commit(self.bytes)?;
        // While it is waited for: who hears of it and looks, waits for it too.
        self.inner.tell_others();
        Ok(async move {
            match ending.await? {
                Committed::Done => {
                    self.inner.compact_when_idle(&self.after);
                    let mut cache = self.inner.cache.borrow_mut();
                    cache.advance(self.before, self.is_folding, next, self.after, added);
                    drop(cache);
                    self.inner.signals.changed.notify(usize::MAX);
                    Ok(true)
                }
                // There is no more room for who looks.
                Committed::Aborted(error @ StoreError::QuotaExceeded(_)) => Err(error),
                Committed::Aborted(error) if self.has_looked => Err(error),
                Committed::Aborted(_) => {
                    self.inner.cache.borrow_mut().distrust();
                    Ok(false)
                }
            }
        })
    }

    fn fold_if_needed(&mut self) -> Result<(), StoreError> {
        if self.is_folding { Ok(()) } else { self.fold() }
    }
}
