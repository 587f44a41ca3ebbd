//! From a stack's outputs to what clients read of a cluster.

use super::{
    CONTAINER_VERSION, KUBE_VERSION,
    shape::{port, value},
};
use crate::{driver::ClusterOutputs, plan_steps::socket_address, stack_values::addresses};
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
    let api = outputs.get("api_address").and_then(Value::as_str).filter(|address| !address.is_empty());
    let runs = facts.get(KUBE_VERSION).cloned();
    ClusterOutputs {
        api_address: api.map(|address| format!("https://{}", socket_address(address, port(template)))),
        master_addresses: list("kube_masters"),
        node_addresses: list("kube_minions"),
        coe_version: runs.or_else(|| Some(value(&cluster.labels, "kube_tag").to_owned())),
        container_version: facts.get(CONTAINER_VERSION).cloned(),
    }
}
