//! Clusters.

use crate::{
    cli::{Cli, named, text},
    commands::{
        SortedListOptions, cluster_create::Create, config::Config, diagnose::Diagnose, given,
        node::NodeCommand, operation::OperationCommand, template::TemplateCommand,
    },
    error::Result,
    fields::{self, Fields, LabelChanges, OldPatch},
    watch::{Goal, WaitLimits, WaitOptions, Wanted, watch, watch_change},
};
use clap::{Args, Subcommand};
use serde_json::json;

/// Clusters: make, watch, use, change and delete them
#[derive(Subcommand)]
pub enum ClusterCommand {
    /// Templates that clusters are made from
    #[command(subcommand)]
    Template(TemplateCommand),
    /// Make a cluster
    Create(Box<Create>),
    /// List clusters
    List(List),
    /// Show a cluster
    Show(Named),
    /// Change a cluster
    Update(Box<Update>),
    /// Delete clusters, whatever their state
    Delete(Delete),
    /// Give a cluster another number of nodes
    Resize(Resize),
    /// Bring a cluster to another template: a later release, another image
    Upgrade(Upgrade),
    /// Stop the upgrade that runs, where it stands
    UpgradeStop(UpgradeStop),
    /// Write what is needed to use a cluster: a kubeconfig, or certificates and variables
    Config(Config),
    /// Say why a cluster is not complete, or not healthy
    Diagnose(Diagnose),
    /// Wait until nothing is in progress, and show how it goes
    Wait(Wait),
    /// What was asked of a cluster, and how it went
    #[command(subcommand)]
    Operation(OperationCommand),
    /// A cluster's nodes, as they report themselves
    #[command(subcommand)]
    Node(NodeCommand),
}

/// A cluster.
#[derive(Args)]
pub struct Named {
    /// Name or UUID
    cluster: String,
}

/// See [`ClusterCommand::List`].
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    page: SortedListOptions,
    /// Read the full documents, so that every field can be a column
    #[arg(long)]
    detail: bool,
    /// Only those of this name
    #[arg(long)]
    name: Option<String>,
    /// Only those in this status, e.g. CREATE_FAILED
    #[arg(long)]
    status: Option<String>,
    /// Only those of this project (its id)
    #[arg(long, value_name = "ID")]
    project: Option<String>,
}

/// See [`ClusterCommand::Update`].
#[derive(Args)]
pub struct Update {
    /// Name or UUID
    cluster: String,
    #[command(flatten)]
    old: OldPatch,
    /// New number of nodes in the default group of workers
    #[arg(long, value_name = "NUMBER")]
    node_count: Option<u32>,
    /// New number of masters
    #[arg(long, value_name = "NUMBER")]
    master_count: Option<u32>,
    /// New name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    labels: LabelChanges,
    /// Go back to the state before when the change fails
    #[arg(long)]
    rollback: bool,
    #[command(flatten)]
    wait: WaitOptions,
}

/// See [`ClusterCommand::Delete`].
#[derive(Args)]
pub struct Delete {
    /// Names or UUIDs
    #[arg(required = true, value_name = "CLUSTER")]
    clusters: Vec<String>,
    #[command(flatten)]
    wait: WaitOptions,
}

/// See [`ClusterCommand::Resize`].
#[derive(Args)]
pub struct Resize {
    /// Name or UUID
    cluster: String,
    /// New number of nodes
    node_count: u32,
    /// Remove this node: a server's id, an address or an index; may be given several times
    #[arg(long, value_name = "NODE")]
    nodes_to_remove: Vec<String>,
    /// Name or UUID of the group [default: the default group of workers]
    #[arg(long)]
    nodegroup: Option<String>,
    #[command(flatten)]
    wait: WaitOptions,
}

/// See [`ClusterCommand::Upgrade`].
#[derive(Args)]
pub struct Upgrade {
    /// Name or UUID
    cluster: String,
    /// Name or UUID of the new template
    cluster_template: String,
    /// How many nodes at once
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    max_batch_size: u32,
    /// Only this group, to the template that the cluster has
    #[arg(long)]
    nodegroup: Option<String>,
    #[command(flatten)]
    wait: WaitOptions,
}

/// See [`ClusterCommand::UpgradeStop`].
#[derive(Args)]
pub struct UpgradeStop {
    /// Name or UUID
    cluster: String,
    #[command(flatten)]
    wait: WaitOptions,
}

/// See [`ClusterCommand::Wait`].
#[derive(Args)]
pub struct Wait {
    /// Name or UUID
    cluster: String,
    #[command(flatten)]
    options: WaitLimits,
}

const COLUMNS: &[&str] =
    &["uuid", "name", "keypair", "node_count", "master_count", "status", "health_status"];

