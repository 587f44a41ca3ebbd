//! A node tells how a step of its plan went. Facts go to the cluster's other nodes; the end of a plan, good or bad,
//! wakes the operation that waits for it, so that a node's failure shows in the cluster within seconds.

use crate::{
    error::Answer,
    nodes::{
        caller::{Node, NodeBody},
        facts, health,
        register::driver,
    },
    state::AppState,
    v1::clusters::accept::nudge,
};
use axum::{extract::State, response::IntoResponse};
use http::StatusCode;
use magnum_db::NodeReport;
use magnum_drivers::DriverError;
use magnum_types::{
    NodeRegistration, Role, ServiceError,
    plan::{Report, StepResult},
    registration::NodeState,
};

/// Longest kept error.
const MAX_ERROR: usize = 500;
/// Longest kept step name.
const MAX_STEP: usize = 255;
/// Most facts in one report, and the longest of them.
const MAX_FACTS: usize = 64;
const MAX_FACT: usize = 4096;
/// Most things whose health one report tells: two for each node of a large cluster.
const MAX_HEALTH: usize = 2048;

/// `POST /v1/nodes/report`
pub async fn report(
    State(state): State<AppState>,
    Node(node): Node,
    NodeBody(report): NodeBody<Report>,
) -> Answer {
    let words = report.health.iter().flatten();
    if report.health.as_ref().is_some_and(|health| health.len() > MAX_HEALTH)
        || words.into_iter().any(|(thing, word)| thing.len() > MAX_STEP || word.len() > MAX_ERROR)
    {
        return Err(ServiceError::invalid(format!(
            "Invalid value for health: at most {MAX_HEALTH} things with words of at most {MAX_ERROR} bytes"
        ))
        .into());
    }
    if report.facts.len() > MAX_FACTS || report.facts.values().any(|fact| fact.0.len() > MAX_FACT) {
        return Err(ServiceError::invalid(format!(
            "Invalid value for facts: at most {MAX_FACTS} facts of at most {MAX_FACT} bytes"
        ))
        .into());
    }
    let new_state = match report.result {
        StepResult::Ready => Some(NodeState::Ready),
        StepResult::Failed => Some(NodeState::Failed),
        StepResult::Done | StepResult::Alive => None,
    };
    let has_facts = !report.facts.is_empty();
    let joins = new_state == Some(NodeState::Ready) && node.state == NodeState::Registered;
    if has_facts || joins {
        let driver = driver(&state, &state.store.cluster_by_id(node.cluster).await?)?;
        if let Some(fact) = report.facts.keys().find(|fact| !driver.believes(node.role, fact)) {
            return Err(ServiceError::forbidden(format!(
                "Invalid value for facts: {fact:?} is not what a {} tells",
                if node.role == Role::Master { "master" } else { "worker" }
            ))
            .into());
        }
        if joins && driver.labels_nodes() {
            // The master that acts for the cluster has not found it yet. Before its word is kept, so that nobody sees it
            // ready and takes the present plan for the one that marks it.
            state.store.plan_raise(node.cluster).await?;
        }
    }
    let cut = |text: &str, length: usize| text.chars().take(length).collect::<String>();
    let mut error = report.error.as_deref().map(|error| cut(error, MAX_ERROR));
    if new_state == Some(NodeState::Failed) {
        tracing::warn!(
            cluster = %node.cluster,
            node = %node.name,
            step = %cut(&report.step, MAX_STEP),
            error = error.as_deref().unwrap_or("-"),
            "a step of a node's plan failed"
        );
    }
    if let Some(health) = &report.health {
        health::record(&state, &node, health).await?;
    }
    facts::add(&state, node.cluster, report.facts).await?;
    // A generation counts as applied only when its plan has ended.
    let generation = if new_state.is_some() { report.generation } else { node.generation };
    let mut step = Some(cut(&report.step, MAX_STEP)).filter(|step| !step.is_empty());
    if report.result == StepResult::Alive {
        // A sign of life takes nothing back.
        (step, error) = (step.or(node.step), error.or(node.error));
    }
    state
        .store
        .node_report(&node.instance_id, NodeReport { state: new_state, generation, step, error })
        .await?;
    if has_facts || joins {
        state.held.news();
    }
    if (new_state.is_some() || has_facts)
        && let Some(operation) = state.store.wake_cluster(node.cluster).await?
    {
        nudge(&state, operation);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A node that cannot have a plan has failed, as if a step of it had; told once.
pub(super) async fn refused(
    state: &AppState,
    node: &NodeRegistration,
    generation: i64,
    why: &DriverError,
) -> Result<(), ServiceError> {
    let error: String = why.to_string().chars().take(MAX_ERROR).collect();
    if node.state == NodeState::Failed && node.error.as_deref() == Some(&error) {
        return Ok(());
    }
    tracing::warn!(cluster = %node.cluster, node = %node.name, error, "a node can have no plan");
    let report = NodeReport {
        state: Some(NodeState::Failed),
        generation,
        step: Some("plan".to_owned()),
        error: Some(error),
    };
    state.store.node_report(&node.instance_id, report).await?;
    if let Some(operation) = state.store.wake_cluster(node.cluster).await? {
        nudge(state, operation);
    }
    Ok(())
}
