//! Clusters.

use crate::{
    cli::{Cli, named, text},
    client::Api,
    commands::{
        SortedListOptions, cluster_create::Create, config::Config, diagnose::Diagnose, given,
        node::NodeCommand, operation::OperationCommand, several::Several, template::TemplateCommand,
    },
    error::Result,
    fields::{self, Fields, LabelChanges, OldPatch},
    watch::{Goal, WaitLimits, WaitOptions, Wanted, watch, watch_change},
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::time::Instant;

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
    Show(Show),
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

/// See [`ClusterCommand::Show`].
#[derive(Args)]
pub struct Show {
    /// Name or UUID
    cluster: String,
    /// Show what its template says as well, each attribute as clustertemplate_NAME
    #[arg(long)]
    long: bool,
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
    /// Show these columns as well, with commas between
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    fields: Vec<String>,
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
            Self::Show(command) => command.run(cli).await,
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
        cli.output.add_columns(COLUMNS, self.fields);
        let items = cli.api()?.list(path, "clusters", &query).await?;
        cli.list(COLUMNS, items)
    }
}

impl Show {
    async fn run(self, cli: &mut Cli) -> Result {
        let api = cli.api()?;
        let mut shown = api.get(&["clusters", &self.cluster], &[]).await?;
        if self.long {
            let template = api.get(&["clustertemplates", text(&shown, "cluster_template_id")], &[]).await?;
            let its = template.as_object().into_iter().flatten();
            let its = its.filter(|(name, _)| !matches!(name.as_str(), "links" | "uuid"));
            if let Some(shown) = shown.as_object_mut() {
                shown.extend(its.map(|(name, value)| (format!("clustertemplate_{name}"), value.clone())));
            }
        }
        cli.show(&shown)
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

/// A delete that the service took on.
struct Asked {
    uuid: String,
    request_id: Option<String>,
}

impl Delete {
    async fn run(self, cli: &mut Cli) -> Result {
        let api = cli.api()?;
        let mut several = Several::of(self.clusters.len());
        let since = Instant::now();
        let mut asked = Vec::new();
        for cluster in &self.clusters {
            match self.ask(cli, &api, cluster).await {
                Ok(one) => asked.push(one),
                Err(error) => several.take(cli, Err(error))?,
            }
        }
        // All go at the same time, however long the first one takes.
        for Asked { uuid, request_id } in asked.iter().filter(|_| self.wait.wait) {
            let wanted = Wanted { since, ..Wanted::new(uuid, request_id.as_deref(), Goal::Gone) };
            let ended = watch(cli, &api, &self.wait, &wanted, "").await;
            several.take(cli, ended)?;
        }
        several.end("clusters")
    }

    async fn ask(&self, cli: &mut Cli, api: &Api, cluster: &str) -> Result<Asked> {
        // By its UUID it can still be watched when another one takes its name.
        let uuid = match self.wait.wait {
            true => text(&api.get(&["clusters", cluster], &[]).await?, "uuid").to_owned(),
            false => cluster.to_owned(),
        };
        let reply = api.delete(&["clusters", &uuid]).await?;
        let sentence = format!("Request to delete cluster {cluster} has been accepted.");
        match self.wait.wait {
            true => cli.screen.note(&sentence),
            false => cli.accepted(&sentence, &changed(&uuid))?,
        }
        Ok(Asked { uuid, request_id: reply.request_id })
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
        let wanted = Wanted::new(&uuid, None, goal);
        let wait = WaitOptions { wait: true, limits: self.options };
        watch(cli, &api, &wait, &wanted, "").await
    }
}

/// What a command answers that changed a cluster.
pub fn changed(uuid: &str) -> serde_json::Value {
    if uuid.is_empty() { json!({}) } else { named(uuid) }
}
