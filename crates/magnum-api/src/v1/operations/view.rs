//! An operation's document. Only chosen fields: parameters and outputs of steps may hold sealed secrets, and are not
//! even read for it.

use crate::v1::document::{links, time};
use magnum_db::{OperationSummary, StepSummary};
use magnum_types::{ClusterId, OperationState};
use serde_json::{Value, json};

/// The document.
pub fn document(operation: &OperationSummary, cluster: ClusterId, base: &str) -> Value {
    json!({
        "uuid": operation.id.to_string(),
        "cluster_id": cluster.to_string(),
        "kind": operation.kind,
        "state": operation.state.as_str(),
        "status_reason": operation.failure,
        "request_id": operation.request_id,
        "user_id": operation.user_id,
        "failures_in_a_row": operation.attempt,
        "steps": operation.steps.iter().map(|step| step_document(step, operation)).collect::<Vec<_>>(),
        "created_at": time(Some(operation.created_at)),
        "updated_at": time(Some(operation.updated_at())),
        "finished_at": time(operation.finished_at),
        "deadline": time(Some(operation.deadline)),
        "links": links(base, &format!("clusters/{cluster}/operations/{}", operation.id)),
    })
}

fn step_document(step: &StepSummary, operation: &OperationSummary) -> Value {
    // Steps run one after the other, so at most one was begun and not done: the present one, or the one that failed.
    let unfinished = step.done_at.is_none();
    let running = matches!(operation.state, OperationState::Running);
    json!({
        "name": step.name,
        "state": state(step, operation),
        // How often each ended step was tried is not kept.
        "tries": (unfinished && running).then(|| operation.attempt.saturating_add(1)),
        "error": operation.failure.as_deref().filter(|_| unfinished),
        "started_at": time(step.begun_at.or(step.done_at)),
        "finished_at": time(step.undone_at.or(step.done_at)),
    })
}

fn state(step: &StepSummary, operation: &OperationSummary) -> &'static str {
    if step.undone_at.is_some() {
        return "undone";
    }
    if step.done_at.is_some() {
        return "done";
    }
    match operation.state {
        OperationState::Queued | OperationState::Running | OperationState::Done => "running",
        OperationState::Unwinding | OperationState::Failed | OperationState::Stuck => "failed",
        OperationState::Superseded => "stopped",
    }
}
