//! The service's own conductors.

use crate::{cli::Cli, error::Result};
use clap::Subcommand;

/// The service's conductors
#[derive(Subcommand)]
pub enum ServiceCommand {
    /// List the conductors and whether they live
    List,
}

impl ServiceCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the service refuses.
    pub async fn run(self, cli: &mut Cli) -> Result {
        let Self::List = self;
        let items = cli.api()?.list(&["mservices"], "mservices", &[]).await?;
        cli.list(
            &["id", "host", "binary", "state", "disabled", "disabled_reason", "created_at", "updated_at"],
            items,
        )
    }
}
