//! Short texts that name things: event types, users, correlations, spaces. One rule for all of them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::json::{Decode, Encode, Read, Reader, quoted};

/// The most characters that a name may have.
pub(super) const MAX_CHARACTERS: usize = 255;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {problem}")]
pub struct InvalidName {
    /// What was to be named, such as `event type`.
    pub kind: &'static str,
    /// What is wrong with it.
    pub problem: NameProblem,
}

/// What is wrong with a name or a stream id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// No character at all.
    #[error("is empty")]
    Empty,
    /// Over 255 characters.
    #[error("has {0} characters; at most {MAX_CHARACTERS} are allowed")]
    TooLong(usize),
    /// White space at an end.
    #[error("starts or ends with white space")]
    Untrimmed,
    /// A control character, which no log or key should hold.
    #[error("has a control character at byte {0}")]
    ControlCharacter(usize),
}

/// 1 to 255 characters, trimmed, no control characters.
pub(crate) fn check(text: &str) -> Result<(), NameProblem> {
    if text.is_empty() {
        return Err(NameProblem::Empty);
    }
    // Mostly a name is of printable ASCII, without a space.
    if text.len() <= MAX_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    if text.len() > MAX_CHARACTERS {
        let characters = text.chars().count();
        if characters > MAX_CHARACTERS {
            return Err(NameProblem::TooLong(characters));
        }
    }
    if let Some((at, _)) = text.char_indices().find(|(_, character)| character.is_control()) {
        return Err(NameProblem::ControlCharacter(at));
    }
    if text.trim().len() != text.len() {
        return Err(NameProblem::Untrimmed);
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        /// 1 to 255 characters, trimmed, no control characters; cheap to clone.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text that obeys the rule.
            ///
            /// # Errors
            /// [`InvalidName`] when it does not.
            pub fn try_new(text: impl AsRef<str>) -> Result<Self, InvalidName> {
                let text = text.as_ref();
                check(text).map_err(|problem| InvalidName { kind: $kind, problem })?;
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Encode for $name {
            fn encode(&self, out: &mut String) {
                self.as_str().encode(out);
            }
        }

        impl Decode for $name {
            fn decode(reader: &mut Reader<'_>) -> Read<Self> {
                reader.parsed()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&quoted(&self.0))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::try_new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::try_new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().into()
            }
        }
    };
}

name!(
    /// What kind of thing happened, in the past tense: `OrderPlaced`.
    EventType,
    "event type"
);
name!(
    /// Who triggered an event.
    UserId,
    "user id"
);
name!(
    /// Ties events together across services.
    CorrelationId,
    "correlation id"
);
name!(
    /// What caused an event, usually the id of an earlier one.
    CausationId,
    "causation id"
);
name!(
    /// The unit of sync, order, atomicity and permission: a user, a team, a document.
    SpaceId,
    "space"
);
name!(
    /// A user's session, in an [`EventContext`](super::EventContext).
    SessionId,
    "session id"
);
name!(
    /// A request, in an [`EventContext`](super::EventContext).
    RequestId,
    "request id"
);

impl CorrelationId {
    /// A fresh random id.
    #[expect(clippy::new_without_default, reason = "a default should not be random")]
    pub fn new() -> Self {
        Self(uuid::Uuid::new_v4().to_string().into())
    }
}

/// For texts that the program states itself, as the chapter's examples do.
///
/// # Panics
/// When the text breaks the rule; parse what comes from outside with [`UserId::try_new`].
impl From<&'static str> for UserId {
    fn from(text: &'static str) -> Self {
        match Self::try_new(text) {
            Ok(user) => user,
            Err(invalid) => panic!("{invalid}: {text:?}"),
        }
    }
}

impl From<super::EventId> for CausationId {
    fn from(id: super::EventId) -> Self {
        Self(id.to_string().into())
    }
}

impl From<super::EventId> for CorrelationId {
    fn from(id: super::EventId) -> Self {
        Self(id.to_string().into())
    }
}
