//! Following a feed. A subscription reads the log page by page and waits for a change when it has read all:
//! there is no seam between catching up and being live, no queue to overflow, and a slow reader costs nothing.

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::{self, Stream, StreamExt};

use crate::error::StoreError;
use crate::event::{Event, EventId, Place, RawEvent, StoredEvent, Upcasters};

use super::backend::{Backend, Query};
use super::typed::decode;

/// Events that a subscription holds in memory where the reader does not say.
pub(super) const BUFFER: usize = 256;

#[cfg(not(target_family = "wasm"))]
type Boxed<T> = stream::BoxStream<'static, T>;
#[cfg(target_family = "wasm")]
type Boxed<T> = stream::LocalBoxStream<'static, T>;

/// A stream of events: what is there, then what comes, each once and in order. Dropping it ends it.
///
/// An error ends it too; start again after the last event that was delivered.
pub struct EventSubscription<E>(Boxed<Result<StoredEvent<E>, StoreError>>);

impl<E> EventSubscription<E> {
    /// A subscription over any stream of events, for stores that wrap another.
    #[cfg(not(target_family = "wasm"))]
    pub fn from_stream(
        stream: impl Stream<Item = Result<StoredEvent<E>, StoreError>> + Send + 'static,
    ) -> Self {
        Self(stream.boxed())
    }

    /// A subscription over any stream of events, for stores that wrap another.
    #[cfg(target_family = "wasm")]
    pub fn from_stream(stream: impl Stream<Item = Result<StoredEvent<E>, StoreError>> + 'static) -> Self {
        Self(stream.boxed_local())
    }
}

impl<E> Stream for EventSubscription<E> {
    type Item = Result<StoredEvent<E>, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

/// Follows the feed of a backend in pages of stored events.
pub(crate) struct Follower<B> {
    backend: Arc<B>,
    query: Query,
    /// Pending events that were delivered, so that their confirmation does not deliver them again.
    delivered: HashSet<EventId>,
}

/// A subscription to the events that a follower reads, decoded.
pub(super) fn decoded<B: Backend, E: Event>(
    follower: Follower<B>,
    upcasters: Upcasters,
) -> EventSubscription<E> {
    let state = (follower, VecDeque::new(), false);
    EventSubscription::from_stream(stream::unfold(state, move |(mut follower, mut read, failed)| {
        let upcasters = upcasters.clone();
        async move {
            if failed {
                return None;
            }
            if read.is_empty() {
                match follower.next_page().await {
                    Ok(page) => read = page.into(),
                    Err(error) => return Some((Err(error), (follower, read, true))),
                }
            }
            let event = decode(&upcasters, read.pop_front()?);
            let failed = event.is_err();
            Some((event, (follower, read, failed)))
        }
    }))
}

impl<B: Backend> Follower<B> {
    pub(super) fn new(backend: Arc<B>, query: Query) -> Self {
        Self { backend, query, delivered: HashSet::new() }
    }

    /// Starts behind a pending event: it, and what is pending before it, counts as delivered.
    pub(super) async fn start_behind_pending(&mut self, id: EventId) -> Result<(), StoreError> {
        let pending = Query { after: Some(Place::Pending(0)), ..Query::default() };
        let page = self.backend.read_feed(&pending).await?;
        match page.events.iter().position(|event| event.id == id) {
            Some(at) => {
                self.delivered.extend(page.events[..=at].iter().map(|event| event.id));
                self.query.after = Some(Place::Confirmed(page.cursor.into()));
            }
            // Confirmed since it was located.
            None => self.query.after = self.backend.locate(id).await?,
        }
        Ok(())
    }

    /// The next events, at least one, as soon as there are any.
    pub(crate) async fn next_page(&mut self) -> Result<Vec<RawEvent>, StoreError> {
        loop {
            let change = self.backend.listen();
            let (events, complete) = self.read_on().await?;
            if !events.is_empty() {
                return Ok(events);
            }
            if complete {
                change.await;
            }
        }
    }

    /// Reads on; answers also whether there was nothing more to read.
    async fn read_on(&mut self) -> Result<(Vec<RawEvent>, bool), StoreError> {
        // Pending events that were delivered stand behind the confirmed ones and are read again with every
        // page until they are confirmed, so the page leaves room for them.
        let query = Query {
            max_events: self.query.max_events.saturating_add(self.delivered.len()),
            ..self.query.clone()
        };
        let mut page = self.backend.read_feed(&query).await?;
        page.events.retain(|event| match event.place {
            Place::Confirmed(_) => !self.delivered.remove(&event.id),
            Place::Pending(_) => self.delivered.insert(event.id),
        });
        self.query.after = Some(Place::Confirmed(page.cursor.into()));
        Ok((page.events, page.complete))
    }
}
