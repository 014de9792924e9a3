//! `Store`: an [`EventStore`] made of a [`Backend`]. What every store does alike is done here, once.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::{StoreError, UndecodableEvent};
use crate::event::json::Encode;
use crate::event::{
    Batch, Commit, Event, EventMetadata, Json, JsonEvent, Limits, Place, RawEvent, StoredEvent, StreamEvents,
    StreamId, Upcasters,
};
use crate::maybe::MaybeSend;
use crate::version::{EventVersion, WriteResult};

use super::{
    After, Backend, EventStore, EventSubscription, FeedPage, Follower, Query, ReadOptions,
    SubscriptionOptions, subscription,
};

/// Events of a page of the feed where the reader does not say.
const PAGE: usize = 1_000;

/// An event store over a backend. Clones share the backend.
pub struct Store<B, E = JsonEvent> {
    backend: Arc<B>,
    upcasters: Upcasters,
    limits: Limits,
    event: PhantomData<fn() -> E>,
}

impl<B, E> Clone for Store<B, E> {
    fn clone(&self) -> Self {
        Self {
            backend: Arc::clone(&self.backend),
            upcasters: self.upcasters.clone(),
            limits: self.limits,
            event: PhantomData,
        }
    }
}

impl<B: Backend, E: Event> Store<B, E> {
    /// A store over a backend, with default limits and no upcasters.
    pub fn over(backend: Arc<B>) -> Self {
        Self { backend, upcasters: Upcasters::new(), limits: Limits::default(), event: PhantomData }
    }

    /// The same store, reading through upcasters and stamping writes with their newest schemas.
    #[must_use]
    pub fn with_upcasters(mut self, upcasters: Upcasters) -> Self {
        self.upcasters = upcasters;
        self
    }

    /// The same store with other limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The backend.
    pub const fn backend(&self) -> &Arc<B> {
        &self.backend
    }

    /// Lets go of the storage; later calls answer [`StoreError::Closed`].
    pub fn close(&self) {
        self.backend.close();
    }

    /// What a reader of streams asked for, as backends take it.
    pub(crate) async fn stream_query(&self, options: ReadOptions) -> Result<Query, StoreError> {
        self.query(options, usize::MAX).await
    }

    /// What a reader of the feed asked for, as backends take it.
    pub(crate) async fn feed_query(&self, options: ReadOptions) -> Result<Query, StoreError> {
        self.query(options, PAGE).await
    }

    /// Checks a batch and completes it.
    pub(crate) fn prepare<V: Encode>(&self, batch: Batch<E, V>) -> Result<Commit, StoreError> {
        Commit::prepare(batch, self.backend.ids(), &self.limits, &self.upcasters)
    }

    /// Writes a batch, however the values in its metadata are held.
    pub(crate) async fn write<V: Encode>(&self, batch: Batch<E, V>) -> Result<WriteResult, StoreError> {
        let commit = self.prepare(batch)?;
        let outcome = self.backend.append(vec![commit]).await?.pop();
        outcome
            .ok_or_else(|| StoreError::Internal("a backend answered without an outcome".into()))?
            .into_result()
    }

    /// Follows the feed in pages of stored events.
    pub(crate) async fn follow(&self, options: SubscriptionOptions) -> Result<Follower<B>, StoreError> {
        let after = self.place(options.after).await?;
        let query = Query {
            max_events: options.buffer.unwrap_or(subscription::BUFFER).max(1),
            after,
            event_types: options.event_types.into_iter().collect(),
            stream_prefix: options.stream_prefix.unwrap_or_default(),
            pending: !options.confirmed_only,
            ..Query::default()
        };
        let mut follower = Follower::new(Arc::clone(&self.backend), query);
        if let (Some(After::Event(id)), Some(Place::Pending(_))) = (options.after, after) {
            follower.start_behind_pending(id).await?;
        }
        Ok(follower)
    }

