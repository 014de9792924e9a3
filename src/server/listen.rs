//! Connections: so many at once, each with a limited time for the head of a request, and all of them ended when the
//! server stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::http::App;
use super::stop::Stop;

/// How long to wait after a connection could not be accepted: the process may have no file left for it.
const PAUSE: Duration = Duration::from_millis(100);

/// What connections may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Open at once; further ones wait until one of them ends.
    pub connections: usize,
    /// How long the head of a request may take, and so how long a connection may stay open without a request.
    pub head: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { connections: 10_000, head: Duration::from_secs(30) }
    }
}

/// Serves until `stop` is said, and then finishes the requests that are under way.
pub(super) async fn serve(listener: TcpListener, app: App, limits: ConnectionLimits, mut stop: Stop) {
    let free = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head);
    let open = GracefulShutdown::new();
    loop {
        let accepted = async {
            let permit = Arc::clone(&free).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            biased;
            () = stop.said() => break,
            accepted = accepted => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("a connection was not accepted: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let app = app.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            app.service(&request).call(request)
        });
        let connection = open.watch(http.serve_connection(io(stream, peer), service));
        tokio::spawn(async move {
            // A caller that went away or spoke no HTTP has nobody to be told.
            if let Err(error) = connection.await {
                tracing::debug!(%peer, "a connection broke: {error}");
            }
            drop(permit);
        });
    }
    drop(listener);
    open.shutdown().await;
}

fn io(stream: TcpStream, peer: SocketAddr) -> TokioIo<TcpStream> {
    // Answers are small, and written whole: nothing is gained by waiting for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, "{error}");
    }
    TokioIo::new(stream)
}
