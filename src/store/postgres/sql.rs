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
            pub fn new(schema: &str, form: Form) -> Result<Self, StoreError> {
                let quoted = quote_identifier(schema)?;
                let fill = |text: &str| fill(&form.fill(text), &quoted);
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
    look: "look.sql";
    known_events: "known-events.sql";
    write: "write.sql";
    read_streams: "read-streams.sql", "{order}" => "asc";
    read_streams_backwards: "read-streams.sql", "{order}" => "desc";
    read_page: "read-page.sql";
    read_feed: "read-feed.sql", "{order}" => "asc";
    read_feed_backwards: "read-feed.sql", "{order}" => "desc";
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

/// In which form the columns of events, streams and heads travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As text: every client has that.
    Text,
    /// As they are, for a client that reads PostgreSQL's binary form: PostgreSQL has less to print.
    Binary,
}

impl Form {
    /// What a statement reads, in this form.
    fn fill(self, code: &str) -> String {
        let (event, name, text) = match self {
            Self::Text => (include_str!("sql/event-columns.sql"), "to_json", "::text"),
            Self::Binary => (include_str!("sql/event-values.sql"), "", ""),
        };
        code.replace("{event}", &self::code(event)).replace("{name}", name).replace("{text}", text)
    }
}

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
            assert!(Sql::new(name, Form::Text).unwrap().locate.contains(&format!("from {quoted}.events")));
        }
    }

    #[test]
    fn a_name_that_postgresql_would_cut_is_refused() {
        assert!(Sql::new(&"x".repeat(63), Form::Text).is_ok());
        for name in ["", &"x".repeat(64), &"ä".repeat(32), "a\0b"] {
            assert_eq!(Sql::new(name, Form::Text).unwrap_err().code(), "INVALID_REQUEST", "{name:?}");
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in_and_no_comment_travels() {
        for form in [Form::Text, Form::Binary] {
            let sql = Sql::new("s", form).unwrap();
            for statement in
                [&sql.write, &sql.look, &sql.read_feed, &sql.read_streams_backwards, &sql.known_events]
            {
                assert!(!statement.contains(['{', '}']) && !statement.contains("--"), "{statement}");
            }
        }
    }
}
