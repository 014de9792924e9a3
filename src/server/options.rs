//! The configuration of `eventcore-server`: flags, then the environment, then a file, then what is usual.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::endpoint::EndpointConfig;
use crate::store::postgres::PostgresConfig;

use super::cors::AllowedOrigins;
use super::keys::KeySource;
use super::listen::ConnectionLimits;
use super::rate::RateLimit;
use super::retention::Task;
use super::run::ServerConfig;
use super::verifier::TokenConfig;

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
    /// The database: postgresql://user:password@host/database.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, hide_default_value = true, value_name = "URL")]
    database_url: String,
    /// The schema that holds the tables; made when it is missing.
    #[arg(long, env = "EVENTCORE_SCHEMA", default_value = "eventcore", value_name = "NAME")]
    schema: String,
    /// Seconds that the database may work on a statement, waiting for locks included; then the answer is 503.
    #[arg(long, env = "EVENTCORE_STATEMENT_TIMEOUT", default_value = "30", value_name = "SECONDS")]
    statement_timeout: NonZeroU32,
    /// Operations that wait for the database, in all and for one space; who comes then is answered with 503.
    #[arg(long, env = "EVENTCORE_MAX_WAITING", default_value = "1024", value_name = "N")]
    max_waiting: usize,
    /// Connections to the database at most.
    #[arg(long, env = "EVENTCORE_POOL_SIZE", default_value = "20", value_name = "N")]
    pool_size: usize,
    /// An origin whose pages may use the endpoint, such as `https://app.example.com`, or `*`. May be repeated.
    #[arg(long, env = "EVENTCORE_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// A file with the secret that tokens are signed with (HS256): at least 32 bytes; a line break at its end does
    /// not count.
    #[arg(long, env = "EVENTCORE_JWT_SECRET_FILE", value_name = "FILE", group = "keys")]
    jwt_secret_file: Option<PathBuf>,
    /// A file with the public key that tokens are signed with, as PEM (RS256, ES256 or EdDSA).
    #[arg(long, env = "EVENTCORE_JWT_KEY_FILE", value_name = "FILE", group = "keys")]
    jwt_key_file: Option<PathBuf>,
    /// A key set (JWKS): a file, or an address by https. It is read again when keys change.
    #[arg(long, env = "EVENTCORE_JWT_JWKS", value_name = "FILE or URL", group = "keys")]
    jwt_jwks: Option<String>,
    /// Whom tokens must come from (the claim iss).
    #[arg(long, env = "EVENTCORE_JWT_ISSUER", value_name = "TEXT")]
    jwt_issuer: Option<String>,
    /// Whom tokens must be for (the claim aud). May be repeated.
    #[arg(long, env = "EVENTCORE_JWT_AUDIENCE", value_delimiter = ',', value_name = "TEXT")]
    jwt_audience: Vec<String>,
    /// How far the clocks of this machine and of the issuer may be apart, in seconds.
    #[arg(long, env = "EVENTCORE_JWT_LEEWAY", default_value = "10", value_name = "SECONDS")]
    jwt_leeway: u32,
    /// The claim that names rights by space.
    #[arg(long, env = "EVENTCORE_JWT_CLAIM", default_value = "spaces", value_name = "NAME")]
    jwt_claim: String,
    /// Requests per second that a caller (a token's subject, or an address) may send; no limit without it.
    #[arg(long, env = "EVENTCORE_RATE_LIMIT", value_name = "N")]
    rate_limit: Option<NonZeroU32>,
    /// Requests that a caller may send at once, where the rate is limited.
    #[arg(long, env = "EVENTCORE_RATE_BURST", default_value = "100", value_name = "N")]
    rate_burst: NonZeroU32,
    /// Bytes of a request's body at most.
    #[arg(long, env = "EVENTCORE_MAX_BODY_BYTES", default_value = "16777216", value_name = "BYTES")]
    max_body_bytes: usize,
    /// How long a request's body may take, in seconds.
    #[arg(long, env = "EVENTCORE_BODY_TIMEOUT", default_value = "30", value_name = "SECONDS")]
    body_timeout: NonZeroU32,
    /// How long the head of a request may take, and how long a connection may be idle, in seconds.
    #[arg(long, env = "EVENTCORE_HEADER_TIMEOUT", default_value = "30", value_name = "SECONDS")]
    header_timeout: NonZeroU32,
    /// Connections at once at most, those of followers included; further ones wait.
    #[arg(long, env = "EVENTCORE_MAX_CONNECTIONS", default_value = "10000", value_name = "N")]
    max_connections: NonZeroU32,
    /// Commits of a push at most.
    #[arg(long, env = "EVENTCORE_MAX_PUSH_COMMITS", default_value = "1000", value_name = "N")]
    max_push_commits: usize,
    /// Events of a page at most.
    #[arg(long, env = "EVENTCORE_PAGE_EVENTS", default_value = "1000", value_name = "N")]
    page_events: usize,
    /// What to log: error, warn, info, debug, or directives such as eventcore_web=debug.
    #[arg(long, env = "EVENTCORE_LOG", default_value = "warn", value_name = "LEVEL")]
    log: String,
    /// How to log: lines for people, or JSON for programs.
    #[arg(long, env = "EVENTCORE_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
    #[command(subcommand)]
    task: Option<Task>,
}

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// JSON, an object a line.
    Json,
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

    /// What to log, and how.
    pub fn log(&self) -> (&str, LogFormat) {
        (&self.log, self.log_format)
    }

    /// The configuration that the options stand for.
    ///
    /// # Errors
    /// [`InvalidOptions`].
    pub fn server(self) -> Result<ServerConfig, InvalidOptions> {
        let origins = AllowedOrigins::parse(self.allow_origin.iter().map(String::as_str))
            .map_err(|error| InvalidOptions(format!("--allow-origin: {error}")))?;
        let keys = self.keys()?;
        if keys.is_none() && (self.jwt_issuer.is_some() || !self.jwt_audience.is_empty()) {
            let missing =
                "--jwt-issuer and --jwt-audience need a key: --jwt-jwks, --jwt-key-file or --jwt-secret-file";
            return Err(InvalidOptions(missing.into()));
        }
        Ok(ServerConfig {
            listen: self.listen,
            postgres: PostgresConfig::new(self.database_url)
                .with_pool_size(self.pool_size)
                .with_statement_timeout(Duration::from_secs(self.statement_timeout.get().into()))
                .with_max_waiting(self.max_waiting)
                .with_schema(self.schema),
            origins,
            tokens: keys.map(|keys| TokenConfig {
                keys,
                issuer: self.jwt_issuer,
                audience: self.jwt_audience,
                leeway: self.jwt_leeway.into(),
                claim: self.jwt_claim,
            }),
            rate: self.rate_limit.map(|per_second| RateLimit { per_second, burst: self.rate_burst }),
            body_time: seconds(self.body_timeout),
            connections: ConnectionLimits {
                connections: self.max_connections.get() as usize,
                head: seconds(self.header_timeout),
            },
            endpoint: EndpointConfig {
                body_bytes: self.max_body_bytes,
                push_commits: self.max_push_commits.max(1),
                page_events: self.page_events.max(1),
                ..EndpointConfig::default()
            },
        })
    }

    fn keys(&self) -> Result<Option<KeySource>, InvalidOptions> {
        if let Some(file) = &self.jwt_secret_file {
            let mut secret = read_file(file)?;
            secret.truncate(secret.trim_ascii_end().len());
            return Ok(Some(KeySource::Secret(secret)));
        }
        if let Some(file) = &self.jwt_key_file {
            return Ok(Some(KeySource::Pem(read_file(file)?)));
        }
        Ok(self.jwt_jwks.as_ref().map(|place| match place.contains("://") {
            true => KeySource::JwksUrl(place.clone()),
            false => KeySource::JwksFile(place.into()),
        }))
    }
}

fn seconds(number: NonZeroU32) -> Duration {
    Duration::from_secs(number.get().into())
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
