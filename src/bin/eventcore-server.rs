//! `eventcore-server`: the endpoint on PostgreSQL, for this machine.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use eventcore_web::endpoint::EndpointConfig;
use eventcore_web::server::{AllowedOrigins, ServerConfig, run};
use eventcore_web::store::postgres::PostgresConfig;
use tracing_subscriber::EnvFilter;

/// Serves the sync endpoint of eventcore-web on PostgreSQL.
///
/// It does not verify tokens yet, so it listens on loopback only.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Where to listen: a loopback address and a port; port 0 picks a free one.
    #[arg(long, env = "EVENTCORE_LISTEN", default_value = "127.0.0.1:4870")]
    listen: SocketAddr,
    /// The database: postgresql://user:password@host/database.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// The schema that holds the tables; made when it is missing.
    #[arg(long, env = "EVENTCORE_SCHEMA", default_value = "eventcore")]
    schema: String,
    /// Connections to the database at most.
    #[arg(long, env = "EVENTCORE_POOL_SIZE", default_value_t = 20)]
    pool_size: usize,
    /// An origin whose pages may use the endpoint, such as https://app.example.com, or *. May be repeated.
    #[arg(long, env = "EVENTCORE_ALLOW_ORIGIN", value_delimiter = ',')]
    allow_origin: Vec<String>,
    /// What to log: error, warn, info, debug, or directives such as `eventcore_web=debug`.
    #[arg(long, env = "EVENTCORE_LOG", default_value = "warn")]
    log: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("eventcore-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_new(&args.log)?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let config = ServerConfig {
        listen: args.listen,
        postgres: PostgresConfig::new(args.database_url)
            .with_pool_size(args.pool_size)
            .with_schema(args.schema),
        origins: AllowedOrigins::parse(args.allow_origin.iter().map(String::as_str))?,
        endpoint: EndpointConfig::default(),
    };
    let stop = stop()?;
    run(config, |address| println!("eventcore-server listens on http://{address}"), stop).await?;
    Ok(())
}

/// Done when the process is told to stop: by Ctrl-C, or on Unix by SIGTERM.
#[cfg(unix)]
fn stop() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Done when the process is told to stop by Ctrl-C.
#[cfg(not(unix))]
fn stop() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        // Without a handler for it, Ctrl-C ends the process anyway.
        let _ = tokio::signal::ctrl_c().await;
    })
}
