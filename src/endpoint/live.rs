//! Following a space: its feed in pages, as server-sent events. It starts behind a cursor, catches up, and then
//! waits for changes, so there is no seam between the two; while nothing changes it asks nothing of the storage.
//!
//! The host brings time: it sends [`HEARTBEAT`] when it had nothing to send for [`HEARTBEAT_MS`], and ends the
//! stream at [`Live::until`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use event_listener::EventListener;
use futures_util::lock;

use crate::error::StoreError;
use crate::event::SpaceId;
use crate::event::json::{Encode, to_text};
use crate::protocol::{ErrorAnswer, EventsAnswer};
use crate::store::Backend;
use crate::version::Cursor;

use super::handler::{Endpoint, Inner, Spaces};

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
    until: Option<u64>,
    state: State,
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
}

/// The spaces that are followed.
#[derive(Default)]
pub(super) struct Tails(Mutex<HashMap<SpaceId, Weak<Tail>>>);

impl Tails {
    fn of(&self, space: &SpaceId) -> Arc<Tail> {
        // A panic elsewhere leaves a whole map.
        let mut tails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
}

impl<S: Spaces> Live<S> {
    pub(super) fn new(endpoint: Endpoint<S>, space: &SpaceId, after: Cursor, until: Option<u64>) -> Self {
        let Inner { spaces, tails, .. } = endpoint.inner();
        let (log, tail) = (spaces.space(space), tails.of(space));
        Self { log, tail, endpoint, cursor: after, until, state: State::New }
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
            if let State::Waiting(change) = &mut self.state {
                change.await;
                self.state = State::Behind;
            }
            // Before the reading: what changes behind it then wakes.
            let change = self.log.listen();
            let read = match self.state {
                State::Over => return None,
                State::New => self.read(0).await.map(Arc::new),
                State::Behind | State::Waiting(_) => self.read_tail().await,
            };
            let page = match read {
                Ok(page) => page,
                Err(error) => {
                    self.state = State::Over;
                    return Some(self.endpoint.last_words(&error));
                }
            };
            let is_news = matches!(self.state, State::New) || page.cursor > self.cursor;
            self.state = if page.complete { State::Waiting(change) } else { State::Behind };
            self.cursor = page.cursor;
            if is_news {
                return Some(Arc::clone(&page.message));
            }
        }
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
        let answer = self.endpoint.page(&*self.log, self.cursor, None).await?;
        let EventsAnswer { cursor, complete, .. } = answer;
        let message = message("page", Some(cursor), &answer).into();
        Ok(Page { after: self.cursor, cursor, complete, message, reading })
    }
}

impl<S: Spaces> Endpoint<S> {
    /// The message after which a stream ends: why it does.
    pub fn last_words(&self, error: &StoreError) -> Arc<str> {
        message("end", None, &ErrorAnswer::new(error, self.known_identity())).into()
    }
}

/// A server-sent event. JSON has line breaks only between its tokens, where a space means the same.
fn message(event: &str, id: Option<Cursor>, data: &dyn Encode) -> String {
    let json = to_text(data);
    let json = if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ") } else { json };
    let id = id.map(|cursor| format!("id: {cursor}\n")).unwrap_or_default();
    format!("event: {event}\n{id}data: {json}\n\n")
}
