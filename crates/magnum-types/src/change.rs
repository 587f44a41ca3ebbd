//! Writes to the domain's rows that a step of an operation makes. They travel as data, because the store applies
//! them in the same transaction as the step's record, under the operation's epoch: either both are there or none.

use crate::{
    HealthStatus, Labels, Status,
    handle::HandlePatch,
    ids::{ClusterId, NodeGroupId, OperationId},
    registration::NodeState,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Sets fields of a cluster's row.
    Cluster(ClusterId, Box<ClusterPatch>),
    /// Sets fields of a node group's row.
    NodeGroup(NodeGroupId, Box<NodeGroupPatch>),
    /// Sets status and reason of all node groups of a cluster.
    NodeGroups(ClusterId, Status, Option<String>),
    /// Sets fields of a cluster's handle.
    Handle(ClusterId, Box<HandlePatch>),
    /// Sets the hash of the join secret of a group with a stack of its own.
    NodeGroupSecret(NodeGroupId, String),
    /// Takes away a group's row, handle and registrations.
    DeleteNodeGroup(NodeGroupId),
    /// Moves registered nodes (by instance id) to a state, e.g. leaving or gone. Raise the plan generation before it:
    /// the generation at this point of the transaction is the one that the move comes with.
    NodesBecome(ClusterId, NodeState, Vec<String>),
    /// Sets the release that nodes (by instance id) are to run. Raise the plan generation with it.
    NodesRelease(ClusterId, String, Vec<String>),
    /// Moves nodes (by instance id) to [`NodeState::Rebuilding`] with the image that they are to have: what they are known
    /// by, and what they reported, is void. Raise the plan generation before it.
    NodesRebuild(ClusterId, String, Vec<String>),
    /// Gives work again to nodes that an upgrade had emptied or begun with: those that are being emptied are ready, the
    /// others on their way to it. Raise the plan generation before it.
    NodesResume(ClusterId),
    /// Removes registrations (by instance id) of nodes that the engine has forgotten.
    ForgetNodes(ClusterId, Vec<String>),
    /// Takes away the row, its groups, handle and registrations.
    DeleteCluster(ClusterId),
    /// Puts a notification in the outbox, with the cluster's data as they are at this point of the transaction.
    Notify(ClusterEvent),
}

impl Change {
    /// Every node of a cluster has a newer plan, and tries again what failed.
    pub fn raise_plans(cluster: ClusterId) -> Self {
        let raise = HandlePatch { raise_plan_generation: true, ..HandlePatch::default() };
        Self::Handle(cluster, Box::new(raise))
    }
}

/// A partial change of a cluster; `None` keeps the value.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the fields are those of Cluster")]
pub struct ClusterPatch {
    pub status: Option<Status>,
    pub status_reason: Option<Option<String>>,
    pub stack_id: Option<Option<String>>,
    pub api_address: Option<Option<String>>,
    pub discovery_url: Option<Option<String>>,
    pub coe_version: Option<Option<String>>,
    pub container_version: Option<Option<String>>,
    pub health_status: Option<Option<HealthStatus>>,
    pub health_status_reason: Option<indexmap::IndexMap<String, String>>,
    pub trust_id: Option<Option<String>>,
    pub trustee_username: Option<Option<String>>,
    pub trustee_user_id: Option<Option<String>>,
    pub trustee_password: Option<Option<String>>,
    pub ca_cert_ref: Option<Option<String>>,
    pub magnum_cert_ref: Option<Option<String>>,
    pub etcd_ca_cert_ref: Option<Option<String>>,
    pub front_proxy_ca_cert_ref: Option<Option<String>>,
    pub cluster_template_id: Option<String>,
    pub labels: Option<Labels>,
}

/// A partial change of a node group; `None` keeps the value.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the fields are those of NodeGroup")]
pub struct NodeGroupPatch {
    pub status: Option<Status>,
    pub status_reason: Option<Option<String>>,
    pub stack_id: Option<Option<String>>,
    pub node_count: Option<i32>,
    pub node_addresses: Option<Vec<String>>,
    pub version: Option<Option<String>>,
    pub labels: Option<Labels>,
    pub image_id: Option<Option<String>>,
    pub min_node_count: Option<i32>,
    pub max_node_count: Option<Option<i32>>,
    pub node_labels: Option<Option<Labels>>,
    pub node_taints: Option<Option<Value>>,
}

/// A notification to be sent about a cluster (spec 4.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterEvent {
    /// The cluster it is about.
    pub cluster: ClusterId,
    /// The operation that caused it.
    pub operation: OperationId,
    /// What is being done.
    pub action: EventAction,
    /// How far it got.
    pub outcome: EventOutcome,
    /// Who asked.
    pub initiator: EventInitiator,
}

/// Who caused a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields carry Keystone's own names")]
pub struct EventInitiator {
    pub user_id: String,
    pub project_id: String,
    pub domain_id: Option<String>,
    pub request_id: String,
}

/// The verb of a notification; resize, upgrade and rotation say `update`, as upstream does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventAction {
    /// `create`
    Create,
    /// `update`
    Update,
    /// `delete`
    Delete,
}

/// The outcome of a notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventOutcome {
    /// Begun.
    Pending,
    /// Ended well.
    Success,
    /// Ended badly.
    Failure,
}
