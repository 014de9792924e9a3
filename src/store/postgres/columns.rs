//! Columns to events and back. A stored value that cannot be read is damage, and the error names it.

use std::collections::HashMap;

use crate::error::StoreError;
use crate::event::json::{Encode, encode_members, to_text};
use crate::event::{CommitId, EventId, EventType, Json, Place, RawEvent, StreamId};
use crate::store::Query;
use crate::version::{EventVersion, Position};

use super::client::Row;

/// `jsonb` writes 1e300 with 301 digits, which the rules for JSON refuse. No shorter run of digits needs care.
const LONG_NUMBER: usize = 16;

/// An event as `write.sql` takes it.
pub(super) struct EventRow<'a> {
    position: Option<Position>,
    id: EventId,
    commit_id: CommitId,
    stream_id: &'a str,
    version: EventVersion,
    event_type: &'a str,
    payload: &'a Json,
    metadata: &'a Json,
    occurred_at: i64,
}

encode_members!(EventRow<'_> {
    position: "position",
    id: "id",
    commit_id: "commit_id",
    stream_id: "stream_id",
    version: "version",
    event_type: "event_type",
    payload: "payload",
    metadata: "metadata",
    occurred_at: "occurred_at",
});

impl<'a> From<&'a RawEvent> for EventRow<'a> {
    fn from(event: &'a RawEvent) -> Self {
        Self {
            position: event.place.position(),
            id: event.id,
            commit_id: event.commit_id,
            stream_id: event.stream_id.as_str(),
            version: event.version,
            event_type: event.event_type.as_str(),
            payload: &event.payload,
            metadata: &event.metadata,
            occurred_at: event.occurred_at.timestamp_millis(),
        }
    }
}

/// A stream as `write.sql` takes it.
pub(super) struct StreamRow<'a> {
    stream_id: &'a str,
    version: EventVersion,
}

encode_members!(StreamRow<'_> { stream_id: "stream_id", version: "version" });

/// The last version of each stream that these events write.
pub(super) fn stream_rows(written: &[RawEvent]) -> Vec<StreamRow<'_>> {
    let last: HashMap<&StreamId, EventVersion> =
        written.iter().map(|event| (&event.stream_id, event.version)).collect();
    last.into_iter().map(|(stream, version)| StreamRow { stream_id: stream.as_str(), version }).collect()
}

/// A list or a row as a parameter.
pub(super) fn json(value: &dyn Encode) -> String {
    to_text(value)
}

/// Texts as a parameter.
pub(super) fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    json(&texts.collect::<Vec<_>>())
}

/// What a query asks for, as parameters.
pub(super) struct QueryParams {
    pub(super) from_version: String,
    pub(super) to_version: String,
    /// Only what stands behind this position …
    pub(super) above: String,
    /// … and before this one.
    pub(super) below: String,
    pub(super) event_types: String,
    pub(super) max_events: String,
}

impl QueryParams {
    pub(super) fn of(query: &Query) -> Self {
        // Everything here is confirmed, so that pending events of another log stand behind all of it.
        let (above, below) = match (query.after, query.backwards) {
            (None, _) | (Some(Place::Pending(_)), true) => (0, i64::MAX as u64),
            (Some(Place::Pending(_)), false) => (Position::MAX.get(), i64::MAX as u64),
            (Some(Place::Confirmed(after)), false) => (after.get(), i64::MAX as u64),
            (Some(Place::Confirmed(before)), true) => (0, before.get()),
        };
        Self {
            from_version: query.from_version.to_string(),
            to_version: query.to_version.to_string(),
            above: above.to_string(),
            below: below.to_string(),
            event_types: texts(query.event_types.iter().map(EventType::as_str)),
            max_events: i64::try_from(query.max_events).unwrap_or(i64::MAX).to_string(),
        }
    }
}

/// A row, read column by column.
pub(super) struct Columns(std::vec::IntoIter<Option<String>>);

impl From<Row> for Columns {
    fn from(row: Row) -> Self {
        Self(row.into_iter())
    }
}

