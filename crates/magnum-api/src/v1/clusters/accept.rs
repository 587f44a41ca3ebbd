//! What all changes of clusters share once they are checked: an operation for the conductor, and the nudge that
//! wakes it. The nudge is sent beside the answer and may fail: a scan finds what it missed.

use crate::{error::Answer, extract::Call, state::AppState, v1::document::accepted};
use magnum_db::{AcceptOperation, GroupChange, Mode, NewOperation};
use magnum_types::{Cluster, OperationId, ServiceError, Status, change::EventAction};
use serde::Serialize;
use std::time::Duration;

/// An operation of this caller. Its id is drawn beforehand when parameters are sealed for it.
pub fn operation(
    call: &Call,
    id: OperationId,
    kind: &'static str,
    params: &impl Serialize,
    timeout: Duration,
) -> Result<NewOperation, ServiceError> {
    Ok(NewOperation {
        id,
        kind,
        params: serde_json::to_value(params).map_err(ServiceError::internal)?,
        timeout,
        request_id: call.context.request_id.clone(),
        project_id: call.context.caller.project_id.clone().unwrap_or_default(),
        user_id: call.context.caller.user_id.clone(),
    })
}

/// Accepts a rotation: it works on a settled cluster as a whole, alone, and one that failed half-way is asked for again to
/// go on where it stopped.
pub async fn rotation(
    call: &Call,
    cluster: &Cluster,
    id: OperationId,
    kind: &'static str,
    params: &impl Serialize,
) -> Answer {
    let timeout = time_limit(&call.state, cluster.create_timeout);
    let accepting = AcceptOperation {
        cluster: cluster.uuid,
        allowed: Status::admits_resize,
        new_status: Status::UpdateInProgress,
        nodegroup: GroupChange::None,
        operation: operation(call, id, kind, params, timeout)?,
        mode: Mode::Exclusive,
        event: call.pending(cluster.uuid, id, EventAction::Update),
    };
    call.state.store.accept_operation(accepting).await?;
    nudge(&call.state, id);
    Ok(accepted(cluster.uuid))
}

/// Minutes that work on a cluster may take, as a duration.
pub fn time_limit(state: &AppState, create_timeout: Option<i32>) -> Duration {
    let minutes =
        create_timeout.filter(|minutes| *minutes > 0).unwrap_or(state.settings.create_timeout).max(1);
    Duration::from_secs(u64::from(minutes.unsigned_abs()) * 60)
}

/// Tells a conductor, without keeping the client waiting.
pub fn nudge(state: &AppState, operation: OperationId) {
    let bus = std::sync::Arc::clone(&state.bus);
    tokio::spawn(async move {
        if let Err(error) = bus.nudge(operation.0).await {
            metrics::counter!("magnum_nudges_failed_total").increment(1);
            tracing::debug!(operation = %operation, %error, "nudge not delivered; the scan will find the operation");
        }
    });
}
