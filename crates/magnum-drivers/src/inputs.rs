//! What a driver is told. Borrowed rows and settings only: a driver looks nothing up.

use magnum_types::{Authority, Cluster, ClusterTemplate, Labels, NodeGroup, NodeRegistration, Role};
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What the operator's configuration means to drivers.
#[derive(Clone, Debug)]
pub struct DriverSettings {
    /// Base URL of Magnum's API as nodes reach it; `/v1` is added when it is missing.
    pub magnum_url: String,
    /// Keystone's URL as nodes reach it, ending in `/v3`.
    pub auth_url: String,
    /// `[drivers] verify_ca`
    pub verify_ca: bool,
    /// Contents of `[drivers] openstack_ca_file`, PEM; empty for the system's own trust.
    pub openstack_ca: String,
    /// SHA-256 (hex) of the node program that the API serves; empty when every image brings it.
    pub node_program_sha256: String,
    /// `[cinder] default_docker_volume_type`; empty for Cinder's own default.
    pub default_docker_volume_type: String,
    /// `[cinder] default_etcd_volume_type`; empty for Cinder's own default.
    pub default_etcd_volume_type: String,
    /// `[cinder] default_boot_volume_type`; empty for Cinder's own default.
    pub default_boot_volume_type: String,
    /// `[cinder] default_boot_volume_size`, GB; 0 boots from the image.
    pub default_boot_volume_size: i32,
    /// Zone of nodes when no label names one; empty for Nova's choice.
    pub default_availability_zone: String,
    /// Nova server group policy.
    pub nodes_affinity_policy: String,
    /// `[cluster_heat] create_timeout`, minutes; used when the cluster says 0 or nothing.
    pub create_timeout: i32,
}

impl Default for DriverSettings {
    fn default() -> Self {
        Self {
            magnum_url: String::new(),
            auth_url: String::new(),
            verify_ca: true,
            openstack_ca: String::new(),
            node_program_sha256: String::new(),
            default_docker_volume_type: String::new(),
            default_etcd_volume_type: String::new(),
            default_boot_volume_type: String::new(),
            default_boot_volume_size: 0,
            default_availability_zone: String::new(),
            nodes_affinity_policy: "soft-anti-affinity".to_owned(),
            create_timeout: 60,
        }
    }
}

/// The fields of a template, or of a cluster laid over its template, that a driver may refuse. What is not known yet
/// (a template has no counts) is `None` and not checked.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the fields are those of the request")]
pub struct ClusterSpecView<'a> {
    pub labels: &'a Labels,
    pub network_driver: Option<&'a str>,
    pub volume_driver: Option<&'a str>,
    pub docker_storage_driver: Option<&'a str>,
    /// GB.
    pub docker_volume_size: Option<i32>,
    pub external_network_id: Option<&'a str>,
    pub fixed_network: Option<&'a str>,
    pub fixed_subnet: Option<&'a str>,
    pub floating_ip_enabled: bool,
    pub master_lb_enabled: bool,
    pub registry_enabled: bool,
    pub tls_disabled: bool,
    pub master_count: Option<i32>,
}

impl<'a> ClusterSpecView<'a> {
    /// What a template asks for.
    pub fn of_template(template: &'a ClusterTemplate) -> Self {
        Self {
            labels: &template.labels,
            network_driver: template.network_driver.as_deref(),
            volume_driver: template.volume_driver.as_deref(),
            docker_storage_driver: template.docker_storage_driver.as_deref(),
            docker_volume_size: template.docker_volume_size,
            external_network_id: template.external_network_id.as_deref(),
            fixed_network: template.fixed_network.as_deref(),
            fixed_subnet: template.fixed_subnet.as_deref(),
            floating_ip_enabled: template.floating_ip_enabled,
            master_lb_enabled: template.master_lb_enabled,
            registry_enabled: template.registry_enabled,
            tls_disabled: template.tls_disabled,
            master_count: None,
        }
    }

    /// What a cluster asks for.
    pub fn of_cluster(cluster: &'a Cluster, template: &'a ClusterTemplate, master_count: i32) -> Self {
        Self {
            labels: &cluster.labels,
            docker_volume_size: cluster.docker_volume_size,
            fixed_network: cluster.fixed_network.as_deref(),
            fixed_subnet: cluster.fixed_subnet.as_deref(),
            floating_ip_enabled: cluster.floating_ip_enabled,
            master_lb_enabled: cluster.master_lb_enabled,
            master_count: Some(master_count),
            ..Self::of_template(template)
        }
    }
}

/// What an image says of itself beside its distribution.
#[derive(Clone, Copy, Debug)]
pub struct ImageView<'a> {
    /// As the request names it.
    pub name: &'a str,
    /// Property `magnum_coes`: the engines whose programs it has, with commas between.
    pub coes: Option<&'a str>,
    /// Property `magnum_kube_tag`: the release of Kubernetes whose programs it has.
    pub kube_tag: Option<&'a str>,
}

/// What a stack is made from.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the types say it")]
pub struct StackInputs<'a> {
    pub cluster: &'a Cluster,
    pub template: &'a ClusterTemplate,
    pub masters: &'a NodeGroup,
    pub workers: &'a NodeGroup,
    /// Lets a member of the stack register. Letters, digits, `-` and `_` only.
    pub join_secret: &'a SecretString,
    pub settings: &'a DriverSettings,
}

