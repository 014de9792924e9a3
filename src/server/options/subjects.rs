//! The options by subject, as `--help` shows them, and what each subject configures.
//!
//! The structs have no documentation: clap would take it for the program's.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::endpoint::EndpointConfig;
use crate::server::keys::KeySource;
use crate::server::listen::ConnectionLimits;
use crate::server::rate::RateLimit;
use crate::server::verifier::TokenConfig;
use crate::store::postgres::PostgresConfig;

use super::{InvalidOptions, read_file};

#[derive(Debug, Args)]
pub(super) struct DatabaseOptions {
    /// The database: postgresql://user:password@host/database. `?sslmode=` is disable, prefer (as it is without one),
    /// require, verify-ca or verify-full, and `&sslrootcert=` names a file with authorities.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, hide_default_value = true, value_name = "URL")]
    database_url: String,
    /// The schema that holds the tables; made when it is missing.
    #[arg(long, env = "EVENTCORE_SCHEMA", default_value = "eventcore", value_name = "NAME")]
    schema: String,
    /// Connections to the database at most.
    #[arg(long, env = "EVENTCORE_POOL_SIZE", default_value = "20", value_name = "N")]
    pool_size: usize,
    /// Seconds that the database may work on a statement, waiting for locks included; then the answer is 503.
    #[arg(long, env = "EVENTCORE_STATEMENT_TIMEOUT", default_value = "30", value_name = "SECONDS")]
    statement_timeout: NonZeroU32,
    /// Operations that wait for the database, in all and for one space; who comes then is answered with 503.
    #[arg(long, env = "EVENTCORE_MAX_WAITING", default_value = "1024", value_name = "N")]
    max_waiting: usize,
}

impl DatabaseOptions {
    pub(super) fn postgres(self) -> PostgresConfig {
        PostgresConfig::new(self.database_url)
            .with_pool_size(self.pool_size)
            .with_statement_timeout(seconds(self.statement_timeout))
            .with_max_waiting(self.max_waiting)
            .with_schema(self.schema)
    }
}

#[derive(Debug, Args)]
pub(super) struct TokenOptions {
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
}

impl TokenOptions {
    pub(super) fn tokens(self) -> Result<Option<TokenConfig>, InvalidOptions> {
        let Some(keys) = self.keys()? else {
            if self.jwt_issuer.is_none() && self.jwt_audience.is_empty() {
                return Ok(None);
            }
            let missing =
                "--jwt-issuer and --jwt-audience need a key: --jwt-jwks, --jwt-key-file or --jwt-secret-file";
            return Err(InvalidOptions(missing.into()));
        };
        Ok(Some(TokenConfig {
            keys,
            issuer: self.jwt_issuer,
            audience: self.jwt_audience,
            leeway: self.jwt_leeway.into(),
            claim: self.jwt_claim,
        }))
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

#[derive(Debug, Args)]
pub(super) struct LimitOptions {
    /// Requests per second that a caller (a token's subject, or an address) may send; no limit without it.
    #[arg(long, env = "EVENTCORE_RATE_LIMIT", value_name = "N")]
    rate_limit: Option<NonZeroU32>,
    /// Requests that a caller may send at once, where the rate is limited.
    #[arg(long, env = "EVENTCORE_RATE_BURST", default_value = "100", value_name = "N")]
    rate_burst: NonZeroU32,
    /// Connections at once at most, those of followers included; further ones wait.
    #[arg(long, env = "EVENTCORE_MAX_CONNECTIONS", default_value = "10000", value_name = "N")]
    max_connections: NonZeroU32,
    /// How long the head of a request may take, and how long a connection may be idle, in seconds.
    #[arg(long, env = "EVENTCORE_HEADER_TIMEOUT", default_value = "30", value_name = "SECONDS")]
    header_timeout: NonZeroU32,
    /// How long a request's body may take, in seconds.
    #[arg(long, env = "EVENTCORE_BODY_TIMEOUT", default_value = "30", value_name = "SECONDS")]
    body_timeout: NonZeroU32,
    /// Bytes of a request's body at most.
    #[arg(long, env = "EVENTCORE_MAX_BODY_BYTES", default_value = "16777216", value_name = "BYTES")]
    max_body_bytes: usize,
    /// Commits of a push at most.
    #[arg(long, env = "EVENTCORE_MAX_PUSH_COMMITS", default_value = "1000", value_name = "N")]
    max_push_commits: usize,
    /// Events of a page at most.
    #[arg(long, env = "EVENTCORE_PAGE_EVENTS", default_value = "1000", value_name = "N")]
    page_events: usize,
}

impl LimitOptions {
    pub(super) fn rate(&self) -> Option<RateLimit> {
        self.rate_limit.map(|per_second| RateLimit { per_second, burst: self.rate_burst })
    }

    pub(super) fn connections(&self) -> ConnectionLimits {
        ConnectionLimits {
            connections: self.max_connections.get() as usize,
            head: seconds(self.header_timeout),
        }
    }

    pub(super) fn body_time(&self) -> Duration {
        seconds(self.body_timeout)
    }

    pub(super) fn endpoint(&self) -> EndpointConfig {
        EndpointConfig {
            body_bytes: self.max_body_bytes,
            push_commits: self.max_push_commits.max(1),
            page_events: self.page_events.max(1),
            ..EndpointConfig::default()
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct LogOptions {
    /// What to log: error, warn, info, debug, or directives such as eventcore_web=debug.
    #[arg(long, env = "EVENTCORE_LOG", default_value = "warn", value_name = "LEVEL")]
    pub(super) log: String,
    /// How to log: lines for people, or JSON for programs.
    #[arg(long, env = "EVENTCORE_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
}

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// JSON, an object a line.
    Json,
}

fn seconds(number: NonZeroU32) -> Duration {
    Duration::from_secs(number.get().into())
}
