//! Chaos: a store that fails, conflicts and dawdles by chance, the same way for the same seed.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::error::StoreError;
use crate::event::{Batch, Event, StreamEvents, StreamId};
use crate::maybe::MaybeSend;
use crate::timer;
use crate::version::{ExpectedVersion, StreamConflict, VersionConflict, WriteResult};

use super::{EventStore, EventSubscription, FeedPage, InMemoryEventStore, ReadOptions, SubscriptionOptions};

/// When an injected failure strikes a write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FailureMoment {
    /// Before: nothing is written.
    Before,
    /// After: it is written, and the caller does not learn of it.
    After,
    /// One or the other, by chance: the caller cannot know which, as with a real network.
    #[default]
    Either,
}

/// What goes wrong, and how often. Probabilities are from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct ChaosConfig {
    /// How probable it is that an operation fails with `STORAGE_UNAVAILABLE`.
    pub failure_probability: f64,
    /// When a write fails that does.
    pub failure_moment: FailureMoment,
    /// How long each operation takes more, in milliseconds; the end is excluded.
    pub latency_ms: Option<Range<u64>>,
    /// How probable it is that a write meets a `VERSION_CONFLICT` that is none. Only a write that expects
    /// something can.
    pub conflict_probability: f64,
    /// The same seed and the same operations make the same chaos.
    pub seed: u64,
}

impl Default for ChaosConfig {
    fn default() -> Self {
        Self {
            failure_probability: 0.0,
            failure_moment: FailureMoment::default(),
            latency_ms: None,
            conflict_probability: 0.0,
            seed: 0,
        }
    }
}

/// A store in which things go wrong. What it answers is true: a success is one, and a read reads what is there.
pub struct ChaosEventStore<S> {
    inner: S,
    config: ChaosConfig,
    random: Mutex<u64>,
}

impl<E: Event> InMemoryEventStore<E> {
    /// The same store, with chaos in between.
    pub fn with_chaos(self, config: ChaosConfig) -> ChaosEventStore<Self> {
        ChaosEventStore::new(self, config)
    }
}

impl<S> ChaosEventStore<S> {
    /// Chaos in front of a store.
    pub const fn new(inner: S, config: ChaosConfig) -> Self {
        let random = Mutex::new(config.seed);
        Self { inner, config, random }
    }

    /// The store without the chaos.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// The next random number: SplitMix64 (Steele, Lea, Flood 2014).
    fn random(&self) -> u64 {
        let mut state = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn chance(&self, probability: f64) -> bool {
        // 53 bits, as many as a float holds: from 0 up to, but not including, 1.
        ((self.random() >> 11) as f64) / ((1_u64 << 53) as f64) < probability
    }

    async fn dawdle(&self) {
        if let Some(Range { start, end }) = self.config.latency_ms {
            let ms = start + self.random() % end.saturating_sub(start).max(1);
            timer::sleep(ms).await;
        }
    }

    async fn strike(&self, what: &str) -> Result<(), StoreError> {
        self.dawdle().await;
        if self.chance(self.config.failure_probability) { Err(failure(what)) } else { Ok(()) }
    }
}

fn failure(what: &str) -> StoreError {
    StoreError::StorageUnavailable(format!("chaos struck {what}"))
}

impl<S: EventStore> ChaosEventStore<S> {
    /// A conflict over the first stream of which the batch expects something, with its real version.
    async fn conflict(&self, batch: &Batch<S::Event>) -> Result<(), StoreError> {
        let of_events = batch.events.iter().map(|event| (&event.stream_id, event.expected_version));
        let of_others = batch.preconditions.iter().map(|read| (&read.stream_id, read.expected_version));
        let mut checked = of_events.chain(of_others);
        let Some((stream_id, expected)) = checked.find(|(_, expected)| *expected != ExpectedVersion::NoCheck)
        else {
            return Ok(());
        };
        let last = ReadOptions::default().backwards().max_events(1);
        let actual = self.inner.read_stream(stream_id, last).await?.version;
        let streams = vec![StreamConflict { stream_id: stream_id.clone(), expected, actual }];
        Err(VersionConflict { streams }.into())
    }
}

impl<S: EventStore> EventStore for ChaosEventStore<S> {
    type Event = S::Event;

    async fn read_streams(
        &self,
        stream_ids: &[StreamId],
        options: ReadOptions,
    ) -> Result<Vec<StreamEvents<Self::Event>>, StoreError> {
        self.strike("a read").await?;
        self.inner.read_streams(stream_ids, options).await
    }

    async fn read_all_events(&self, options: ReadOptions) -> Result<FeedPage<Self::Event>, StoreError> {
        self.strike("a read of the feed").await?;
        self.inner.read_all_events(options).await
    }

    async fn write_events(
        &self,
        batch: impl Into<Batch<Self::Event>> + MaybeSend,
    ) -> Result<WriteResult, StoreError> {
        let batch = batch.into();
        self.dawdle().await;
        if self.chance(self.config.conflict_probability) {
            self.conflict(&batch).await?;
        }
        let fails = self.chance(self.config.failure_probability);
        let after = match self.config.failure_moment {
            FailureMoment::Before => false,
            FailureMoment::After => true,
            FailureMoment::Either => self.chance(0.5),
        };
        if fails && !after {
            return Err(failure("before a write"));
        }
        let result = self.inner.write_events(batch).await?;
        if fails { Err(failure("after a write")) } else { Ok(result) }
    }

    async fn subscribe(
        &self,
        options: SubscriptionOptions,
    ) -> Result<EventSubscription<Self::Event>, StoreError> {
        self.strike("a subscription").await?;
        self.inner.subscribe(options).await
    }
}