impl Columns {
    /// The next column; none for SQL's null.
    pub(super) fn optional(&mut self) -> Result<Option<String>, StoreError> {
        self.0.next().ok_or_else(|| StoreError::Internal("PostgreSQL answered with too few columns".into()))
    }

    /// The next column, which is not null.
    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.optional()?.ok_or_else(|| StoreError::StorageCorrupt("a column is null".into()))
    }

    /// The next column as something that parses itself.
    pub(super) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self) -> Result<T, StoreError> {
        let text = self.text()?;
        text.parse().map_err(|error| StoreError::StorageCorrupt(format!("{text:?}: {error}")))
    }

    pub(super) fn version(&mut self) -> Result<EventVersion, StoreError> {
        EventVersion::try_from(self.parse::<u64>()?)
            .map_err(|error| StoreError::StorageCorrupt(error.to_string()))
    }

    pub(super) fn position(&mut self) -> Result<Position, StoreError> {
        Position::try_from(self.parse::<u64>()?)
            .map_err(|error| StoreError::StorageCorrupt(error.to_string()))
    }

    /// The columns of `event-columns.sql`; none where a reading found no event.
    pub(super) fn event(&mut self) -> Result<Option<RawEvent>, StoreError> {
        let Some(position) = self.optional()? else { return Ok(None) };
        self.event_at(&position)
            .map(Some)
            .map_err(|error| StoreError::StorageCorrupt(format!("the event at position {position}: {error}")))
    }

    fn event_at(&mut self, position: &str) -> Result<RawEvent, StoreError> {
        let damaged = |error: &dyn std::fmt::Display| StoreError::StorageCorrupt(error.to_string());
        let position = position.parse::<u64>().map_err(|error| damaged(&error))?;
        Ok(RawEvent {
            place: Place::Confirmed(Position::try_from(position).map_err(|error| damaged(&error))?),
            id: self.parse()?,
            commit_id: self.parse()?,
            stream_id: self.parse()?,
            version: self.version()?,
            event_type: self.parse()?,
            payload: stored_json(&self.text()?)?,
            metadata: stored_json(&self.text()?)?,
            occurred_at: chrono::DateTime::from_timestamp_millis(self.parse()?)
                .ok_or_else(|| damaged(&"occurred_at is no time"))?,
        })
    }
}

/// What `jsonb` printed, as JSON that keeps the rules: its long numbers are shortened again.
fn stored_json(text: &str) -> Result<Json, StoreError> {
    let long = has_long_number(text);
    let json = Json::trusted(text).map_err(|error| StoreError::StorageCorrupt(error.to_string()))?;
    if !long {
        return Ok(json);
    }
    Json::trusted(&json.canonical()).map_err(|error| StoreError::StorageCorrupt(error.to_string()))
}

/// Whether there are so many digits in a row; in a string they do no harm.
fn has_long_number(text: &str) -> bool {
    let mut digits = 0;
    text.bytes().any(|byte| {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        digits >= LONG_NUMBER
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_jsonb_wrote_out_obeys_the_rules_again() {
        let written_out = format!("{{\"n\": 1{}, \"m\": -0.{}5}}", "0".repeat(300), "0".repeat(300));
        assert!(Json::parse(&written_out).is_err());
        let json = stored_json(&written_out).unwrap();
        assert_eq!(json, Json::parse(r#"{"n":1e300,"m":-5e-301}"#).unwrap());
        assert!(Json::parse(json.text()).is_ok());
    }

    #[test]
    fn other_text_is_passed_on_as_it_came() {
        for text in [r#"{"b": [1, 2.50], "a": "123456789012345"}"#, "null", "9007199254740991"] {
            assert_eq!(stored_json(text).unwrap().text(), text);
        }
    }

    #[test]
    fn a_damaged_event_is_named() {
        let row = vec![Some("7".into()), Some("no uuid".into())];
        let error = Columns::from(row).event().unwrap_err();
        assert_eq!(error.code(), "STORAGE_CORRUPT");
        assert!(error.to_string().contains("position 7"), "{error}");
    }
}
