//! A cluster's node groups.

use crate::{
    cli::{Cli, text},
    client::Api,
    commands::{SortedListOptions, given, several::Several},
    error::{CliError, Result},
    fields::{self, Fields, OldPatch, Unset},
    watch::{Goal, WaitOptions, Wanted, watch},
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Groups of nodes of a cluster
#[derive(Subcommand)]
pub enum NodegroupCommand {
    /// List a cluster's groups
    List(List),
    /// Show a group
    Show(Show),
    /// Make a group of workers
    Create(Box<Create>),
    /// Change a group's bounds, labels of nodes and taints
    Update(Box<Update>),
    /// Delete groups that are no default ones
    Delete(Delete),
}

/// See [`NodegroupCommand::List`].
#[derive(Args)]
pub struct List {
    /// Name or UUID of the cluster
    cluster: String,
    #[command(flatten)]
    page: SortedListOptions,
    /// Only groups of this role
    #[arg(long)]
    role: Option<String>,
}

/// See [`NodegroupCommand::Show`].
#[derive(Args)]
pub struct Show {
    /// Name or UUID of the cluster
    cluster: String,
    /// Name or UUID of the group
    nodegroup: String,
}

/// See [`NodegroupCommand::Create`].
#[derive(Args)]
pub struct Create {
    /// Name or UUID of the cluster
    cluster: String,
    /// Name of the new group
    nodegroup: String,
    /// Number of nodes
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    node_count: u32,
    /// The group may not become smaller
    #[arg(long, value_name = "NUMBER")]
    min_nodes: Option<u32>,
    /// The group may not become larger
    #[arg(long, value_name = "NUMBER")]
    max_nodes: Option<u32>,
    /// Role of the nodes
    #[arg(long, default_value = "worker")]
    role: String,
    /// Image [default: the template's]
    #[arg(long)]
    image: Option<String>,
    /// Flavor [default: the cluster's]
    #[arg(long)]
    flavor: Option<String>,
    /// Size of each node's volume for containers in GB
    #[arg(long, value_name = "GB")]
    docker_volume_size: Option<u32>,
    /// Labels, NAME=VALUE,…; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    labels: Vec<String>,
    /// Add the labels to those of the cluster instead of replacing them
    #[arg(long)]
    merge_labels: bool,
    /// Kubernetes labels of the nodes, NAME=VALUE,…
    #[arg(long, value_name = "NAME=VALUE")]
    node_labels: Vec<String>,
    /// Kubernetes taints of the nodes, NAME=VALUE:EFFECT,…
    #[arg(long, value_name = "NAME=VALUE:EFFECT", value_delimiter = ',')]
    node_taints: Vec<String>,
    #[command(flatten)]
    wait: WaitOptions,
}

/// See [`NodegroupCommand::Update`].
#[derive(Args)]
pub struct Update {
    /// Name or UUID of the cluster
    cluster: String,
    /// Name or UUID of the group
    nodegroup: String,
    #[command(flatten)]
    old: OldPatch,
    /// The group may not become smaller
    #[arg(long, value_name = "NUMBER")]
    min_nodes: Option<u32>,
    /// The group may not become larger
    #[arg(long, value_name = "NUMBER")]
    max_nodes: Option<u32>,
    /// Kubernetes labels of the nodes, NAME=VALUE,…
    #[arg(long, value_name = "NAME=VALUE")]
    node_labels: Vec<String>,
    /// Kubernetes taints of the nodes, NAME=VALUE:EFFECT,…
    #[arg(long, value_name = "NAME=VALUE:EFFECT", value_delimiter = ',')]
    node_taints: Vec<String>,
    #[command(flatten)]
    unset: Unset,
}

/// See [`NodegroupCommand::Delete`].
#[derive(Args)]
pub struct Delete {
    /// Name or UUID of the cluster
    cluster: String,
    /// Names or UUIDs of the groups
    #[arg(required = true, value_name = "NODEGROUP")]
    nodegroups: Vec<String>,
    #[command(flatten)]
    wait: WaitOptions,
}

impl NodegroupCommand {
    /// Runs it.
    ///
    /// # Errors
    /// As the service refuses.
    pub async fn run(self, cli: &mut Cli) -> Result {
        match self {
            Self::List(List { cluster, page, role }) => {
                let mut query = page.query();
                query.extend(given([("role", role)]));
                let items =
                    cli.api()?.list(&["clusters", &cluster, "nodegroups"], "nodegroups", &query).await?;
                cli.list(&["uuid", "name", "flavor_id", "image_id", "node_count", "status", "role"], items)
            }
            Self::Show(Show { cluster, nodegroup }) => {
                let path = ["clusters", &cluster, "nodegroups", &nodegroup];
                let shown = cli.api()?.get(&path, &[]).await?;
                cli.show(&shown)
            }
            Self::Create(command) => command.run(cli).await,
            Self::Update(command) => command.run(cli).await,
            Self::Delete(command) => command.run(cli).await,
        }
    }
}

impl Create {
    async fn run(self, cli: &mut Cli) -> Result {
        let body = Fields::default()
            .with("name", Some(self.nodegroup))
            .with("node_count", Some(self.node_count))
            .with("min_node_count", self.min_nodes)
            .with("max_node_count", self.max_nodes)
            .with("role", Some(self.role))
            .with("image_id", self.image)
            .with("flavor_id", self.flavor)
            .with("docker_volume_size", self.docker_volume_size)
            .with("labels", fields::labels("labels", &self.labels)?)
            .with("merge_labels", self.merge_labels.then_some(true))
            .with("node_labels", fields::labels("node-labels", &self.node_labels)?)
            .with("node_taints", taints(&self.node_taints)?)
            .body();
        let api = cli.api()?;
        let reply = api.post(&["clusters", &self.cluster, "nodegroups"], &body).await?;
        let (uuid, cluster) = (text(&reply.body, "uuid"), text(&reply.body, "cluster_id"));
        let sentence = format!("Request to create nodegroup {uuid} accepted");
        let cluster = if cluster.is_empty() { self.cluster.as_str() } else { cluster };
        let wanted = Wanted::new(cluster, reply.request_id.as_deref(), Goal::Done);
        watch(cli, &api, &self.wait, &wanted, &sentence).await
    }
}

impl Update {
    async fn run(self, cli: &mut Cli) -> Result {
        let options = Fields::default()
            .with("min_node_count", self.min_nodes)
            .with("max_node_count", self.max_nodes)
            .with("node_labels", fields::labels("node-labels", &self.node_labels)?)
            .with("node_taints", taints(&self.node_taints)?);
        let body = fields::all(vec![self.old.patch()?, options.patch(), self.unset.patch()])?;
        let path = ["clusters", &self.cluster, "nodegroups", &self.nodegroup];
        let shown = cli.api()?.patch(&path, &[], Some(&body)).await?.body;
        cli.show(&shown)
    }
}

impl Delete {
    async fn run(self, cli: &mut Cli) -> Result {
        let api = cli.api()?;
        let mut several = Several::of(self.nodegroups.len());
        // One after the other: a cluster does one thing at a time, and refuses the next meanwhile.
        for group in &self.nodegroups {
            let ended = self.delete(cli, &api, group).await;
            several.take(cli, ended)?;
        }
        several.end("node groups")
    }

    async fn delete(&self, cli: &mut Cli, api: &Api, group: &str) -> Result {
        let reply = api.delete(&["clusters", &self.cluster, "nodegroups", group]).await?;
        let wanted = Wanted::new(&self.cluster, reply.request_id.as_deref(), Goal::Done);
        let sentence = format!("Request to delete nodegroup {group} has been accepted.");
        watch(cli, api, &self.wait, &wanted, &sentence).await
    }
}

/// Taints as kubectl writes them: `NAME=VALUE:EFFECT` or `NAME:EFFECT`.
fn taints(given: &[String]) -> Result<Option<Value>> {
    if given.is_empty() {
        return Ok(None);
    }
    let taint = |text: &String| {
        let wrong = || {
            CliError::usage(format!("{text:?} is no taint"))
                .advise("write NAME=VALUE:EFFECT with NoSchedule, PreferNoSchedule or NoExecute")
        };
        let (name, effect) = text.rsplit_once(':').ok_or_else(wrong)?;
        Ok(match name.split_once('=') {
            Some((name, value)) => json!({"key": name, "value": value, "effect": effect}),
            None => json!({"key": name, "effect": effect}),
        })
    };
    given.iter().map(taint).collect::<Result<Vec<_>>>().map(|taints| Some(json!(taints)))
}
