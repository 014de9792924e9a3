//! A replica's storage that outlives a crash, and lets others go first between any two operations.

use std::sync::Arc;

use event_listener::EventListener;
use eventcore_web::StoreError;
use eventcore_web::event::{Commit, CommitId, EventId, IdGenerator, Place, SpaceId, StreamId};
use eventcore_web::store::memory::MemoryBackend;
use eventcore_web::store::{
    Backend, FeedSlice, OutboxCommit, Query, Refusal, Replica, ReplicaState, Rewrite, Settlement, StreamSlice,
};
use eventcore_web::version::{Cursor, Outcome};

use crate::executor::Time;
use crate::faults::Off;

pub struct Disk {
    pub memory: Arc<MemoryBackend>,
    time: Time,
    off: Off,
}

impl Disk {
    pub fn new(memory: Arc<MemoryBackend>, time: Time, off: Off) -> Self {
        Self { memory, time, off }
    }
}

/// An operation that takes a while before and after.
macro_rules! slowly {
    ($self:ident, $operation:expr) => {{
        $self.time.pause().await;
        let result = $operation.await;
        $self.time.pause().await;
        result
    }};
}

impl Backend for Disk {
    async fn append(&self, run: Vec<Commit>) -> Result<Vec<Outcome>, StoreError> {
        slowly!(self, self.memory.append(run))
    }

    async fn read_streams(
        &self,
        streams: &[StreamId],
        query: &Query,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        slowly!(self, self.memory.read_streams(streams, query))
    }

    async fn read_feed(&self, query: &Query) -> Result<FeedSlice, StoreError> {
        slowly!(self, self.memory.read_feed(query))
    }

    async fn locate(&self, id: EventId) -> Result<Option<Place>, StoreError> {
        slowly!(self, self.memory.locate(id))
    }

    fn listen(&self) -> EventListener {
        self.memory.listen()
    }

    fn ids(&self) -> &IdGenerator {
        self.memory.ids()
    }

    fn close(&self) {
        self.memory.close();
    }
}

impl Replica for Disk {
    async fn state(&self) -> Result<ReplicaState, StoreError> {
        slowly!(self, self.memory.state())
    }

    async fn attach(&self, space: &SpaceId) -> Result<(), StoreError> {
        slowly!(self, self.memory.attach(space))
    }

    async fn outbox(&self, max_commits: usize, max_bytes: usize) -> Result<Vec<OutboxCommit>, StoreError> {
        slowly!(self, self.memory.outbox(max_commits, max_bytes))
    }

    async fn settle(&self, settlement: Settlement) -> Result<bool, StoreError> {
        if self.off == Off::AtomicAcknowledgement {
            for event in &settlement.events {
                self.memory.rewrite(vec![(event.commit_id, Rewrite::Drop)]).await?;
            }
            self.time.pause().await;
        }
        slowly!(self, self.memory.settle(settlement))
    }

    async fn rewrite(&self, rewrites: Vec<(CommitId, Rewrite)>) -> Result<usize, StoreError> {
        let count = slowly!(self, self.memory.rewrite(rewrites))?;
        if self.off == Off::LeftBehind {
            self.unmark().await?;
        }
        Ok(count)
    }

    async fn rewind(&self, to: Cursor) -> Result<(), StoreError> {
        slowly!(self, self.memory.rewind(to))
    }
}

impl Disk {
    /// Makes every commit that was left behind look as if it were not.
    async fn unmark(&self) -> Result<(), StoreError> {
        loop {
            let outbox = self.memory.outbox(usize::MAX, usize::MAX).await?.into_iter();
            let marked = outbox.filter(|it| matches!(it.refused, Some(Refusal::Behind { asked: false, .. })));
            let marked: Vec<_> = marked.map(|it| (it.commit.id(), Rewrite::Replace(it.commit))).collect();
            if marked.is_empty() {
                return Ok(());
            }
            self.memory.rewrite(marked).await?;
        }
    }
}
