//! Where secrets are sealed in the database. The place is authenticated with the value, so that one copied to another
//! row does not open there; whoever seals and whoever opens must name the same place.

use crate::ids::{ClusterId, NodeGroupId, OperationId};

/// The caller's token, in the parameters of a `cluster_create` or a `credential_rotate`.
pub fn operation_token(operation: OperationId) -> String {
    format!("operation:{operation}:token")
}

/// A cluster's trustee password, or its application credential's secret (`cluster.trustee_password`).
pub fn trustee_password(cluster: ClusterId) -> String {
    format!("cluster:{cluster}:trustee_password")
}

/// The join secret, in the log of the `cluster_create` that drew it.
pub fn join_secret(cluster: ClusterId) -> String {
    format!("cluster:{cluster}:join_secret")
}

/// The join secret of one group, in the log of the `nodegroup_create` that drew it.
pub fn group_join_secret(group: NodeGroupId) -> String {
    format!("nodegroup:{group}:join_secret")
}

/// What nodes told us that others need (`cluster_handle.facts`).
pub fn facts(cluster: ClusterId) -> String {
    format!("cluster:{cluster}:facts")
}
