//! Making a cluster.

use crate::{
    cli::{Cli, text},
    error::Result,
    fields::{self, Fields},
    watch::{WaitOptions, watch_change},
};
use clap::Args;

/// See [`ClusterCommand::Create`](crate::commands::cluster::ClusterCommand::Create).
#[derive(Args)]
pub struct Create {
    /// Name [default: one is drawn]
    name: Option<String>,
    /// The name as an option, as older clients have it
    #[arg(long = "name", value_name = "NAME", hide = true, conflicts_with = "name")]
    named: Option<String>,
    /// Name or UUID of the template
    #[arg(long, value_name = "TEMPLATE", required = true, aliases = ["baymodel", "cluster-template-id"])]
    cluster_template: Option<String>,
    /// Number of workers [default: 1]
    #[arg(long, value_name = "NUMBER")]
    node_count: Option<u32>,
    /// Number of masters [default: 1]
    #[arg(long, value_name = "NUMBER")]
    master_count: Option<u32>,
    /// Key pair for the nodes [default: the template's]
    #[arg(long, alias = "keypair-id")]
    keypair: Option<String>,
    /// Minutes after which the create fails [default: 60]
    #[arg(long, value_name = "MINUTES", allow_negative_numbers = true)]
    timeout: Option<i32>,
    /// Flavor of the masters [default: the template's]
    #[arg(long, value_name = "FLAVOR", alias = "master-flavor-id")]
    master_flavor: Option<String>,
    /// Flavor of the workers [default: the template's]
    #[arg(long, value_name = "FLAVOR", alias = "flavor-id")]
    flavor: Option<String>,
    /// Size of each node's volume for containers in GB
    #[arg(long, value_name = "GB")]
    docker_volume_size: Option<u32>,
    /// Labels, NAME=VALUE,…; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    labels: Vec<String>,
    /// Add the labels to those of the template instead of replacing them
    #[arg(long)]
    merge_labels: bool,
    /// Network of the nodes [default: the template's, or one of its own]
    #[arg(long, value_name = "NETWORK")]
    fixed_network: Option<String>,
    /// Subnet of the nodes
    #[arg(long, value_name = "SUBNET")]
    fixed_subnet: Option<String>,
    /// Discovery service of an older image
    #[arg(long, value_name = "URL")]
    discovery_url: Option<String>,
    /// Floating addresses for the nodes
    #[arg(long, conflicts_with = "floating_ip_disabled")]
    floating_ip_enabled: bool,
    /// No floating addresses
    #[arg(long)]
    floating_ip_disabled: bool,
    /// A load balancer before the masters
    #[arg(long, conflicts_with = "master_lb_disabled")]
    master_lb_enabled: bool,
    /// No load balancer
    #[arg(long)]
    master_lb_disabled: bool,
    #[command(flatten)]
    wait: WaitOptions,
}

impl Create {
    /// Runs it.
    ///
    /// # Errors
    /// As the service refuses.
    pub async fn run(self, cli: &mut Cli) -> Result {
        let body = Fields::default()
            .with("name", self.name.or(self.named))
            .with("cluster_template_id", self.cluster_template)
            .with("node_count", self.node_count)
            .with("master_count", self.master_count)
            .with("keypair", self.keypair)
            .with("create_timeout", self.timeout)
            .with("master_flavor_id", self.master_flavor)
            .with("flavor_id", self.flavor)
            .with("docker_volume_size", self.docker_volume_size)
            .with("labels", fields::labels("labels", &self.labels)?)
            .with("merge_labels", self.merge_labels.then_some(true))
            .with("fixed_network", self.fixed_network)
            .with("fixed_subnet", self.fixed_subnet)
            .with("discovery_url", self.discovery_url)
            .with("floating_ip_enabled", fields::pair(self.floating_ip_enabled, self.floating_ip_disabled))
            .with("master_lb_enabled", fields::pair(self.master_lb_enabled, self.master_lb_disabled))
            .body();
        let api = cli.api()?;
        let reply = api.post(&["clusters"], &body).await?;
        // Both older clients say so, each in its words.
        let accepted = if cli.is_old { "has been accepted." } else { "accepted" };
        let sentence = format!("Request to create cluster {} {accepted}", text(&reply.body, "uuid"));
        watch_change(cli, &api, &self.wait, &reply, &sentence).await
    }
}
