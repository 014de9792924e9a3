//! A batch that was checked and completed: what stores keep, outboxes hold and endpoints take.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::json::{Encode, quoted, to_text};
use super::{
    Batch, CommitId, CorrelationId, Digest, DigestBuilder, Event, EventId, EventMetadata, EventType,
    IdGenerator, Json, Limits, RawEvent, StreamId, Upcasters, time,
};
use crate::error::{StoreError, at_most};
use crate::version::{EventVersion, ExpectedVersion};

/// What must hold of one stream before a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The stream.
    pub stream_id: StreamId,
    /// What must hold of it.
    pub expected: ExpectedVersion,
}

/// An event of a commit that has no version and no position yet.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Its id.
    pub id: EventId,
    /// The stream it goes to.
    pub stream_id: StreamId,
    /// What kind of thing happened.
    pub event_type: EventType,
    /// The payload.
    pub payload: Json,
    /// An [`EventMetadata`].
    pub metadata: Json,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
}

impl NewEvent {
    /// Whether a stored event is this one: the same id with the same content.
    pub fn is(&self, stored: &RawEvent) -> bool {
        self.id == stored.id
            && self.stream_id == stored.stream_id
            && self.event_type == stored.event_type
            && self.occurred_at == stored.occurred_at
            && self.payload == stored.payload
            && self.metadata == stored.metadata
    }
}

impl From<RawEvent> for NewEvent {
    fn from(event: RawEvent) -> Self {
        let RawEvent { id, stream_id, event_type, payload, metadata, occurred_at, .. } = event;
        Self { id, stream_id, event_type, payload, metadata, occurred_at }
    }
}

/// A checked batch: at least one event, one expectation per stream, every limit held.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    id: CommitId,
    events: Vec<NewEvent>,
    expectations: Vec<Expectation>,
    fresh: bool,
}

impl Commit {
    /// Checks a batch and completes it: ids, times, correlation.
    ///
    /// What the caller left out follows from the ids, so that repeating a write with the same ids repeats the
    /// same content: an event happened at its id's time, and correlates with the batch's first event.
    ///
    /// # Errors
    /// `INVALID_BATCH`, `INVALID_PAYLOAD`, `INVALID_NAME` or `PAYLOAD_TOO_LARGE`.
    pub fn prepare<E: Event, V: Encode>(
        batch: Batch<E, V>,
        ids: &IdGenerator,
        limits: &Limits,
        upcasters: &Upcasters,
    ) -> Result<Self, StoreError> {
        let stated = batch.events.iter().map(|event| (&event.stream_id, event.expected_version));
        let expectations =
            expectations(stated, batch.preconditions.iter().map(|p| (&p.stream_id, p.expected_version)))?;
        let fresh = batch.events.iter().all(|event| event.id.is_none());
        let mut correlation = None;
        let mut events = Vec::with_capacity(batch.events.len());
        for event in batch.events {
            let id = event.id.unwrap_or_else(|| ids.next());
            let encoded = event.payload.encode().map_err(|error| match error {
                super::payload::EncodeError::Json(invalid) => invalid.into(),
                super::payload::EncodeError::Name(invalid) => invalid.into(),
                unnamed @ super::payload::EncodeError::Unnamed => {
                    StoreError::InvalidBatch(unnamed.to_string())
                }
            })?;
            let correlation = correlation.get_or_insert_with(|| CorrelationId::from(id));
            let mut metadata = event.metadata.unwrap_or_else(|| EventMetadata::bare(correlation.clone()));
            metadata.schema_version = metadata.schema_version.max(upcasters.latest(&encoded.event_type));
            events.push(NewEvent {
                id,
                stream_id: event.stream_id,
                event_type: encoded.event_type,
                payload: encoded.payload,
                metadata: written(&metadata)?,
                occurred_at: event.occurred_at.map_or_else(|| id.timestamp(), time::whole_millis),
            });
        }
        let id = batch.commit_id.unwrap_or_else(|| ids.next().into());
        Self::checked(id, events, expectations, limits, fresh)
    }

    /// A commit from its parts, as an outbox or the wire has them.
    ///
    /// # Errors
    /// `INVALID_BATCH` or `PAYLOAD_TOO_LARGE`.
    pub fn from_parts(
        id: CommitId,
        events: Vec<NewEvent>,
        expectations: Vec<Expectation>,
        limits: &Limits,
    ) -> Result<Self, StoreError> {
        let mut seen = HashSet::with_capacity(expectations.len());
        if let Some(twice) = expectations.iter().find(|expectation| !seen.insert(&expectation.stream_id)) {
            return Err(StoreError::InvalidBatch(format!(
                "stream {} is expected twice",
                quoted(twice.stream_id.as_str())
            )));
        }
        if let Some(event) = events.iter().find(|event| !seen.contains(&event.stream_id)) {
            return Err(StoreError::InvalidBatch(format!(
                "nothing is expected of stream {}",
                quoted(event.stream_id.as_str())
            )));
        }
        Self::checked(id, events, expectations, limits, false)
    }

