//! The port: what an app can do with any store.

use crate::error::StoreError;
use crate::event::{Batch, Event, StoredEvent, StreamEvents, StreamId};
use crate::maybe::{MaybeSend, MaybeSync};
use crate::version::{Cursor, Position, WriteResult};

use super::{EventSubscription, ReadOptions, SubscriptionOptions};

/// A page of the feed, and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedPage<E> {
    /// The events, in the order that was asked for.
    pub events: Vec<StoredEvent<E>>,
    /// How far the page looked: safe to store and to go on from, also when the page is empty.
    pub cursor: Cursor,
    /// Whether the page looked at everything that there was.
    pub complete: bool,
    /// The last confirmed position of the space when the page was read.
    pub head: Position,
}

/// A store of events.
pub trait EventStore: MaybeSend + MaybeSync {
    /// The app's event type; [`JsonEvent`](crate::event::JsonEvent) for any.
    type Event: Event;

    /// Reads one stream; one that does not exist is empty and at version 0.
    ///
    /// # Errors
    /// A failure of the storage, or `UNDECODABLE_EVENT`.
    fn read_stream(
        &self,
        stream_id: &StreamId,
        options: ReadOptions,
    ) -> impl Future<Output = Result<StreamEvents<Self::Event>, StoreError>> + MaybeSend {
        let streams = [stream_id.clone()];
        async move {
            let mut read = self.read_streams(&streams, options).await?;
            read.pop().ok_or_else(|| StoreError::Internal("a store answered without the stream".into()))
        }
    }

    /// Reads several streams as they are at one moment, in the order asked for; `max_events` holds for each.
    ///
    /// # Errors
    /// As [`read_stream`](Self::read_stream).
    fn read_streams(
        &self,
        stream_ids: &[StreamId],
        options: ReadOptions,
    ) -> impl Future<Output = Result<Vec<StreamEvents<Self::Event>>, StoreError>> + MaybeSend;

    /// Reads several streams into one list in feed order.
    ///
    /// # Errors
    /// As [`read_stream`](Self::read_stream).
    fn read_streams_merged(
        &self,
        stream_ids: &[StreamId],
        options: ReadOptions,
    ) -> impl Future<Output = Result<Vec<StoredEvent<Self::Event>>, StoreError>> + MaybeSend {
        async move {
            let (backwards, max_events) = (options.backwards, options.max_events);
            let streams = self.read_streams(stream_ids, options).await?;
            let mut events: Vec<_> = streams.into_iter().flat_map(|stream| stream.events).collect();
            events.sort_by_key(|event| event.place);
            // A stream that was asked for twice gives each event once.
            events.dedup_by_key(|event| event.place);
            if backwards {
                events.reverse();
            }
            events.truncate(max_events.unwrap_or(usize::MAX));
            Ok(events)
        }
    }

    /// Reads a page of the feed: every event of the space, in feed order.
    ///
    /// # Errors
    /// A failure of the storage, `UNDECODABLE_EVENT`, or `UNKNOWN_EVENT` for [`ReadOptions::after`].
    fn read_all_events(
        &self,
        options: ReadOptions,
    ) -> impl Future<Output = Result<FeedPage<Self::Event>, StoreError>> + MaybeSend;

    /// Writes a batch, all of it or nothing.
    ///
    /// A batch whose events bear ids that were written before with the same content is a repeat: it answers
    /// with the first result, whatever the versions are now.
    ///
    /// # Errors
    /// `VERSION_CONFLICT` with every stream that was not as expected; `INVALID_BATCH` and the other errors of a
    /// bad input, before anything is written; `EVENT_ID_REUSED`; a failure of the storage.
    fn write_events(
        &self,
        batch: impl Into<Batch<Self::Event>> + MaybeSend,
    ) -> impl Future<Output = Result<WriteResult, StoreError>> + MaybeSend;

    /// Follows the feed: first what is there, then what comes, each event once and in order.
    ///
    /// # Errors
    /// `UNKNOWN_EVENT` for [`SubscriptionOptions::after`], or a failure of the storage.
    fn subscribe(
        &self,
        options: SubscriptionOptions,
    ) -> impl Future<Output = Result<EventSubscription<Self::Event>, StoreError>> + MaybeSend;
}
