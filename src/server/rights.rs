//! What a token allows: rights per space, by name or by the beginning of a name.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::endpoint::Right;
use crate::error::StoreError;
use crate::event::SpaceId;

/// Rights by space, as the claim of a token states them: `{ "team-1": ["read", "write"], "user-*": ["read"] }`.
///
/// A name that ends with `*` means every space that begins with what stands before it. The rights of all names that
/// match add up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Rights(BTreeMap<String, Vec<String>>);

impl Rights {
    /// Whether a space may be used so.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub fn check(&self, space: &SpaceId, right: Right) -> Result<(), StoreError> {
        let name = space.as_str();
        let matches = |pattern: &str| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        };
        let granted = self
            .0
            .iter()
            .any(|(pattern, rights)| matches(pattern) && rights.iter().any(|named| named == right.as_str()));
        match granted {
            true => Ok(()),
            false => Err(StoreError::Forbidden(format!("you may not {} space {name:?}", right.as_str()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_holds_for_the_spaces_that_are_named_and_no_other() {
        let rights: Rights = serde_json::from_str(
            r#"{ "team-1": ["read", "write"], "user-*": ["read"], "user-7": ["write"], "odd": ["admin"], "a*b": ["read"] }"#,
        )
        .unwrap();
        let may = |space: &str, right| rights.check(&SpaceId::try_new(space).unwrap(), right).is_ok();
        assert!(may("team-1", Right::Read) && may("team-1", Right::Write));
        assert!(may("user-", Right::Read) && may("user-8", Right::Read) && !may("user-8", Right::Write));
        assert!(may("user-7", Right::Read) && may("user-7", Right::Write));
        for foreign in ["team-10", "team-", "TEAM-1", "odd", "auser-7", "axb"] {
            assert!(!may(foreign, Right::Read), "{foreign}");
        }
        assert!(may("a*b", Right::Read), "a star elsewhere is a star");
    }

    #[test]
    fn who_has_everything_says_so() {
        let rights: Rights = serde_json::from_str(r#"{ "*": ["write"] }"#).unwrap();
        assert!(rights.check(&SpaceId::try_new("any").unwrap(), Right::Write).is_ok());
        assert!(rights.check(&SpaceId::try_new("any").unwrap(), Right::Read).is_err());
    }
}
