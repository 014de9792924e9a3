//! Names of streams, and how one busy stream is partitioned into several.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::json::{Decode, Encode, Read, Reader, quoted};
use super::name::{self, NameProblem};

/// The name of a stream: events about one thing, in a space.
///
/// 1 to 255 characters, trimmed, no control characters; cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamId(Text);

#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

/// Why a text is not a stream id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {problem}", quoted(text))]
pub struct InvalidStreamId {
    /// The text, cut after 64 characters.
    pub text: String,
    /// What is wrong with it.
    pub problem: NameProblem,
}

impl StreamId {
    /// Takes a text that obeys the rule.
    ///
    /// # Errors
    /// [`InvalidStreamId`] when it does not.
    pub fn try_new(text: impl AsRef<str>) -> Result<Self, InvalidStreamId> {
        let text = text.as_ref();
        match name::check(text) {
            Ok(()) => Ok(Self(Text::Shared(text.into()))),
            Err(problem) => Err(InvalidStreamId { text: text.chars().take(64).collect(), problem }),
        }
    }

    /// A stream id that the program states itself; in a `const` it is checked while compiling.
    ///
    /// Stricter than [`try_new`](Self::try_new): printable ASCII only, which is what a compiler can check.
    ///
    /// ```
    /// use eventcore_web::event::StreamId;
    /// const ORDER: StreamId = StreamId::from_static("order-123");
    /// assert_eq!(ORDER.as_str(), "order-123");
    /// ```
    /// ```compile_fail
    /// const WRONG: eventcore_web::event::StreamId = eventcore_web::event::StreamId::from_static(" order");
    /// ```
    ///
    /// # Panics
    /// When the text breaks the rule; in a `const` that is an error of the compiler.
    pub const fn from_static(text: &'static str) -> Self {
        let bytes = text.as_bytes();
        assert!(!bytes.is_empty(), "a stream id is not empty");
        assert!(bytes.len() <= name::MAX_CHARACTERS, "a stream id has at most 255 characters");
        assert!(bytes[0] != b' ' && bytes[bytes.len() - 1] != b' ', "a stream id is trimmed");
        let mut at = 0;
        while at < bytes.len() {
            assert!(bytes[at] >= 0x20 && bytes[at] < 0x7f, "a static stream id is printable ASCII");
            at += 1;
        }
        Self(Text::Static(text))
    }

    /// One of `partitions` streams named `{prefix}-{n}`, chosen by the key, to spread the load of one.
    ///
    /// The choice is the same on every platform and in every release: 64-bit FNV-1a over the UTF-8 bytes of
    /// the key's text, its halves folded by xor, modulo `partitions` (0 counts as 1).
    ///
    /// # Errors
    /// [`InvalidStreamId`] when the name that results breaks the rule.
    pub fn partitioned(
        prefix: &str,
        key: &(impl fmt::Display + ?Sized),
        partitions: u32,
    ) -> Result<Self, InvalidStreamId> {
        Self::try_new(format!("{prefix}-{}", partition(&key.to_string(), partitions)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The number of the partition that a key belongs to, from 0 to `partitions - 1`.
fn partition(key: &str, partitions: u32) -> u32 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = key.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    let folded = (hash >> 32) ^ (hash & 0xffff_ffff);
    (folded % u64::from(partitions.max(1))) as u32
}

impl Encode for StreamId {
    fn encode(&self, out: &mut String) {
        self.as_str().encode(out);
    }
}

impl Decode for StreamId {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        reader.parsed()
    }
}

impl AsRef<str> for StreamId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl std::borrow::Borrow<str> for StreamId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&quoted(self.as_str()))
    }
}

impl FromStr for StreamId {
    type Err = InvalidStreamId;

    fn from_str(text: &str) -> Result<Self, InvalidStreamId> {
        Self::try_new(text)
    }
}

impl TryFrom<String> for StreamId {
    type Error = InvalidStreamId;

    fn try_from(text: String) -> Result<Self, InvalidStreamId> {
        Self::try_new(text)
    }
}

impl From<StreamId> for String {
    fn from(id: StreamId) -> Self {
        id.as_str().into()
    }
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

// By content: a static and a shared text of the same letters are the same stream.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl std::hash::Hash for Text {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_one_to_255_characters_trimmed_without_controls() {
        assert!(StreamId::try_new("order-1").is_ok());
        assert!(StreamId::try_new("ä".repeat(255)).is_ok());
        for (text, problem) in [
            (String::new(), NameProblem::Empty),
            ("ä".repeat(256), NameProblem::TooLong(256)),
            (" a".into(), NameProblem::Untrimmed),
            ("a\u{a0}".into(), NameProblem::Untrimmed),
            ("a\nb".into(), NameProblem::ControlCharacter(1)),
            ("a\0".into(), NameProblem::ControlCharacter(1)),
        ] {
            assert_eq!(StreamId::try_new(&text).map_err(|invalid| invalid.problem), Err(problem), "{text:?}");
        }
    }

    #[test]
    fn static_and_parsed_ids_are_equal_and_hash_alike() {
        let ids = std::collections::HashSet::from([StreamId::from_static("a")]);
        assert!(ids.contains(&StreamId::try_new("a").unwrap()));
    }

    #[test]
    fn partitions_never_move() {
        let of = |key: &str| StreamId::partitioned("orders", key, 16).unwrap().to_string();
        // Stored streams depend on these very names: a change here is a change of the format.
        assert_eq!(of(""), "orders-1");
        assert_eq!(of("order-1"), "orders-2");
        assert_eq!(of("ä"), "orders-5");
    }
}
