//! A cluster's documents: full, and the shorter one of lists. Counts and addresses are those of its node groups. Both
//! are written straight from what was read: a list of a thousand is most of what the service ever has to do at once.

use crate::{
    microversion::{CLUSTER_ID, Microversion},
    v1::document::{Links, Time},
};
use indexmap::IndexMap;
use magnum_db::ClusterSummary;
use magnum_types::{Labels, Role};
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The full document.
#[derive(Serialize)]
pub struct Document<'a> {
    uuid: Uuid,
    name: &'a str,
    cluster_template_id: &'a str,
    keypair: Option<&'a str>,
    node_count: i64,
    master_count: i64,
    docker_volume_size: Option<i32>,
    labels: &'a Labels,
    merge_labels: bool,
    master_flavor_id: Option<&'a str>,
    flavor_id: Option<&'a str>,
    fixed_network: Option<&'a str>,
    fixed_subnet: Option<&'a str>,
    floating_ip_enabled: bool,
    master_lb_enabled: bool,
    create_timeout: Option<i32>,
    discovery_url: Option<&'a str>,
    status: &'static str,
    status_reason: Option<&'a str>,
    health_status: Option<&'static str>,
    health_status_reason: &'a IndexMap<String, String>,
    api_address: Option<&'a str>,
    coe_version: Option<&'a str>,
    container_version: Option<&'a str>,
    node_addresses: Vec<&'a str>,
    master_addresses: Vec<&'a str>,
    project_id: &'a str,
    user_id: &'a str,
    links: Links<'a>,
    created_at: Time,
    updated_at: Time,
    #[serde(flatten)]
    stack: Stack<'a>,
    labels_overridden: Labels,
    labels_added: Labels,
    labels_skipped: Labels,
    /// Name of each failed group and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    faults: Option<BTreeMap<&'a str, &'a str>>,
}

/// The document of a list.
#[derive(Serialize)]
pub struct Compact<'a> {
    uuid: Uuid,
    name: &'a str,
    cluster_template_id: &'a str,
    keypair: Option<&'a str>,
    docker_volume_size: Option<i32>,
    labels: &'a Labels,
    merge_labels: bool,
    master_flavor_id: Option<&'a str>,
    flavor_id: Option<&'a str>,
    node_count: i64,
    master_count: i64,
    status: &'static str,
    health_status: Option<&'static str>,
    create_timeout: Option<i32>,
    links: Links<'a>,
    #[serde(flatten)]
    stack: Stack<'a>,
}

/// One column, two names.
#[derive(Serialize)]
enum Stack<'a> {
    #[serde(rename = "cluster_id")]
    Renamed(Option<&'a str>),
    #[serde(rename = "stack_id")]
    Plain(Option<&'a str>),
}

impl<'a> Stack<'a> {
    fn of(summary: &'a ClusterSummary, version: Microversion) -> Self {
        let stack = summary.cluster.stack_id.as_deref();
        if version.at_least(CLUSTER_ID) { Self::Renamed(stack) } else { Self::Plain(stack) }
    }
}

fn links<'a>(summary: &ClusterSummary, base: &'a str) -> Links<'a> {
    Links { base, collection: "clusters", item: summary.cluster.uuid.0 }
}

/// The full document of a cluster.
pub fn document<'a>(summary: &'a ClusterSummary, version: Microversion, base: &'a str) -> Document<'a> {
    let cluster = &summary.cluster;
    let template_labels = summary.template_labels.as_ref();
    let difference = template_labels.map(|labels| cluster.labels.difference_from(labels)).unwrap_or_default();
    Document {
        uuid: cluster.uuid.0,
        name: &cluster.name,
        cluster_template_id: &cluster.cluster_template_id,
        keypair: cluster.keypair.as_deref(),
        node_count: summary.count(Role::Worker),
        master_count: summary.count(Role::Master),
        docker_volume_size: cluster.docker_volume_size,
        labels: &cluster.labels,
        merge_labels: false,
        master_flavor_id: cluster.master_flavor_id.as_deref(),
        flavor_id: cluster.flavor_id.as_deref(),
        fixed_network: cluster.fixed_network.as_deref(),
        fixed_subnet: cluster.fixed_subnet.as_deref(),
        floating_ip_enabled: cluster.floating_ip_enabled,
        master_lb_enabled: cluster.master_lb_enabled,
        create_timeout: cluster.create_timeout,
        discovery_url: cluster.discovery_url.as_deref(),
        status: cluster.status.as_str(),
        status_reason: cluster.status_reason.as_deref(),
        health_status: cluster.health_status.map(|health| health.as_str()),
        health_status_reason: &cluster.health_status_reason,
        api_address: cluster.api_address.as_deref(),
        coe_version: cluster.coe_version.as_deref(),
        container_version: cluster.container_version.as_deref(),
        node_addresses: summary.addresses(Role::Worker),
        master_addresses: summary.addresses(Role::Master),
        project_id: &cluster.project_id,
        user_id: &cluster.user_id,
        links: links(summary, base),
        created_at: Time(cluster.created_at),
        updated_at: Time(cluster.updated_at),
        stack: Stack::of(summary, version),
        labels_overridden: difference.overridden,
        labels_added: difference.added,
        labels_skipped: difference.skipped,
        faults: cluster.status.is_failed().then(|| faults(summary)),
    }
}

/// The document of a cluster in a list.
pub fn compact<'a>(summary: &'a ClusterSummary, version: Microversion, base: &'a str) -> Compact<'a> {
    let cluster = &summary.cluster;
    Compact {
        uuid: cluster.uuid.0,
        name: &cluster.name,
        cluster_template_id: &cluster.cluster_template_id,
        keypair: cluster.keypair.as_deref(),
        docker_volume_size: cluster.docker_volume_size,
        labels: &cluster.labels,
        merge_labels: false,
        master_flavor_id: cluster.master_flavor_id.as_deref(),
        flavor_id: cluster.flavor_id.as_deref(),
        node_count: summary.count(Role::Worker),
        master_count: summary.count(Role::Master),
        status: cluster.status.as_str(),
        health_status: cluster.health_status.map(|health| health.as_str()),
        create_timeout: cluster.create_timeout,
        links: links(summary, base),
        stack: Stack::of(summary, version),
    }
}

fn faults(summary: &ClusterSummary) -> BTreeMap<&str, &str> {
    let failed = summary.nodegroups.iter().filter(|group| group.status.is_failed());
    failed.map(|group| (group.name.as_str(), group.status_reason.as_deref().unwrap_or_default())).collect()
}
