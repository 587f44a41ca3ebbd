//! The plan of one node of a Swarm (design section 6): the same steps every time, each of which looks before it
//! acts, so a later plan of the same node changes only what is different.
//!
//! The founder is the primary manager that finds no token among the facts; whoever comes later joins, also a primary
//! whose server was replaced after the Swarm was founded. A node that is leaving gets no plan, so that it cannot join
//! again while it is emptied.

use super::{FOUNDER, MANAGER_TOKEN, WORKER_TOKEN};
use crate::{
    inputs::PlanInputs,
    plan_steps::{MINUTE, socket_address, step},
};
use magnum_types::{
    NodeRegistration, Role,
    plan::{Action, PlanStep, Text},
    registration::NodeState,
};

mod engine;

pub(super) fn plan(inputs: &PlanInputs<'_>) -> Option<Vec<PlanStep>> {
    let node = inputs.node;
    if is_going(node) {
        return None;
    }
    let membership = membership(inputs)?;
    let mut steps = engine::steps(inputs);
    steps.extend(membership);
    let manager = node.role == Role::Master;
    steps.push(step("swarm ready", 10 * MINUTE, Action::SwarmReady { manager }));
    if manager {
        // Every manager tells: the founder may be gone when the tokens are wanted again.
        steps.push(step("swarm tokens", 2 * MINUTE, Action::SwarmTokens {}));
    }
    steps.push(step("engine version", 2 * MINUTE, Action::EngineVersion {}));
    if acting_manager(inputs.nodes).is_some_and(|acting| acting.instance_id == node.instance_id) {
        steps.extend(farewells(inputs.nodes));
    }
    steps.push(step("signal", 15 * MINUTE, Action::Signal {}));
    Some(steps)
}

/// The manager that empties and forgets the nodes that go: a ready one, the founder rather than others.
pub(super) fn acting_manager(nodes: &[NodeRegistration]) -> Option<&NodeRegistration> {
    nodes
        .iter()
        .filter(|node| node.role == Role::Master && node.state == NodeState::Ready)
        .min_by_key(|node| (!node.primary, &node.name, &node.instance_id))
}

/// Founding or joining; `None` while the tokens are not known.
fn membership(inputs: &PlanInputs<'_>) -> Option<Vec<PlanStep>> {
    let node = inputs.node;
    let advertise_address = node.address.clone();
    let token_of = |fact: &str| inputs.facts.get(fact).filter(|token| !token.is_empty());
    let founder = inputs.facts.get(FOUNDER);
    let founds = match founder {
        Some(founder) => *founder == node.instance_id,
        None => node.primary && token_of(WORKER_TOKEN).is_none(),
    };
    if founds {
        return Some(vec![step("swarm init", 3 * MINUTE, Action::SwarmInit { advertise_address })]);
    }
    let token = token_of(if node.role == Role::Master { MANAGER_TOKEN } else { WORKER_TOKEN })?;
    let managers = managers_to_join(inputs);
    if managers.is_empty() {
        return None;
    }
    let action = Action::SwarmJoin { token: Text(token.clone()), managers, advertise_address };
    Some(vec![step("swarm join", 10 * MINUTE, action)])
}

/// Ready managers first, the founder before others; never the asking node itself.
fn managers_to_join(inputs: &PlanInputs<'_>) -> Vec<String> {
    let founder = inputs.facts.get(FOUNDER);
    let mut managers: Vec<&NodeRegistration> = inputs
        .nodes
        .iter()
        .filter(|other| other.role == Role::Master && !is_going(other))
        .filter(|other| other.instance_id != inputs.node.instance_id)
        .filter(|other| other.state == NodeState::Ready || founder == Some(&other.instance_id))
        .collect();
    managers.sort_by_key(|other| (other.state != NodeState::Ready, !other.primary, &other.name));
    managers.into_iter().map(|other| socket_address(&other.address, 2377)).collect()
}

fn farewells(nodes: &[NodeRegistration]) -> Vec<PlanStep> {
    let names = |state: NodeState| -> Vec<String> {
        let mut names: Vec<_> =
            nodes.iter().filter(|node| node.state == state).map(|n| n.name.clone()).collect();
        names.sort();
        names
    };
    let (leaving, gone) = (names(NodeState::Leaving), names(NodeState::Gone));
    // Also when nobody leaves: one that was to leave may stay after all.
    let mut steps = vec![step("swarm drain", 10 * MINUTE, Action::SwarmDrain { nodes: leaving })];
    if !gone.is_empty() {
        steps.push(step("swarm forget", 5 * MINUTE, Action::SwarmForget { nodes: gone }));
    }
    steps
}

fn is_going(node: &NodeRegistration) -> bool {
    matches!(node.state, NodeState::Leaving | NodeState::Gone)
}
