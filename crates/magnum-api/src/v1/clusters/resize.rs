//! Gives a group of workers another size, optionally naming the nodes that go. Autoscalers repeat themselves, so a
//! resize is also accepted while another one runs, and then waits for it.

use crate::{
    error::Answer,
    extract::{Call, FieldsBody},
    microversion::{RESIZE, ZERO_NODES},
    v1::{
        clusters::{accept, checks::check_master_count, load},
        document::accepted,
    },
};
use axum::extract::Path;
use magnum_db::{AcceptOperation, ClusterView, GroupChange, Mode};
use magnum_policy::Rule;
use magnum_types::{
    CLUSTER_RESIZE, ErrorKind, NodeGroup, NodeGroupPatch, OperationId, Role, ServiceError, Status,
    accept::ClusterResizeParams, change::EventAction, nodegroup::DEFAULT_WORKER,
};
use std::collections::BTreeSet;

/// `POST /v1/clusters/{cluster}/actions/resize`
pub async fn resize(call: Call, Path(ident): Path<String>, FieldsBody(mut body): FieldsBody) -> Answer {
    // A client that names no version (openstacksdk) is served too; one that names an older one is told.
    if call.version.explicit && !call.version.at_least(RESIZE) {
        return Err(ServiceError::new(
            ErrorKind::NotAcceptable,
            "Resizing needs microversion 1.7 or later: send OpenStack-API-Version: container-infra 1.7",
        )
        .into());
    }
    call.arguments(&[])?;
    let node_count = body
        .integer("node_count", 0, i32::MAX)?
        .ok_or_else(|| ServiceError::invalid("Mandatory field missing: give a value for node_count"))?;
    let nodes_to_remove = body.texts("nodes_to_remove")?.unwrap_or_default();
    let nodegroup = body.text("nodegroup", 255)?;
    body.finish(&[])?;
    if node_count == 0 && call.version.explicit && !call.version.at_least(ZERO_NODES) {
        return Err(ServiceError::invalid(
            "Invalid value for node_count: 0; it must be at least 1 below microversion 1.10",
        )
        .into());
    }
    let cluster = load(&call, &ident, None, Rule::ClusterResize).await?;
    let group = match nodegroup {
        None => default_worker(&cluster)?,
        Some(ident) => named_group(&cluster, &ident)?,
    };
    check_kind(&call, &cluster, group, node_count, &nodes_to_remove)?;
    check_bounds(group, node_count)?;

    let state = &call.state;
    let id = OperationId(state.entropy.uuid());
    let uuid = cluster.cluster.uuid;
    let params = ClusterResizeParams {
        nodegroup: group.uuid,
        node_count,
        previous_count: group.node_count,
        nodes_to_remove,
        rollback: false,
    };
    let timeout = accept::time_limit(state, cluster.cluster.create_timeout);
    let patch = NodeGroupPatch {
        node_count: Some(node_count),
        status: Some(Status::UpdateInProgress),
        ..NodeGroupPatch::default()
    };
    state
        .store
        .accept_operation(AcceptOperation {
            cluster: uuid,
            allowed: Status::admits_resize,
            new_status: Status::UpdateInProgress,
            nodegroup: GroupChange::Patch(group.uuid, Box::new(patch)),
            operation: accept::operation(&call, id, CLUSTER_RESIZE, &params, timeout)?,
            mode: Mode::Queue,
            event: call.pending(uuid, id, EventAction::Update),
        })
        .await?;
    accept::nudge(state, id);
    Ok(accepted(uuid))
}

/// The group that every cluster has for its workers.
pub fn default_worker(cluster: &ClusterView) -> Result<&NodeGroup, ServiceError> {
    let workers = || cluster.nodegroups.iter().filter(|group| group.kind() == Role::Worker);
    workers()
        .find(|group| group.is_default)
        .or_else(|| workers().find(|group| group.name == DEFAULT_WORKER))
        .ok_or_else(|| {
            ServiceError::conflict(format!("Cluster {} has no default worker group", cluster.cluster.uuid))
        })
}

/// The group of that name or UUID.
pub fn named_group<'a>(cluster: &'a ClusterView, ident: &str) -> Result<&'a NodeGroup, ServiceError> {
    let uuid = uuid::Uuid::parse_str(ident).ok();
    cluster
        .nodegroups
        .iter()
        .find(|group| match uuid {
            Some(uuid) => group.uuid.0 == uuid,
            None => group.name == ident,
        })
        .ok_or_else(|| ServiceError::not_found(format!("Nodegroup {ident} could not be found.")))
}

/// Masters are as many as at creation, unless the driver knows better; then it is the rule of a creation.
fn check_kind(
    call: &Call,
    cluster: &ClusterView,
    group: &NodeGroup,
    node_count: i32,
    nodes_to_remove: &[String],
) -> Result<(), ServiceError> {
    if group.kind() != Role::Master {
        return Ok(());
    }
    let refused = match &cluster.template {
        Some(template) => call.state.registry.of_template(template)?.refuses_master_resize(),
        None => true,
    };
    if refused {
        return Err(ServiceError::invalid(format!(
            "Resizing the master group {} is not supported: name a group of workers",
            group.name
        )));
    }
    if node_count < 1 {
        return Err(ServiceError::invalid("Invalid value for node_count: a cluster has at least one master"));
    }
    let named: BTreeSet<&str> = nodes_to_remove.iter().map(|name| name.trim()).collect();
    if i32::try_from(named.len()).is_ok_and(|named| named >= group.node_count) {
        return Err(ServiceError::invalid(format!(
            "Invalid value for nodes_to_remove: at least one of the {} masters must stay, since the others learn from it \
             all that the cluster knows",
            group.node_count
        )));
    }
    check_master_count("node_count", node_count, cluster.cluster.master_lb_enabled)
}

/// A group keeps to its own bounds.
pub fn check_bounds(group: &NodeGroup, node_count: i32) -> Result<(), ServiceError> {
    if node_count < group.min_node_count {
        return Err(ServiceError::invalid(format!(
            "Invalid value for node_count: {node_count}; node group {} has at least {} nodes (min_node_count)",
            group.name, group.min_node_count
        )));
    }
    match group.max_node_count {
        Some(max) if node_count > max => Err(ServiceError::invalid(format!(
            "Invalid value for node_count: {node_count}; node group {} has at most {max} nodes (max_node_count)",
            group.name
        ))),
        _ => Ok(()),
    }
}
