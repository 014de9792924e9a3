//! Columns to events and back. A stored value that cannot be read is damage, and the error names it.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::error::StoreError;
use crate::event::json::{Decode, Encode, Object, from_text, to_text};
use crate::event::{CommitId, EventId, EventType, Json, Place, RawEvent, StreamId, time};
use crate::store::{Query, WrittenEvent};
use crate::version::{EventVersion, Position};

use super::client::{Row, Value};

/// `jsonb` writes 1e300 with 301 digits, which the rules for JSON refuse. No shorter run of digits needs care …
const LONG_NUMBER: usize = 16;
/// … and behind a point none that a number of permitted length cannot become.
const LONG_FRACTION: usize = 512;

/// Bytes of an event on the wire, beside its names, payload and metadata: about.
const ENVELOPE: usize = 256;

/// A list as a parameter, or an event as text.
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
        let (above, below) = range(query);
        Self {
            from_version: query.from_version.to_string(),
            to_version: query.to_version.to_string(),
            above: above.to_string(),
            below: below.to_string(),
            event_types: texts(query.event_types.iter().map(EventType::as_str)),
            max_events: i64::try_from(query.max_events).unwrap_or(i64::MAX).to_string(),
        }
    }

    /// As [`of`](Self::of), for a page of the feed: where each position up to its end has a wanted event, it says so.
    pub(super) fn of_page(query: &Query) -> Self {
        let (above, _) = range(query);
        let all_versions =
            query.from_version <= EventVersion::ZERO.next() && query.to_version == EventVersion::MAX;
        match query.backwards || !all_versions || query.selects_by_content() {
            true => Self::of(query),
            false => Self { below: behind_page(above, query.max_events).to_string(), ..Self::of(query) },
        }
    }
}

/// What stands between two positions. Everything here is confirmed, so that pending events of another log stand
/// behind all of it.
fn range(query: &Query) -> (u64, u64) {
    match (query.after, query.backwards) {
        (None, _) | (Some(Place::Pending(_)), true) => (0, i64::MAX as u64),
        (Some(Place::Pending(_)), false) => (Position::MAX.get(), i64::MAX as u64),
        (Some(Place::Confirmed(after)), false) => (after.get(), i64::MAX as u64),
        (Some(Place::Confirmed(before)), true) => (0, before.get()),
    }
}

/// The position behind a page of every event that begins behind `above`: there is an event at each. Where PostgreSQL
/// is told, it finds the page by that; left to its estimates it sorts the space, as long as nobody analyzed the table.
pub(super) fn behind_page(above: u64, max_events: usize) -> u64 {
    above.saturating_add(max_events as u64).saturating_add(1).min(i64::MAX as u64)
}

/// Text that is JSON already.
struct Raw<'a>(&'a str);

impl Encode for Raw<'_> {
    fn encode(&self, out: &mut String) {
        out.push_str(self.0);
    }
}

/// A row, read column by column.
pub(super) struct Columns(std::vec::IntoIter<Option<Value>>);

impl From<Row> for Columns {
    fn from(row: Row) -> Self {
        Self(row.into_iter())
    }
}

impl Columns {
    /// The next column; none for SQL's null.
    fn optional(&mut self) -> Result<Option<Value>, StoreError> {
        self.0.next().ok_or_else(|| StoreError::Internal("PostgreSQL answered with too few columns".into()))
    }

    /// The next column, which is not null.
    fn value(&mut self) -> Result<Value, StoreError> {
        self.optional()?.ok_or_else(|| StoreError::StorageCorrupt("a column is null".into()))
    }

    /// The next column as text.
    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        match self.value()? {
            Value::Written(text) | Value::Text(text) => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    /// The next column as something that parses itself.
    pub(super) fn parse<T: FromStr<Err: Display>>(&mut self) -> Result<T, StoreError> {
        parsed(&self.text()?)
    }

    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        unsigned(&self.value()?)
    }

    pub(super) fn flag(&mut self) -> Result<bool, StoreError> {
        match self.value()? {
            Value::Flag(flag) => Ok(flag),
            Value::Written(text) | Value::Text(text) => parsed(&text),
            other => Err(unexpected(&other)),
        }
    }