    async fn query(&self, options: ReadOptions, page: usize) -> Result<Query, StoreError> {
        Ok(Query {
            from_version: options.from_version.unwrap_or_default(),
            to_version: options.to_version.unwrap_or(EventVersion::MAX),
            max_events: options.max_events.unwrap_or(page),
            backwards: options.backwards,
            after: self.place(options.after).await?,
            event_types: options.event_types.into_iter().collect(),
            stream_prefix: options.stream_prefix.unwrap_or_default(),
            pending: !options.confirmed_only,
        })
    }

    async fn place(&self, after: Option<After>) -> Result<Option<Place>, StoreError> {
        Ok(match after {
            None => None,
            Some(After::Cursor(cursor)) => Some(Place::Confirmed(cursor.into())),
            Some(After::Event(id)) => {
                Some(self.backend.locate(id).await?.ok_or_else(|| StoreError::UnknownEvent(id.into()))?)
            }
        })
    }
}

impl<B: Backend, E: Event> EventStore for Store<B, E> {
    type Event = E;

    async fn read_streams(
        &self,
        stream_ids: &[StreamId],
        options: ReadOptions,
    ) -> Result<Vec<StreamEvents<E>>, StoreError> {
        let query = self.stream_query(options).await?;
        let slices = self.backend.read_streams(stream_ids, &query).await?;
        let streams = stream_ids.iter().zip(slices).map(|(stream_id, slice)| {
            let events = decode_all(&self.upcasters, slice.events)?;
            Ok(StreamEvents { stream_id: stream_id.clone(), version: slice.version, events })
        });
        streams.collect()
    }

    async fn read_all_events(&self, options: ReadOptions) -> Result<FeedPage<E>, StoreError> {
        let query = self.feed_query(options).await?;
        let slice = self.backend.read_feed(&query).await?;
        Ok(FeedPage {
            events: decode_all(&self.upcasters, slice.events)?,
            cursor: slice.cursor,
            complete: slice.complete,
            head: slice.head,
        })
    }

    async fn write_events(&self, batch: impl Into<Batch<E>> + MaybeSend) -> Result<WriteResult, StoreError> {
        self.write(batch.into()).await
    }

    async fn subscribe(&self, options: SubscriptionOptions) -> Result<EventSubscription<E>, StoreError> {
        Ok(subscription::decoded(self.follow(options).await?, self.upcasters.clone()))
    }
}

fn decode_all<E: Event>(
    upcasters: &Upcasters,
    raw: Vec<RawEvent>,
) -> Result<Vec<StoredEvent<E>>, StoreError> {
    raw.into_iter().map(|event| decode(upcasters, event)).collect()
}

/// The app's event of a stored one, through the upcasters.
pub(super) fn decode<E: Event>(upcasters: &Upcasters, raw: RawEvent) -> Result<StoredEvent<E>, StoreError> {
    let undecodable =
        |reason: String| UndecodableEvent { id: raw.id, event_type: raw.event_type.to_string(), reason };
    let metadata: EventMetadata = raw.metadata.to().map_err(|error| undecodable(error.to_string()))?;
    let latest = upcasters.latest(&raw.event_type);
    let payload = if metadata.schema_version == latest {
        E::decode(&raw.event_type, &raw.payload)
    } else {
        raw.payload
            .to()
            .map_err(|error| error.to_string())
            .and_then(|old| upcasters.upcast(&raw.event_type, metadata.schema_version, old))
            .and_then(|new| Json::from_value(&new).map_err(|error| error.to_string()))
            .and_then(|new| E::decode(&raw.event_type, &new))
    };
    let payload = payload.map_err(undecodable)?;
    Ok(StoredEvent {
        id: raw.id,
        stream_id: raw.stream_id,
        version: raw.version,
        event_type: raw.event_type,
        payload,
        metadata,
        occurred_at: raw.occurred_at,
        commit_id: raw.commit_id,
        place: raw.place,
    })
}
