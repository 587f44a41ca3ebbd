//! Takes a further group of workers away. The two default groups go with the cluster only.

use crate::{
    error::Answer,
    extract::Call,
    v1::{
        clusters::{self, accept, resize::named_group},
        nodegroups::check_version,
    },
};
use axum::{extract::Path, response::IntoResponse};
use http::StatusCode;
use magnum_db::{AcceptOperation, GroupChange, Mode};
use magnum_policy::Rule;
use magnum_types::{
    NODEGROUP_DELETE, NodeGroupPatch, OperationId, ServiceError, Status, accept::NodeGroupParams,
    change::EventAction,
};

/// `DELETE /v1/clusters/{cluster}/nodegroups/{nodegroup}`
pub async fn delete(call: Call, Path((cluster, ident)): Path<(String, String)>) -> Answer {
    check_version(&call)?;
    call.arguments(&[])?;
    let view = clusters::load(&call, &cluster, None, Rule::NodeGroupDelete).await?;
    let group = named_group(&view, &ident)?;
    if group.is_default {
        return Err(ServiceError::invalid(format!(
            "Deleting a default node group is not supported: {} goes with its cluster",
            group.name
        ))
        .into());
    }
    // Asked again while it is on its way: nothing to add.
    if group.status == Status::DeleteInProgress {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let (state, uuid) = (&call.state, view.cluster.uuid);
    let id = OperationId(state.entropy.uuid());
    let params = NodeGroupParams { nodegroup: group.uuid };
    let patch = NodeGroupPatch {
        status: Some(Status::DeleteInProgress),
        status_reason: Some(None),
        ..NodeGroupPatch::default()
    };
    let timeout = accept::time_limit(state, view.cluster.create_timeout);
    state
        .store
        .accept_operation(AcceptOperation {
            cluster: uuid,
            allowed: Status::admits_resize,
            new_status: Status::UpdateInProgress,
            nodegroup: GroupChange::Patch(group.uuid, Box::new(patch)),
            operation: accept::operation(&call, id, NODEGROUP_DELETE, &params, timeout)?,
            mode: Mode::Queue,
            event: call.pending(uuid, id, EventAction::Update),
        })
        .await?;
    accept::nudge(state, id);
    Ok(StatusCode::NO_CONTENT.into_response())
}
