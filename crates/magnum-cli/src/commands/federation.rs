//! Federations of clusters. The service keeps those of an older database; it refuses to make or change any.

use crate::{
    cli::{Cli, text},
    commands::SortedListOptions,
    error::Result,
    fields::{self, Fields, OldPatch},
};
use clap::{Args, Subcommand};

/// Federations of clusters (read only: no release of Magnum makes one)
#[derive(Subcommand)]
pub enum FederationCommand {
    /// List federations
    List(List),
    /// Show a federation
    Show(Named),
    /// Ask for a federation, which the service refuses
    Create(Create),
    /// Ask for a change, which the service refuses
    Update(Update),
    /// Ask for the end of a federation, which the service refuses
    Delete(Named),
}

/// A federation.
#[derive(Args)]
pub struct Named {
    /// Name or UUID
    federation: String,
}

/// See [`FederationCommand::List`].
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    page: SortedListOptions,
    /// Read the full documents
    #[arg(long)]
    detail: bool,
}

/// See [`FederationCommand::Create`].
#[derive(Args)]
pub struct Create {
    /// Name
    name: String,
    /// UUID of the cluster that hosts it
    #[arg(long, value_name = "UUID")]
    hostcluster: Option<String>,
}

/// See [`FederationCommand::Update`].
#[derive(Args)]
pub struct Update {
    /// Name or UUID
    federation: String,
    #[command(flatten)]
    old: OldPatch,
}

impl FederationCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the service refuses.
    pub async fn run(self, cli: &mut Cli) -> Result {
        let api = cli.api()?;
        match self {
            Self::List(List { page, detail }) => {
                let path: &[&str] = if detail { &["federations", "detail"] } else { &["federations"] };
                let items = api.list(path, "federations", &page.query()).await?;
                cli.list(&["uuid", "name", "hostcluster_id", "status"], items)
            }
            Self::Show(Named { federation }) => {
                let shown = api.get(&["federations", &federation], &[]).await?;
                cli.show(&shown)
            }
            Self::Create(Create { name, hostcluster }) => {
                let body =
                    Fields::default().with("name", Some(name)).with("hostcluster_id", hostcluster).body();
                let reply = api.post(&["federations"], &body).await?;
                let sentence = format!("Request to create federation {} accepted", text(&reply.body, "uuid"));
                cli.accepted(&sentence, &reply.body)
            }
            Self::Update(Update { federation, old }) => {
                let body = fields::all(vec![old.patch()?])?;
                let reply = api.patch(&["federations", &federation], &[], Some(&body)).await?;
                let sentence = format!("Request to update federation {federation} has been accepted.");
                cli.accepted(&sentence, &reply.body)
            }
            Self::Delete(Named { federation }) => {
                api.delete(&["federations", &federation]).await?;
                cli.done(&format!("Request to delete federation {federation} has been accepted."))
            }
        }
    }
}
