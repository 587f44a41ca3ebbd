//! A node group: nodes of one flavor, image and role inside a cluster (spec 1.7). Every cluster has
//! `default-master` and `default-worker`.

use crate::{
    Labels, Status,
    ids::{ClusterId, NodeGroupId},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Name of the group of masters that every cluster has.
pub const DEFAULT_MASTER: &str = "default-master";
/// Name of the group of workers that every cluster has.
pub const DEFAULT_WORKER: &str = "default-worker";

/// What nodes of a group do. Upstream lets tenants invent roles; only `master` means something to the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs the engine's control plane.
    Master,
    /// Runs the tenant's containers.
    Worker,
}

/// A node group as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the fields are the columns of upstream's table, described in the API reference"
)]
pub struct NodeGroup {
    /// The table's integer key; 0 before the row is inserted.
    pub id: i64,
    pub uuid: NodeGroupId,
    pub cluster_id: ClusterId,
    pub name: String,
    pub project_id: String,
    pub docker_volume_size: Option<i32>,
    pub labels: Labels,
    pub flavor_id: Option<String>,
    pub image_id: Option<String>,
    pub node_addresses: Vec<String>,
    /// The count that was asked for.
    pub node_count: i32,
    pub role: String,
    pub min_node_count: i32,
    pub max_node_count: Option<i32>,
    pub is_default: bool,
    pub stack_id: Option<String>,
    pub status: Status,
    pub status_reason: Option<String>,
    pub version: Option<String>,
    pub node_labels: Option<Labels>,
    pub node_taints: Option<Value>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}

impl NodeGroup {
    /// Masters or workers: any role but `master` works.
    pub fn kind(&self) -> Role {
        if self.role == "master" { Role::Master } else { Role::Worker }
    }
}
