//! A node's document, without what it speaks with.

use crate::v1::document::time;
use magnum_db::NodeSummary;
use magnum_types::NodeGroup;
use serde_json::{Value, json};

/// The document of a node of one of these groups.
pub fn document(node: &NodeSummary, groups: &[NodeGroup]) -> Value {
    let group = groups.iter().find(|group| group.uuid == node.nodegroup);
    json!({
        "instance_id": node.instance_id,
        "name": node.name,
        "role": node.role,
        "is_first": node.primary,
        "nodegroup_id": node.nodegroup.to_string(),
        "nodegroup": group.map(|group| group.name.as_str()),
        "address": node.address,
        "public_address": node.public_address,
        "state": node.state.as_str(),
        "step": node.step,
        "error": node.error,
        "version": node.release,
        "image_id": node.image.as_deref().or_else(|| group?.image_id.as_deref()),
        "plan_generation": node.generation,
        "reported_at": time(node.last_seen),
        "created_at": time(Some(node.created_at)),
    })
}
