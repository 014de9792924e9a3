//! Opening connections: the pool's, and the one that listens.

use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What the server sends beside its answers. The connection lives while somebody reads this.
pub(super) type Messages = BoxStream<'static, Result<AsyncMessage, Error>>;

/// How connections are opened.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) server: Config,
    pub(super) tls: MakeRustlsConnect,
    /// After so long PostgreSQL gives a statement up.
    pub(super) statement_timeout: Duration,
}

impl Connector {
    /// A connection, and what has to be read for it to live.
    pub(super) async fn open(&self) -> Result<(Client, Messages), Error> {
        Ok(with_messages(self.server.connect(self.tls.clone()).await?))
    }

    /// What holds on each connection of the pool. A transaction that its owner forgot would lock its space for ever.
    fn settings(&self) -> String {
        let ms = self.statement_timeout.as_millis();
        format!("set statement_timeout = {ms}; set idle_in_transaction_session_timeout = {ms}")
    }
}

fn with_messages<S, T>((client, mut connection): (Client, Connection<S, T>)) -> (Client, Messages)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    (client, stream::poll_fn(move |context| connection.poll_message(context)).boxed())
}

/// The pool's connections: each is read by a task of its own.
impl Connect for Connector {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(async move {
            let (client, mut messages) = self.open().await?;
            let reading = tokio::spawn(async move { while let Some(Ok(_)) = messages.next().await {} });
            client.batch_execute(&self.settings()).await?;
            Ok((client, reading))
        })
    }
}
