//! Following a space: its feed in pages, as server-sent events. It starts behind a cursor, catches up, and then
//! waits for changes, so there is no seam between the two; while nothing changes it asks nothing of the storage.
//!
//! The host brings time: it sends [`HEARTBEAT`] when it had nothing to send for [`HEARTBEAT_MS`], and ends the
//! stream at [`Live::until`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use event_listener::EventListener;
use futures_util::lock;

use crate::error::StoreError;
use crate::event::SpaceId;
use crate::event::json::to_text;
use crate::protocol::ErrorAnswer;
use crate::store::Backend;
use crate::version::{Cursor, Position};

use super::handler::{Endpoint, Inner, Spaces};
use super::page;

/// How long a stream may be silent, in milliseconds: proxies end connections that are.
pub const HEARTBEAT_MS: u64 = 10_000;
/// What is sent where there is nothing to say: a comment.
pub const HEARTBEAT: &str = ":\n\n";
/// What a stream begins with: how long a follower waits before it comes back.
pub const PREAMBLE: &str = "retry: 1000\n\n";
/// The type of a stream's content.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// The messages to one follower of a space.
pub struct Live<S: Spaces> {
    endpoint: Endpoint<S>,
    log: Arc<S::Log>,
    tail: Arc<Tail>,
    cursor: Cursor,
    /// Where it stands, for whoever asks how far behind it is.
    mark: Arc<AtomicU64>,
    until: Option<u64>,
    state: State,
}

/// What a reading brought.
pub enum Said {
    /// A message.
    News(Arc<str>),
    /// Nothing to say: it waits again.
    Nothing,
    /// Nothing any more: the last message was said.
    Over,
}

enum State {
    /// Nothing was said yet.
    New,
    /// There may be more to read.
    Behind,
    /// All was read when this was taken.
    Waiting(EventListener),
    /// The last message was said.
    Over,
}

/// A message that was read once for all who follow at the same place.
struct Page {
    after: Cursor,
    cursor: Cursor,
    complete: bool,
    message: Arc<str>,
    /// Which reading it is from.
    reading: u64,
}

/// What the followers of one space share: the page that was read last.
#[derive(Default)]
struct Tail {
    begun: AtomicU64,
    last: lock::Mutex<Option<Arc<Page>>>,
    /// The last position of the space, as far as anybody here knows.
    head: AtomicU64,
    marks: Mutex<Vec<Weak<AtomicU64>>>,
}

impl Tail {
    /// Where a new follower stands.
    fn mark(&self, cursor: Cursor) -> Arc<AtomicU64> {
        let mark = Arc::new(AtomicU64::new(cursor.get()));
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.len() == marks.capacity() {
            marks.retain(|mark| mark.strong_count() > 0);
        }
        marks.push(Arc::downgrade(&mark));
        mark
    }

    /// How many events the follower who is furthest behind lacks.
    fn behind(&self) -> u64 {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let last = marks.iter().filter_map(Weak::upgrade).map(|mark| mark.load(Ordering::Relaxed)).min();
        last.map_or(0, |last| self.head.load(Ordering::Relaxed).saturating_sub(last))
    }
}

/// The spaces that are followed.
#[derive(Default)]
pub(super) struct Tails(Mutex<HashMap<SpaceId, Weak<Tail>>>);

impl Tails {
    fn of(&self, space: &SpaceId) -> Arc<Tail> {
        let mut tails = self.lock();
        if let Some(tail) = tails.get(space).and_then(Weak::upgrade) {
            return tail;
        }
        if tails.len() == tails.capacity() {
            tails.retain(|_, tail| tail.strong_count() > 0);
        }
        let tail = Arc::default();
        tails.insert(space.clone(), Arc::downgrade(&tail));
        tail
    }

    /// Notes the head of a space, where somebody follows it.
    pub(super) fn note(&self, space: &SpaceId, head: Position) {
        let tail = self.lock().get(space).and_then(Weak::upgrade);
        if let Some(tail) = tail {
            tail.head.store(head.get(), Ordering::Relaxed);
        }
    }

