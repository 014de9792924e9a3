//! The configuration of `eventcore-server`: flags, then the environment, then a file, then what is usual.

mod subjects;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, FromArgMatches, Parser};

use super::cors::AllowedOrigins;
use super::retention::Task;
use super::run::ServerConfig;
use subjects::{DatabaseOptions, LimitOptions, LogOptions, TokenOptions};

pub use subjects::LogFormat;

/// Serves the sync endpoint of eventcore-web on PostgreSQL.
///
/// Without a key to verify tokens with it listens on loopback only. A token is a JWT whose claim `spaces` names
/// rights by space: { "team-1": ["read", "write"], "user-*": ["read"] }.
#[derive(Debug, Parser)]
#[command(name = "eventcore-server", version)]
pub struct Options {
    /// A file with these options, as TOML: listen = "0.0.0.0:4870". Flags and the environment come before it.
    #[arg(long, env = "EVENTCORE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen: an address and a port; port 0 picks a free one.
    #[arg(long, env = "EVENTCORE_LISTEN", default_value = "127.0.0.1:4870", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// An origin whose pages may use the endpoint, such as `https://app.example.com`, or `*`. May be repeated.
    #[arg(long, env = "EVENTCORE_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Threads that serve; where none is said, half as many as there are processors: PostgreSQL takes longer for a push.
    #[arg(long, env = "EVENTCORE_THREADS", value_name = "N")]
    threads: Option<NonZeroUsize>,
    #[command(flatten, next_help_heading = "Database")]
    database: DatabaseOptions,
    #[command(flatten, next_help_heading = "Tokens")]
    tokens: TokenOptions,
    #[command(flatten, next_help_heading = "Limits")]
    limits: LimitOptions,
    #[command(flatten, next_help_heading = "Log")]
    log: LogOptions,
    #[command(subcommand)]
    task: Option<Task>,
}

/// What is wrong with a configuration, for a person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidOptions(String);

impl Options {
    /// Reads the command line, the environment, and the file that they name. Prints help and ends the process where
    /// that is asked for, or where they are wrong.
    ///
    /// # Errors
    /// [`InvalidOptions`] for a file that cannot be read, or has what is no option.
    pub fn read() -> Result<Self, InvalidOptions> {
        let mut command = Self::command();
        if let Some(file) = config_file() {
            command = with_defaults(command, &file)?;
        }
        Self::from_arg_matches(&command.get_matches()).map_err(|error| InvalidOptions(error.to_string()))
    }

    /// What to do instead of serving.
    pub fn task(&self) -> Option<Task> {
        self.task.clone()
    }

    /// How many threads serve. One does not wait for another to wake: on two processors, beside PostgreSQL, it answered
    /// a fifth more pushes than two did.
    pub fn threads(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or_else(|| processors().div_ceil(2), NonZeroUsize::get)
    }

    /// What to log, and how.
    pub fn log(&self) -> (&str, LogFormat) {
        (&self.log.log, self.log.log_format)
    }

    /// The configuration that the options stand for.
    ///
    /// # Errors
    /// [`InvalidOptions`].
    pub fn server(self) -> Result<ServerConfig, InvalidOptions> {
        let origins = AllowedOrigins::parse(self.allow_origin.iter().map(String::as_str))
            .map_err(|error| InvalidOptions(format!("--allow-origin: {error}")))?;
        Ok(ServerConfig {
            listen: self.listen,
            postgres: self.database.postgres(),
            origins,
            tokens: self.tokens.tokens()?,
            rate: self.limits.rate(),
            body_time: self.limits.body_time(),
            connections: self.limits.connections(),
            endpoint: self.limits.endpoint(),
        })
    }
}

/// The file that the command line or the environment names, before they are read in earnest.
fn config_file() -> Option<PathBuf> {
    let early = Options::command().ignore_errors(true).disable_help_flag(true).disable_version_flag(true);
    early.try_get_matches().ok()?.get_one::<PathBuf>("config").cloned()
}

/// What the file says becomes what is usual: flags and the environment then come first by themselves.
fn with_defaults(mut command: clap::Command, file: &Path) -> Result<clap::Command, InvalidOptions> {
    let wrong = |problem: &dyn std::fmt::Display| InvalidOptions(format!("{}: {problem}", file.display()));
    let text = String::from_utf8(read_file(file)?).map_err(|error| wrong(&error))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(&error))?;
    for (key, value) in table {
        let id = key.replace('-', "_");
        let known = command.get_arguments().any(|arg| arg.get_id().as_str() == id) && id != "config";
        if !known {
            return Err(wrong(&format_args!("{key:?} is no option")));
        }
        let values = match value {
            toml::Value::Array(values) => values,
            one => vec![one],
        };
        let values: Option<Vec<String>> = values.into_iter().map(scalar).collect();
        let values =
            values.ok_or_else(|| wrong(&format_args!("{key:?} is no text, number or list of them")))?;
        command = command.mut_arg(id, |arg| arg.required(false).default_values(values));
    }
    Ok(command)
}

fn scalar(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn read_file(file: &Path) -> Result<Vec<u8>, InvalidOptions> {
    std::fs::read(file).map_err(|error| InvalidOptions(format!("{}: {error}", file.display())))
}
