//! Two connections to one database that take turns, as two tabs do: what one writes, the other must see.

use std::cell::Cell;

use event_listener::EventListener;

use crate::error::StoreError;
use crate::event::{Commit, EventId, IdGenerator, Place, StreamId};
use crate::store::indexeddb::IndexedDbBackend;
use crate::store::{Backend, FeedSlice, Query, StreamSlice};
use crate::version::Outcome;

pub(super) struct TwoConnections {
    both: [IndexedDbBackend; 2],
    turns: Cell<usize>,
}

impl TwoConnections {
    pub(super) const fn new(one: IndexedDbBackend, other: IndexedDbBackend) -> Self {
        Self { both: [one, other], turns: Cell::new(0) }
    }

    fn next(&self) -> &IndexedDbBackend {
        let turn = self.turns.get();
        self.turns.set(turn + 1);
        &self.both[turn % 2]
    }
}

impl Backend for TwoConnections {
    async fn append(&self, run: Vec<Commit>) -> Result<Vec<Outcome>, StoreError> {
        self.next().append(run).await
    }

    async fn read_streams(
        &self,
        streams: &[StreamId],
        query: &Query,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        self.next().read_streams(streams, query).await
    }

    async fn read_feed(&self, query: &Query) -> Result<FeedSlice, StoreError> {
        self.next().read_feed(query).await
    }

    async fn locate(&self, id: EventId) -> Result<Option<Place>, StoreError> {
        self.next().locate(id).await
    }

    fn listen(&self) -> EventListener {
        self.next().listen()
    }

    fn ids(&self) -> &IdGenerator {
        self.both[0].ids()
    }

    fn close(&self) {
        self.both.iter().for_each(Backend::close);
    }
}
