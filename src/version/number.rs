//! Versions and positions: counts that are exact in JavaScript too.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::json::{Decode, Encode, Read, Reader};

/// The largest integer that JavaScript's numbers hold exactly, 2^53 - 1.
pub(crate) const MAX: u64 = (1 << 53) - 1;

/// A number over 2^53 - 1, which JavaScript could not hold exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is over 2^53 - 1")]
pub struct NumberTooLarge(pub u64);

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        /// At most 2^53 - 1, so exact as a JavaScript number.
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u64", into = "u64")]
        pub struct $name(u64);

        impl $name {
            /// Before everything: 0.
            pub const ZERO: Self = Self(0);
            /// The largest, 2^53 - 1.
            pub const MAX: Self = Self(MAX);

            /// The number; what is over 2^53 - 1 counts as that.
            pub const fn new(number: u64) -> Self {
                Self(if number > MAX { MAX } else { number })
            }

            /// The number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// Whether it is 0.
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// This number and `count` more; none where that passes 2^53 - 1.
            pub const fn plus(self, count: u64) -> Option<Self> {
                match self.0.checked_add(count) {
                    Some(sum) if sum <= MAX => Some(Self(sum)),
                    _ => None,
                }
            }

            /// The number after this; it stays at 2^53 - 1.
            #[must_use]
            pub const fn next(self) -> Self {
                Self::new(self.0 + 1)
            }
        }

        impl Encode for $name {
            fn encode(&self, out: &mut String) {
                self.0.encode(out);
            }
        }

        impl Decode for $name {
            fn decode(reader: &mut Reader<'_>) -> Read<Self> {
                Self::try_from(reader.count()?).or_else(|error| reader.fail(&error))
            }
        }

        impl TryFrom<u64> for $name {
            type Error = NumberTooLarge;

            fn try_from(number: u64) -> Result<Self, NumberTooLarge> {
                if number > MAX { Err(NumberTooLarge(number)) } else { Ok(Self(number)) }
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> Self {
                number.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    };
}

number!(
    /// Number of events in a stream; 0 is an empty stream, the first event has version 1.
    EventVersion
);
number!(
    /// Number of an event in its space, in commit order: 1, 2, 3, … without holes.
    Position
);
number!(
    /// A place in the feed to go on from: everything up to this position was read. 0 is the beginning.
    Cursor
);

impl From<Position> for Cursor {
    fn from(position: Position) -> Self {
        Self(position.0)
    }
}

impl From<Cursor> for Position {
    fn from(cursor: Cursor) -> Self {
        Self(cursor.0)
    }
}
