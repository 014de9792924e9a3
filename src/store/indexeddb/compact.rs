//! Compaction: small records that lie next to each other in the log become large ones, while nothing else is done.
//!
//! Schema 2 writes no small records, but for those that hold the rest of a log that was cut; schema 1 wrote one for
//! each transaction. A step is one transaction, so that one that is killed has not begun; what it replaced is found
//! by the same keys, positions and versions as before.

use std::rc::{Rc, Weak};

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

use super::Inner;
use super::cache::Added;
use super::failure::failed;
use super::fold;
use super::read::records_at;
use super::records::{SEGMENT, number};
use super::schema::LOG;
use super::state::State;
use super::write::Look;
use crate::error::StoreError;
use crate::timer::sleep;
use crate::version::Position;

/// How long a store is left alone before a step, in milliseconds.
const IDLE_MS: u64 = 1_000;
/// Records that a step looks at, at most.
const STEP: usize = 512;

impl Inner {
    /// Compacts, step by step, while nobody writes. Ends with the log's last small record, or with the store.
    pub(super) fn compact_while_idle(self: &Rc<Self>, state: &State) {
        if state.compacted < state.folded {
            spawn_local(step_by_step(Rc::downgrade(self)));
        }
    }

    /// Compacts some of what was not looked at yet; answers whether there is more.
    pub(super) async fn compact(&self) -> Result<bool, StoreError> {
        let mut writing = self.begin_write(Look::First).await?;
        let (from, folded) = (writing.after.compacted.next(), writing.after.folded);
        if from > folded {
            return Ok(false);
        }
        let range = idb::KeyRange::bound(&key(from), &key(folded), None, None).map_err(failed)?;
        let keys = writing.transaction.get_all_keys(LOG, range, Some(STEP as u32))?.await?;
        let keys: Vec<u64> = keys
            .unchecked_into::<Array>()
            .iter()
            .filter_map(|key| key.as_f64())
            .map(|key| key as u64)
            .collect();
        let is_last = keys.len() < STEP;
        // Where each ends is known by where the next begins; the last of several is left for the next step.
        let end = if is_last { folded.get() + 1 } else { keys.last().copied().unwrap_or_default() };
        let ends = keys.iter().skip(1).copied().chain(is_last.then_some(end));
        let records: Vec<(u64, u64)> = keys.iter().copied().zip(ends).collect();
        for run in runs(&records) {
            let keys: Vec<JsValue> = run.iter().map(|(first, _)| number(*first).into()).collect();
            let small = records_at(&writing.transaction, &keys).await?;
            for key in keys {
                writing.transaction.delete(LOG, key)?;
            }
            for record in fold::packed(fold::read(&small)) {
                writing.transaction.add(LOG, &record.key()?, record.value())?;
            }
        }
        writing.after.compacted = Position::new(end - 1);
        writing.commit(Added::Nothing)?.await?;
        Ok(!is_last)
    }
}

async fn step_by_step(store: Weak<Inner>) {
    loop {
        sleep(IDLE_MS).await;
        let Some(store) = store.upgrade() else { return };
        if store.is_writing() {
            continue;
        }
        // A failure is of the storage, and whoever uses the store meets it there.
        if !store.compact().await.unwrap_or(false) {
            return;
        }
    }
}

/// Neighbours of which none is as large as a record should be, and several make one; each as its first position
/// and the position behind it.
fn runs(records: &[(u64, u64)]) -> Vec<&[(u64, u64)]> {
    let is_small = |(first, end): &(u64, u64)| end - first < SEGMENT as u64 / 2;
    let runs = records.chunk_by(|one, other| is_small(one) && is_small(other));
    runs.filter(|run| run.len() > 1).collect()
}

fn key(position: Position) -> JsValue {
    number(position.get()).into()
}
