//! A node asks for the plan that is newer than the one it has, and is held until there is one. This is how the first
//! master is the rendezvous of the others: their plans exist only once it has reported its join tokens.

use crate::{
    error::Answer,
    extract::page::Arguments,
    nodes::{caller::Node, held::Woken, seen::Seen},
    state::AppState,
};
use axum::{
    Json,
    extract::{RawQuery, State},
    response::IntoResponse,
};
use http::StatusCode;
use magnum_db::NodeReport;
use magnum_types::{ClusterHandle, NodeRegistration, ServiceError, plan::Plan};
use std::time::Duration;
use tokio::time::Instant;

/// How often a held question looks again: a report may have come to another process than this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// `GET /v1/nodes/plan?after=N`: 200 with the plan, 204 when there is none within the hold.
pub async fn show(State(state): State<AppState>, Node(node): Node, RawQuery(query): RawQuery) -> Answer {
    let arguments = Arguments::read(query.as_deref(), &["after"])?;
    let after: i64 = arguments.get("after").unwrap_or("0").parse().map_err(|_| {
        ServiceError::invalid(
            "Invalid value for after: it must be the generation of the last plan, an integer",
        )
    })?;
    state.store.node_report(&node.instance_id, seen(&node)).await?;
    // Whatever is configured, the answer must leave before the request's own time-out.
    let deadline = Instant::now() + state.settings.plan_hold.min(state.settings.request_timeout / 2);
    loop {
        let handle = state.store.handle_get(node.cluster).await?;
        if handle.plan_generation > after
            && let Some(plan) = plan(&state, &node, &handle).await?
        {
            return Ok(Json(plan).into_response());
        }
        let next = Instant::now() + LOOK_EVERY;
        if next > deadline || state.held.wait(next).await == Woken::Stopping {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
}

/// A report that says nothing but that the node lives.
fn seen(node: &NodeRegistration) -> NodeReport {
    NodeReport {
        state: None,
        generation: node.generation,
        step: node.step.clone(),
        error: node.error.clone(),
    }
}

/// The node's plan of this generation; `None` while it must wait for others.
async fn plan(
    state: &AppState,
    node: &NodeRegistration,
    handle: &ClusterHandle,
) -> Result<Option<Plan>, ServiceError> {
    let Some(seen) = Seen::read(state, node, handle).await? else { return Ok(None) };
    let Some(inputs) = seen.inputs(&node.instance_id) else { return Ok(None) };
    let plan = seen.driver.plan(&inputs);
    Ok(plan.map(|plan| Plan { generation: handle.plan_generation, steps: plan.steps, health: plan.health }))
}
