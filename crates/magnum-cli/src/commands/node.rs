//! A cluster's nodes.

use crate::{cli::Cli, commands::ListOptions, error::Result};
use clap::{Args, Subcommand};

/// A cluster's nodes, as they report themselves
#[derive(Subcommand)]
pub enum NodeCommand {
    /// List nodes, the newest first
    List(List),
}

/// See [`NodeCommand::List`].
#[derive(Args)]
pub struct List {
    /// Name or UUID of the cluster
    cluster: String,
    #[command(flatten)]
    page: ListOptions,
}

impl NodeCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the service refuses.
    pub async fn run(self, cli: &mut Cli) -> Result {
        let Self::List(List { cluster, page }) = self;
        let items = cli.api()?.list(&["clusters", &cluster, "nodes"], "nodes", &page.query()).await?;
        cli.list(&["name", "role", "nodegroup", "state", "step", "error", "version", "reported_at"], items)
    }
}
