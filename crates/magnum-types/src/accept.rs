//! What the API writes when it accepts a request, and the conductor reads when it does the work: the operations'
//! kinds and their parameters.

use crate::ids::NodeGroupId;
use serde::{Deserialize, Serialize};

/// Makes a cluster.
pub const CLUSTER_CREATE: &str = "cluster_create";
/// Changes the number of workers of the default group (PATCH).
pub const CLUSTER_UPDATE: &str = "cluster_update";
/// Changes the number of nodes of a group, optionally naming those to remove.
pub const CLUSTER_RESIZE: &str = "cluster_resize";
/// Takes a cluster away.
pub const CLUSTER_DELETE: &str = "cluster_delete";
/// Brings a cluster, or one of its groups, to another template's release.
pub const CLUSTER_UPGRADE: &str = "cluster_upgrade";
/// Stops an upgrade where it stands.
pub const UPGRADE_STOP: &str = "upgrade_stop";
/// Gives a cluster new certificate authorities.
pub const CA_ROTATE: &str = "ca_rotate";
/// Gives a cluster a new credential by which it acts on the cloud.
pub const CREDENTIAL_ROTATE: &str = "credential_rotate";
/// Makes a node group beside the two that every cluster has.
pub const NODEGROUP_CREATE: &str = "nodegroup_create";
/// Takes such a group away.
pub const NODEGROUP_DELETE: &str = "nodegroup_delete";

/// Parameters of [`CLUSTER_CREATE`]; everything else is in the cluster's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterCreateParams {
    /// The caller's token, sealed for the operation: needed once, to make the trust.
    pub sealed_token: String,
    /// The caller's roles on the project, which the trust hands on.
    pub roles: Vec<String>,
    /// The token came from an application credential, so Keystone refuses it a trust.
    pub application_credential: bool,
    /// Name of the caller, a parameter of the stacks.
    pub user_name: String,
}

/// Parameters of [`CLUSTER_UPDATE`] and [`CLUSTER_RESIZE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterResizeParams {
    /// The group whose count changes.
    pub nodegroup: NodeGroupId,
    /// The count to reach.
    pub node_count: i32,
    /// The count before, restored on failure.
    pub previous_count: i32,
    /// Nodes to remove: server ids, member indexes or addresses, as the client gave them.
    pub nodes_to_remove: Vec<String>,
    /// Let Heat put the old state back when the update fails.
    pub rollback: bool,
}

/// Parameters of [`CLUSTER_UPGRADE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterUpgradeParams {
    /// UUID of the template to reach.
    pub template: String,
    /// The release that its nodes are to run, as the driver read it from the template.
    pub release: String,
    /// The one group to upgrade; none for masters and all workers.
    pub nodegroup: Option<NodeGroupId>,
    /// Most workers that are upgraded at once; masters go one by one.
    pub max_batch_size: u32,
    /// The labels that the cluster and its groups get in the end.
    pub labels: crate::Labels,
    /// The image that nodes are to have, where it is another one than they have.
    #[serde(default)]
    pub image: Option<UpgradeImage>,
}

/// The image that an upgrade brings nodes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeImage {
    /// Glance's id of the image to reach.
    pub id: String,
    /// The groups whose nodes are made anew from it; those of other groups keep their image.
    pub nodegroups: Vec<NodeGroupId>,
}

/// Parameters of [`UPGRADE_STOP`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeStopParams {
    /// The release that the upgrade is to.
    pub release: String,
    /// The one group that is upgraded; none for masters and all workers.
    pub nodegroup: Option<NodeGroupId>,
}

/// Parameters of [`CA_ROTATE`]: everything is in the cluster's row and handle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaRotateParams {}

/// Parameters of [`CREDENTIAL_ROTATE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRotateParams {
    /// The caller's token, sealed for the operation: needed once, to make the trust.
    pub sealed_token: String,
    /// The caller's roles on the project, which the trust hands on.
    pub roles: Vec<String>,
}

/// Parameters of [`NODEGROUP_CREATE`] and [`NODEGROUP_DELETE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeGroupParams {
    /// The group.
    pub nodegroup: NodeGroupId,
}

/// Parameters of [`CLUSTER_DELETE`]: deleting needs nothing from the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterDeleteParams {}
