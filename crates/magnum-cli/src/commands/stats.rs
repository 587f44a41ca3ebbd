//! How much there is.

use crate::{cli::Cli, commands::given, error::Result};
use clap::{Args, Subcommand};

/// How many clusters and nodes there are
#[derive(Subcommand)]
pub enum StatsCommand {
    /// Count those of a project
    List(List),
}

/// See [`StatsCommand::List`].
#[derive(Args)]
pub struct List {
    /// Id of the project [default: your own; all for an administrator]
    project: Option<String>,
    /// The older form of the argument
    #[arg(long, value_name = "ID", hide = true, conflicts_with = "project")]
    project_id: Option<String>,
}

impl StatsCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the service refuses.
    pub async fn run(self, cli: &mut Cli) -> Result {
        let Self::List(List { project, project_id }) = self;
        let query = given([("project_id", project.or(project_id))]);
        let shown = cli.api()?.get(&["stats"], &query).await?;
        cli.show(&shown)
    }
}
