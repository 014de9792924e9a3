//! From a configuration to a server that runs until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::endpoint::{Endpoint, EndpointConfig};
use crate::error::StoreError;
use crate::store::postgres::PostgresConfig;

use super::cors::AllowedOrigins;
use super::http::{Access, App};
use super::keys::InvalidKeys;
use super::listen::{ConnectionLimits, serve};
use super::metrics::Watched;
use super::rate::RateLimit;
use super::stop::Stop;
use super::verifier::{TokenConfig, Verifier};

/// How long requests that are under way may take after a signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// What a server needs to know.
#[derive(Clone)]
pub struct ServerConfig {
    /// Where to listen; on loopback, unless tokens are verified. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// The database.
    pub postgres: PostgresConfig,
    /// Pages that may use it, beside its own.
    pub origins: AllowedOrigins,
    /// What tokens must be; without it, whoever reaches the server may do everything.
    pub tokens: Option<TokenConfig>,
    /// How often a caller may ask, where that is limited.
    pub rate: Option<RateLimit>,
    /// How long a request's body may take.
    pub body_time: Duration,
    /// What connections may take.
    pub connections: ConnectionLimits,
    /// What the endpoint allows.
    pub endpoint: EndpointConfig,
}

/// Why a server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address that others reach.
    #[error(
        "cannot listen on {0}: without a key to verify tokens with, the server would give every space to whoever \
         reaches it; state one (--jwt-jwks, --jwt-key-file, --jwt-secret-file), or listen on loopback"
    )]
    NotLoopback(SocketAddr),
    /// The port is taken, or may not be used.
    #[error("cannot listen on {0}: {1}; choose another port with --listen")]
    Listen(SocketAddr, std::io::Error),
    /// The keys that tokens are verified with are none.
    #[error("cannot verify tokens: {0}")]
    Keys(#[from] InvalidKeys),
    /// The database does not answer, or holds what this version does not know.
    #[error("cannot use the database: {0}")]
    Database(StoreError),
}

/// Serves until `stop` is done, and then finishes the requests that are under way. `ready` is told the address.
///
/// # Errors
/// [`ServerError`].
pub async fn run(
    config: ServerConfig,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServerError> {
    let ServerConfig { listen, postgres, origins, tokens, rate, body_time, connections, endpoint } = config;
    if tokens.is_none() && !listen.ip().is_loopback() {
        return Err(ServerError::NotLoopback(listen));
    }
    let listener = TcpListener::bind(listen).await.map_err(|error| ServerError::Listen(listen, error))?;
    let address = listener.local_addr().map_err(|error| ServerError::Listen(listen, error))?;
    let verifier = match tokens {
        Some(tokens) => Some(Verifier::new(tokens).await?),
        None => None,
    };
    let spaces = Arc::new(postgres.spaces().map_err(ServerError::Database)?);
    spaces.initialize().await.map_err(ServerError::Database)?;
    let (stopper, stopped) = Stop::new();
    let access = Access { origins, verifier, rate, body_time };
    let pool = Arc::clone(&spaces);
    let watched = Watched { pool: Some(Box::new(move || pool.pool())) };
    let app = App::new(Endpoint::new(spaces, endpoint), access, watched, stopped.clone());
    ready(address);
    let late = async {
        stop.await;
        drop(stopper);
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = serve(listener, app, connections, stopped) => {}
        () = late => tracing::warn!("requests were still under way after {} s", GRACE.as_secs()),
    }
    Ok(())
}
