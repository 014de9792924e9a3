//! `execute`: read, decide, write with the versions that were read; on a conflict, again.

use std::collections::HashMap;

use crate::error::StoreError;
use crate::event::{Batch, EventToWrite, StreamEvents, StreamId};
use crate::store::{EventStore, ReadOptions};
use crate::timer;
use crate::version::{EventVersion, ExpectedVersion, WriteResult};

use super::Decision;

/// How often and how patiently to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecuteOptions {
    /// How often to decide at most; at least once.
    pub max_attempts: u32,
    /// The longest wait before the second attempt, in milliseconds; it doubles with each attempt.
    pub first_delay_ms: u64,
    /// The longest wait before any attempt, in milliseconds.
    pub longest_delay_ms: u64,
}

impl Default for ExecuteOptions {
    fn default() -> Self {
        Self { max_attempts: 10, first_delay_ms: 4, longest_delay_ms: 1_000 }
    }
}

impl ExecuteOptions {
    /// How long to wait after so many attempts: any time up to a bound that doubles, so that writers who met
    /// once do not meet again.
    fn delay(&self, attempts: u32, random: u64) -> u64 {
        let doubled = self.first_delay_ms.saturating_mul(1 << attempts.saturating_sub(1).min(20));
        random % doubled.min(self.longest_delay_ms).saturating_add(1)
    }
}

/// What a decision did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// What was written; none where nothing was to happen.
    pub written: Option<WriteResult>,
    /// How often it was decided.
    pub attempts: u32,
}

/// Why nothing was executed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExecuteError<X> {
    /// The decision was no, for the app's own reason; it is not tried again.
    #[error("{0}")]
    Refused(X),
    /// The store failed; `VERSION_CONFLICT` where every attempt met one.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads streams, decides, and writes what was decided if none of the streams changed meanwhile; else reads and
/// decides again, up to ten times.
///
/// `decide` gets the streams in the order asked for. It may emit into any of them; the events are written
/// atomically, and those streams that it only read become preconditions: a decision never stands on what was
/// no longer so. A decision of nothing writes nothing and is not checked again.
///
/// # Errors
/// [`ExecuteError::Refused`] with what `decide` answers; [`ExecuteError::Store`] with what the store answers, with
/// `INVALID_BATCH` for an event of a stream that was not read.
pub async fn execute<S: EventStore, X>(
    store: &S,
    streams: &[StreamId],
    decide: impl FnMut(&[StreamEvents<S::Event>]) -> Result<Decision<S::Event>, X>,
) -> Result<Executed, ExecuteError<X>> {
    execute_with(store, streams, ExecuteOptions::default(), decide).await
}

/// [`execute`], with other patience.
///
/// # Errors
/// As [`execute`].
pub async fn execute_with<S: EventStore, X>(
    store: &S,
    streams: &[StreamId],
    options: ExecuteOptions,
    mut decide: impl FnMut(&[StreamEvents<S::Event>]) -> Result<Decision<S::Event>, X>,
) -> Result<Executed, ExecuteError<X>> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let read = store.read_streams(streams, ReadOptions::default()).await?;
        let decision = decide(&read).map_err(ExecuteError::Refused)?;
        decision.check(streams)?;
        if decision.is_nothing() {
            return Ok(Executed { written: None, attempts });
        }
        match store.write_events(batch(&read, decision)).await {
            Ok(result) => return Ok(Executed { written: Some(result), attempts }),
            Err(StoreError::VersionConflict(_)) if attempts < options.max_attempts => {
                timer::sleep(options.delay(attempts, random())).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The decision as a batch that expects what was read.
fn batch<E>(read: &[StreamEvents<E>], decision: Decision<E>) -> Batch<E> {
    let versions: HashMap<&StreamId, EventVersion> =
        read.iter().map(|stream| (&stream.stream_id, stream.version)).collect();
    let expected =
        |stream: &StreamId| ExpectedVersion::Exact(versions.get(stream).copied().unwrap_or_default());
    let events = decision.into_events().map(|event| {
        let expected = expected(&event.stream_id);
        EventToWrite {
            metadata: event.metadata,
            ..EventToWrite::new(event.stream_id, event.payload, expected)
        }
    });
    // One that is written as well repeats what its events expect.
    let batch = Batch::new(events.collect());
    versions.keys().fold(batch, |batch, stream| batch.with_precondition((*stream).clone(), expected(stream)))
}

fn random() -> u64 {
    uuid::Uuid::new_v4().as_u128() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_within_their_bound_and_never_pass_it() {
        let options = ExecuteOptions::default();
        assert_eq!(options.delay(1, 0), 0);
        assert_eq!(options.delay(1, 4), 4);
        assert_eq!(options.delay(1, 5), 0);
        assert_eq!(options.delay(2, 8), 8);
        assert!((0..5_000).all(|random| options.delay(100, random) <= 1_000));
    }
}
