//! A node group's documents. Its labels are compared with those of the cluster.

use crate::v1::document::{labels, links, object, put_difference, time};
use magnum_types::{Cluster, NodeGroup};
use serde_json::{Value, json};

/// The full document.
pub fn document(group: &NodeGroup, cluster: &Cluster, base: &str) -> Value {
    let mut document = object(json!({
        "id": group.id,
        "uuid": group.uuid.to_string(),
        "name": group.name,
        "cluster_id": group.cluster_id.to_string(),
        "project_id": group.project_id,
        "docker_volume_size": group.docker_volume_size,
        "labels": labels(&group.labels),
        "merge_labels": false,
        "flavor_id": group.flavor_id,
        "image_id": group.image_id,
        "node_addresses": group.node_addresses,
        "node_count": group.node_count,
        "role": group.role,
        "min_node_count": group.min_node_count,
        "max_node_count": group.max_node_count,
        "is_default": group.is_default,
        "stack_id": group.stack_id,
        "status": group.status.as_str(),
        "status_reason": group.status_reason,
        "version": group.version,
        "node_labels": group.node_labels.as_ref().map(labels),
        "node_taints": group.node_taints,
        "links": links(base, &format!("clusters/{}/nodegroups/{}", group.cluster_id, group.uuid)),
        "created_at": time(group.created_at),
        "updated_at": time(group.updated_at),
    }));
    put_difference(&mut document, &group.labels.difference_from(&cluster.labels));
    Value::Object(document)
}

/// The document of a list.
pub fn compact(group: &NodeGroup) -> Value {
    json!({
        "uuid": group.uuid.to_string(),
        "name": group.name,
        "flavor_id": group.flavor_id,
        "node_count": group.node_count,
        "role": group.role,
        "is_default": group.is_default,
        "image_id": group.image_id,
        "status": group.status.as_str(),
        "stack_id": group.stack_id,
        "merge_labels": false,
        "min_node_count": group.min_node_count,
        "max_node_count": group.max_node_count,
    })
}
