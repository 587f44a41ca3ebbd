//! `magnum-api`: the REST API.

use anyhow::Result;
use magnum::{Arguments, api, arguments, foundation::Foundation, logging, process};
use magnum_api::server;
use magnum_config::{MagnumConfig, Warning};
use std::process::ExitCode;
use tracing::info;

const PROGRAM: &str = "magnum-api";

fn main() -> ExitCode {
    let arguments = arguments::parse(PROGRAM, "The REST API of the container infrastructure service.");
    process::serve(PROGRAM, arguments, |config| config.api.workers, serve)
}

async fn serve(arguments: Arguments, config: MagnumConfig, warnings: Vec<Warning>) -> Result<()> {
    let log = logging::start(&config, PROGRAM, &warnings)?;
    info!(threads = process::threads(), "starting");
    let stop = process::stop_signal()?;
    let reload = process::reload_signal(arguments.clone(), PROGRAM, log)?;
    let foundation = Foundation::lay(config, PROGRAM, &stop).await?;
    let state = api::state(&foundation, &api::policies(&arguments), &stop).await?;
    server::serve(state, server::Signals { stop, reload }).await?;
    Ok(())
}
