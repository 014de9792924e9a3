//! The log in memory: for tests, for development, for apps without storage, and for simulations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::{Event as Wakeup, EventListener};

use crate::error::StoreError;
use crate::event::{
    Commit, CommitId, Event, EventId, IdGenerator, JsonEvent, Place, RawEvent, SpaceId, StreamId,
};
use crate::version::{Admission, Cursor, EventVersion, Known, Outcome, Position};

use super::backend::{Backend, FeedSlice, Query, StreamSlice};
use super::outbox;
use super::replica::{OutboxCommit, Replica, ReplicaState, Rewrite, Settlement};
use super::typed::Store;

/// An event store in memory. Clones share it; it is gone with the last of them.
pub type InMemoryEventStore<E = JsonEvent> = Store<MemoryBackend, E>;

impl<E: Event> InMemoryEventStore<E> {
    /// An empty store.
    pub fn new() -> Self {
        Self::over(Arc::new(MemoryBackend::default()))
    }
}

impl<E: Event> Default for InMemoryEventStore<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// A log in memory.
#[derive(Default)]
pub struct MemoryBackend {
    log: Mutex<Log>,
    changed: Wakeup,
    ids: IdGenerator,
}

#[derive(Default, Clone)]
struct Log {
    /// Confirmed events; position `n` stands at `n - 1`.
    events: Vec<RawEvent>,
    streams: HashMap<StreamId, Vec<usize>>,
    ids: HashMap<EventId, usize>,
    /// Commits as they were written, for a log that becomes a replica's outbox. Empty once it is one.
    unsynced: Vec<Commit>,
    outbox: Vec<OutboxCommit>,
    replica: ReplicaState,
    closed: bool,
}

/// What a log holds, to be opened again as if from a disk.
#[derive(Clone)]
pub struct Snapshot(Log);

impl MemoryBackend {
    /// A log whose ids come from this generator, for deterministic runs.
    pub fn with_ids(ids: IdGenerator) -> Self {
        Self { ids, ..Self::default() }
    }

    /// What the log holds now.
    pub fn snapshot(&self) -> Snapshot {
        let mut log = self.lock().clone();
        log.closed = false;
        Snapshot(log)
    }

    /// A log that holds what another held, with ids from this generator.
    pub fn restore(snapshot: Snapshot, ids: IdGenerator) -> Self {
        Self { log: Mutex::new(snapshot.0), changed: Wakeup::new(), ids }
    }

    // A panic elsewhere leaves the log as it was: every change is one assignment at the end of a method.
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<MutexGuard<'_, Log>, StoreError> {
        let log = self.lock();
        if log.closed { Err(StoreError::Closed) } else { Ok(log) }
    }

    #[cfg(all(target_family = "wasm", feature = "client"))]
    pub(crate) fn check_open(&self) -> Result<(), StoreError> {
        self.open().map(drop)
    }
}

impl Log {
    fn head(&self) -> Position {
        Position::new(self.events.len() as u64)
    }

    fn confirmed_version(&self, stream: &StreamId) -> EventVersion {
        EventVersion::new(self.streams.get(stream).map_or(0, Vec::len) as u64)
    }

    fn pending(&self) -> Vec<RawEvent> {
        outbox::pending_events(self.outbox.iter().map(|waiting| &waiting.commit), |stream| {
            self.confirmed_version(stream)
        })
    }

    fn push(&mut self, event: RawEvent) {
        let at = self.events.len();
        self.streams.entry(event.stream_id.clone()).or_default().push(at);
        self.ids.insert(event.id, at);
        self.events.push(event);
    }

    /// What this log knows of the streams and ids that a run touches.
    fn known(&self, run: &[Commit], pending: &[RawEvent]) -> Known {
        let mut known = Known::default();
        for commit in run {
            for expectation in commit.expectations() {
                let version = self.confirmed_version(&expectation.stream_id);
                known.heads.insert(expectation.stream_id.clone(), version);
            }
            for event in commit.events() {
                if let Some(at) = self.ids.get(&event.id) {
                    known.events.insert(event.id, self.events[*at].clone());
                }
            }
        }
        outbox::add_pending(&mut known, pending);
        known
    }

    fn append(&mut self, run: Vec<Commit>) -> Vec<Outcome> {
        if self.replica.space.is_some() {
            let pending = self.pending();
            let (outcomes, written) =
                Admission::pending(self.known(&run, &pending), pending.len() as u64).run(&run);
            self.outbox.extend(outbox::accepted(run.into_iter(), &written).map(OutboxCommit::ready));
            return outcomes;
        }
        let (outcomes, written) = Admission::confirmed(self.known(&run, &[]), self.head()).run(&run);
        self.unsynced.extend(outbox::accepted(run.into_iter(), &written));
        written.into_iter().for_each(|event| self.push(event));
        outcomes
    }

    fn slice(&self, stream: &StreamId, query: &Query, pending: &[RawEvent]) -> StreamSlice {
        let places = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let waiting: Vec<&RawEvent> = pending.iter().filter(|event| event.stream_id == *stream).collect();
        let confirmed = places.iter().map(|at| &self.events[*at]);
        let count = places.len() + if query.pending { waiting.len() } else { 0 };
        let version = EventVersion::new(count as u64);
        StreamSlice { version, events: select(confirmed.chain(waiting), query) }
    }
}

/// The events that a query wants, in its order.
fn select<'a>(events: impl DoubleEndedIterator<Item = &'a RawEvent>, query: &Query) -> Vec<RawEvent> {
    let wanted = |event: &&RawEvent| query.wants(event);
    match query.backwards {
        true => events.rev().filter(wanted).take(query.max_events).cloned().collect(),
        false => events.filter(wanted).take(query.max_events).cloned().collect(),
    }
}

