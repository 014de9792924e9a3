//! The proof of the contract suite: stores that are broken in one way each, and the law that finds them out.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Mutex;
use std::task::Poll;

use eventcore_web::event::{
    Batch, Commit, EventId, EventToWrite, IdGenerator, JsonEvent, Limits, StreamEvents, StreamId, Upcasters,
};
use eventcore_web::store::{
    EventStore, EventSubscription, FeedPage, InMemoryEventStore, ReadOptions, SubscriptionOptions,
};
use eventcore_web::testing::block_on;
use eventcore_web::testing::contract::{laws, run_law};
use eventcore_web::version::{Cursor, ExpectedVersion, Position, WriteResult};
use eventcore_web::{MaybeSend, StoreError};
use futures_util::{StreamExt, stream};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Checks versions, waits, then writes without looking again.
    RacyCheck,
    /// Writes a batch stream by stream.
    LostAtomicity,
    /// Drops what a batch expects of streams that it does not write.
    SkippedPrecondition,
    /// Gives a position to an event that is not visible before later ones are, as a sequence does.
    LateVisiblePositions,
    /// Keeps what was read and never looks again, as the chapter's cache does.
    CachedStaleRead,
    /// Goes live one event before the end of what was caught up with.
    RepeatedAtTheSeam,
    /// Catches up, waits, and then goes live from wherever the feed ends by then.
    LostAtTheSeam,
    /// Writes a repeated event again.
    ForgottenIds,
    /// Looks at versions before it looks whether a write is a repeat.
    LateRepeats,
    /// Takes `_` for any character and `%` for any number of them.
    PrefixAsPattern,
    /// Answers a filtered page with the cursor of the head, though the page was full before.
    HastyCursor,
    /// Gives a refused batch its positions.
    HolesInPositions,
}

struct Broken {
    inner: InMemoryEventStore,
    fault: Fault,
    kept: Mutex<HashMap<StreamId, StreamEvents<JsonEvent>>>,
    hidden: Mutex<BTreeSet<Position>>,
    written: Mutex<HashSet<EventId>>,
}

impl Broken {
    fn new(fault: Fault) -> Self {
        Self {
            inner: InMemoryEventStore::new(),
            fault,
            kept: Mutex::default(),
            hidden: Mutex::default(),
            written: Mutex::default(),
        }
    }

