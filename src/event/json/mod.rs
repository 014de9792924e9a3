//! JSON as a payload: text that every side keeps unchanged in meaning, from IndexedDB to `jsonb`.
//!
//! A [`Json`] has passed one check of the rules of I-JSON (RFC 7493), plus what PostgreSQL refuses: so what
//! an append accepts offline, the endpoint accepts later. Equality and digests go by the canonical form.

mod canonical;
mod codec;
mod finite;
mod float;
mod number;
mod read;
mod scan;
mod text;
mod write;

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

pub use number::MAX_NUMBER_BYTES;
pub use scan::MAX_DEPTH;
pub use write::Encode;

pub(crate) use codec::{decode_members, decode_words, encode_members, encode_words, members};
pub(crate) use read::{Decode, Fault, Read, Reader, from_text};
pub(crate) use text::order;
#[cfg(all(target_family = "wasm", feature = "client"))]
pub(crate) use write::array;
pub(crate) use write::{Object, quoted, to_text};

/// JSON text that obeys the rules of [`Reason`]; cheap to clone, without white space around it.
///
/// Two are equal when they mean the same: the order of keys, white space, and how a number or a character
/// is spelled do not count.
#[derive(Clone)]
pub struct Json(Arc<str>);

/// Why a text or a value is not [`Json`], and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, at {path} (byte {at})")]
pub struct InvalidJson {
    /// Which rule it breaks.
    pub reason: Reason,
    /// Where, in bytes from the start of the text.
    pub at: usize,
    /// Where, as a path from the root: `$.items[3].price`. Names over 64 characters are cut.
    pub path: String,
}

/// The rules, as what breaks them. Texts in them are cut after 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Not JSON (RFC 8259).
    #[error("not JSON: expected {0}")]
    Syntax(&'static str),
    /// An integer that a 64-bit float, and so JavaScript, rounds to another.
    #[error(
        "the integer {0} is not exact as a 64-bit float and would change on its way; send it as a string"
    )]
    NumberNotExact(String),
    /// A number that a 64-bit float holds only as an infinity or as 0.
    #[error("the number {0} is too large or too small for a 64-bit float; send it as a string")]
    NumberOutOfRange(String),
    /// A number of more than [`MAX_NUMBER_BYTES`] bytes.
    #[error("a number of {0} bytes; write at most {MAX_NUMBER_BYTES}, or send it as a string")]
    NumberTooLong(usize),
    /// U+0000 in a string or a key: PostgreSQL cannot store it.
    #[error("a string has U+0000, which PostgreSQL cannot store; leave it out, or send bytes as base64")]
    NulCharacter,
    /// An escape for half of a surrogate pair: no character, and no UTF-8.
    #[error("a string has half of a surrogate pair; make it well formed, or send bytes as base64")]
    LoneSurrogate,
    /// A key twice in one object: readers disagree on which counts.
    #[error("the key {} is there twice in one object; keep one", quoted(.0))]
    DuplicateKey(String),
    /// More arrays and objects around a value than [`MAX_DEPTH`].
    #[error("nested deeper than {limit} levels; flatten it, or send the inner part as a string")]
    TooDeep {
        /// How many levels are allowed.
        limit: usize,
    },
    /// NaN or an infinity: JSON has no word for them.
    #[error("NaN and infinities are not JSON; send null or a string")]
    NotFinite,
    /// A value whose own serialisation failed, such as a map with keys that are no strings.
    #[error("the value cannot be serialised: {0}")]
    NotSerializable(String),
}

impl Json {
    /// Checks a text: syntax and rules.
    ///
    /// # Errors
    /// [`InvalidJson`] with the first rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidJson> {
        scan::check(text)?;
        Ok(Self::checked(trimmed(text)))
    }

    /// Serialises a value. Unlike `serde_json`, refuses NaN and infinities rather than writing `null`.
    ///
    /// # Errors
    /// [`InvalidJson`] when the value cannot be serialised, or its text breaks a rule.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, InvalidJson> {
        Self::parse(&finite::to_text(value)?).map_err(finite::explain)
    }

    /// Takes a text that a store checked when it was written: only the syntax is looked at again, so that a
    /// rule of a later version never makes an old event unreadable.
    ///
    /// # Errors
    /// [`InvalidJson`] when it is not JSON, as in a damaged record.
    pub fn trusted(text: &str) -> Result<Self, InvalidJson> {
        scan::check_syntax(text)?;
        Ok(Self::checked(trimmed(text)))
    }

    /// Takes a text that was checked, and has no white space around it.
    pub(crate) fn checked(text: &str) -> Self {
        Self(text.into())
    }

    /// The text, as it was given.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Decodes it.
    ///
    /// # Errors
    /// What the decoder says, when the text is not of that type.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.text())
    }

    /// The one text of everything that means the same (RFC 8785): what digests are made of.
    pub fn canonical(&self) -> String {
        canonical::canonical(self.text())
    }
}

/// Without the white space that JSON allows around a value.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\n', '\r', '\t'])
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text() || self.canonical() == other.canonical()
    }
}

impl Eq for Json {}

impl fmt::Debug for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text())
    }
}

impl Encode for Json {
    fn encode(&self, out: &mut String) {
        out.push_str(self.text());
    }
}

impl Decode for Json {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        reader.json()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

/// The written form, for whoever embeds the value in a type of serde's.
pub(crate) fn serialize<S: Serializer>(value: &dyn Encode, serializer: S) -> Result<S::Ok, S::Error> {
    let raw = RawValue::from_string(to_text(value)).map_err(serde::ser::Error::custom)?;
    raw.serialize(serializer)
}

/// Likewise, read.
pub(crate) fn deserialize<'de, T: Decode, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    from_text(raw.get()).map_err(serde::de::Error::custom)
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod laws;
#[cfg(test)]
mod tests;
