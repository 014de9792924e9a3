//! What an append writes, as PostgreSQL's arrays in text: a column of `write.sql` each.

use std::collections::HashMap;
use std::fmt::{Display, Write as _};

use crate::event::{RawEvent, SpaceId, StreamId};
use crate::version::{EventVersion, Position};

/// The parameters of `write.sql`, in its order.
pub(super) struct Written([String; 14]);

impl Written {
    /// The events of a space that goes from one head to another.
    pub(super) fn of(space: &SpaceId, heads: (Position, Position), written: &[RawEvent]) -> Self {
        let mut last: HashMap<&StreamId, EventVersion> = HashMap::with_capacity(written.len());
        last.extend(written.iter().map(|event| (&event.stream_id, event.version)));
        let column = |add: fn(&mut Column, &RawEvent)| {
            let mut column = Column::of(written.len());
            written.iter().for_each(|event| add(&mut column, event));
            column.0 + "}"
        };
        let mut streams = Column::of(last.len());
        let mut versions = Column::of(last.len());
        for (stream, version) in last {
            streams.text(stream.as_str());
            versions.plain(version);
        }
        Self([
            space.as_str().into(),
            heads.0.to_string(),
            heads.1.to_string(),
            column(|column, event| column.plain(event.place.position().unwrap_or_default())),
            column(|column, event| column.plain(event.id)),
            column(|column, event| column.plain(event.commit_id)),
            column(|column, event| column.text(event.stream_id.as_str())),
            column(|column, event| column.plain(event.version)),
            column(|column, event| column.text(event.event_type.as_str())),
            column(|column, event| column.text(event.payload.text())),
            column(|column, event| column.text(event.metadata.text())),
            column(|column, event| column.plain(event.occurred_at.timestamp_millis())),
            streams.0 + "}",
            versions.0 + "}",
        ])
    }

    pub(super) fn params(&self) -> [&str; 14] {
        self.0.each_ref().map(String::as_str)
    }
}

struct Column(String);

impl Column {
    fn of(rows: usize) -> Self {
        let mut text = String::with_capacity(rows * 24 + 2);
        text.push('{');
        Self(text)
    }

    fn next(&mut self) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
    }

    /// What has nothing in it that an array would read in another way.
    fn plain(&mut self, value: impl Display) {
        self.next();
        // A string takes whatever is written to it.
        let _ = write!(self.0, "{value}");
    }

    fn text(&mut self, text: &str) {
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
        let mut column = Column::of(4);
        for text in ["plain", r#"a "quoted", {braced} text"#, r"back\slash", "", "\u{feff}null"] {
            column.text(text);
        }
        let expected =
            "{\"plain\",\"a \\\"quoted\\\", {braced} text\",\"back\\\\slash\",\"\",\"\u{feff}null\"";
        assert_eq!(column.0, expected);
    }
}