    fn checked(
        id: CommitId,
        events: Vec<NewEvent>,
        expectations: Vec<Expectation>,
        limits: &Limits,
        fresh: bool,
    ) -> Result<Self, StoreError> {
        if events.is_empty() {
            return Err(StoreError::InvalidBatch("it has no events".into()));
        }
        at_most("batch", events.len(), limits.batch_events, "events")?;
        let mut ids = HashSet::new();
        let mut bytes = 0;
        for event in &events {
            // Ids that were just made are all different.
            if !fresh && !ids.insert(event.id) {
                return Err(StoreError::InvalidBatch(format!("event id {} stands twice", event.id)));
            }
            if !time::is_of_four_digits(event.occurred_at) {
                return Err(StoreError::InvalidBatch(format!(
                    "event {} happened in no year of four digits",
                    event.id
                )));
            }
            at_most("payload", event.payload.text().len(), limits.payload_bytes, "bytes")?;
            at_most("metadata", event.metadata.text().len(), limits.metadata_bytes, "bytes")?;
            bytes += event.payload.text().len() + event.metadata.text().len();
        }
        at_most("batch", bytes, limits.batch_bytes, "bytes")?;
        Ok(Self { id, events, expectations, fresh })
    }

    /// The commit's id.
    pub const fn id(&self) -> CommitId {
        self.id
    }

    /// Its events, in their order; at least one.
    pub fn events(&self) -> &[NewEvent] {
        &self.events
    }

    /// What must hold of each stream that it writes or reads; a stream stands once.
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }

    /// Bytes of its payloads and metadata.
    pub fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.payload.text().len() + event.metadata.text().len()).sum()
    }

    /// Whether all of its event ids were made just now, so that no store can know one.
    pub const fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// The same where it may have been written before, so that a store looks whether it was.
    #[cfg(all(target_family = "wasm", feature = "client"))]
    pub(crate) fn again(self) -> Self {
        Self { fresh: false, ..self }
    }

    /// The same events on top of other versions.
    #[must_use]
    pub fn rebased(mut self, actual: impl Fn(&StreamId) -> EventVersion) -> Self {
        for expectation in &mut self.expectations {
            let actual = actual(&expectation.stream_id);
            if expectation.expected.check(actual).is_err() {
                expectation.expected = ExpectedVersion::Exact(actual);
            }
        }
        self
    }

    /// SHA-256 over the commit's id and its events in canonical form; not over expectations, which a rebase
    /// changes.
    pub fn digest(&self) -> Digest {
        let mut digest = DigestBuilder::new().field(self.id.to_string().as_bytes());
        for event in &self.events {
            digest = digest
                .field(event.id.to_string().as_bytes())
                .field(event.stream_id.as_str().as_bytes())
                .field(event.event_type.as_str().as_bytes())
                .field(event.payload.canonical().as_bytes())
                .field(event.metadata.canonical().as_bytes())
                .field(&event.occurred_at.timestamp_millis().to_be_bytes());
        }
        digest.finish()
    }
}

/// Metadata as it is kept. Only the values of the app's choice have not been checked yet.
fn written<V: Encode>(metadata: &EventMetadata<V>) -> Result<Json, StoreError> {
    let text = to_text(metadata);
    if metadata.custom.is_empty() { Ok(Json::checked(&text)) } else { Ok(Json::parse(&text)?) }
}

/// One expectation per stream, from what each event and each precondition states.
fn expectations<'a>(
    events: impl Iterator<Item = (&'a StreamId, ExpectedVersion)>,
    preconditions: impl Iterator<Item = (&'a StreamId, ExpectedVersion)>,
) -> Result<Vec<Expectation>, StoreError> {
    let mut list: Vec<Expectation> = Vec::new();
    let mut known: HashMap<&StreamId, (usize, u64)> = HashMap::new();
    for (stream_id, stated) in events {
        let (at, count) = known.entry(stream_id).or_insert((list.len(), 0));
        if *count == 0 {
            list.push(Expectation { stream_id: stream_id.clone(), expected: stated });
        } else if !list[*at].expected.allows_later(stated, *count) {
            return Err(contradiction(stream_id, list[*at].expected, stated));
        }
        *count += 1;
    }
    for (stream_id, stated) in preconditions {
        match known.get(stream_id) {
            None => {
                known.insert(stream_id, (list.len(), 0));
                list.push(Expectation { stream_id: stream_id.clone(), expected: stated });
            }
            Some((at, _)) if list[*at].expected.same_as(stated) => {}
            Some((at, _)) => return Err(contradiction(stream_id, list[*at].expected, stated)),
        }
    }
    Ok(list)
}

fn contradiction(stream_id: &StreamId, first: ExpectedVersion, later: ExpectedVersion) -> StoreError {
    StoreError::InvalidBatch(format!(
        "stream {} is expected to be {first}, then {later}",
        quoted(stream_id.as_str())
    ))
}
