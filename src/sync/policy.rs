//! Standing answers to conflicts, by the streams that they are about.

use crate::event::json::{Decode, Read, Reader, decode_words};

use super::{Conflict, Resolution};

/// A standing answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The same events on top of what others wrote.
    Rebase,
    /// The commit is given up.
    Drop,
    /// It is kept, and waits for the app.
    Park,
}

decode_words!(Policy { Rebase: "rebase", Drop: "drop", Park: "park" });

/// Policies by the beginning of a stream's id; the longest that fits counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies(Vec<(String, Policy)>);

impl Decode for Policies {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let mut policies = Vec::new();
        reader.array(&mut |reader| {
            policies.push((reader.element(true)?, reader.element(false)?));
            reader.end_of_array()
        })?;
        Ok(Self(policies))
    }
}

impl Policies {
    /// Adds a policy for the streams whose id starts so; an empty prefix fits all.
    #[must_use]
    pub fn with(mut self, prefix: impl Into<String>, policy: Policy) -> Self {
        self.0.push((prefix.into(), policy));
        self
    }

    /// What the policies say, if they say one thing about every stream of the conflict. Else the app is asked, as
    /// it is about a commit that was rejected.
    pub fn decide(&self, conflict: &Conflict) -> Option<Resolution> {
        let mut policies = conflict.streams.iter().map(|stream| self.of(stream.stream_id.as_str()));
        let first = policies.next()??;
        policies.all(|policy| policy == Some(first)).then_some(match first {
            Policy::Rebase => Resolution::Rebase,
            Policy::Drop => Resolution::Drop,
            Policy::Park => Resolution::Park,
        })
    }

    fn of(&self, stream: &str) -> Option<Policy> {
        let fitting = self.0.iter().filter(|(prefix, _)| stream.starts_with(prefix.as_str()));
        fitting.max_by_key(|(prefix, _)| prefix.len()).map(|(_, policy)| *policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CommitId, StreamId};
    use crate::version::{EventVersion, ExpectedVersion, StreamConflict};

    fn conflict(streams: &[&'static str]) -> Conflict {
        let stream = |id: &&'static str| StreamConflict {
            stream_id: StreamId::from_static(id),
            expected: ExpectedVersion::NoStream,
            actual: EventVersion::new(1),
        };
        Conflict {
            commit_id: CommitId::new(),
            streams: streams.iter().map(stream).collect(),
            rejected: None,
            remote_events: Vec::new(),
            local_events: Vec::new(),
        }
    }

    #[test]
    fn the_longest_prefix_counts_and_streams_must_agree() {
        let policies = Policies::default()
            .with("counter-", Policy::Rebase)
            .with("counter-draft-", Policy::Drop)
            .with("order-", Policy::Park);
        let decide = |streams: &[&'static str]| policies.decide(&conflict(streams));
        assert_eq!(decide(&["counter-1"]), Some(Resolution::Rebase));
        assert_eq!(decide(&["counter-1", "counter-2"]), Some(Resolution::Rebase));
        assert_eq!(decide(&["counter-draft-1"]), Some(Resolution::Drop));
        assert_eq!(decide(&["order-1"]), Some(Resolution::Park));
        assert_eq!(decide(&["counter-1", "order-1"]), None, "they disagree");
        assert_eq!(decide(&["counter-1", "else"]), None, "one says nothing");
        assert_eq!(decide(&[]), None, "a rejected commit is not in conflict");
    }
}
