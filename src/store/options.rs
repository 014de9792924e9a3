//! What a reader asks for.

use crate::event::{EventId, EventType};
use crate::version::{Cursor, EventVersion};

/// Where a reading of the feed goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// After everything that was read up to a page's cursor.
    Cursor(Cursor),
    /// After this event, in feed order. A pending event counts as standing behind every confirmed one.
    Event(EventId),
}

impl From<Cursor> for After {
    fn from(cursor: Cursor) -> Self {
        Self::Cursor(cursor)
    }
}

impl From<EventId> for After {
    fn from(id: EventId) -> Self {
        Self::Event(id)
    }
}

/// Which events to read, and in which order. Everything is optional; the default reads all, forwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    pub(crate) from_version: Option<EventVersion>,
    pub(crate) to_version: Option<EventVersion>,
    pub(crate) max_events: Option<usize>,
    pub(crate) backwards: bool,
    pub(crate) after: Option<After>,
    pub(crate) event_types: Vec<EventType>,
    pub(crate) stream_prefix: Option<String>,
    pub(crate) confirmed_only: bool,
}

impl ReadOptions {
    /// Only events with this version or a later one.
    #[must_use]
    pub const fn from_version(mut self, version: EventVersion) -> Self {
        self.from_version = Some(version);
        self
    }

    /// Only events with this version or an earlier one.
    #[must_use]
    pub const fn to_version(mut self, version: EventVersion) -> Self {
        self.to_version = Some(version);
        self
    }

    /// At most so many events. Without it a stream is read whole, and the feed by pages of 1,000.
    #[must_use]
    pub const fn max_events(mut self, count: usize) -> Self {
        self.max_events = Some(count);
        self
    }

    /// The last event first.
    #[must_use]
    pub const fn backwards(mut self) -> Self {
        self.backwards = true;
        self
    }

    /// Goes on after a cursor or an event: forwards with what came later, backwards with what came before.
    #[must_use]
    pub fn after(mut self, after: impl Into<After>) -> Self {
        self.after = Some(after.into());
        self
    }

    /// Only events of these types; none means all.
    #[must_use]
    pub fn event_types(mut self, types: impl IntoIterator<Item = EventType>) -> Self {
        self.event_types = types.into_iter().collect();
        self
    }

    /// Only streams whose id starts with these very characters.
    #[must_use]
    pub fn stream_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.stream_prefix = Some(prefix.into());
        self
    }

    /// Only confirmed events; without it pending ones follow them.
    #[must_use]
    pub const fn confirmed_only(mut self) -> Self {
        self.confirmed_only = true;
        self
    }

    /// Whether a whole stream is read from its first event on.
    pub fn is_from_start(&self) -> bool {
        *self == Self::default()
    }
}

/// Which events a subscription delivers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    pub(crate) after: Option<After>,
    pub(crate) event_types: Vec<EventType>,
    pub(crate) stream_prefix: Option<String>,
    pub(crate) confirmed_only: bool,
    pub(crate) buffer: Option<usize>,
}

impl SubscriptionOptions {
    /// Starts after a cursor or an event instead of at the beginning.
    #[must_use]
    pub fn after(mut self, after: impl Into<After>) -> Self {
        self.after = Some(after.into());
        self
    }

    /// Only events of these types; none means all.
    #[must_use]
    pub fn event_types(mut self, types: impl IntoIterator<Item = EventType>) -> Self {
        self.event_types = types.into_iter().collect();
        self
    }

    /// Only streams whose id starts with these very characters.
    #[must_use]
    pub fn stream_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.stream_prefix = Some(prefix.into());
        self
    }

    /// Only confirmed events, in the order of their positions. Without it a pending event is delivered when it
    /// is written, and not again when it is confirmed.
    #[must_use]
    pub const fn confirmed_only(mut self) -> Self {
        self.confirmed_only = true;
        self
    }

    /// At most so many events wait in memory; 256 without it. A reader that is slower than the writers is not
    /// sent more: it reads the rest from the store when it gets there.
    #[must_use]
    pub const fn buffer(mut self, events: usize) -> Self {
        self.buffer = Some(events);
        self
    }
}