impl Backend for MemoryBackend {
    async fn append(&self, run: Vec<Commit>) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = self.open()?.append(run);
        self.changed.notify(usize::MAX);
        Ok(outcomes)
    }

    async fn read_streams(
        &self,
        streams: &[StreamId],
        query: &Query,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        let log = self.open()?;
        let pending = log.pending();
        Ok(streams.iter().map(|stream| log.slice(stream, query, &pending)).collect())
    }

    async fn read_feed(&self, query: &Query) -> Result<FeedSlice, StoreError> {
        let log = self.open()?;
        let pending = log.pending();
        let head = log.head();
        // Positions are indices, so that a page starts where it starts and not at the beginning.
        let confirmed = match (query.backwards, query.after) {
            (false, Some(Place::Confirmed(after))) => {
                &log.events[log.events.len().min(usize::try_from(after.get()).unwrap_or(usize::MAX))..]
            }
            (false, Some(Place::Pending(_))) => &[],
            (true, Some(Place::Confirmed(before))) => {
                let count = usize::try_from(before.get().saturating_sub(1)).unwrap_or(usize::MAX);
                &log.events[..log.events.len().min(count)]
            }
            (_, None) | (true, Some(Place::Pending(_))) => &log.events[..],
        };
        let events = select(confirmed.iter().chain(&pending), query);
        Ok(FeedSlice::of(events, query, head))
    }

    async fn locate(&self, id: EventId) -> Result<Option<Place>, StoreError> {
        let log = self.open()?;
        let confirmed = log.ids.get(&id).map(|at| log.events[*at].place);
        Ok(confirmed.or_else(|| log.pending().iter().find(|event| event.id == id).map(|event| event.place)))
    }

    fn listen(&self) -> EventListener {
        self.changed.listen()
    }

    fn ids(&self) -> &IdGenerator {
        &self.ids
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify(usize::MAX);
    }
}

impl Replica for MemoryBackend {
    async fn state(&self) -> Result<ReplicaState, StoreError> {
        let log = self.open()?;
        let events = log.outbox.iter().map(|waiting| waiting.commit.events().len() as u64).sum();
        Ok(ReplicaState {
            cursor: log.head().into(),
            pending_commits: log.outbox.len() as u64,
            pending_events: events,
            ..log.replica.clone()
        })
    }

    async fn attach(&self, space: &SpaceId) -> Result<(), StoreError> {
        let mut log = self.open()?;
        if outbox::is_attached(log.replica.space.as_ref(), space)? {
            return Ok(());
        }
        let unsynced = std::mem::take(&mut log.unsynced);
        let outbox = unsynced.into_iter().map(OutboxCommit::ready).collect();
        let replica = ReplicaState { space: Some(space.clone()), ..ReplicaState::default() };
        *log = Log { outbox, replica, ..Log::default() };
        drop(log);
        self.changed.notify(usize::MAX);
        Ok(())
    }

    async fn outbox(&self, max_commits: usize, max_bytes: usize) -> Result<Vec<OutboxCommit>, StoreError> {
        let log = self.open()?;
        Ok(outbox::first_of(log.outbox.iter().cloned(), max_commits, max_bytes))
    }

    async fn settle(&self, settlement: Settlement) -> Result<bool, StoreError> {
        let mut log = self.open()?;
        if Cursor::from(log.head()) != settlement.after {
            return Ok(false);
        }
        settlement.check()?;
        settlement.events.iter().for_each(|event| self.ids.observe(event.id));
        let confirmed = settlement.commits();
        log.outbox.retain(|waiting| !confirmed.contains(&waiting.commit.id()));
        log.replica.backend_id = Some(settlement.backend_id);
        settlement.events.into_iter().for_each(|event| log.push(event));
        drop(log);
        self.changed.notify(usize::MAX);
        Ok(true)
    }

    async fn rewrite(&self, rewrites: Vec<(CommitId, Rewrite)>) -> Result<usize, StoreError> {
        let mut log = self.open()?;
        let there = |id: &CommitId| log.outbox.iter().any(|waiting| waiting.commit.id() == *id);
        let count = rewrites.iter().filter(|(id, _)| there(id)).count();
        let changes = outbox::rewritten(log.outbox.iter(), rewrites, |stream| log.confirmed_version(stream));
        let mut changes = changes.into_iter().peekable();
        let before = std::mem::take(&mut log.outbox).into_iter().enumerate();
        let now = |(at, waiting)| match changes.next_if(|(changed, _)| *changed == at) {
            Some((_, changed)) => changed,
            None => Some(waiting),
        };
        log.outbox = before.filter_map(now).collect();
        drop(log);
        self.changed.notify(usize::MAX);
        Ok(count)
    }

    async fn rewind(&self, to: Cursor) -> Result<(), StoreError> {
        let mut log = self.open()?;
        let kept = usize::try_from(to.get()).unwrap_or(usize::MAX).min(log.events.len());
        let mut rewound = Log { replica: log.replica.clone(), ..Log::default() };
        rewound.replica.backend_id = None;
        rewound.outbox = outbox::unconfirmed(log.events[kept..].to_vec())?;
        log.events[..kept].iter().for_each(|event| rewound.push(event.clone()));
        rewound.outbox.append(&mut log.outbox);
        *log = rewound;
        drop(log);
        self.changed.notify(usize::MAX);
        Ok(())
    }
}
