//! The statements, with the schema's name in its place. The SQL itself lies in `sql/`.

use crate::error::StoreError;

/// PostgreSQL cuts longer names without an error, so that two names could mean one schema.
const MAX_NAME_BYTES: usize = 63;

macro_rules! sql {
    ($($(#[$doc:meta])* $name:ident: $file:literal $(, $key:literal => $value:expr)*;)*) => {
        /// Every statement of the adapter, for one schema.
        #[derive(Debug)]
        pub struct Sql {
            schema: String,
            quoted: String,
            $(pub(super) $name: String,)*
        }

        impl Sql {
            /// The statements for a schema, whatever characters are in its name.
            ///
            /// # Errors
            /// `INVALID_REQUEST` for a name that PostgreSQL does not take: empty, over 63 bytes, with U+0000.
            pub fn new(schema: &str) -> Result<Self, StoreError> {
                let quoted = quote_identifier(schema)?;
                let fill = |text: &str| fill(text, &quoted);
                Ok(Self {
                    $($name: fill(&code(include_str!(concat!("sql/", $file)))$(.replace($key, $value))*),)*
                    schema: schema.into(),
                    quoted,
                })
            }
        }
    };
}

sql! {
    begin: "begin.sql";
    commit: "commit.sql";
    rollback: "rollback.sql";
    ensure_space: "ensure-space.sql";
    lock_space: "lock-space.sql";
    heads: "heads.sql";
    look: "look.sql";
    known_events: "known-events.sql", "{event}" => &code(EVENT);
    write: "write.sql";
    read_streams: "read-streams.sql", "{event}" => &code(EVENT), "{order}" => "asc";
    read_streams_backwards: "read-streams.sql", "{event}" => &code(EVENT), "{order}" => "desc";
    read_feed: "read-feed.sql", "{event}" => &code(EVENT), "{order}" => "asc";
    read_feed_backwards: "read-feed.sql", "{event}" => &code(EVENT), "{order}" => "desc";
    read_written: "read-written.sql";
    locate: "locate.sql";
    erase: "erase.sql";
    notify: "notify.sql";
    backend_id: "backend-id.sql";
    schema_lock: "schema/lock.sql";
    schema_exists: "schema/exists.sql";
    schema_create: "schema/create.sql";
    schema_version: "schema/version.sql";
    schema_migrated: "schema/migrated.sql";
}

const EVENT: &str = include_str!("sql/event-columns.sql");

impl Sql {
    /// The schema's name, as it was given.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// A statement of a migration.
    pub(super) fn migration(&self, text: &str) -> String {
        fill(&code(text), &self.quoted)
    }
}

/// The name as an identifier: in quotes, and those in it doubled.
fn quote_identifier(name: &str) -> Result<String, StoreError> {
    let problem = match name.len() {
        0 => "is empty",
        length if length > MAX_NAME_BYTES => "has over 63 bytes",
        _ if name.contains('\0') => "has U+0000",
        _ => return Ok(format!("\"{}\"", name.replace('"', "\"\""))),
    };
    Err(StoreError::InvalidRequest(format!("the schema's name {problem}")))
}

/// The statement without the comments that explain it: they need not travel.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("--"));
    lines.collect::<Vec<_>>().join("\n")
}

fn fill(code: &str, quoted: &str) -> String {
    code.replace("{schema}", quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_of_any_name_stays_one_identifier() {
        for (name, quoted) in [
            ("eventcore", "\"eventcore\""),
            ("Event Core", "\"Event Core\""),
            ("a\"; drop table x; --", "\"a\"\"; drop table x; --\""),
            ("\"", "\"\"\"\""),
            ("{schema}", "\"{schema}\""),
        ] {
            assert_eq!(quote_identifier(name).unwrap(), quoted);
            assert!(Sql::new(name).unwrap().locate.contains(&format!("from {quoted}.events")));
        }
    }

    #[test]
    fn a_name_that_postgresql_would_cut_is_refused() {
        assert!(Sql::new(&"x".repeat(63)).is_ok());
        for name in ["", &"x".repeat(64), &"ä".repeat(32), "a\0b"] {
            assert_eq!(Sql::new(name).unwrap_err().code(), "INVALID_REQUEST", "{name:?}");
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in_and_no_comment_travels() {
        let sql = Sql::new("s").unwrap();
        for statement in [&sql.write, &sql.read_feed, &sql.read_streams_backwards, &sql.known_events] {
            assert!(!statement.contains(['{', '}']) && !statement.contains("--"), "{statement}");
        }
    }
}
