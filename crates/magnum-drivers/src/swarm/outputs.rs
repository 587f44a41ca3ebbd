//! From a stack's outputs to what clients read of a cluster.

use crate::{driver::ClusterOutputs, stack_values::addresses};
use magnum_types::{Cluster, ClusterTemplate};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(super) fn read(
    cluster: &Cluster,
    template: &ClusterTemplate,
    outputs: &Map<String, Value>,
    facts: &BTreeMap<String, String>,
) -> ClusterOutputs {
    let suffix = if cluster.floating_ip_enabled { "" } else { "_private" };
    let list = |name: &str| addresses(outputs.get(&format!("{name}{suffix}")));
    let mut masters = list("swarm_primary_master");
    masters.extend(list("swarm_secondary_masters"));
    let version = facts.get(super::ENGINE_VERSION).cloned();
    let api = outputs.get("api_address").and_then(Value::as_str).filter(|address| !address.is_empty());
    ClusterOutputs {
        api_address: api.map(|address| url(address, super::port(template))),
        master_addresses: masters,
        node_addresses: list("swarm_nodes"),
        coe_version: version.clone(),
        container_version: version,
    }
}

/// Docker's clients want `tcp`, with TLS or without.
fn url(address: &str, port: u16) -> String {
    if address.contains(':') {
        format!("tcp://[{address}]:{port}")
    } else {
        format!("tcp://{address}:{port}")
    }
}
