//! Columns to events and back. A stored value that cannot be read is damage, and the error names it.

use crate::error::StoreError;
use crate::event::json::{Decode, Encode, from_text, to_text};
use crate::event::{EventType, Json, Place, RawEvent, time};
use crate::store::{Query, WrittenEvent};
use crate::version::{EventVersion, Position};

use super::client::Row;

/// `jsonb` writes 1e300 with 301 digits, which the rules for JSON refuse. No shorter run of digits needs care …
const LONG_NUMBER: usize = 16;
/// … and behind a point none that a number of permitted length cannot become.
const LONG_FRACTION: usize = 512;

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

/// An event that was read to be passed on.
pub(super) enum Written {
    Event(WrittenEvent),
    /// It has a number that has to be shortened first.
    Unfit,
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

    /// The next column as a name that was written as JSON; none for SQL's null.
    pub(super) fn optional_name<T: Decode>(&mut self) -> Result<Option<T>, StoreError> {
        let Some(text) = self.optional()? else { return Ok(None) };
        let name =
            from_text(&text).map_err(|error| StoreError::StorageCorrupt(format!("{text}: {error}")))?;
        Ok(Some(name))
    }

    /// The next column as a name that was written as JSON.
    pub(super) fn name<T: Decode>(&mut self) -> Result<T, StoreError> {
        self.optional_name()?.ok_or_else(|| StoreError::StorageCorrupt("a name is null".into()))
    }

    pub(super) fn version(&mut self) -> Result<EventVersion, StoreError> {
        EventVersion::try_from(self.parse::<u64>()?)
            .map_err(|error| StoreError::StorageCorrupt(error.to_string()))
    }

    pub(super) fn position(&mut self) -> Result<Position, StoreError> {
        Position::try_from(self.parse::<u64>()?)
            .map_err(|error| StoreError::StorageCorrupt(error.to_string()))
    }

    /// The event columns of `read-written.sql`; none where a reading found no event.
    pub(super) fn written(&mut self) -> Result<Option<Written>, StoreError> {
        let Some(position) = self.optional()? else { return Ok(None) };
        let commit_id = self.parse()?;
        let mut text = self.text()?;
        if has_long_number(&text) {
            return Ok(Some(Written::Unfit));
        }
        let occurred_at = chrono::DateTime::from_timestamp_millis(self.parse()?)
            .ok_or_else(|| StoreError::StorageCorrupt("occurred_at is no time".into()))?;
        text.extend([",\"occurredAt\":\"", &time::format(occurred_at), "\"}"]);
        let position = position.parse().ok().and_then(|position: u64| Position::try_from(position).ok());
        let position = position.ok_or_else(|| StoreError::StorageCorrupt("position is none".into()))?;
        Ok(Some(Written::Event(WrittenEvent { position, commit_id, text })))
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
            stream_id: self.name()?,
            version: self.version()?,
            event_type: self.name()?,
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
                // What stands in front of a number, as `jsonb` and `read-written.sql` write it.
                b' ' | b':' | b'[' | b'-' => true,
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
        let json = stored_json(&written_out).unwrap();
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
            assert_eq!(stored_json(text).unwrap().text(), text);
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
        let row = vec![Some("7".into()), Some("no uuid".into())];
        let error = Columns::from(row).event().unwrap_err();
        assert_eq!(error.code(), "STORAGE_CORRUPT");
        assert!(error.to_string().contains("position 7"), "{error}");
    }
}
