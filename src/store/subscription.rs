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

struct Follower<B> {
    backend: Arc<B>,
    query: Query,
    read: VecDeque<RawEvent>,
    /// Pending events that were delivered, so that their confirmation does not deliver them again.
    delivered: HashSet<EventId>,
    failed: bool,
}

pub(super) fn follow<B: Backend, E: Event>(
    backend: Arc<B>,
    upcasters: Upcasters,
    query: Query,
) -> EventSubscription<E> {
    let follower =
        Follower { backend, query, read: VecDeque::new(), delivered: HashSet::new(), failed: false };
    EventSubscription::from_stream(stream::unfold(follower, move |mut follower| {
        let upcasters = upcasters.clone();
        async move {
            if follower.failed {
                return None;
            }
            let event = follower.next().await.and_then(|raw| decode(&upcasters, raw));
            follower.failed = event.is_err();
            Some((event, follower))
        }
    }))
}

impl<B: Backend> Follower<B> {
    async fn next(&mut self) -> Result<RawEvent, StoreError> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Ok(event);
            }
            let change = self.backend.listen();
            if self.read_on().await? {
                change.await;
            }
        }
    }

    /// Reads the next page; answers whether there was nothing more to read.
    async fn read_on(&mut self) -> Result<bool, StoreError> {
        // Pending events that were delivered stand behind the confirmed ones and are read again with every
        // page until they are confirmed, so the page leaves room for them.
        let query = Query {
            max_events: self.query.max_events.saturating_add(self.delivered.len()),
            ..self.query.clone()
        };
        let page = self.backend.read_feed(&query).await?;
        for event in page.events {
            let seen = match event.place {
                Place::Confirmed(_) => self.delivered.remove(&event.id),
                Place::Pending(_) => !self.delivered.insert(event.id),
            };
            if !seen {
                self.read.push_back(event);
            }
        }
        self.query.after = Some(Place::Confirmed(page.cursor.into()));
        Ok(page.complete && self.read.is_empty())
    }
}
