//! Quotas of projects.

use crate::{cli::Cli, commands::SortedListOptions, error::Result, fields::Fields};
use clap::{Args, Subcommand};

/// How many clusters projects may have
#[derive(Subcommand)]
pub enum QuotasCommand {
    /// Limit a project
    Create(Limit),
    /// List the limits that administrators set
    List(List),
    /// Show what a project may have
    Show(Which),
    /// Change a project's limit
    Update(Limit),
    /// Take a project's own limit away, so that the default counts
    Delete(Which),
}

/// A quota.
#[derive(Args)]
pub struct Which {
    /// Id of the project
    #[arg(long, value_name = "ID")]
    project_id: String,
    /// What is limited
    #[arg(long, default_value = "Cluster")]
    resource: String,
}

/// A quota and its limit.
#[derive(Args)]
pub struct Limit {
    #[command(flatten)]
    which: Which,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    hard_limit: u32,
}

/// See [`QuotasCommand::List`].
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    page: SortedListOptions,
    /// Those of all projects
    #[arg(long)]
    all_tenants: bool,
}

impl Limit {
    fn body(&self) -> serde_json::Value {
        Fields::default()
            .with("project_id", Some(self.which.project_id.as_str()))
            .with("resource", Some(self.which.resource.as_str()))
            .with("hard_limit", Some(self.hard_limit))
            .body()
    }
}

impl QuotasCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the service refuses.
    pub async fn run(self, cli: &mut Cli) -> Result {
        let api = cli.api()?;
        match self {
            Self::Create(limit) => {
                let made = api.post(&["quotas"], &limit.body()).await?.body;
                cli.show(&made)
            }
            Self::List(List { page, all_tenants }) => {
                let mut query = page.query();
                if all_tenants {
                    query.push(("all_tenants", "True".to_owned()));
                }
                let items = api.list(&["quotas"], "quotas", &query).await?;
                cli.list(&["project_id", "resource", "hard_limit"], items)
            }
            Self::Show(which) => {
                let shown = api.get(&["quotas", &which.project_id, &which.resource], &[]).await?;
                cli.show(&shown)
            }
            Self::Update(limit) => {
                let path = ["quotas", &limit.which.project_id, &limit.which.resource];
                let made = api.patch(&path, &[], Some(&limit.body())).await?.body;
                cli.show(&made)
            }
            Self::Delete(which) => {
                api.delete(&["quotas", &which.project_id, &which.resource]).await?;
                cli.done(&format!(
                    "Request to delete quota for project id {} and resource {} has been accepted.",
                    which.project_id, which.resource
                ))
            }
        }
    }
}