/// What the stack of a further node group is made from.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the types say it")]
pub struct GroupStackInputs<'a> {
    pub cluster: &'a Cluster,
    pub template: &'a ClusterTemplate,
    pub group: &'a NodeGroup,
    /// Lets a member of the group's stack register. Letters, digits, `-` and `_` only.
    pub join_secret: &'a SecretString,
    pub settings: &'a DriverSettings,
    /// The outputs of the cluster's own stack (name → value).
    pub cluster_outputs: &'a Map<String, Value>,
}

/// What a change of a group's size is made from.
#[derive(Clone, Copy, Debug)]
pub struct ScaleInputs<'a> {
    /// Which of the stack's groups.
    pub role: Role,
    /// The wanted number of its nodes.
    pub node_count: i32,
    /// Indexes of the members that must go, from [`crate::choose_removals`].
    pub remove: &'a [u32],
}

/// What the images of a group's members are made from.
#[derive(Clone, Copy, Debug)]
pub struct ImageInputs<'a> {
    /// Which of the stack's groups.
    pub role: Role,
    /// The image of all members but those in `single`, and of those to come; `None` keeps it.
    pub image: Option<&'a str>,
    /// Index → image.
    pub single: &'a BTreeMap<u32, String>,
}

/// What a node's plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanInputs<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Its template.
    pub template: &'a ClusterTemplate,
    /// The node that asks.
    pub node: &'a NodeRegistration,
    /// Every registered node of the cluster, the asking one included.
    pub nodes: &'a [NodeRegistration],
    /// The cluster's node groups.
    pub nodegroups: &'a [NodeGroup],
    /// What nodes have reported, and the secrets that they share (the cluster's facts, opened).
    pub facts: &'a BTreeMap<String, String>,
    /// The cluster's authorities as they are now.
    pub authorities: &'a Authorities,
    /// The cluster's own credential for the cloud, for a master that may hold it (`[trust] cluster_user_trust`).
    pub cloud: Option<&'a CloudCredential>,
    /// That credential is a new one, and the one before ends once nobody acts by it any more: the plan must not succeed
    /// before.
    pub cloud_is_new: bool,
}

/// A cluster's own credential for the cloud.
#[derive(Clone, Debug)]
pub enum CloudCredential {
    /// A user of the trustee domain with the creator's trust.
    Trust {
        /// The user's id.
        user_id: String,
        /// Its password.
        password: SecretString,
        /// The trust's id.
        trust_id: SecretString,
    },
    /// An application credential.
    Application {
        /// Its id.
        id: String,
        /// Its secret.
        secret: SecretString,
    },
}

/// A cluster's authorities as its nodes are to see them now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities {
    /// The certificates to trust, PEM; two of each while they are being rotated.
    pub trusted: BTreeMap<Authority, String>,
    /// Names of those that sign for clients now. A name is one authority's for ever.
    pub for_clients: BTreeMap<Authority, String>,
    /// Names of those that sign for servers now.
    pub for_servers: BTreeMap<Authority, String>,
}

impl Authorities {
    /// The certificates to trust, PEM; empty for an authority that the cluster does not have (yet).
    pub fn trusted(&self, authority: Authority) -> &str {
        self.trusted.get(&authority).map_or("", String::as_str)
    }

    /// The name of the authority that signs now.
    pub fn issuer(&self, authority: Authority, serves: bool) -> &str {
        let issuers = if serves { &self.for_servers } else { &self.for_clients };
        issuers.get(&authority).map_or("", String::as_str)
    }
}

/// What the release of a new node is read from.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the types say it")]
pub struct ReleaseInputs<'a> {
    pub cluster: &'a Cluster,
    pub group: &'a NodeGroup,
}

/// What a further group of workers is checked from, before it is made.
#[derive(Clone, Copy, Debug)]
pub struct GroupInputs<'a> {
    /// The cluster as it is.
    pub cluster: &'a Cluster,
    /// The group that is asked for.
    pub group: &'a NodeGroup,
    /// The cluster's nodes.
    pub nodes: &'a [NodeRegistration],
}

/// What an upgrade is checked from.
#[derive(Clone, Copy, Debug)]
pub struct UpgradeInputs<'a> {
    /// The cluster as it is.
    pub cluster: &'a Cluster,
    /// All of its node groups.
    pub nodegroups: &'a [NodeGroup],
    /// The template that it has.
    pub from: &'a ClusterTemplate,
    /// The template to reach.
    pub to: &'a ClusterTemplate,
    /// The one group to upgrade; none for masters and all workers.
    pub group: Option<&'a NodeGroup>,
    /// The cluster's nodes.
    pub nodes: &'a [NodeRegistration],
}

impl UpgradeInputs<'_> {
    /// The groups whose nodes are to have another image than they have: those that the upgrade is about and that have
    /// the image of the present template. A group that was given an image of its own keeps it.
    pub fn image_groups(&self) -> Vec<&NodeGroup> {
        let asked = |group: &&NodeGroup| self.group.is_none_or(|asked| asked.uuid == group.uuid);
        let follows = |group: &&NodeGroup| {
            let image = group.image_id.as_deref().unwrap_or(&self.from.image_id);
            image == self.from.image_id && image != self.to.image_id
        };
        self.nodegroups.iter().filter(asked).filter(follows).collect()
    }
}
