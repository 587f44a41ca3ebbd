//! Each node's share of the pods' range, where the network is the built-in bridge.
//!
//! Magnum hands them out when it makes a node's first plan, and keeps them among the cluster's facts: the network is there
//! before the kubelet starts. The controller manager would do it too, but only once there is an API, after a pause of ten
//! seconds, and the kubelet would have to be started a second time. A node that is made anew keeps its share; that of a
//! node that is gone is free again.

use super::shape::{network_driver, pods_range, value};
use crate::{error::DriverError, inputs::PlanInputs};
use ipnet::IpNet;
use magnum_types::{Labels, NodeRegistration, NodeState};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

/// Facts of this beginning: the range of the node whose name follows.
const POD_CIDR: &str = "pod_cidr.";
const LENGTH: &str = "flannel_network_subnetlen";
const RANGE: &str = "pods_network_cidr";

/// A node's range.
pub(super) fn of<'a>(facts: &'a BTreeMap<String, String>, node: &NodeRegistration) -> Option<&'a str> {
    facts.get(&fact(&node.name)).map(String::as_str)
}

fn fact(node: &str) -> String {
    format!("{POD_CIDR}{node}")
}

/// The facts with a range for every node that has registered; `None` when the asking one has its own already.
pub(super) fn allot(inputs: &PlanInputs<'_>) -> Result<Option<BTreeMap<String, String>>, DriverError> {
    let wants = network_driver(inputs.template) == "bridge" && super::plan::is_planned(inputs.node);
    if !wants || of(inputs.facts, inputs.node).is_some() {
        return Ok(None);
    }
    let labels = &inputs.cluster.labels;
    let staying: BTreeSet<String> = inputs
        .nodes
        .iter()
        .filter(|node| node.state != NodeState::Gone)
        .map(|node| fact(&node.name))
        .collect();
    let mut facts = inputs.facts.clone();
    facts.retain(|name, _| !name.starts_with(POD_CIDR) || staying.contains(name));
    let taken: BTreeSet<String> =
        facts.iter().filter(|(name, _)| name.starts_with(POD_CIDR)).map(|(_, range)| range.clone()).collect();
    let mut free = shares(labels, pods_range(labels, inputs.template)).filter(|share| !taken.contains(share));
    // Whoever asks comes first: the others would take what is left before it.
    for name in std::iter::once(fact(&inputs.node.name)).chain(staying) {
        if let Entry::Vacant(missing) = facts.entry(name) {
            let Some(share) = free.next() else { break };
            missing.insert(share);
        }
    }
    match of(&facts, inputs.node) {
        Some(_) => Ok(Some(facts)),
        None => Err(DriverError::Field {
            field: RANGE,
            problem: format!(
                "no share of {} is left for another node ({LENGTH} {}); remove nodes, or make a cluster with a larger \
                 range",
                pods_range(labels, inputs.template),
                value(labels, LENGTH)
            ),
        }),
    }
}

/// All shares of a range, in their order.
fn shares(labels: &Labels, range: &str) -> impl Iterator<Item = String> {
    let length = value(labels, LENGTH).parse().ok();
    let range: Option<IpNet> = range.parse().ok();
    let subnets = range.zip(length).and_then(|(range, length)| range.trunc().subnets(length).ok());
    subnets.into_iter().flatten().map(|share| share.to_string())
}

/// A range must be as large as one node's share.
pub(super) fn check(labels: &Labels) -> Result<(), DriverError> {
    let range = value(labels, RANGE);
    match shares(labels, range).next() {
        Some(_) => Ok(()),
        None => Err(DriverError::LabelValue {
            label: RANGE.to_owned(),
            value: range.to_owned(),
            allowed: format!(
                "a range with room for a node's share, whose prefix length is {LENGTH} {}",
                value(labels, LENGTH)
            ),
        }),
    }
}
