//! The document that the local cloud's Heat reads in the place of a template: JSON that says `"magnum_local": 1`.
//!
//! - `parameters`: name → `default` (absent: must be given) and `hidden` (never shown).
//! - `network`: `own` for a network of the stack's own, or `parameter`: the one that names another stack's network.
//! - `groups`: `resource` and `server` as the driver's [`MemberGroup`]s call them; `word`, which stands between the stack's
//!   name and the index in a server's name; `count`, a number or a parameter's name; and the parameters that hold `image`,
//!   `flavor` and the indexes to `remove`.
//! - `files`: what a node finds when it starts, see [`user_data::plain_files`].
//! - `values`: what is written in the place of each `__NAME__`: a `parameter`, a `text`, or `signal`: the `url` or `token` by
//!   which the node says that it is ready.
//! - `outputs`: `addresses` of a group's members, the `first_address` of one, or the `network`.

use crate::{driver::MemberGroup, user_data};
use magnum_types::Role;
use serde_json::{Map, Value, json};

/// Where in a server's name its group is told.
fn word(group: &MemberGroup) -> &'static str {
    match group.resource {
        "swarm_primary_master" => "primary-master",
        "swarm_secondary_masters" => "secondary-master",
        _ => "node",
    }
}

fn group_of(group: &MemberGroup) -> Value {
    let kind = if group.role == Role::Master { "master" } else { "node" };
    let count = match (group.primary, group.role) {
        (true, _) => json!(1),
        (false, Role::Master) => json!("number_of_secondary_masters"),
        (false, Role::Worker) => json!("number_of_nodes"),
    };
    let mut described = json!({
        "resource": group.resource, "server": group.server, "word": word(group), "count": count,
        "image": format!("{kind}_image"), "flavor": format!("{kind}_flavor"),
    });
    if let (Role::Worker, Some(fields)) = (group.role, described.as_object_mut()) {
        fields.insert("remove".to_owned(), json!("nodes_to_remove"));
    }
    described
}

/// What becomes of every placeholder in a node's files.
fn values() -> Value {
    let parameter = |name: &str| json!({ "parameter": name });
    json!({
        "__MAGNUM_URL__": parameter("magnum_url"),
        "__CLUSTER__": parameter("cluster_uuid"),
        "__JOIN_SECRET__": parameter("join_secret"),
        "__PROGRAM_SHA256__": parameter("magnum_node_sha256"),
        "__CA__": parameter("openstack_ca"),
        "__VERIFY__": parameter("verify_ca"),
        "__SIGNAL_URL__": { "signal": "url" },
        "__SIGNAL_TOKEN__": { "signal": "token" },
        "__VOLUME_ID__": { "text": "" },
        "__ETCD_VOLUME_ID__": { "text": "" },
    })
}

fn given(hidden: bool) -> Value {
    if hidden { json!({ "hidden": true }) } else { json!({}) }
}

fn parameters(more: &[(&str, Value)]) -> Value {
    let always = [
        ("cluster_uuid", given(false)),
        ("magnum_url", given(false)),
        ("join_secret", given(true)),
        ("magnum_node_sha256", given(false)),
        ("openstack_ca", given(true)),
        ("verify_ca", given(false)),
        ("node_image", given(false)),
        ("node_flavor", json!({ "default": "" })),
        ("number_of_nodes", given(false)),
        ("nodes_to_remove", json!({ "default": [] })),
    ];
    let all = always.iter().chain(more).map(|(name, value)| ((*name).to_owned(), value.clone()));
    Value::Object(all.collect())
}

fn text(network: Value, parameters: Value, groups: &[MemberGroup], outputs: Value) -> String {
    let groups: Vec<Value> = groups.iter().map(group_of).collect();
    let document = json!({
        "magnum_local": 1, "parameters": parameters, "network": network, "groups": groups,
        "files": user_data::plain_files(), "values": values(), "outputs": outputs,
    });
    format!("{document}\n")
}

/// A whole cluster's.
pub(super) fn cluster(groups: &[MemberGroup]) -> String {
    let more = [
        ("master_image", given(false)),
        ("master_flavor", json!({ "default": "" })),
        ("number_of_masters", given(false)),
        ("number_of_secondary_masters", given(false)),
    ];
    let mut outputs = Map::new();
    outputs.insert("api_address".to_owned(), json!({ "first_address": "swarm_primary_master" }));
    for group in groups {
        // The private addresses are the only ones: whoever asks for the public ones gets them as well.
        for suffix in ["", "_private"] {
            outputs.insert(format!("{}{suffix}", group.resource), json!({ "addresses": group.resource }));
        }
    }
    outputs.insert("node_network".to_owned(), json!("network"));
    text(json!("own"), parameters(&more), groups, Value::Object(outputs))
}

/// That of a further group of workers in the network of a cluster.
pub(super) fn nodegroup(groups: &[MemberGroup]) -> String {
    let workers: Vec<MemberGroup> =
        groups.iter().filter(|group| group.role == Role::Worker).copied().collect();
    let addresses = json!({ "addresses": "swarm_nodes" });
    let outputs = json!({ "swarm_nodes": addresses, "swarm_nodes_private": addresses });
    let network = json!({ "parameter": "fixed_network" });
    text(network, parameters(&[("fixed_network", given(false))]), &workers, outputs)
}
