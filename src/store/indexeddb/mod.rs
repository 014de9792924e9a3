//! The log in the browser's IndexedDB: packed records, group commit, several tabs at once.
//!
//! Whoever writes decides inside its own transaction, by what that transaction sees; so the version rule holds
//! among tabs, and positions are dense. How things lie is said in `records`; a change of it is a new schema.

mod append;
mod cache;
mod channel;
mod checksum;
mod compact;
mod connection;
mod engine;
mod failure;
mod feed;
mod fold;
mod heard;
mod page;
mod quota;
mod read;
mod records;
mod replica;
mod rows;
mod salvage;
mod schema;
mod snapshots;
mod state;
mod streams;
mod tail;
mod transaction;
mod write;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use event_listener::{Event as Wakeup, EventListener};
use js_sys::Function;

use super::backend::{Backend, FeedSlice, Query, StreamSlice};
use crate::error::StoreError;
use crate::event::json::quoted;
use crate::event::{Commit, EventId, IdGenerator, Place, StreamId};
use crate::version::{Outcome, Position};

use append::Queue;
pub(crate) use append::{Answer, Outcomes};
use cache::Cache;
use channel::Channel;
use connection::Connection;
pub use page::Unpacking;
pub(crate) use salvage::Salvage;
pub use schema::Opening;
use transaction::Transaction;
#[cfg(feature = "contract")]
use write::Look;

/// When a write counts as done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it is flushed to the disk: it survives a crash of the machine.
    #[default]
    Strict,
    /// When the operating system has it: faster, and it survives a crash of the browser.
    Relaxed,
}

impl Durability {
    /// The word that IndexedDB has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Relaxed => "relaxed",
        }
    }
}

impl std::str::FromStr for Durability {
    type Err = StoreError;

    fn from_str(name: &str) -> Result<Self, StoreError> {
        let known = [Self::Strict, Self::Relaxed].into_iter().find(|durability| durability.name() == name);
        known.ok_or_else(|| {
            StoreError::InvalidRequest(format!(
                "durability is \"strict\" or \"relaxed\", not {}",
                quoted(name)
            ))
        })
    }
}

/// A log in a database of the browser. Several, in several tabs, may share a database.
pub struct IndexedDbBackend(Rc<Inner>);

struct Inner {
    this: Weak<Inner>,
    connection: Rc<Connection>,
    durability: Durability,
    ids: IdGenerator,
    cache: RefCell<Cache>,
    queue: RefCell<Queue>,
    signals: Rc<Signals>,
    channel: RefCell<Option<Channel>>,
    is_compacting: Cell<bool>,
    /// Up to here the log was looked at for small records; where none is left to compact, that is not written.
    examined: Cell<Position>,
}

/// What the database's events reach.
#[derive(Default)]
struct Signals {
    changed: Wakeup,
    /// Whether another connection told of a change since it was last asked.
    heard: Cell<bool>,
    /// Why the log is closed, if it is.
    closed: RefCell<Option<StoreError>>,
}

impl Signals {
    /// # Errors
    /// Why the log is closed, if it is.
    fn check(&self) -> Result<(), StoreError> {
        self.closed.borrow().clone().map_or(Ok(()), Err)
    }

    fn close(&self, why: StoreError) {
        self.closed.borrow_mut().get_or_insert(why);
        self.changed.notify(usize::MAX);
    }
}

impl IndexedDbBackend {
    /// Opens the database of this name, and creates it where there is none.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE` where there is no IndexedDB, the browser refuses it, or another tab with an older
    /// version does not let go; `SCHEMA_TOO_NEW`; `STORAGE_CORRUPT` where it is no such database.
    pub async fn open(name: &str, durability: Durability, opening: Opening) -> Result<Self, StoreError> {
        let signals = Rc::<Signals>::default();
        let connection = Connection::open(name, opening, &signals).await?;
        let inner = Rc::new_cyclic(|this| Inner {
            this: this.clone(),
            channel: RefCell::new(Channel::open(name, &signals)),
            connection,
            durability,
            ids: IdGenerator::new(),
            cache: RefCell::default(),
            queue: RefCell::default(),
            signals,
            is_compacting: Cell::default(),
            examined: Cell::default(),
        });
        let seen = inner.look(&inner.begin_read().await?).await?;
        if let Some(clock) = seen.state.clock {
            inner.ids.resume(clock);
        }
        inner.compact_when_idle(&seen.state);
        Ok(Self(inner))
    }