impl ClusterCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the command fails.
    pub async fn run(self, cli: &mut Cli) -> Result {
        match self {
            Self::Template(command) => command.run(cli).await,
            Self::Create(command) => command.run(cli).await,
            Self::List(command) => command.run(cli).await,
            Self::Show(Named { cluster }) => {
                let shown = cli.api()?.get(&["clusters", &cluster], &[]).await?;
                cli.show(&shown)
            }
            Self::Update(command) => command.run(cli).await,
            Self::Delete(command) => command.run(cli).await,
            Self::Resize(command) => command.run(cli).await,
            Self::Upgrade(command) => command.run(cli).await,
            Self::UpgradeStop(command) => command.run(cli).await,
            Self::Config(command) => command.run(cli).await,
            Self::Diagnose(command) => command.run(cli).await,
            Self::Wait(command) => command.run(cli).await,
            Self::Operation(command) => command.run(cli).await,
            Self::Node(command) => command.run(cli).await,
        }
    }
}

impl List {
    async fn run(self, cli: &mut Cli) -> Result {
        let mut query = self.page.query();
        query.extend(given([("name", self.name), ("status", self.status), ("project_id", self.project)]));
        let path: &[&str] = if self.detail { &["clusters", "detail"] } else { &["clusters"] };
        let items = cli.api()?.list(path, "clusters", &query).await?;
        cli.list(COLUMNS, items)
    }
}

impl Update {
    async fn run(self, cli: &mut Cli) -> Result {
        let options = Fields::default()
            .with("name", self.name)
            .with("node_count", self.node_count)
            .with("master_count", self.master_count);
        let body = fields::all(vec![self.old.patch()?, options.patch(), self.labels.patch()?])?;
        let query = if self.rollback { vec![("rollback", "True".to_owned())] } else { vec![] };
        let api = cli.api()?;
        let reply = api.patch(&["clusters", &self.cluster], &query, Some(&body)).await?;
        let sentence = format!("Request to update cluster {} has been accepted.", self.cluster);
        watch_change(cli, &api, &self.wait, &reply, &sentence).await
    }
}

impl Delete {
    async fn run(self, cli: &mut Cli) -> Result {
        let api = cli.api()?;
        for cluster in &self.clusters {
            // By its UUID it can still be watched when another one takes its name.
            let uuid = match self.wait.wait {
                true => text(&api.get(&["clusters", cluster], &[]).await?, "uuid").to_owned(),
                false => cluster.clone(),
            };
            let reply = api.delete(&["clusters", &uuid]).await?;
            let wanted = Wanted { cluster: &uuid, request_id: reply.request_id.as_deref(), goal: Goal::Gone };
            let sentence = format!("Request to delete cluster {cluster} has been accepted.");
            watch(cli, &api, &self.wait, &wanted, &sentence).await?;
        }
        Ok(())
    }
}

impl Resize {
    async fn run(self, cli: &mut Cli) -> Result {
        let remove = (!self.nodes_to_remove.is_empty()).then_some(self.nodes_to_remove);
        let body = Fields::default()
            .with("node_count", Some(self.node_count))
            .with("nodes_to_remove", remove)
            .with("nodegroup", self.nodegroup)
            .body();
        let api = cli.api()?;
        let reply = api.post(&["clusters", &self.cluster, "actions", "resize"], &body).await?;
        let sentence = format!("Request to resize cluster {} has been accepted.", self.cluster);
        watch_change(cli, &api, &self.wait, &reply, &sentence).await
    }
}

impl Upgrade {
    async fn run(self, cli: &mut Cli) -> Result {
        let body = Fields::default()
            .with("cluster_template", Some(self.cluster_template))
            .with("max_batch_size", Some(self.max_batch_size))
            .with("nodegroup", self.nodegroup)
            .body();
        let api = cli.api()?;
        let reply = api.post(&["clusters", &self.cluster, "actions", "upgrade"], &body).await?;
        let sentence = format!("Request to upgrade cluster {} has been accepted.", self.cluster);
        watch_change(cli, &api, &self.wait, &reply, &sentence).await
    }
}

impl UpgradeStop {
    async fn run(self, cli: &mut Cli) -> Result {
        let api = cli.api()?;
        let reply = api.delete(&["clusters", &self.cluster, "actions", "upgrade"]).await?;
        let sentence = format!("Request to stop the upgrade of cluster {} has been accepted.", self.cluster);
        watch_change(cli, &api, &self.wait, &reply, &sentence).await
    }
}

impl Wait {
    async fn run(self, cli: &mut Cli) -> Result {
        let api = cli.api()?;
        let cluster = api.get(&["clusters", &self.cluster], &[]).await?;
        let uuid = text(&cluster, "uuid").to_owned();
        let goal = match text(&cluster, "status") {
            "DELETE_IN_PROGRESS" => Goal::Gone,
            _ => Goal::Done,
        };
        let wanted = Wanted { cluster: &uuid, request_id: None, goal };
        let wait = WaitOptions { wait: true, limits: self.options };
        watch(cli, &api, &wait, &wanted, "").await
    }
}

/// What a command answers that changed a cluster.
pub fn changed(uuid: &str) -> serde_json::Value {
    if uuid.is_empty() { json!({}) } else { named(uuid) }
}
