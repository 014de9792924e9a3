//! Projections: a state that follows the feed.
//!
//! The state of the confirmed log is kept with the cursor up to which it is folded. Pending events are folded on
//! top of a copy: a rebase, or a conflict that drops them, never has to be undone.

use serde::{Deserialize, Serialize};

use super::fold;
use crate::error::StoreError;
use crate::event::{Event, EventType, StoredEvent};
use crate::store::{EventStore, ReadOptions};
use crate::version::Cursor;

/// Which events a projection folds, and how: a checkpoint of another one is of no use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    revision: u32,
    event_types: Vec<EventType>,
    stream_prefix: Option<String>,
}

/// A projection's state of the confirmed log and how far it goes, to be kept and resumed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint<T> {
    definition: Definition,
    /// Up to where the feed is folded.
    pub cursor: Cursor,
    /// The state there.
    pub state: T,
}

/// A state that is folded from the feed, event by event, and never from the beginning twice.
pub struct Projection<T, E, F> {
    definition: Definition,
    cursor: Cursor,
    confirmed: T,
    pending: Vec<StoredEvent<E>>,
    /// The confirmed state with the pending events on top, where there are any.
    shown: Option<T>,
    apply: F,
}

impl<T: Clone, E: Event, F: Fn(&mut T, &StoredEvent<E>)> Projection<T, E, F> {
    /// A projection of every event, before the first.
    pub fn new(initial: T, apply: F) -> Self {
        Self {
            definition: Definition::default(),
            cursor: Cursor::ZERO,
            confirmed: initial,
            pending: Vec::new(),
            shown: None,
            apply,
        }
    }

    /// Folds only events of these types.
    #[must_use]
    pub fn event_types(mut self, types: impl IntoIterator<Item = EventType>) -> Self {
        self.definition.event_types = types.into_iter().collect();
        self.definition.event_types.sort();
        self
    }

    /// Folds only streams whose id starts with these very characters.
    #[must_use]
    pub fn stream_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.definition.stream_prefix = Some(prefix.into());
        self
    }

    /// Numbers what the fold does, from 0; raise it with a change, so that old checkpoints are not resumed.
    #[must_use]
    pub const fn revision(mut self, revision: u32) -> Self {
        self.definition.revision = revision;
        self
    }

    /// Goes on from a checkpoint. One of another revision or filter is ignored: the feed is folded from the
    /// beginning.
    #[must_use]
    pub fn resume(mut self, checkpoint: Checkpoint<T>) -> Self {
        if checkpoint.definition == self.definition {
            self.cursor = checkpoint.cursor;
            self.confirmed = checkpoint.state;
        }
        self
    }

    /// Folds what is new in the feed; answers with the number of confirmed events that were.
    ///
    /// May be given up at any moment and called again: state and cursor move together.
    ///
    /// # Errors
    /// `ENDPOINT_RESET` where the feed ends before the cursor, so that it is another feed; else as
    /// [`EventStore::read_all_events`]. What was folded before stays.
    pub async fn catch_up<S: EventStore<Event = E>>(&mut self, store: &S) -> Result<usize, StoreError> {
        let mut folded = 0;
        // Page by page, the confirmed events; then in one read what is pending, which is little.
        loop {
            let page = store.read_all_events(self.options().confirmed_only()).await?;
            self.belongs_to(page.head.into())?;
            folded += self.take(page.events, page.cursor);
            if page.complete {
                break;
            }
        }
        let page = store.read_all_events(self.options().max_events(usize::MAX)).await?;
        self.belongs_to(page.head.into())?;
        let (pending, confirmed) = page.events.into_iter().partition(StoredEvent::is_pending);
        folded += self.take(confirmed, page.cursor);
        self.pending = pending;
        self.shown = match self.pending.is_empty() {
            true => None,
            false => Some(fold(self.confirmed.clone(), &self.pending, &self.apply)),
        };
        Ok(folded)
    }

    fn options(&self) -> ReadOptions {
        let options = ReadOptions::default()
            .after(self.cursor)
            .event_types(self.definition.event_types.iter().cloned());
        match &self.definition.stream_prefix {
            Some(prefix) => options.stream_prefix(prefix),
            None => options,
        }
    }

    fn belongs_to(&self, head: Cursor) -> Result<(), StoreError> {
        if head >= self.cursor {
            return Ok(());
        }
        Err(StoreError::EndpointReset(format!(
            "the projection is at position {}, the store at {head}; build the projection anew",
            self.cursor
        )))
    }

    fn take(&mut self, confirmed: Vec<StoredEvent<E>>, cursor: Cursor) -> usize {
        for event in &confirmed {
            (self.apply)(&mut self.confirmed, event);
        }
        self.cursor = cursor;
        confirmed.len()
    }

    /// The state as a user should see it: the confirmed log, with what is pending on top.
    pub fn state(&self) -> &T {
        self.shown.as_ref().unwrap_or(&self.confirmed)
    }

    /// The state of the confirmed log alone.
    pub const fn confirmed(&self) -> &T {
        &self.confirmed
    }

    /// The pending events in [`state`](Self::state).
    pub fn pending(&self) -> &[StoredEvent<E>] {
        &self.pending
    }

    /// Up to where the confirmed log is folded.
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// What to keep so as to resume later.
    pub fn checkpoint(&self) -> Checkpoint<T> {
        Checkpoint { definition: self.definition.clone(), cursor: self.cursor, state: self.confirmed.clone() }
    }
}
