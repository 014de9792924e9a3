//! A cache of streams in front of a store.
//!
//! Confirmed events never change, so what is kept of a stream is its confirmed beginning, and every read asks the
//! store below for what follows it. So nothing needs to be invalidated: what anyone wrote is in the answer as
//! soon as the store below shows it. (A subscription would tell of it a moment later, and for that moment the
//! cache would lie.) What a read saves is reading and decoding the beginning again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::error::StoreError;
use crate::event::{Batch, Event, StoredEvent, StreamEvents, StreamId};
use crate::maybe::MaybeSend;
use crate::version::{EventVersion, WriteResult};

use super::{EventStore, EventSubscription, FeedPage, ReadOptions, SubscriptionOptions};

/// A store with a cache of the streams that were read last. It answers as the store below does.
///
/// A stream enters the cache when it is read from its first event to its last; from then on reads of it, partial
/// and backward ones too, cost the store below only what came since. Streams that are read together cost what
/// the shortest of them in the cache lacks.
pub struct CachedEventStore<S: EventStore> {
    inner: S,
    max_events: usize,
    cache: Mutex<Cache<S::Event>>,
}

struct Cache<E> {
    /// The confirmed beginnings of streams: version 1 and on, without a hole; none is empty.
    streams: LruCache<StreamId, Vec<StoredEvent<E>>>,
    events: usize,
}

impl<E: Event> Cache<E> {
    /// Keeps the confirmed events behind the first `count` ones of a stream, where that is more than is kept.
    fn extend(&mut self, stream_id: &StreamId, count: usize, tail: &[StoredEvent<E>], max_events: usize) {
        let confirmed = tail.iter().take_while(|event| !event.is_pending()).count();
        let mut kept = self.remove(stream_id);
        if count + confirmed > kept.len() {
            kept.truncate(count);
            kept.extend_from_slice(&tail[..confirmed]);
        }
        if kept.is_empty() || kept.len() > max_events {
            return;
        }
        self.events += kept.len();
        self.streams.put(stream_id.clone(), kept);
        while self.events > max_events
            && let Some((_, least)) = self.streams.pop_lru()
        {
            self.events -= least.len();
        }
    }

    fn remove(&mut self, stream_id: &StreamId) -> Vec<StoredEvent<E>> {
        let kept = self.streams.pop(stream_id).unwrap_or_default();
        self.events -= kept.len();
        kept
    }
}

impl<S: EventStore> CachedEventStore<S> {
    /// A cache that holds at most so many events, in front of a store.
    pub fn new(inner: S, max_events: usize) -> Self {
        Self { inner, max_events, cache: Mutex::new(Cache { streams: LruCache::unbounded(), events: 0 }) }
    }

    /// The store below.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// How many events the cache holds now.
    pub fn cached_events(&self) -> usize {
        self.lock().events
    }

    /// Forgets everything; needed only where the store below was replaced by another.
    pub fn clear(&self) {
        let mut cache = self.lock();
        cache.streams.clear();
        cache.events = 0;
    }

    // A panic elsewhere leaves the cache whole: no method runs foreign code while it holds the lock, but for
    // clones of events.
    fn lock(&self) -> MutexGuard<'_, Cache<S::Event>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last event of what is kept of each stream, where something is kept of every one.
    fn known_ends(&self, stream_ids: &[StreamId]) -> Option<Vec<EventVersion>> {
        let mut cache = self.lock();
        let ends =
            stream_ids.iter().map(|stream_id| cache.streams.get(stream_id)?.last().map(|last| last.version));
        ends.collect()
    }

    /// What the options select of the streams, from what is kept and what was read from `from` on; none where
    /// the two do not meet.
    fn join(
        &self,
        read: Vec<StreamEvents<S::Event>>,
        from: EventVersion,
        options: &ReadOptions,
    ) -> Option<Vec<StreamEvents<S::Event>>> {
        // One event of what was read is kept too: it shows that both are of one history.
        let count = usize::try_from(from.get().max(1) - 1).ok()?;
        let mut cache = self.lock();
        let mut streams = Vec::with_capacity(read.len());
        for StreamEvents { stream_id, version, events: tail } in read {
            let kept = cache.streams.peek(&stream_id).map_or(&[][..], Vec::as_slice);
            if count > 0 && !kept.get(count).zip(tail.first()).is_some_and(|(kept, read)| is_same(kept, read))
            {
                cache.remove(&stream_id);
                return None;
            }
            let events = select(&stream_id, kept.get(..count)?.iter().chain(&tail), options);
            cache.extend(&stream_id, count, &tail, self.max_events);
            streams.push(StreamEvents { stream_id, version, events });
        }
        Some(streams)
    }
}

fn is_same<E>(one: &StoredEvent<E>, other: &StoredEvent<E>) -> bool {
    one.id == other.id && one.place == other.place && one.version == other.version
}

/// What the options, which have no `after`, select of a stream.
fn select<'a, E: Event>(
    stream_id: &StreamId,
    events: impl DoubleEndedIterator<Item = &'a StoredEvent<E>>,
    options: &ReadOptions,
) -> Vec<StoredEvent<E>> {
    let from = options.from_version.unwrap_or_default();
    let to = options.to_version.unwrap_or(EventVersion::MAX);
    let prefixed = options.stream_prefix.as_ref().is_none_or(|prefix| stream_id.as_str().starts_with(prefix));
    let wanted = |event: &&StoredEvent<E>| {
        prefixed
            && event.version >= from
            && event.version <= to
            && (options.event_types.is_empty() || options.event_types.contains(&event.event_type))
    };
    let max_events = options.max_events.unwrap_or(usize::MAX);
    match options.backwards {
        true => events.rev().filter(wanted).take(max_events).cloned().collect(),
        false => events.filter(wanted).take(max_events).cloned().collect(),
    }
}

impl<S: EventStore> EventStore for CachedEventStore<S> {
    type Event = S::Event;

    async fn read_streams(
        &self,
        stream_ids: &[StreamId],
        options: ReadOptions,
    ) -> Result<Vec<StreamEvents<Self::Event>>, StoreError> {
        let from = self.known_ends(stream_ids).and_then(|ends| ends.into_iter().min());
        // A part of what is not kept is read as it is: it would not be a beginning.
        let whole = options == ReadOptions::default();
        if options.after.is_some() || (from.is_none() && !whole) {
            return self.inner.read_streams(stream_ids, options).await;
        }
        let from = from.unwrap_or_default();
        let mut rest = ReadOptions::default().from_version(from);
        rest.confirmed_only = options.confirmed_only;
        let joined = match self.inner.read_streams(stream_ids, rest).await {
            Ok(read) => self.join(read, from, &options),
            // It may stand where the reader does not look.
            Err(StoreError::UndecodableEvent(_)) if !whole => None,
            Err(error) => return Err(error),
        };
        match joined {
            Some(streams) => Ok(streams),
            None => self.inner.read_streams(stream_ids, options).await,
        }
    }

    async fn read_all_events(&self, options: ReadOptions) -> Result<FeedPage<Self::Event>, StoreError> {
        self.inner.read_all_events(options).await
    }

    async fn write_events(
        &self,
        batch: impl Into<Batch<Self::Event>> + MaybeSend,
    ) -> Result<WriteResult, StoreError> {
        self.inner.write_events(batch).await
    }

    async fn subscribe(
        &self,
        options: SubscriptionOptions,
    ) -> Result<EventSubscription<Self::Event>, StoreError> {
        self.inner.subscribe(options).await
    }
}
