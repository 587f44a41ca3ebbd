//! What a driver is told. Borrowed rows and settings only: a driver looks nothing up.

use magnum_types::{Cluster, ClusterTemplate, Labels, NodeGroup, NodeRegistration};
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
    /// The wanted number of workers.
    pub node_count: i32,
    /// Indexes of the members that must go, from [`crate::choose_removals`].
    pub remove: &'a [u32],
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
    /// What nodes have reported (the cluster's facts, opened).
    pub facts: &'a BTreeMap<String, String>,
    /// The cluster's CA certificate, PEM.
    pub ca: &'a str,
}
