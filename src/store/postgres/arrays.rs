//! What an append writes, as arrays: a column of `write.sql` each.

use std::fmt::{Display, Write as _};

use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

use crate::event::{RawEvent, time};
use crate::version::{EventVersion, Position};

/// An array as a parameter.
#[derive(Debug, Clone)]
pub enum Array<'a> {
    /// `bigint[]`.
    Integers(Vec<i64>),
    /// `uuid[]`.
    Ids(Vec<Uuid>),
    /// `text[]` or `jsonb[]`.
    Texts(Vec<&'a str>),
    /// `timestamptz[]`, in whole milliseconds.
    Times(Vec<DateTime<Utc>>),
}

/// The arrays of `write.sql`, in its order, for events that follow on a position.
pub(super) fn of(after: Position, written: &[RawEvent]) -> [Array<'_>; 9] {
    let positions = (1..).take(written.len()).map(|at| after.get().cast_signed() + at);
    [
        Array::Integers(positions.collect()),
        Array::Ids(written.iter().map(|event| event.id.as_uuid()).collect()),
        Array::Ids(written.iter().map(|event| event.commit_id.as_uuid()).collect()),
        Array::Texts(written.iter().map(|event| event.stream_id.as_str()).collect()),
        Array::Integers(written.iter().map(|event| integer(event.version)).collect()),
        Array::Texts(written.iter().map(|event| event.event_type.as_str()).collect()),
        Array::Texts(written.iter().map(|event| event.payload.text()).collect()),
        Array::Texts(written.iter().map(|event| event.metadata.text()).collect()),
        Array::Times(written.iter().map(|event| event.occurred_at).collect()),
    ]
}

/// At most 2^53 - 1, so there is no other.
const fn integer(version: EventVersion) -> i64 {
    version.get().cast_signed()
}

impl Array<'_> {
    /// As PostgreSQL reads it from text.
    pub fn to_text(&self) -> String {
        let mut text = Text(String::from("{"));
        match self {
            Self::Integers(integers) => integers.iter().for_each(|integer| text.plain(integer)),
            Self::Ids(ids) => ids.iter().for_each(|id| text.plain(id)),
            Self::Texts(texts) => texts.iter().for_each(|element| text.quoted(element)),
            Self::Times(times) => times.iter().for_each(|time| text.quoted(&timestamp(*time))),
        }
        text.0 + "}"
    }
}

/// PostgreSQL knows no year 0: before the year 1 comes 1 BC.
fn timestamp(time: DateTime<Utc>) -> String {
    match (time::format(time), time.year()) {
        (text, 0) => text.replacen("0000", "0001", 1) + " BC",
        (text, _) => text,
    }
}

struct Text(String);

impl Text {
    fn next(&mut self) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
    }

    /// What has nothing in it that an array would read in another way.
    fn plain(&mut self, value: &dyn Display) {
        self.next();
        // A string takes whatever is written to it.
        let _ = write!(self.0, "{value}");
    }

    fn quoted(&mut self, text: &str) {
        self.next();
        self.0.push('"');
        let mut rest = text;
        while let Some(at) = rest.find(['"', '\\']) {
            let (plain, escaped) = rest.split_at(at);
            self.0.push_str(plain);
            self.0.push('\\');
            let (special, after) = escaped.split_at(1);
            self.0.push_str(special);
            rest = after;
        }
        self.0.push_str(rest);
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_characters_stays_one_element() {
        let texts = ["plain", r#"a "quoted", {braced} text"#, r"back\slash", "", "\u{feff}null"];
        let expected =
            "{\"plain\",\"a \\\"quoted\\\", {braced} text\",\"back\\\\slash\",\"\",\"\u{feff}null\"}";
        assert_eq!(Array::Texts(texts.into()).to_text(), expected);
    }

    #[test]
    fn a_time_of_the_year_0_is_one_before_christ() {
        let times = ["0000-01-01T00:00:00.001Z", "0001-01-01T00:00:00.000Z"];
        let times = times.map(|time| time::parse(time).unwrap());
        let expected = r#"{"0001-01-01T00:00:00.001Z BC","0001-01-01T00:00:00.000Z"}"#;
        assert_eq!(Array::Times(times.into()).to_text(), expected);
    }
}
