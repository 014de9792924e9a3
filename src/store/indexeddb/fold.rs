//! Folding: small records become large ones, whose events are found and read many at a time.
//!
//! What cannot be read is kept as it lies, so that damage neither spreads nor stops anybody.

use std::collections::HashMap;

use super::records::{self, Lying, Record, SEGMENT, SEGMENT_BYTES};
use crate::event::{CommitId, Expectation, RawEvent};

/// What stands next to each other in the log.
pub(super) enum Part {
    /// Events, and what their commits expect.
    Events(Vec<RawEvent>, HashMap<CommitId, Vec<Expectation>>),
    /// A record that cannot be read.
    Damaged(Lying),
}

/// Reads records.
pub(super) fn read(records: &[Lying]) -> Vec<Part> {
    let read = |record: &Lying| match record.written().cloned() {
        Some((events, expected)) => Part::Events(events, expected),
        None => match Record::read(record) {
            Ok(record) => Part::Events(record.events, record.expected),
            Err(_) => Part::Damaged(record.clone()),
        },
    };
    records.iter().map(read).collect()
}

/// As few records as are needed for them, of about the same size.
pub(super) fn packed(parts: Vec<Part>) -> Vec<Lying> {
    let mut packed = Vec::new();
    let mut run: Vec<RawEvent> = Vec::new();
    let mut expectations: HashMap<CommitId, Vec<Expectation>> = HashMap::new();
    for part in parts {
        match part {
            Part::Events(events, expected) => {
                run.extend(events);
                for (commit, expected) in expected {
                    expectations.entry(commit).or_insert(expected);
                }
            }
            Part::Damaged(record) => {
                pack(&run, &expectations, &mut packed);
                run.clear();
                packed.push(record);
            }
        }
    }
    pack(&run, &expectations, &mut packed);
    packed
}

fn pack(events: &[RawEvent], expectations: &HashMap<CommitId, Vec<Expectation>>, packed: &mut Vec<Lying>) {
    let expected = expectations.iter().map(|(commit, expected)| (*commit, expected.as_slice())).collect();
    let count = events.len().div_ceil(SEGMENT).max(1);
    for events in events.chunks(events.len().div_ceil(count).max(1)) {
        let mut rest = events;
        while !rest.is_empty() {
            let (some, more) = rest.split_at(fitting(rest));
            packed.push(records::encode(some, &expected));
            rest = more;
        }
    }
}

/// How many of these events make a record; at least one.
fn fitting(events: &[RawEvent]) -> usize {
    let mut bytes = 0;
    let fits = events.iter().take_while(|event| {
        bytes += event.payload.text().len() + event.metadata.text().len();
        bytes <= SEGMENT_BYTES
    });
    fits.count().max(1)
}
