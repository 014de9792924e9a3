//! What can be read where something is damaged beside the log, whose pages end before a damaged record: commits that
//! wait, and the state of the whole.

use std::rc::Rc;

use idb::KeyRange;
use wasm_bindgen::JsValue;

use super::cache::Outbox;
use super::failure::failed;
use super::records;
use super::schema::{OUTBOX, TAIL};
use super::tail::{self, Seen};
use super::transaction::Transaction;
use super::{IndexedDbBackend, Inner};
use crate::error::StoreError;
use crate::event::RawEvent;
use crate::event::json::encode_members;
use crate::version::Position;

/// What is sound of what lies beside the log.
pub(crate) struct Salvage {
    /// The position of the last confirmed event.
    pub(crate) head: Position,
    /// The events that wait, of the commits that can be read.
    pub(crate) pending: Vec<RawEvent>,
    /// What cannot be read.
    pub(crate) damage: Vec<String>,
}

encode_members!(Salvage { head: "head", pending: "pending", damage: "damage" });

impl IndexedDbBackend {
    /// What waits and can be read, and what beside the log cannot.
    ///
    /// # Errors
    /// A failure of the storage, other than damage.
    pub(crate) async fn salvage(&self) -> Result<Salvage, StoreError> {
        let transaction = self.0.begin_read().await?;
        let mut damage = Vec::new();
        let seen = match self.0.see(&transaction).await {
            Ok(seen) => seen,
            Err(fault) => {
                damage.push(fault.to_string());
                self.0.look(&transaction).await?
            }
        };
        let mut waiting = Vec::new();
        for value in all(&transaction, OUTBOX).await? {
            match records::waiting_commit(value) {
                Ok(commit) => waiting.push(commit),
                Err(fault) => damage.push(fault.to_string()),
            }
        }
        let streams = waiting.iter().flat_map(|(_, waiting)| waiting.commit.events());
        let mut streams = streams.map(|event| &event.stream_id);
        let heads = self.0.heads(&transaction, &seen, &mut streams).await?;
        let Outbox { events: pending, .. } = Outbox::of(waiting, &heads);
        Ok(Salvage { head: seen.state.head, pending, damage })
    }
}

impl Inner {
    /// As [`see`](Self::see), for who only reads: where the state is damaged, what the records say of it.
    pub(super) async fn look(&self, transaction: &Transaction) -> Result<Rc<Seen>, StoreError> {
        match self.see(transaction).await {
            Err(StoreError::StorageCorrupt(_)) => Ok(Rc::new(Seen::salvaged(all(transaction, TAIL).await?)?)),
            seen => seen,
        }
    }
}

async fn all(transaction: &Transaction, store: &'static str) -> Result<Vec<JsValue>, StoreError> {
    let all = KeyRange::lower_bound(&0.0.into(), None).map_err(failed)?;
    Ok(tail::values(transaction.get_all(store, all, None)?.await?))
}
