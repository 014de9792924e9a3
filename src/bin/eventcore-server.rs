//! `eventcore-server`: the endpoint on PostgreSQL.

use std::process::ExitCode;

use eventcore_web::server::{LogFormat, Options, run};
use tracing_subscriber::EnvFilter;

/// A request takes many small pieces of memory, which one thread takes and another one often gives back: the system's
/// allocator took a seventh of the server's time for a push.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("eventcore-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::read()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(options.threads()).enable_all().build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let (filter, format) = options.log();
    let log =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::try_new(filter)?).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    if let Some(task) = options.task() {
        return Ok(task.run(&options.server()?.postgres, &mut std::io::stdout().lock()).await?);
    }
    let stop = stop()?;
    run(options.server()?, |address| println!("eventcore-server listens on http://{address}"), stop).await?;
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
