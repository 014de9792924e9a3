//! What a decision comes to: events, for streams that it read.

use crate::error::StoreError;
use crate::event::{EventMetadata, StreamId};

/// An event that a decision emits.
#[derive(Debug, Clone, PartialEq)]
pub struct Emitted<E> {
    /// The stream it goes to; one of those that were read.
    pub stream_id: StreamId,
    /// What happened.
    pub payload: E,
    /// Who, when, why; without it the events of a decision share a correlation id.
    pub metadata: Option<EventMetadata>,
}

/// What was decided: any number of events, over any of the streams that were read. They are written together
/// or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<E> {
    events: Vec<Emitted<E>>,
}

impl<E> Decision<E> {
    /// Nothing happens.
    pub const fn nothing() -> Self {
        Self { events: Vec::new() }
    }

    /// This happens too.
    #[must_use]
    pub fn emit(mut self, stream_id: StreamId, payload: E) -> Self {
        self.events.push(Emitted { stream_id, payload, metadata: None });
        self
    }

    /// This happens too, and this is known of it.
    #[must_use]
    pub fn emit_with(mut self, stream_id: StreamId, payload: E, metadata: EventMetadata) -> Self {
        self.events.push(Emitted { stream_id, payload, metadata: Some(metadata) });
        self
    }

    /// The events, in their order.
    pub fn events(&self) -> &[Emitted<E>] {
        &self.events
    }

    /// The events, in their order.
    pub fn into_events(self) -> impl ExactSizeIterator<Item = Emitted<E>> {
        self.events.into_iter()
    }

    /// Whether nothing happens.
    pub const fn is_nothing(&self) -> bool {
        self.events.is_empty()
    }

    /// A decision may only emit into streams that it read: of others it does not know the version.
    pub(crate) fn check(&self, read: &[StreamId]) -> Result<(), StoreError> {
        match self.events.iter().find(|event| !read.contains(&event.stream_id)) {
            None => Ok(()),
            Some(event) => Err(StoreError::InvalidBatch(format!(
                "the decision emits into stream {:?}, which it did not read; read it too",
                event.stream_id
            ))),
        }
    }
}

impl<E> From<Vec<(StreamId, E)>> for Decision<E> {
    fn from(events: Vec<(StreamId, E)>) -> Self {
        events
            .into_iter()
            .fold(Self::nothing(), |decision, (stream_id, payload)| decision.emit(stream_id, payload))
    }
}
