//! `magnum-conductor`: does the work that the API accepted.

use anyhow::Result;
use magnum::{Arguments, arguments, conductor, foundation::Foundation, logging, process};
use magnum_config::{MagnumConfig, Warning};
use std::process::ExitCode;
use tracing::info;

const PROGRAM: &str = "magnum-conductor";

fn main() -> ExitCode {
    let arguments = arguments::parse(PROGRAM, "Does the work of the container infrastructure service.");
    process::serve(PROGRAM, arguments, |config| config.conductor.workers, conduct)
}

async fn conduct(arguments: Arguments, config: MagnumConfig, warnings: Vec<Warning>) -> Result<()> {
    let log = logging::start(&config, PROGRAM, &warnings)?;
    info!(threads = process::threads(), "starting");
    let stop = process::stop_signal()?;
    process::reload_signal(arguments, PROGRAM, log)?;
    let foundation = Foundation::lay(config, PROGRAM, &stop).await?;
    conductor::conduct(&foundation, stop).await
}
