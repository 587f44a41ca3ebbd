//! A node asks for the plan that is newer than the one it has, and is held until there is one. This is how the first
//! master is the rendezvous of the others: their plans exist only once it has reported its join tokens.

use crate::{
    error::Answer,
    extract::page::Arguments,
    nodes::{caller::Node, facts, held::Woken, report, seen::Seen},
    state::AppState,
};
use axum::{
    Json,
    extract::{RawQuery, State},
    response::IntoResponse,
};
use http::StatusCode;
use magnum_db::NodeReport;
use magnum_types::{
    ClusterHandle, ClusterTemplate, NodeRegistration, ServiceError,
    plan::{Plan, Proxies},
};
use std::time::Duration;
use tokio::time::Instant;

/// How often a held question looks again: a report may have come to another process than this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// `GET /v1/nodes/plan?after=N&hold=S`: 200 with the plan, 204 when there is none within the hold, which is of S seconds
/// where that is shorter than the configured one.
pub async fn show(State(state): State<AppState>, Node(node): Node, RawQuery(query): RawQuery) -> Answer {
    let arguments = Arguments::read(query.as_deref(), &["after", "hold"])?;
    let after: i64 = arguments.get("after").unwrap_or("0").parse().map_err(|_| {
        ServiceError::invalid(
            "Invalid value for after: it must be the generation of the last plan, an integer",
        )
    })?;
    let hold = arguments.get("hold").map(str::parse).transpose().map_err(|_| {
        ServiceError::invalid("Invalid value for hold: it must be a number of seconds, an integer from 0 on")
    })?;
    let hold =
        hold.map_or(state.settings.plan_hold, |hold| state.settings.plan_hold.min(Duration::from_secs(hold)));
    state.store.node_report(&node.instance_id, seen(&node)).await?;
    // Whatever is configured, the answer must leave before the request's own time-out.
    let deadline = Instant::now() + hold.min(state.settings.request_timeout / 2);
    loop {
        let handle = state.store.handle_get(node.cluster).await?;
        if handle.plan_generation > after {
            match plan(&state, &node, &handle).await? {
                Planned::Made(plan) => return Ok(Json(plan).into_response()),
                Planned::Again => continue,
                Planned::NotYet => {}
            }
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

/// What became of the question for a plan.
enum Planned {
    Made(Plan),
    /// It must wait for others.
    NotYet,
    /// The cluster's facts have changed in the meantime.
    Again,
}

/// The node's plan of this generation.
async fn plan(
    state: &AppState,
    node: &NodeRegistration,
    handle: &ClusterHandle,
) -> Result<Planned, ServiceError> {
    // Read after the handle: whoever has its share among the facts is among the nodes.
    let Some(seen) = Seen::read(state, node, handle).await? else { return Ok(Planned::NotYet) };
    let Some(inputs) = seen.inputs(&node.instance_id) else { return Ok(Planned::NotYet) };
    match seen.driver.allot(&inputs) {
        Ok(None) => {}
        Ok(Some(facts)) => {
            facts::replace(state, handle, &facts).await?;
            state.held.news();
            return Ok(Planned::Again);
        }
        Err(error) => {
            report::refused(state, inputs.node, handle.plan_generation, &error).await?;
            return Ok(Planned::NotYet);
        }
    }
    let plan = seen.driver.plan(&inputs);
    let plan = plan.map(|plan| Plan {
        generation: handle.plan_generation,
        steps: plan.steps,
        health: plan.health,
        proxies: proxies(inputs.template),
    });
    Ok(plan.map_or(Planned::NotYet, Planned::Made))
}

fn proxies(template: &ClusterTemplate) -> Proxies {
    let given = |value: &Option<String>| value.clone().unwrap_or_default();
    Proxies {
        http: given(&template.http_proxy),
        https: given(&template.https_proxy),
        besides: given(&template.no_proxy),
    }
}