    /// The batch's expectations and whether they hold now.
    async fn holds(&self, batch: &Batch<JsonEvent>) -> Result<bool, StoreError> {
        let commit =
            Commit::prepare(batch.clone(), &IdGenerator::new(), &Limits::default(), &Upcasters::new())?;
        for expectation in commit.expectations() {
            let read = self.inner.read_stream(&expectation.stream_id, ReadOptions::default()).await?;
            if expectation.expected.check(read.version).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn write_racily(&self, mut batch: Batch<JsonEvent>) -> Result<WriteResult, StoreError> {
        if self.holds(&batch).await? {
            pause().await;
            batch.preconditions.clear();
            batch.events.iter_mut().for_each(|event| event.expected_version = ExpectedVersion::NoCheck);
        }
        self.inner.write_events(batch).await
    }

    async fn write_by_stream(&self, batch: Batch<JsonEvent>) -> Result<WriteResult, StoreError> {
        let known = batch.events.iter().any(|event| event.id.is_some());
        if known || !batch.preconditions.is_empty() || batch.events.is_empty() {
            return self.inner.write_events(batch).await;
        }
        self.holds(&batch).await?;
        let mut all: Option<WriteResult> = None;
        let mut rest = batch.events;
        while let Some(stream_id) = rest.first().map(|event| event.stream_id.clone()) {
            let (now, later): (Vec<_>, Vec<_>) =
                rest.into_iter().partition(|event| event.stream_id == stream_id);
            rest = later;
            let result = self.inner.write_events(now).await?;
            all = Some(match all.take() {
                None => result,
                Some(mut all) => {
                    all.event_ids.extend(result.event_ids);
                    all.versions.extend(result.versions);
                    all
                }
            });
        }
        Ok(all.unwrap())
    }

    async fn write_late(&self, batch: Batch<JsonEvent>) -> Result<WriteResult, StoreError> {
        let result = self.inner.write_events(batch).await?;
        let first = result.positions.unwrap().first;
        if first.get() % 3 == 0 {
            self.hidden.lock().unwrap().insert(first);
            pause().await;
            pause().await;
            self.hidden.lock().unwrap().remove(&first);
        }
        Ok(result)
    }

    async fn write_twice(&self, mut batch: Batch<JsonEvent>) -> Result<WriteResult, StoreError> {
        for event in &mut batch.events {
            if event.id.is_some_and(|id| self.written.lock().unwrap().contains(&id)) {
                event.id = None;
            }
        }
        let result = self.inner.write_events(batch).await?;
        self.written.lock().unwrap().extend(&result.event_ids);
        Ok(result)
    }

    async fn write_holes(&self, batch: Batch<JsonEvent>) -> Result<WriteResult, StoreError> {
        let result = self.inner.write_events(batch).await;
        if matches!(result, Err(StoreError::VersionConflict(_))) {
            let hole = EventToWrite::new(
                StreamId::from_static("hole"),
                JsonEvent { event_type: "Hole".parse().unwrap(), payload: "null".parse_json() },
                ExpectedVersion::NoCheck,
            );
            self.inner.write_events(hole).await?;
        }
        result
    }
}

trait ParseJson {
    fn parse_json(&self) -> eventcore_web::event::Json;
}

impl ParseJson for str {
    fn parse_json(&self) -> eventcore_web::event::Json {
        eventcore_web::event::Json::parse(self).unwrap()
    }
}

impl EventStore for Broken {
    type Event = JsonEvent;

    async fn read_streams(
        &self,
        stream_ids: &[StreamId],
        options: ReadOptions,
    ) -> Result<Vec<StreamEvents<JsonEvent>>, StoreError> {
        if self.fault != Fault::CachedStaleRead || !options.is_from_start() {
            return self.inner.read_streams(stream_ids, options).await;
        }
        let mut streams = Vec::new();
        for stream_id in stream_ids {
            let kept = self.kept.lock().unwrap().get(stream_id).cloned();
            let stream = match kept {
                Some(kept) => kept,
                None => self.inner.read_stream(stream_id, options.clone()).await?,
            };
            self.kept.lock().unwrap().insert(stream_id.clone(), stream.clone());
            streams.push(stream);
        }
        Ok(streams)
    }

    async fn read_all_events(&self, options: ReadOptions) -> Result<FeedPage<JsonEvent>, StoreError> {
        match self.fault {
            Fault::PrefixAsPattern => {
                // The options do not tell what they are; a pattern is found out by what it lets through.
                let text = format!("{options:?}");
                let prefix =
                    text.split("stream_prefix: Some(\"").nth(1).and_then(|rest| rest.split('"').next());
                let Some(prefix) = prefix.filter(|prefix| prefix.ends_with('_')).map(str::to_owned) else {
                    return self.inner.read_all_events(options).await;
                };
                let mut page = self.inner.read_all_events(options.stream_prefix("")).await?;
                let letters = prefix.chars().count() - 1;
                let start: String = prefix.chars().take(letters).collect();
                page.events.retain(|event| {
                    let id = event.stream_id.as_str();
                    id.starts_with(&start) && id.chars().count() > letters
                });
                Ok(page)
            }
            Fault::HastyCursor => {
                let mut page = self.inner.read_all_events(options).await?;
                page.cursor = page.cursor.max(Cursor::from(page.head));
                Ok(page)
            }
            _ => {
                let mut page = self.inner.read_all_events(options).await?;
                let hidden = self.hidden.lock().unwrap();
                page.events.retain(|event| !event.position().is_some_and(|at| hidden.contains(&at)));
                Ok(page)
            }
        }
    }

    async fn write_events(
        &self,
        batch: impl Into<Batch<JsonEvent>> + MaybeSend,
    ) -> Result<WriteResult, StoreError> {
        let mut batch = batch.into();
        match self.fault {
            Fault::RacyCheck => self.write_racily(batch).await,
            Fault::LostAtomicity => self.write_by_stream(batch).await,
            Fault::SkippedPrecondition => {
                self.holds(&batch).await?;
                batch.preconditions.clear();
                self.inner.write_events(batch).await
            }
            Fault::LateVisiblePositions => self.write_late(batch).await,
            Fault::ForgottenIds => self.write_twice(batch).await,
            Fault::LateRepeats if !self.holds(&batch).await? => {
                batch.events.iter_mut().for_each(|event| event.id = None);
                self.inner.write_events(batch).await
            }
            Fault::HolesInPositions => self.write_holes(batch).await,
            _ => self.inner.write_events(batch).await,
        }
    }

    async fn subscribe(
        &self,
        options: SubscriptionOptions,
    ) -> Result<EventSubscription<JsonEvent>, StoreError> {
        let is_default = options == SubscriptionOptions::default();
        if !is_default || !matches!(self.fault, Fault::RepeatedAtTheSeam | Fault::LostAtTheSeam) {
            return self.inner.subscribe(options).await;
        }
        let page = self.inner.read_all_events(ReadOptions::default()).await?;
        let live_after = match self.fault {
            Fault::LostAtTheSeam => {
                pause().await;
                self.inner.read_all_events(ReadOptions::default()).await?.cursor
            }
            _ => Cursor::new(page.cursor.get().saturating_sub(1)),
        };
        let live = self.inner.subscribe(options.after(live_after)).await?;
        let there = stream::iter(page.events.into_iter().map(Ok));
        Ok(EventSubscription::from_stream(there.chain(live)))
    }
}

/// Lets other futures go on.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The laws that a store with this fault breaks, with the evidence.
fn broken_laws(fault: Fault) -> Vec<(&'static str, String)> {
    let factory = || async move { Broken::new(fault) };
    let verdict = |law: &&'static str| Some((*law, block_on(run_law(law, &factory)).err()?));
    laws().iter().filter_map(verdict).collect()
}

/// A fault is found by the law that is about it, and is not so crude that it breaks most others as well.
fn is_found_by(fault: Fault, law: &str) {
    let broken = broken_laws(fault);
    let names: Vec<&str> = broken.iter().map(|(name, _)| *name).collect();
    println!("{fault:?} breaks:");
    broken.iter().for_each(|(_, evidence)| println!("  {evidence:.300}"));
    assert!(names.contains(&law), "{fault:?} breaks {names:?}, not {law}");
    assert!(names.len() <= laws().len() / 4, "{fault:?} breaks too much to prove anything: {names:?}");
}

#[test]
fn the_wrapper_itself_breaks_no_law() {
    assert_eq!(broken_laws(Fault::None), []);
}

macro_rules! faults {
    ($($test:ident: $fault:ident is found by $law:ident;)*) => {
        $(
            #[test]
            fn $test() {
                is_found_by(Fault::$fault, stringify!($law));
            }
        )*
    };
}

faults! {
    a_racy_check: RacyCheck is found by of_writers_with_one_expectation_one_wins;
    a_racy_check_of_new_streams: RacyCheck is found by of_writers_that_create_a_stream_one_wins;
    a_racy_check_of_preconditions: RacyCheck is found by preconditions_prevent_write_skew;
    lost_atomicity: LostAtomicity is found by one_stale_stream_refuses_the_whole_batch;
    a_skipped_precondition: SkippedPrecondition is found by a_precondition_guards_a_stream_that_is_only_read;
    late_visible_positions: LateVisiblePositions is found by readers_skip_nothing_while_others_write;
    a_cached_stale_read: CachedStaleRead is found by a_read_sees_every_write_before_it;
    a_repeated_event_at_the_seam: RepeatedAtTheSeam is found by nothing_is_lost_or_repeated_at_the_seam;
    a_lost_event_at_the_seam: LostAtTheSeam is found by nothing_is_lost_or_repeated_at_the_seam;
    forgotten_ids: ForgottenIds is found by a_repeat_answers_with_the_first_result;
    late_repeats: LateRepeats is found by a_repeat_comes_before_any_version_check;
    a_prefix_as_a_pattern: PrefixAsPattern is found by a_prefix_is_literal;
    a_hasty_cursor: HastyCursor is found by a_filtered_page_passes_only_what_it_looked_at;
    holes_in_positions: HolesInPositions is found by positions_are_dense_and_in_commit_order;
}