    fn id<T: FromStr<Err: Display> + TryFrom<Uuid, Error: Display>>(&mut self) -> Result<T, StoreError> {
        match self.value()? {
            Value::Id(id) => T::try_from(id).map_err(damaged),
            Value::Written(text) => parsed(&text),
            other => Err(unexpected(&other)),
        }
    }

    /// The next column as a name; none for SQL's null.
    pub(super) fn optional_name<T: Decode + FromStr<Err: Display>>(
        &mut self,
    ) -> Result<Option<T>, StoreError> {
        Ok(Some(match self.optional()? {
            None => return Ok(None),
            Some(Value::Text(text)) => parsed(&text)?,
            Some(Value::Written(text)) => {
                from_text(&text).map_err(|error| damaged(format_args!("{text}: {error}")))?
            }
            Some(other) => return Err(unexpected(&other)),
        }))
    }

    pub(super) fn name<T: Decode + FromStr<Err: Display>>(&mut self) -> Result<T, StoreError> {
        self.optional_name()?.ok_or_else(|| StoreError::StorageCorrupt("a name is null".into()))
    }

    pub(super) fn version(&mut self) -> Result<EventVersion, StoreError> {
        EventVersion::try_from(self.number()?).map_err(damaged)
    }

    pub(super) fn position(&mut self) -> Result<Position, StoreError> {
        position(&self.value()?)
    }

    fn time(&mut self) -> Result<DateTime<Utc>, StoreError> {
        let time = DateTime::from_timestamp_millis(integer(&self.value()?)?);
        time.ok_or_else(|| StoreError::StorageCorrupt("occurred_at is no time".into()))
    }

    /// The columns of an event, as the JSON that it is on the wire; none where a reading found no event.
    pub(super) fn written(&mut self) -> Result<Option<WrittenEvent>, StoreError> {
        let Some(at) = self.optional()? else { return Ok(None) };
        self.written_at(&at).map(Some).map_err(|error| at_position(&at, &error))
    }

    fn written_at(&mut self, at: &Value) -> Result<WrittenEvent, StoreError> {
        let position = position(at)?;
        let (id, commit_id): (EventId, CommitId) = (self.id()?, self.id()?);
        let (stream_id, version, event_type): (StreamId, _, EventType) =
            (self.name()?, self.version()?, self.name()?);
        let (payload, metadata) = (fit(self.text()?)?, fit(self.text()?)?);
        let occurred_at = self.time()?;
        let names = stream_id.as_str().len() + event_type.as_str().len();
        let mut text = String::with_capacity(names + payload.len() + metadata.len() + ENVELOPE);
        Object::new(&mut text)
            .member("position", &position)
            .member("id", &id)
            .member("commitId", &commit_id)
            .member("streamId", &stream_id)
            .member("version", &version)
            .member("type", &event_type)
            .member("payload", &Raw(&payload))
            .member("metadata", &Raw(&metadata))
            .member("occurredAt", &time::format(occurred_at))
            .end();
        Ok(WrittenEvent { position, commit_id, text })
    }

    /// The columns of an event; none where a reading found no event.
    pub(super) fn event(&mut self) -> Result<Option<RawEvent>, StoreError> {
        let Some(at) = self.optional()? else { return Ok(None) };
        self.event_at(&at).map(Some).map_err(|error| at_position(&at, &error))
    }

    fn event_at(&mut self, at: &Value) -> Result<RawEvent, StoreError> {
        Ok(RawEvent {
            place: Place::Confirmed(position(at)?),
            id: self.id()?,
            commit_id: self.id()?,
            stream_id: self.name()?,
            version: self.version()?,
            event_type: self.name()?,
            payload: stored_json(self.text()?)?,
            metadata: stored_json(self.text()?)?,
            occurred_at: self.time()?,
        })
    }
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error| damaged(format_args!("{text:?}: {error}")))
}

fn integer(value: &Value) -> Result<i64, StoreError> {
    match value {
        Value::Integer(integer) => Ok(*integer),
        Value::Written(text) | Value::Text(text) => parsed(text),
        other => Err(unexpected(other)),
    }
}

