//! The attributes of a template as options, the same for a new one and for a change.

use crate::{
    error::Result,
    fields::{self, Fields},
};
use clap::Args;

/// See the module.
#[derive(Args)]
pub struct TemplateFields {
    /// Image of the nodes, name or UUID
    #[arg(long, alias = "image-id")]
    pub image: Option<String>,
    /// Network that gives floating addresses, name or UUID
    #[arg(long, value_name = "NETWORK", alias = "external-network-id")]
    pub external_network: Option<String>,
    /// Key pair for the nodes
    #[arg(long, alias = "keypair-id")]
    keypair: Option<String>,
    /// Network of the nodes
    #[arg(long, value_name = "NETWORK")]
    fixed_network: Option<String>,
    /// Subnet of the nodes
    #[arg(long, value_name = "SUBNET")]
    fixed_subnet: Option<String>,
    /// Driver of the containers' network
    #[arg(long, value_name = "DRIVER")]
    network_driver: Option<String>,
    /// Driver of the containers' volumes
    #[arg(long, value_name = "DRIVER")]
    volume_driver: Option<String>,
    /// Driver of Magnum, where several fit
    #[arg(long)]
    driver: Option<String>,
    /// Name server of the nodes' network
    #[arg(long, value_name = "ADDRESS")]
    pub dns_nameserver: Option<String>,
    /// Flavor of the workers
    #[arg(long, value_name = "FLAVOR", alias = "flavor-id")]
    pub flavor: Option<String>,
    /// Flavor of the masters
    #[arg(long, value_name = "FLAVOR", alias = "master-flavor-id")]
    master_flavor: Option<String>,
    /// Size of each node's volume for containers in GB
    #[arg(long, value_name = "GB")]
    docker_volume_size: Option<u32>,
    /// Storage driver of the containers
    #[arg(long, value_name = "DRIVER")]
    pub docker_storage_driver: Option<String>,
    /// Proxy of the nodes for HTTP
    #[arg(long, value_name = "URL")]
    http_proxy: Option<String>,
    /// Proxy of the nodes for HTTPS
    #[arg(long, value_name = "URL")]
    https_proxy: Option<String>,
    /// What the nodes reach without a proxy
    #[arg(long, value_name = "LIST")]
    no_proxy: Option<String>,
    /// Labels, NAME=VALUE,…; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    labels: Vec<String>,
    /// Clusters without TLS
    #[arg(long, conflicts_with = "tls_enabled")]
    tls_disabled: bool,
    /// Clusters with TLS
    #[arg(long)]
    tls_enabled: bool,
    /// For every project to use
    #[arg(long, conflicts_with = "private")]
    public: bool,
    /// For the own project only
    #[arg(long)]
    private: bool,
    /// With a registry in the cluster
    #[arg(long, conflicts_with = "registry_disabled")]
    registry_enabled: bool,
    /// Without one
    #[arg(long)]
    registry_disabled: bool,
    /// A registry that is used without TLS
    #[arg(long, value_name = "ADDRESS")]
    insecure_registry: Option<String>,
    /// vm or bm
    #[arg(long, value_name = "TYPE")]
    server_type: Option<String>,
    /// A load balancer before the masters
    #[arg(long, conflicts_with = "master_lb_disabled")]
    master_lb_enabled: bool,
    /// No load balancer
    #[arg(long)]
    master_lb_disabled: bool,
    /// Floating addresses for the nodes
    #[arg(long, conflicts_with = "floating_ip_disabled")]
    floating_ip_enabled: bool,
    /// No floating addresses
    #[arg(long)]
    floating_ip_disabled: bool,
    /// Not shown in lists of other projects
    #[arg(long, conflicts_with = "visible")]
    hidden: bool,
    /// Shown
    #[arg(long)]
    visible: bool,
    /// Tags, with commas between; may be given several times
    #[arg(long, value_name = "TAG", alias = "tag")]
    tags: Vec<String>,
}

impl TemplateFields {
    /// The fields that are given.
    ///
    /// # Errors
    /// A label without a value.
    pub fn fields(self) -> Result<Fields> {
        let tags = (!self.tags.is_empty()).then(|| self.tags.join(","));
        Ok(Fields::default()
            .with("image_id", self.image)
            .with("external_network_id", self.external_network)
            .with("keypair_id", self.keypair)
            .with("fixed_network", self.fixed_network)
            .with("fixed_subnet", self.fixed_subnet)
            .with("network_driver", self.network_driver)
            .with("volume_driver", self.volume_driver)
            .with("driver", self.driver)
            .with("dns_nameserver", self.dns_nameserver)
            .with("flavor_id", self.flavor)
            .with("master_flavor_id", self.master_flavor)
            .with("docker_volume_size", self.docker_volume_size)
            .with("docker_storage_driver", self.docker_storage_driver)
            .with("http_proxy", self.http_proxy)
            .with("https_proxy", self.https_proxy)
            .with("no_proxy", self.no_proxy)
            .with("labels", fields::labels("labels", &self.labels)?)
            .with("tls_disabled", fields::pair(self.tls_disabled, self.tls_enabled))
            .with("public", fields::pair(self.public, self.private))
            .with("registry_enabled", fields::pair(self.registry_enabled, self.registry_disabled))
            .with("insecure_registry", self.insecure_registry)
            .with("server_type", self.server_type)
            .with("master_lb_enabled", fields::pair(self.master_lb_enabled, self.master_lb_disabled))
            .with("floating_ip_enabled", fields::pair(self.floating_ip_enabled, self.floating_ip_disabled))
            .with("hidden", fields::pair(self.hidden, self.visible))
            .with("tags", tags))
    }
}
