//! A cluster's documents: full, and the shorter one of lists. Counts and addresses are those of its node groups.

use crate::{
    microversion::{CLUSTER_ID, Microversion},
    v1::document::{labels, links, object, put_difference, time},
};
use magnum_db::{ClusterSummary, ClusterView};
use magnum_types::{Cluster, NodeGroup, Role};
use serde_json::{Map, Value, json};

/// The full document.
pub fn document(view: &ClusterView, version: Microversion, base: &str) -> Value {
    let cluster = &view.cluster;
    let mut document = object(json!({
        "uuid": cluster.uuid.to_string(),
        "name": cluster.name,
        "cluster_template_id": cluster.cluster_template_id,
        "keypair": cluster.keypair,
        "node_count": count(view, Role::Worker),
        "master_count": count(view, Role::Master),
        "docker_volume_size": cluster.docker_volume_size,
        "labels": labels(&cluster.labels),
        "merge_labels": false,
        "master_flavor_id": cluster.master_flavor_id,
        "flavor_id": cluster.flavor_id,
        "fixed_network": cluster.fixed_network,
        "fixed_subnet": cluster.fixed_subnet,
        "floating_ip_enabled": cluster.floating_ip_enabled,
        "master_lb_enabled": cluster.master_lb_enabled,
        "create_timeout": cluster.create_timeout,
        "discovery_url": cluster.discovery_url,
        "status": cluster.status.as_str(),
        "status_reason": cluster.status_reason,
        "health_status": cluster.health_status.map(|health| health.as_str()),
        "health_status_reason": cluster.health_status_reason,
        "api_address": cluster.api_address,
        "coe_version": cluster.coe_version,
        "container_version": cluster.container_version,
        "node_addresses": addresses(view, Role::Worker),
        "master_addresses": addresses(view, Role::Master),
        "project_id": cluster.project_id,
        "user_id": cluster.user_id,
        "links": links(base, &format!("clusters/{}", cluster.uuid)),
        "created_at": time(cluster.created_at),
        "updated_at": time(cluster.updated_at),
    }));
    put_stack(&mut document, cluster, version);
    if let Some(template) = &view.template {
        put_difference(&mut document, &cluster.labels.difference_from(&template.labels));
    } else {
        put_difference(&mut document, &Default::default());
    }
    if cluster.status.is_failed() {
        document.insert("faults".to_owned(), faults(&view.nodegroups));
    }
    Value::Object(document)
}

/// The document of a list.
pub fn compact(summary: &ClusterSummary, version: Microversion, base: &str) -> Value {
    let cluster = &summary.cluster;
    let mut document = object(json!({
        "uuid": cluster.uuid.to_string(),
        "name": cluster.name,
        "cluster_template_id": cluster.cluster_template_id,
        "keypair": cluster.keypair,
        "docker_volume_size": cluster.docker_volume_size,
        "labels": labels(&cluster.labels),
        "merge_labels": false,
        "master_flavor_id": cluster.master_flavor_id,
        "flavor_id": cluster.flavor_id,
        "node_count": summary.node_count,
        "master_count": summary.master_count,
        "status": cluster.status.as_str(),
        "health_status": cluster.health_status.map(|health| health.as_str()),
        "create_timeout": cluster.create_timeout,
        "links": links(base, &format!("clusters/{}", cluster.uuid)),
    }));
    put_stack(&mut document, cluster, version);
    Value::Object(document)
}

/// One column, two names.
fn put_stack(document: &mut Map<String, Value>, cluster: &Cluster, version: Microversion) {
    let name = if version.at_least(CLUSTER_ID) { "cluster_id" } else { "stack_id" };
    document.insert(name.to_owned(), json!(cluster.stack_id));
}

/// How many nodes of a kind were asked for.
pub fn count(view: &ClusterView, kind: Role) -> i64 {
    view.nodegroups.iter().filter(|group| group.kind() == kind).map(|group| i64::from(group.node_count)).sum()
}

fn addresses(view: &ClusterView, kind: Role) -> Vec<&str> {
    view.nodegroups
        .iter()
        .filter(|group| group.kind() == kind)
        .flat_map(|group| group.node_addresses.iter().map(String::as_str))
        .collect()
}

/// Name of each failed group and why.
fn faults(groups: &[NodeGroup]) -> Value {
    let failed = groups.iter().filter(|group| group.status.is_failed());
    Value::Object(
        failed
            .map(|group| (group.name.clone(), Value::from(group.status_reason.clone().unwrap_or_default())))
            .collect(),
    )
}
