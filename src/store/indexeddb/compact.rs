//! Compaction: small records that lie next to each other in the log become large ones, while nothing else is done.
//!
//! Commits that are too large for the tail, and smaller than a record, leave small ones, and schema 1 wrote one for each
//! transaction. A step is one transaction, so that one that is killed has not begun; what it replaced is found by the
//! same keys, positions and versions as before.

use std::rc::Weak;

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

use super::Inner;
use super::cache::Added;
use super::feed;
use super::fold;
use super::read::records_at;
use super::records::{Lying, SMALL, number};
use super::schema::LOG;
use super::state::State;
use super::write::{Look, Writing};
use crate::error::StoreError;
use crate::timer::sleep;
use crate::version::Position;

/// How long nobody writes before a step, in milliseconds.
const IDLE_MS: u64 = 100;
/// How long others have the thread between two steps: a frame.
const PAUSE_MS: u64 = 16;
/// Records that a step looks for, at most.
const STEP: usize = 512;
/// Events and bytes that a step moves, about: as much as a page does not notice.
const STEP_EVENTS: u64 = 1_024;
const STEP_BYTES: usize = 4 << 20;
/// Small records that are read at a time.
const READ: usize = 16;
/// So many records that are as they should be are looked for again, rather than that it is written that they are.
const FEW: usize = 64;

/// A record: its first position, and the position behind it.
type Span = (u64, u64);

impl Inner {
    /// Compacts what was not looked at yet, step by step, once nobody writes.
    pub(super) fn compact_when_idle(&self, state: &State) {
        let is_new = state.compacted < state.folded && state.folded != self.examined.get();
        if is_new && !self.is_compacting.replace(true) {
            spawn_local(step_by_step(self.this.clone(), state.changes));
        }
    }

    fn known_state(&self) -> State {
        self.cache.borrow().state()
    }

    /// One step; answers whether there is more to do.
    async fn compact(&self) -> Result<bool, StoreError> {
        let mut writing = self.begin_write(Look::First).await?;
        let folded = writing.after.folded;
        self.examined.set(folded);
        let spans = spans(&writing).await?;
        let is_last = spans.len() < STEP;
        let Some(run) = small_run(&spans) else {
            // A last small one is left for the next that comes.
            let end = spans.last().map(|span| if is_small(span) { span.0 } else { span.1 });
            if let Some(end) = end.filter(|_| spans.len() >= FEW) {
                writing.after.compacted = Position::new(end - 1);
                writing.commit(Added::Nothing)?.await?;
            }
            return Ok(!is_last);
        };
        let small = read_some(&writing, run).await?;
        let end = run.get(small.len().saturating_sub(1)).map_or(folded.get() + 1, |(_, end)| *end);
        let large = fold::packed(fold::read(&small));
        if large.len() < small.len() {
            for record in &small {
                writing.transaction.delete(LOG, record.key()?)?;
            }
            for record in large {
                writing.transaction.add(LOG, &record.key()?, record.value())?;
            }
        }
        writing.after.compacted = Position::new(end - 1);
        writing.commit(Added::Nothing)?.await?;
        Ok(end <= folded.get())
    }
}

/// The records that were not looked at yet, the first of them.
async fn spans(writing: &Writing<'_>) -> Result<Vec<Span>, StoreError> {
    let (from, folded) = (writing.after.compacted.next(), writing.after.folded);
    if from > folded {
        return Ok(Vec::new());
    }
    let range = feed::range(from, folded.next())?;
    // Where each ends is known by where the next begins.
    let keys = writing.transaction.get_all_keys(LOG, range, Some(STEP as u32 + 1))?.await?;
    let keys: Vec<u64> =
        keys.unchecked_into::<Array>().iter().filter_map(|key| key.as_f64()).map(|key| key as u64).collect();
    let ends = keys.iter().skip(1).copied().chain([folded.get() + 1]);
    Ok(keys.iter().copied().zip(ends).take(STEP).collect())
}

/// Reads some of these records, at least two where there are as many.
async fn read_some(writing: &Writing<'_>, run: &[Span]) -> Result<Vec<Lying>, StoreError> {
    let (mut read, mut bytes) = (Vec::new(), 0);
    for some in run.chunks(READ) {
        let keys: Vec<JsValue> = some.iter().map(|(first, _)| number(*first).into()).collect();
        let records = records_at(&writing.transaction, &keys).await?;
        bytes += records.iter().map(Lying::size).sum::<usize>();
        read.extend(records);
        if bytes > STEP_BYTES {
            break;
        }
    }
    Ok(read)
}

async fn step_by_step(store: Weak<Inner>, mut changes: u64) {
    let mut pause = IDLE_MS;
    loop {
        sleep(pause).await;
        let Some(store) = store.upgrade() else { return };
        let state = store.known_state();
        if store.is_writing() || state.changes != changes {
            (changes, pause) = (state.changes, IDLE_MS);
            continue;
        }
        let compacted = store.compact().await;
        let state = store.known_state();
        if !matches!(compacted, Ok(true)) {
            store.is_compacting.set(false);
            // A failure is of the storage, and whoever uses the store meets it there.
            if compacted.is_ok() {
                store.compact_when_idle(&state);
            }
            return;
        }
        (changes, pause) = (state.changes, PAUSE_MS);
    }
}

/// The first neighbors of which none is as large as a record should be, and several make one; as many as a step moves.
fn small_run(spans: &[Span]) -> Option<&[Span]> {
    let mut runs = spans.chunk_by(|one, other| is_small(one) && is_small(other));
    let run = runs.find(|run| run.len() > 1)?;
    let (first, _) = run.first()?;
    let count = run.iter().take_while(|(_, end)| end - first <= STEP_EVENTS).count();
    run.get(..count)
}

fn is_small((first, end): &Span) -> bool {
    end - first < SMALL as u64
}
