//! Writing much: in batches, with progress, and with the exact truth when it fails.

use std::num::NonZeroUsize;
use std::pin::pin;

use futures_util::{Stream, StreamExt, stream};

use crate::error::StoreError;
use crate::event::{EventId, EventToWrite};
use crate::version::WriteResult;

use super::{EventStore, ReadOptions};

/// What was written so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events.
    pub events: u64,
    /// Batches; each is atomic.
    pub batches: u64,
    /// What the last batch did; none before the first.
    pub last: Option<WriteResult>,
}

/// What became of the batch that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedBatch {
    /// None of it is written.
    NotWritten,
    /// All of it is written: only the answer was lost.
    Written,
    /// The store cannot be asked. Writing the same events again, with their ids, is safe: they are written once.
    Unknown,
}

/// Why writing stopped, and what is written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{} events in {} batches are written; the next {} failed: {error}", written.events, written.batches, batch.len())]
pub struct BatchWriteError<E> {
    /// Everything before the batch that failed.
    pub written: Progress,
    /// The batch that failed, its events with their ids. What came after it was not taken from the items.
    pub batch: Vec<EventToWrite<E>>,
    /// What became of it.
    pub failed: FailedBatch,
    /// Why.
    #[source]
    pub error: StoreError,
}

/// Writes events in batches of `size`, the last one shorter, each atomic and in order; calls `progress` after
/// each.
///
/// An event without an id gets one, so that whatever fails can be repeated. Expectations hold as in any batch:
/// of a stream that several batches write, the first batch's events see what was there before it.
///
/// # Errors
/// [`BatchWriteError`] at the first batch that fails, with what was written and what was not.
pub async fn write_in_batches<S: EventStore>(
    store: &S,
    items: impl IntoIterator<Item = EventToWrite<S::Event>>,
    size: NonZeroUsize,
    progress: impl FnMut(&Progress),
) -> Result<Progress, Box<BatchWriteError<S::Event>>> {
    write_stream_in_batches(store, stream::iter(items), size, progress).await
}

/// [`write_in_batches`], from items that come one after the other.
///
/// # Errors
/// As [`write_in_batches`].
pub async fn write_stream_in_batches<S: EventStore>(
    store: &S,
    items: impl Stream<Item = EventToWrite<S::Event>>,
    size: NonZeroUsize,
    mut progress: impl FnMut(&Progress),
) -> Result<Progress, Box<BatchWriteError<S::Event>>> {
    let identified = items.map(|item| EventToWrite { id: Some(item.id.unwrap_or_default()), ..item });
    let mut batches = pin!(identified.chunks(size.get()));
    let mut written = Progress::default();
    while let Some(batch) = batches.next().await {
        match store.write_events(batch.clone()).await {
            Ok(result) => {
                written.events += batch.len() as u64;
                written.batches += 1;
                written.last = Some(result);
                progress(&written);
            }
            Err(error) => {
                let failed = outcome(store, &error, batch.first().and_then(|event| event.id)).await;
                return Err(Box::new(BatchWriteError { written, batch, failed, error }));
            }
        }
    }
    Ok(written)
}

/// Whether a batch that failed is written: a refusal says no, after another failure the store is asked for the
/// batch's first event.
async fn outcome<S: EventStore>(store: &S, error: &StoreError, first: Option<EventId>) -> FailedBatch {
    let lost = matches!(
        error,
        StoreError::StorageUnavailable(_)
            | StoreError::QuotaExceeded(_)
            | StoreError::StorageCorrupt(_)
            | StoreError::Offline(_)
            | StoreError::Closed
            | StoreError::Internal(_)
    );
    match (lost, first) {
        (true, Some(first)) => {
            match store.read_all_events(ReadOptions::default().after(first).max_events(1)).await {
                Ok(_) => FailedBatch::Written,
                Err(StoreError::UnknownEvent(_)) => FailedBatch::NotWritten,
                Err(_) => FailedBatch::Unknown,
            }
        }
        _ => FailedBatch::NotWritten,
    }
}
