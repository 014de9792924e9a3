//! Ids of events and commits: UUIDs of version 7, so that they sort by the time at which they were made.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{Uuid, Variant};

use super::clock;
use super::json::{Decode, Encode, Read, Reader, quoted};

/// Why a text or a UUID is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEventId {
    /// Not 32 hexadecimal digits with hyphens between them. The text is cut after 64 characters.
    #[error("{} is not a UUID of the form 01234567-89ab-7def-8123-456789abcdef", quoted(.0))]
    NotUuid(String),
    /// A UUID of another version or variant.
    #[error("{0} is a UUID, but not of version 7; take ids from EventId::new or a UUIDv7 library")]
    NotVersion7(Uuid),
}

fn parse(text: &str) -> Result<Uuid, InvalidEventId> {
    // 36 bytes are the hyphened form, of those that `uuid` reads.
    let uuid = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
    check(uuid.ok_or_else(|| InvalidEventId::NotUuid(text.chars().take(64).collect()))?)
}

fn check(uuid: Uuid) -> Result<Uuid, InvalidEventId> {
    let holds = uuid.get_version_num() == 7 && uuid.get_variant() == Variant::RFC4122;
    holds.then_some(uuid).ok_or(InvalidEventId::NotVersion7(uuid))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// A UUID of version 7. Its text is hyphened and in lower case; its order is that of its bytes.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The next id of this process: above every one that it made before, on any thread.
            pub fn new() -> Self {
                Self(clock::process().next_uuid())
            }

            /// Reads the hyphened form, in either case.
            ///
            /// # Errors
            /// [`InvalidEventId`] for anything but a UUID of version 7.
            pub fn parse(text: &str) -> Result<Self, InvalidEventId> {
                parse(text).map(Self)
            }

            /// Without a check: for what has just been made as version 7.
            pub(super) const fn made(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// When it was made, by the clock of its maker, to the millisecond.
            pub fn timestamp(&self) -> DateTime<Utc> {
                clock::date_time(self.timestamp_millis())
            }

            /// When it was made, in milliseconds since 1970.
            pub fn timestamp_millis(&self) -> u64 {
                (self.0.as_u128() >> 80) as u64
            }

            /// The UUID.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// Its 16 bytes, the most significant first.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.0.as_hyphenated(), out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }

        impl FromStr for $name {
            type Err = InvalidEventId;

            fn from_str(text: &str) -> Result<Self, InvalidEventId> {
                Self::parse(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidEventId;

            fn try_from(text: &str) -> Result<Self, InvalidEventId> {
                Self::parse(text)
            }
        }

        impl TryFrom<Uuid> for $name {
            type Error = InvalidEventId;

            fn try_from(uuid: Uuid) -> Result<Self, InvalidEventId> {
                check(uuid).map(Self)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl Encode for $name {
            fn encode(&self, out: &mut String) {
                out.push('"');
                out.push_str(self.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()));
                out.push('"');
            }
        }

        impl Decode for $name {
            fn decode(reader: &mut Reader<'_>) -> Read<Self> {
                reader.parsed()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text).map(Self)
            }
        }
    };
}

id!(
    /// The id of an event, and its idempotency key: the client's, never changed.
    EventId
);
id!(
    /// The id of a commit.
    CommitId
);

/// Reads an id from a text without copying it.
struct Text;

impl serde::de::Visitor<'_> for Text {
    type Value = Uuid;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a UUID of version 7")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Uuid, E> {
        parse(text).map_err(E::custom)
    }
}

// An id that a store's generator made names an event or a commit, whichever needs it.
impl From<EventId> for CommitId {
    fn from(id: EventId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

    #[test]
    fn the_example_of_rfc_9562_has_its_timestamp() {
        let id = EventId::parse(EXAMPLE).unwrap();
        assert_eq!(id.timestamp_millis(), 0x017F_22E2_79B0);
        assert_eq!(id.timestamp().to_rfc3339(), "2022-02-22T19:22:22+00:00");
        assert_eq!(id.to_string(), EXAMPLE);
        assert_eq!(format!("{id:?}"), EXAMPLE);
    }

    #[test]
    fn only_hyphened_version_7_of_the_rfc_variant_is_an_id() {
        assert_eq!(EventId::parse(&EXAMPLE.to_uppercase()), EventId::parse(EXAMPLE));
        for text in
            ["", "order-1", &EXAMPLE.replace('-', ""), &format!("{{{EXAMPLE}}}"), &EXAMPLE.replace('7', "g")]
        {
            assert!(matches!(EventId::parse(text), Err(InvalidEventId::NotUuid(_))), "{text}");
        }
        let other_variant = EXAMPLE.replace("-9", "-c");
        for text in ["00000000-0000-0000-0000-000000000000", &Uuid::new_v4().to_string(), &other_variant] {
            assert!(matches!(EventId::parse(text), Err(InvalidEventId::NotVersion7(_))), "{text}");
            assert!(EventId::try_from(text.parse::<Uuid>().unwrap()).is_err(), "{text}");
        }
        let long = "x".repeat(1000);
        assert_eq!(EventId::parse(&long), Err(InvalidEventId::NotUuid("x".repeat(64))));
    }

    #[test]
    fn serde_is_the_text() {
        let id = CommitId::new();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<CommitId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<CommitId>("\"x\"").is_err());
        assert!(serde_json::from_str::<CommitId>("7").is_err());
    }

    #[test]
    fn ids_of_this_process_increase_in_bytes_and_in_text() {
        let ids: Vec<EventId> = (0..1000).map(|_| EventId::new()).collect();
        assert!(ids.is_sorted_by(|one, other| one < other));
        assert!(ids.is_sorted_by(|one, other| one.as_bytes() < other.as_bytes()));
        assert!(ids.is_sorted_by(|one, other| one.to_string() < other.to_string()));
        assert!(ids.iter().all(|id| EventId::try_from(id.as_uuid()).as_ref() == Ok(id)));
        assert!(ids[0].timestamp_millis().abs_diff(clock::now_millis()) < 60_000);
    }
}
