//! A program's frame: cryptography, runtime, signals, and one error line at the end.

use crate::{
    arguments::{self, Arguments, ServiceArguments},
    logging::Log,
};
use anyhow::{Context, Result};
use magnum_config::{MagnumConfig, Warning};
use std::{future::Future, process::ExitCode, sync::Arc};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Runs `work` on a runtime until it returns; a failure is printed with its causes and gives exit code 1.
pub fn run(work: impl Future<Output = Result<()>>) -> ExitCode {
    ended(prepare(None).and_then(|runtime| runtime.block_on(work)))
}

/// Runs a service on as many threads as `workers` reads from its configuration; none or 0 means one for each processor.
pub fn serve<W: Future<Output = Result<()>>>(
    program: &'static str,
    arguments: ServiceArguments,
    workers: fn(&MagnumConfig) -> Option<u32>,
    work: impl FnOnce(Arguments, MagnumConfig, Vec<Warning>) -> W,
) -> ExitCode {
    if arguments.sample_config {
        return ended(arguments::print_sample());
    }
    let arguments = arguments.common;
    let done = arguments.load(program).and_then(|(config, warnings)| {
        let runtime = prepare(workers(&config))?;
        runtime.block_on(work(arguments, config, warnings))
    });
    ended(done)
}

/// How many threads the running service has for its work.
pub fn threads() -> usize {
    tokio::runtime::Handle::current().metrics().num_workers()
}

fn ended(done: Result<()>) -> ExitCode {
    match done {
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

/// Cryptography and a runtime.
pub(crate) fn prepare(workers: Option<u32>) -> Result<tokio::runtime::Runtime> {
    // Two providers in one program make rustls panic at the first connection: choose ours before anybody else does.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        anyhow::bail!("another cryptography provider is installed already");
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = workers.filter(|workers| *workers > 0) {
        runtime.worker_threads(usize::try_from(workers)?);
    }
    runtime.enable_all().build().context("the runtime cannot start")
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

/// Takes up again what may change in a running program, at each SIGHUP: the log's level and file, and what waits for
/// the notice that is returned. A configuration that cannot be used changes nothing.
///
/// # Errors
/// When the signal cannot be watched.
pub fn reload_signal(arguments: Arguments, program: &'static str, log: Log) -> Result<Arc<Notify>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let notice = Arc::new(Notify::new());
    let reloaded = notice.clone();
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let done = arguments.load(program).and_then(|(config, _)| log.again(&config, program));
            match done {
                Ok(()) => info!("SIGHUP: log level, log file and TLS files are taken up again"),
                Err(error) => warn!("SIGHUP: nothing is changed: {error:#}"),
            }
            reloaded.notify_one();
        }
    });
    Ok(notice)
}
