//! A program's frame: cryptography, runtime, signals, and one error line at the end.

use anyhow::{Context, Result};
use std::{future::Future, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Runs `work` on a runtime until it returns; a failure is printed with its causes and gives exit code 1.
pub fn run(work: impl Future<Output = Result<()>>) -> ExitCode {
    match prepare().and_then(|runtime| runtime.block_on(work)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the log may not have started")]
            {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn prepare() -> Result<tokio::runtime::Runtime> {
    // Two providers in one program make rustls panic at the first connection: choose ours before anybody else does.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        anyhow::bail!("another cryptography provider is installed already");
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime cannot start")
}

/// A token that SIGTERM and SIGINT cancel.
///
/// # Errors
/// When the signals cannot be watched.
pub fn stop_signal() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!("{name}: stopping");
        token.cancel();
    });
    Ok(stop)
}
