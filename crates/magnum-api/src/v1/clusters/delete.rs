//! Takes a cluster away, whatever its state: what runs is asked to stop, and the delete takes care of what it made.
//! Asking a second time while a delete runs changes nothing.

use crate::{
    error::Answer,
    extract::Call,
    v1::clusters::{accept, load},
};
use axum::{extract::Path, response::IntoResponse};
use http::StatusCode;
use magnum_db::{AcceptOperation, GroupChange, Mode};
use magnum_policy::Rule;
use magnum_types::{CLUSTER_DELETE, OperationId, Status, accept::ClusterDeleteParams, change::EventAction};

/// `DELETE /v1/clusters/{cluster}`
pub async fn delete(call: Call, Path(ident): Path<String>) -> Answer {
    call.arguments(&[])?;
    let cluster = load(&call, &ident, Some(Rule::ClusterDeleteAllProjects), Rule::ClusterDelete).await?;
    let (state, uuid) = (&call.state, cluster.cluster.uuid);
    if cluster.cluster.status == Status::DeleteInProgress
        && let Some(live) = state.store.live_operation(uuid).await?
        && live.kind == CLUSTER_DELETE
    {
        accept::nudge(state, live.id);
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let id = OperationId(state.entropy.uuid());
    let timeout = accept::time_limit(state, cluster.cluster.create_timeout);
    state
        .store
        .accept_operation(AcceptOperation {
            cluster: uuid,
            allowed: |_| true,
            new_status: Status::DeleteInProgress,
            nodegroup: GroupChange::None,
            operation: accept::operation(&call, id, CLUSTER_DELETE, &ClusterDeleteParams {}, timeout)?,
            mode: Mode::Supersede,
            event: call.pending(uuid, id, EventAction::Delete),
        })
        .await?;
    accept::nudge(state, id);
    Ok(StatusCode::NO_CONTENT.into_response())
}