    /// Deletes the database of this name with all that is in it; logs that have it open are closed. `blocked` as in
    /// [`Opening`].
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE` where there is no IndexedDB, or something does not let go of the database.
    pub async fn delete(name: &str, blocked: Option<Function>) -> Result<(), StoreError> {
        schema::delete(name, blocked).await
    }

    /// Appends runs that stand each for itself, in one transaction where that is possible. `answer` is told as soon as
    /// it is known what became of them.
    pub(crate) fn append_each(&self, runs: Vec<Vec<Commit>>, answer: Box<dyn Answer>) {
        self.0.append_each(runs, answer);
    }

    /// # Errors
    /// Why it is closed, if it is.
    pub(crate) fn check_open(&self) -> Result<(), StoreError> {
        self.0.open()
    }
}

/// Readings for a reader that parses records itself: it is handed their texts, as `page` says, and only the events
/// that follow them are answered.
impl IndexedDbBackend {
    pub(crate) async fn read_streams_packed(
        &self,
        streams: &[StreamId],
        query: &Query,
        unpacking: &Unpacking,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        self.0.read_streams(streams, query, Some(unpacking)).await
    }

    pub(crate) async fn read_feed_packed(
        &self,
        query: &Query,
        unpacking: &Unpacking,
    ) -> Result<FeedSlice, StoreError> {
        self.0.read_feed(query, Some(unpacking)).await
    }
}

#[cfg(feature = "contract")]
impl IndexedDbBackend {
    /// Writes to every store and drops the transaction, as a write does that fails half-way.
    pub(crate) async fn write_and_drop(&self) -> Result<(), StoreError> {
        let transaction = self.0.begin_write(Look::First).await?.transaction;
        for store in schema::STORES {
            transaction.add(store, &wasm_bindgen::JsValue::from(1 << 20), &js_sys::Object::new())?;
        }
        Ok(())
    }
}

impl Inner {
    fn open(&self) -> Result<(), StoreError> {
        self.signals.check()
    }

    /// Waits for the connection, should it be opened again, and forgets what was known through the one before.
    async fn ready(&self) -> Result<(), StoreError> {
        if self.connection.ready().await? {
            self.cache.borrow_mut().forget();
        }
        Ok(())
    }

    async fn begin_read(&self) -> Result<Transaction, StoreError> {
        self.ready().await?;
        Transaction::read(&self.connection.database())
    }

    /// Tells other connections that something was written.
    fn tell_others(&self) {
        if let Some(channel) = &*self.channel.borrow() {
            channel.tell();
        }
    }

    /// Ends the connection when the transactions that are under way are complete.
    fn close(&self) {
        self.signals.close(StoreError::Closed);
        self.channel.take();
        self.connection.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Backend for IndexedDbBackend {
    async fn append(&self, run: Vec<Commit>) -> Result<Vec<Outcome>, StoreError> {
        self.0.append(run).await
    }

    async fn read_streams(
        &self,
        streams: &[StreamId],
        query: &Query,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        self.0.read_streams(streams, query, None).await
    }

    async fn read_feed(&self, query: &Query) -> Result<FeedSlice, StoreError> {
        self.0.read_feed(query, None).await
    }

    async fn locate(&self, id: EventId) -> Result<Option<Place>, StoreError> {
        self.0.locate(id).await
    }

    fn listen(&self) -> EventListener {
        self.0.signals.changed.listen()
    }

    fn ids(&self) -> &IdGenerator {
        &self.0.ids
    }

    fn close(&self) {
        self.0.close();
    }
}