fn unsigned(value: &Value) -> Result<u64, StoreError> {
    u64::try_from(integer(value)?).map_err(damaged)
}

fn position(value: &Value) -> Result<Position, StoreError> {
    Position::try_from(unsigned(value)?).map_err(damaged)
}

fn damaged(error: impl Display) -> StoreError {
    StoreError::StorageCorrupt(error.to_string())
}

fn at_position(at: &Value, error: &StoreError) -> StoreError {
    let at = integer(at).map_or_else(|_| "?".into(), |at| at.to_string());
    damaged(format_args!("the event at position {at}: {error}"))
}

fn unexpected(value: &Value) -> StoreError {
    StoreError::Internal(format!("PostgreSQL answered with another type: {value:?}"))
}

/// What `jsonb` printed, as JSON that keeps the rules: its long numbers are shortened again.
fn fit(text: String) -> Result<String, StoreError> {
    match has_long_number(&text) {
        true => Ok(Json::trusted(&text).map_err(damaged)?.canonical()),
        false => Ok(text),
    }
}

fn stored_json(text: String) -> Result<Json, StoreError> {
    Json::trusted(&fit(text)?).map_err(damaged)
}

/// Whether a number may be written out as the rules refuse it. What is none, in a string, costs only time.
fn has_long_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + LONG_NUMBER <= bytes.len() {
        // Where there is one, its last digit that counts is here or before.
        let Some(back) = bytes[at..at + LONG_NUMBER].iter().rposition(|byte| !byte.is_ascii_digit()) else {
            let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
            let is_long = match before {
                b'.' => digits >= LONG_FRACTION,
                // What stands in front of a number, as `jsonb` writes it.
                b' ' | b'[' | b'-' => true,
                _ => false,
            };
            if is_long {
                return true;
            }
            at += digits;
            continue;
        };
        at += back + 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_jsonb_wrote_out_obeys_the_rules_again() {
        let written_out = format!("{{\"n\": 1{}, \"m\": -0.{}5}}", "0".repeat(300), "0".repeat(300));
        assert!(Json::parse(&written_out).is_err());
        let json = stored_json(written_out).unwrap();
        assert_eq!(json, Json::parse(r#"{"n":1e300,"m":-5e-301}"#).unwrap());
        assert!(Json::parse(json.text()).is_ok());
    }

    #[test]
    fn other_text_is_passed_on_as_it_came() {
        let texts = [
            r#"{"b": [1, 2.50], "a": "1234567890123456789"}"#,
            r#"{"b": 0.30000000000000004, "a": -12.1234567890123456789}"#,
            "null",
            "9007199254740991",
        ];
        for text in texts {
            assert_eq!(stored_json(text.into()).unwrap().text(), text);
        }
    }

    #[test]
    fn what_the_rules_may_refuse_is_found_wherever_it_stands() {
        let digits = "1".repeat(LONG_NUMBER);
        for filler in 0..40 {
            let filler = "x".repeat(filler);
            for (text, is_long) in [
                (format!("{{\"{filler}\": {digits}, \"a\": 1}}"), true),
                (format!("{{\"{filler}\": [{digits}]}}"), true),
                (format!("{{\"{filler}\": -{digits}.5}}"), true),
                (format!("{{\"{filler}\": {}}}", &digits[1..]), false),
                (format!("{{\"{filler}\": 0.{digits}}}"), false),
                (format!("{{\"{filler}\": \"{digits}\"}}"), false),
                (format!("{{\"{filler}\": 0.{}}}", "0".repeat(LONG_FRACTION)), true),
            ] {
                assert_eq!(has_long_number(&text), is_long, "{text}");
            }
        }
    }

    #[test]
    fn a_damaged_event_is_named() {
        let row = vec![Some(Value::Integer(7)), Some(Value::Written("no uuid".into()))];
        let error = Columns::from(row).event().unwrap_err();
        assert_eq!(error.code(), "STORAGE_CORRUPT");
        assert!(error.to_string().contains("position 7"), "{error}");
    }
}