    // A panic elsewhere leaves a whole map.
    fn lock(&self) -> MutexGuard<'_, HashMap<SpaceId, Weak<Tail>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Spaces> Live<S> {
    pub(super) fn new(endpoint: Endpoint<S>, space: &SpaceId, after: Cursor, until: Option<u64>) -> Self {
        let Inner { spaces, tails, .. } = endpoint.inner();
        let (log, tail) = (spaces.space(space), tails.of(space));
        let mark = tail.mark(after);
        Self { log, tail, endpoint, cursor: after, mark, until, state: State::New }
    }

    /// When the follower's right ends, in milliseconds since 1970.
    pub const fn until(&self) -> Option<u64> {
        self.until
    }

    /// The next message, as soon as there is one; the first one comes at once. None behind the last.
    ///
    /// May be dropped and called again: nothing is lost, and nothing is said twice.
    pub async fn next(&mut self) -> Option<Arc<str>> {
        loop {
            self.changed().await;
            match self.read_on().await {
                Said::News(message) => return Some(message),
                Said::Nothing => {}
                Said::Over => return None,
            }
        }
    }

    /// Waits until there may be something to say. May be dropped and called again.
    pub async fn changed(&mut self) {
        if let State::Waiting(change) = &mut self.state {
            change.await;
            self.state = State::Behind;
        }
    }

    /// What there is to say. May be dropped and called again.
    pub async fn read_on(&mut self) -> Said {
        // Before the reading: what changes behind it then wakes.
        let change = self.log.listen();
        let read = match self.state {
            State::Over => return Said::Over,
            State::New => self.read(0).await.map(Arc::new),
            State::Behind | State::Waiting(_) => self.read_tail().await,
        };
        let page = match read {
            Ok(page) => page,
            Err(error) => {
                self.state = State::Over;
                return Said::News(self.endpoint.last_words(&error));
            }
        };
        let is_news = matches!(self.state, State::New) || page.cursor > self.cursor;
        self.state = if page.complete { State::Waiting(change) } else { State::Behind };
        self.cursor = page.cursor;
        self.mark.store(page.cursor.get(), Ordering::Relaxed);
        if is_news { Said::News(Arc::clone(&page.message)) } else { Said::Nothing }
    }

    /// What stands behind the cursor, read by this follower or by another one that stands there too. A page that
    /// was read is true for ever; that there was none, only for who began to ask before it was read.
    async fn read_tail(&self) -> Result<Arc<Page>, StoreError> {
        let begun = self.tail.begun.load(Ordering::Acquire);
        let mut last = self.tail.last.lock().await;
        if let Some(page) = &*last
            && page.after == self.cursor
            && (page.cursor > page.after || page.reading > begun)
        {
            return Ok(Arc::clone(page));
        }
        let reading = self.tail.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let page = Arc::new(self.read(reading).await?);
        *last = Some(Arc::clone(&page));
        Ok(page)
    }

    async fn read(&self, reading: u64) -> Result<Page, StoreError> {
        let page::Page { cursor, complete, head, text } =
            self.endpoint.page(&*self.log, self.cursor, None).await?;
        self.tail.head.store(head.get(), Ordering::Relaxed);
        let message = message("page", Some(cursor), &text).into();
        Ok(Page { after: self.cursor, cursor, complete, message, reading })
    }
}

impl<S: Spaces> Endpoint<S> {
    /// How many events the follower who is furthest behind has still to be told, as far as is known here.
    pub fn behind(&self) -> u64 {
        let tails: Vec<_> = self.inner().tails.lock().values().filter_map(Weak::upgrade).collect();
        tails.iter().map(|tail| tail.behind()).max().unwrap_or(0)
    }

    /// The message after which a stream ends: why it does.
    pub fn last_words(&self, error: &StoreError) -> Arc<str> {
        message("end", None, &to_text(&ErrorAnswer::new(error, self.known_identity()))).into()
    }
}

/// A server-sent event. JSON has line breaks only between its tokens, where a space means the same.
fn message(event: &str, id: Option<Cursor>, json: &str) -> String {
    let json =
        if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ").into() } else { Cow::from(json) };
    let id = id.map(|cursor| format!("id: {cursor}\n")).unwrap_or_default();
    format!("event: {event}\n{id}data: {json}\n\n")
}
