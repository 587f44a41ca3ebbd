//! `magnum-db-manage`: makes, upgrades and inspects the database schema.

use anyhow::{Context, Result};
use clap::{FromArgMatches, Parser, Subcommand};
use magnum::{Arguments, arguments, process, storage};
use magnum_db::Store;
use magnum_types::{SystemClock, SystemEntropy};
use std::{process::ExitCode, sync::Arc};

const PROGRAM: &str = "magnum-db-manage";

#[derive(Parser)]
#[command(name = PROGRAM, version, about = "Makes, upgrades and inspects Magnum's database schema.")]
struct Command {
    #[command(flatten)]
    common: Arguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Print the revision of the database
    Version,
    /// Bring the database to the newest schema; an upstream database of Pike, Zed, 22 or later is taken over
    Upgrade {
        /// Only `head` is meaningful
        #[arg(default_value = "head")]
        revision: String,
    },
    /// Write a revision into the database without changing its tables
    Stamp {
        /// The revision
        revision: String,
    },
}

fn main() -> ExitCode {
    let command = Command::from_arg_matches(&<Command as clap::CommandFactory>::command().get_matches());
    process::run(manage(command.unwrap_or_else(|error| error.exit())))
}

async fn manage(command: Command) -> Result<()> {
    let (config, warnings) = command.common.load(PROGRAM)?;
    magnum::logging::start(&config, PROGRAM, &warnings)?;
    let store = storage::database(&config, Arc::new(SystemClock), Arc::new(SystemEntropy)).await?;
    match command.action {
        Action::Version => arguments::print(&version(&store).await?),
        Action::Upgrade { revision } => {
            let revision = (revision != "head" && revision != "heads").then_some(revision);
            store.upgrade(revision.as_deref()).await.context("the database cannot be upgraded")?;
            arguments::print(&format!("the database is at {}", version(&store).await?))
        }
        Action::Stamp { revision } => store.stamp(&revision).await.context("the database cannot be stamped"),
    }
}

async fn version(store: &Store) -> Result<String> {
    Ok(store.version().await?.unwrap_or_else(|| "none: the database is empty".to_owned()))
}
