//! The two logs that an app can open, as one type: a module with both would be twice as large if each store,
//! subscription and sync were compiled for each of them.

use std::sync::Arc;

use event_listener::EventListener;
use js_sys::Map;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::error::StoreError;
use crate::event::{Commit, CommitId, EventId, IdGenerator, Place, SpaceId, StreamId};
use crate::store::indexeddb::{Answer, IndexedDbBackend, Salvage, Unpacking};
use crate::store::memory::MemoryBackend;
use crate::store::{
    Backend, FeedSlice, OutboxCommit, Query, Replica, ReplicaState, Rewrite, Settlement, StreamSlice,
};
use crate::version::{Cursor, Outcome};

pub(super) enum LocalBackend {
    /// With the values that are kept beside the log.
    Memory(Box<MemoryBackend>, Map),
    IndexedDb(IndexedDbBackend),
}

macro_rules! either {
    ($self:ident, $backend:ident => $call:expr) => {
        match $self {
            Self::Memory($backend, _) => $call,
            Self::IndexedDb($backend) => $call,
        }
    };
}

impl LocalBackend {
    /// Resolves when it is closed, with why.
    pub(super) async fn closed(&self) -> StoreError {
        loop {
            let ended = self.listen();
            if let Err(why) = self.open() {
                return why;
            }
            ended.await;
        }
    }

    fn open(&self) -> Result<(), StoreError> {
        either!(self, backend => backend.check_open())
    }

    pub(super) async fn read_snapshot(&self, name: &str) -> Result<JsValue, StoreError> {
        match self {
            Self::Memory(log, kept) => log.check_open().map(|()| kept.get(&name.into())),
            Self::IndexedDb(log) => log.read_snapshot(name).await,
        }
    }

    pub(super) async fn write_snapshot(&self, name: &str, value: &JsValue) -> Result<(), StoreError> {
        match self {
            Self::Memory(log, kept) => log.check_open().map(|()| drop(kept.set(&name.into(), value))),
            Self::IndexedDb(log) => log.write_snapshot(name, value).await,
        }
    }

    /// Appends runs that stand each for itself; `answer` is told what became of each.
    pub(super) fn append_each(self: &Arc<Self>, runs: Vec<Vec<Commit>>, answer: Box<dyn Answer>) {
        if let Self::IndexedDb(log) = &**self {
            return log.append_each(runs, answer);
        }
        let this = Arc::clone(self);
        spawn_local(async move {
            let mut outcomes = Vec::with_capacity(runs.len());
            for run in runs {
                outcomes.push(this.append(run).await);
            }
            answer.tell(outcomes);
        });
    }

    /// What waits and can be read, and what beside the log cannot.
    pub(super) async fn salvage(&self) -> Result<Salvage, StoreError> {
        match self {
            Self::Memory(log, _) => {
                let query = Query { after: Some(Place::Pending(0)), ..Query::default() };
                let FeedSlice { head, events: pending, .. } = log.read_feed(&query).await?;
                Ok(Salvage { head, pending, damage: Vec::new() })
            }
            Self::IndexedDb(log) => log.salvage().await,
        }
    }

    /// As `read_streams`; a log in IndexedDB leaves the parsing to JavaScript where `unpacking` is given.
    pub(super) async fn read_streams_packed(
        &self,
        streams: &[StreamId],
        query: &Query,
        unpacking: Option<Unpacking>,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        match (self, unpacking) {
            (Self::IndexedDb(log), Some(unpacking)) => {
                log.read_streams_packed(streams, query, &unpacking).await
            }
            _ => self.read_streams(streams, query).await,
        }
    }

    /// As `read_feed`, likewise.
    pub(super) async fn read_feed_packed(
        &self,
        query: &Query,
        unpacking: Option<Unpacking>,
    ) -> Result<FeedSlice, StoreError> {
        match (self, unpacking) {
            (Self::IndexedDb(log), Some(unpacking)) => log.read_feed_packed(query, &unpacking).await,
            _ => self.read_feed(query).await,
        }
    }
}

impl Backend for LocalBackend {
    async fn append(&self, run: Vec<Commit>) -> Result<Vec<Outcome>, StoreError> {
        either!(self, backend => backend.append(run).await)
    }

    async fn read_streams(
        &self,
        streams: &[StreamId],
        query: &Query,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        either!(self, backend => backend.read_streams(streams, query).await)
    }

    async fn read_feed(&self, query: &Query) -> Result<FeedSlice, StoreError> {
        either!(self, backend => backend.read_feed(query).await)
    }

    async fn locate(&self, id: EventId) -> Result<Option<Place>, StoreError> {
        either!(self, backend => backend.locate(id).await)
    }

    fn listen(&self) -> EventListener {
        either!(self, backend => backend.listen())
    }

    fn ids(&self) -> &IdGenerator {
        either!(self, backend => backend.ids())
    }

    fn close(&self) {
        either!(self, backend => backend.close());
    }
}

impl Replica for LocalBackend {
    async fn state(&self) -> Result<ReplicaState, StoreError> {
        either!(self, backend => backend.state().await)
    }

    async fn attach(&self, space: &SpaceId) -> Result<(), StoreError> {
        either!(self, backend => backend.attach(space).await)
    }

    async fn outbox(&self, max_commits: usize, max_bytes: usize) -> Result<Vec<OutboxCommit>, StoreError> {
        either!(self, backend => backend.outbox(max_commits, max_bytes).await)
    }

    async fn settle(&self, settlement: Settlement) -> Result<bool, StoreError> {
        either!(self, backend => backend.settle(settlement).await)
    }

    async fn rewrite(&self, rewrites: Vec<(CommitId, Rewrite)>) -> Result<usize, StoreError> {
        either!(self, backend => backend.rewrite(rewrites).await)
    }

    async fn rewind(&self, to: Cursor) -> Result<(), StoreError> {
        either!(self, backend => backend.rewind(to).await)
    }
}
