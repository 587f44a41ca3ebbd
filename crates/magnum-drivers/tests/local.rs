//! The driver of the local cloud: the documents that it writes, and what it leaves to the Swarm driver.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod rows;

use magnum_drivers::{
    Driver, GroupStackInputs, PlanInputs, ScaleInputs, Stack, StackInputs, local::LocalDriver,
    swarm::SwarmDriver,
};
use magnum_types::{Cluster, NodeRegistration, Role, plan::Action, registration::NodeState};
use rows::{cluster, group, settings, template};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn stack_of(cluster: &Cluster, masters: i32) -> Stack {
    LocalDriver.stack(&StackInputs {
        cluster,
        template: &template(),
        masters: &group("master", masters, "local.medium"),
        workers: &group("worker", 2, "local.small"),
        join_secret: &"join-secret".to_owned().into(),
        settings: &settings(),
    })
}

fn group_stack(outputs: &Map<String, Value>) -> Result<Stack, magnum_drivers::DriverError> {
    LocalDriver.nodegroup_stack(&GroupStackInputs {
        cluster: &cluster(),
        template: &template(),
        group: &group("worker", 3, "local.large"),
        join_secret: &"group-secret".to_owned().into(),
        settings: &settings(),
        cluster_outputs: outputs,
    })
}

fn document(stack: &Stack) -> Value {
    serde_json::from_str(&stack.template).unwrap()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    value.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_clusters_document_has_the_groups_that_its_members_are_looked_for_in() {
    let stack = stack_of(&cluster(), 3);
    let document = document(&stack);
    assert_eq!((&document["magnum_local"], &document["network"]), (&json!(1), &json!("own")));
    let groups = LocalDriver.member_groups();
    assert_eq!(groups, SwarmDriver.member_groups());
    let names: Vec<&str> = groups.iter().map(|group| group.resource).collect();
    assert_eq!(texts(&document["groups"], "resource"), names);
    let servers: Vec<&str> = groups.iter().map(|group| group.server).collect();
    assert_eq!(texts(&document["groups"], "server"), servers);
    let words: BTreeSet<String> = texts(&document["groups"], "word").into_iter().collect();
    assert_eq!(words.len(), groups.len(), "two groups would give their servers one name");
    let counts: Vec<&Value> = document["groups"].as_array().unwrap().iter().map(|g| &g["count"]).collect();
    assert_eq!(counts, [&json!(1), &json!("number_of_secondary_masters"), &json!("number_of_nodes")]);
    assert_eq!(stack.parameters["number_of_secondary_masters"], 2);
    assert_eq!((stack.parameters["number_of_nodes"].clone(), stack.timeout_minutes), (json!(2), 30));
    assert_eq!(stack.parameters["master_flavor"], "local.medium");
}

#[test]
fn whatever_a_file_or_a_scale_names_is_declared() {
    let outputs = json!({"node_network": "net"}).as_object().unwrap().clone();
    for stack in [stack_of(&cluster(), 1), group_stack(&outputs).unwrap()] {
        let document = document(&stack);
        let declared = document["parameters"].as_object().unwrap();
        for name in stack.parameters.keys() {
            assert!(declared.contains_key(name), "{name} is given and not declared");
        }
        for (name, how) in declared {
            let given = stack.parameters.contains_key(name) || how.get("default").is_some();
            assert!(given, "{name} is declared and not given");
        }
        let text = document["files"].to_string();
        for name in document["values"].as_object().unwrap().keys() {
            assert!(text.contains(name.as_str()), "{name} is filled in nowhere");
        }
        let scaled = LocalDriver.scale(&ScaleInputs { role: Role::Worker, node_count: 4, remove: &[1] });
        for name in scaled.parameters.keys() {
            assert!(declared.contains_key(name), "{name}");
        }
    }
}

#[test]
fn secrets_are_hidden_parameters_and_in_no_debug_text() {
    let stack = stack_of(&cluster(), 1);
    assert_eq!(document(&stack)["parameters"]["join_secret"]["hidden"], true);
    assert_eq!(stack.parameters["join_secret"], "join-secret");
    assert!(!stack.template.contains("join-secret") && !format!("{stack:?}").contains("join-secret"));
}

#[test]
fn a_further_group_is_built_on_the_clusters_network() {
    let outputs = json!({"node_network": "net"}).as_object().unwrap().clone();
    let stack = group_stack(&outputs).unwrap();
    let document = document(&stack);
    assert_eq!(document["network"], json!({"parameter": "fixed_network"}));
    assert_eq!(texts(&document["groups"], "resource"), ["swarm_nodes"]);
    assert_eq!(
        (&stack.parameters["fixed_network"], &stack.parameters["number_of_nodes"]),
        (&json!("net"), &json!(3))
    );
    assert_eq!(stack.parameters["node_flavor"], "local.large");
    let error = group_stack(&Map::new()).unwrap_err().to_string();
    assert!(error.contains("node_network"), "{error}");
}

#[test]
fn addresses_are_read_with_and_without_floating_ones() {
    let outputs = json!({
        "api_address": "172.20.0.2",
        "swarm_primary_master": ["172.20.0.2"], "swarm_primary_master_private": ["172.20.0.2"],
        "swarm_nodes": ["172.20.0.3"], "swarm_nodes_private": ["172.20.0.3"],
    });
    let declared = document(&stack_of(&cluster(), 1))["outputs"].clone();
    for name in outputs.as_object().unwrap().keys() {
        assert!(declared.get(name).is_some(), "{name}");
    }
    for floating_ip_enabled in [true, false] {
        let cluster = Cluster { floating_ip_enabled, ..cluster() };
        let read = LocalDriver.outputs(&cluster, &template(), outputs.as_object().unwrap(), &BTreeMap::new());
        assert_eq!(read.api_address.as_deref(), Some("tcp://172.20.0.2:2376"));
        assert_eq!(
            (read.master_addresses, read.node_addresses),
            (vec!["172.20.0.2".into()], vec!["172.20.0.3".into()])
        );
    }
}

#[test]
fn a_node_waits_for_no_volume_whatever_the_cluster_says() {
    let node = NodeRegistration {
        instance_id: "i".into(),
        cluster: cluster().uuid,
        nodegroup: group("master", 1, "f").uuid,
        role: Role::Master,
        primary: true,
        name: "c-primary-master-0".into(),
        address: "172.20.0.2".into(),
        public_address: None,
        certificate: "certificate".into(),
        token_hash: String::new(),
        state: NodeState::Registered,
        wanted_release: None,
        wanted_image: None,
        generation: 0,
        step: None,
        error: None,
        moved: None,
        last_seen: None,
        created_at: None,
    };
    let plan = |size: Option<i32>| {
        let cluster = Cluster { docker_volume_size: size, ..cluster() };
        let inputs = PlanInputs {
            cluster: &cluster,
            template: &template(),
            node: &node,
            nodes: std::slice::from_ref(&node),
            nodegroups: &[],
            facts: &BTreeMap::new(),
            authorities: &magnum_drivers::Authorities::default(),
            cloud: None,
            cloud_is_new: false,
        };
        LocalDriver.plan(&inputs).unwrap().steps
    };
    let steps = plan(Some(5));
    assert!(steps.iter().all(|step| !matches!(step.action, Action::Volume { .. })));
    assert_eq!(steps, plan(None));
}
