//! What an adapter implements: append runs of checked commits, read slices, say when something changed.

use std::collections::HashSet;

use event_listener::EventListener;

use crate::error::StoreError;
use crate::event::json::to_text;
use crate::event::{Commit, CommitId, EventId, EventType, IdGenerator, Place, RawEvent, StreamId};
use crate::maybe::{MaybeSend, MaybeSync};
use crate::version::{Cursor, EventVersion, Outcome, Position};

/// What to read, with everything resolved that a caller may leave open.
#[derive(Debug, Clone)]
pub struct Query {
    /// The lowest version.
    pub from_version: EventVersion,
    /// The highest version.
    pub to_version: EventVersion,
    /// At most so many events; at least one.
    pub max_events: usize,
    /// The last event first.
    pub backwards: bool,
    /// Forwards: only what stands behind this. Backwards: only what stands before it.
    pub after: Option<Place>,
    /// Only these types; empty means all.
    pub event_types: HashSet<EventType>,
    /// Only streams whose id starts with this; empty means all.
    pub stream_prefix: String,
    /// Whether pending events follow the confirmed ones.
    pub pending: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            from_version: EventVersion::ZERO,
            to_version: EventVersion::MAX,
            max_events: usize::MAX,
            backwards: false,
            after: None,
            event_types: HashSet::new(),
            stream_prefix: String::new(),
            pending: true,
        }
    }
}

impl Query {
    /// The confirmed feed behind a cursor.
    pub fn behind(after: Cursor, max_events: usize) -> Self {
        let after = Some(Place::Confirmed(after.into()));
        Self { max_events, after, pending: false, ..Self::default() }
    }

    /// The end of the feed: what a reading of it says is the head.
    pub fn last() -> Self {
        Self { max_events: 1, backwards: true, pending: false, ..Self::default() }
    }

    /// Whether events are left out for what they are, wherever they stand.
    pub fn selects_by_content(&self) -> bool {
        !(self.event_types.is_empty() && self.stream_prefix.is_empty())
    }

    /// Whether the reader wants this event, `max_events` aside.
    pub fn wants(&self, event: &RawEvent) -> bool {
        let reached = match self.after {
            None => true,
            Some(after) if self.backwards => event.place < after,
            Some(after) => event.place > after,
        };
        reached
            && (self.from_version..=self.to_version).contains(&event.version)
            && (self.pending || event.place.position().is_some())
            && (self.event_types.is_empty() || self.event_types.contains(&event.event_type))
            && event.stream_id.as_str().starts_with(&self.stream_prefix)
    }
}

/// The events of one stream that a query selects.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSlice {
    /// The stream's version, pending events included where the query includes them.
    pub version: EventVersion,
    /// The events, in the query's order.
    pub events: Vec<RawEvent>,
}

/// A page of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedSlice {
    /// The events, in the query's order.
    pub events: Vec<RawEvent>,
    /// How far the page looked, whether it found something or not: safe to store and to go on from. Forwards
    /// it never passes a position that was not looked at, and pending events do not move it.
    pub cursor: Cursor,
    /// Whether the page looked at everything that there was.
    pub complete: bool,
    /// The last confirmed position of the space when the page was read.
    pub head: Position,
}

/// A confirmed event as it is written on the wire, for who passes it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenEvent {
    /// Its position.
    pub position: Position,
    /// The commit that it is of.
    pub commit_id: CommitId,
    /// All of it, as a [`RawEvent`] writes itself.
    pub text: String,
}

impl WrittenEvent {
    /// An event, written.
    ///
    /// # Errors
    /// `INTERNAL` for one that is pending, so that it has no position.
    pub fn of(event: &RawEvent) -> Result<Self, StoreError> {
        let pending = || StoreError::Internal("an event that is pending was to be passed on".into());
        Ok(Self {
            position: event.place.position().ok_or_else(pending)?,
            commit_id: event.commit_id,
            text: to_text(event),
        })
    }
}

/// A page of the confirmed feed, written; see [`FeedSlice`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenSlice {
    /// The events, in feed order.
    pub events: Vec<WrittenEvent>,
    /// How far the page looked.
    pub cursor: Cursor,
    /// Whether the page looked at everything that there was.
    pub complete: bool,
    /// The last confirmed position of the space when the page was read.
    pub head: Position,
}

impl TryFrom<FeedSlice> for WrittenSlice {
    type Error = StoreError;

    fn try_from(slice: FeedSlice) -> Result<Self, StoreError> {
        let FeedSlice { events, cursor, complete, head } = slice;
        let events = events.iter().map(WrittenEvent::of).collect::<Result<_, _>>()?;
        Ok(Self { events, cursor, complete, head })
    }
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Appended {
    /// An outcome per commit, in order.
    pub outcomes: Vec<Outcome>,
    /// The last confirmed position of the space behind the run, or a later one.
    pub head: Position,
}

/// A log of one space. Everything typed, checked or shared is done by [`Store`](super::Store) around it.
pub trait Backend: MaybeSend + MaybeSync + 'static {
    /// Writes a run of commits in one transaction, in order: after the first that is refused the rest is not
    /// attempted. Runs that arrive together may share a transaction; each stands for itself.
    ///
    /// Decides by [`Admission`](crate::version::Admission) over what the transaction sees. Answers with an
    /// outcome per commit, when what was accepted is durable.
    ///
    /// # Errors
    /// A failure of the storage: then none of the run is written, or it is not known whether it is.
    fn append(&self, run: Vec<Commit>) -> impl Future<Output = Result<Vec<Outcome>, StoreError>> + MaybeSend;

    /// [`append`](Self::append), and the head behind it. A log that learns the head anyway says it without a reading.
    ///
    /// # Errors
    /// As [`append`](Self::append); also where the run is written and the head cannot be read.
    fn append_up_to_head(
        &self,
        run: Vec<Commit>,
    ) -> impl Future<Output = Result<Appended, StoreError>> + MaybeSend {
        async move {
            let outcomes = self.append(run).await?;
            Ok(Appended { outcomes, head: self.read_feed(&Query::last()).await?.head })
        }
    }

    /// Reads streams as they are at one moment; a slice per stream, in the order asked for. `max_events` holds
    /// for each stream.
    ///
    /// # Errors
    /// A failure of the storage.
    fn read_streams(
        &self,
        streams: &[StreamId],
        query: &Query,
    ) -> impl Future<Output = Result<Vec<StreamSlice>, StoreError>> + MaybeSend;

    /// Reads a page of the feed.
    ///
    /// # Errors
    /// A failure of the storage.
    fn read_feed(&self, query: &Query) -> impl Future<Output = Result<FeedSlice, StoreError>> + MaybeSend;

    /// Reads a page of the confirmed feed, forwards, as text. A log that holds text does not decode it.
    ///
    /// # Errors
    /// A failure of the storage.
    fn read_written(
        &self,
        after: Cursor,
        max_events: usize,
    ) -> impl Future<Output = Result<WrittenSlice, StoreError>> + MaybeSend {
        async move { self.read_feed(&Query::behind(after, max_events)).await?.try_into() }
    }

    /// Where an event stands, if it is here.
    ///
    /// # Errors
    /// A failure of the storage.
    fn locate(&self, id: EventId) -> impl Future<Output = Result<Option<Place>, StoreError>> + MaybeSend;

    /// Wakes at the next change by anyone. Take it before reading: what changes after the reading then wakes.
    fn listen(&self) -> EventListener;

    /// The generator that new ids come from.
    fn ids(&self) -> &IdGenerator;

    /// Lets go of what the log holds; later calls answer [`StoreError::Closed`] and listeners wake.
    fn close(&self);
}
