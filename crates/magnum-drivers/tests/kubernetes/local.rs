//! The same engine in the local cloud: the documents beside stored ones, and plans without what a machine does not have.

use crate::{differs, told, world::World};
use magnum_drivers::{
    Driver as _, GroupStackInputs, ScaleInputs, Stack, StackInputs, UpgradeInputs,
    kubernetes::{KubernetesDriver, KubernetesSettings},
    local::LocalKubernetesDriver,
};
use magnum_types::{
    ClusterTemplate, Role,
    plan::{Action, PlanStep},
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn driver() -> LocalKubernetesDriver {
    // Whatever the operator says of other clouds.
    LocalKubernetesDriver::new(&KubernetesSettings {
        cluster_user_trust: true,
        ..KubernetesSettings::default()
    })
}

/// A cluster of a template that was written for a cloud, and of the release that its image has.
fn world(masters: i32, workers: i32) -> World {
    let mut world = World::founded(masters, workers);
    for (name, value) in [
        ("kube_tag", "v1.20.2"),
        ("etcd_volume_size", "10"),
        ("boot_volume_size", "20"),
        ("auto_healing_enabled", "true"),
        ("octavia_provider", "ovn"),
    ] {
        world.set(name, value);
    }
    world.trust();
    world.cluster.docker_volume_size = Some(20);
    world.workers.docker_volume_size = Some(30);
    world.template.network_driver = Some("bridge".into());
    world.template.cluster_distro = Some("magnum-local".into());
    world.facts = world.allotted(0).unwrap();
    world
}

fn stack(world: &World) -> Stack {
    driver().stack(&StackInputs {
        cluster: &world.cluster,
        template: &world.template,
        masters: &world.masters,
        workers: &world.workers,
        join_secret: &"join-secret".to_owned().into(),
        settings: &world.settings,
    })
}

fn group_stack(world: &World, outputs: &Map<String, Value>) -> Result<Stack, magnum_drivers::DriverError> {
    driver().nodegroup_stack(&GroupStackInputs {
        cluster: &world.cluster,
        template: &world.template,
        group: &world.workers,
        join_secret: &"group-secret".to_owned().into(),
        settings: &world.settings,
        cluster_outputs: outputs,
    })
}

fn outputs() -> Map<String, Value> {
    json!({"node_network": "net"}).as_object().unwrap().clone()
}

fn plan(world: &World, index: usize) -> Vec<PlanStep> {
    world.inputs(index, |inputs| driver().plan(inputs)).unwrap().steps
}

#[test]
fn the_documents_are_the_stored_ones() {
    let world = world(3, 2);
    let mut others = Vec::new();
    for (name, stack) in [
        ("local-kubernetes.json", stack(&world)),
        ("local-kubernetes-nodegroup.json", group_stack(&world, &outputs()).unwrap()),
    ] {
        let mut document: Value = serde_json::from_str(&stack.template).unwrap();
        // These are the same for every engine.
        let fields = document.as_object_mut().unwrap();
        fields.remove("files");
        fields.remove("values");
        let now = json!({ "document": document, "parameters": stack.parameters });
        others.extend(differs("data", name, &format!("{now:#}\n")));
    }
    assert_eq!(others, [""; 0], "not the documents in tests/data; if they should be, copy these");
}

#[test]
fn the_plans_are_the_stored_ones() {
    let (world, mut others) = (world(1, 1), Vec::new());
    for (role, index) in [("master", 0), ("worker", 1)] {
        others.extend(differs("golden", &format!("local-v1.20.2-{role}.txt"), &told(&plan(&world, index))));
    }
    assert_eq!(others, [""; 0], "not the plans in tests/golden; if they should be, copy these");
}

/// What is stored was looked at; this says why it is as it is, for every role and number of masters.
#[test]
fn a_node_is_told_what_a_cloud_would_tell_it_that_has_no_volumes_and_no_credential() {
    for masters in [1, 3] {
        let asked = world(masters, 1);
        let mut bare = World::founded(masters, 1);
        bare.set("kube_tag", "v1.20.2");
        let options = "--eviction-hard=memory.available<100Mi,nodefs.available<1Gi,imagefs.available<1Gi \
                       --image-gc-high-threshold=100 --image-gc-low-threshold=99";
        bare.set("kubelet_options", options);
        bare.template = ClusterTemplate { ..asked.template.clone() };
        bare.facts = bare.allotted(0).unwrap();
        for index in 0..asked.nodes.len() {
            let own = bare.inputs(index, |inputs| KubernetesDriver::default().plan(inputs)).unwrap().steps;
            assert_eq!(plan(&asked, index), own);
        }
        let steps = plan(&asked, 0);
        assert!(steps.iter().all(|step| !matches!(step.action, Action::Volume { .. })));
        let text = told(&steps);
        assert!(!text.contains("cloud-provider") && !text.contains("trustee"), "{text}");
    }
}

#[test]
fn whatever_a_scale_or_a_member_group_names_is_in_the_document() {
    let world = world(1, 1);
    for (stack, roles) in [
        (stack(&world), vec![Role::Master, Role::Worker]),
        (group_stack(&world, &outputs()).unwrap(), vec![Role::Worker]),
    ] {
        let document: Value = serde_json::from_str(&stack.template).unwrap();
        let declared = document["parameters"].as_object().unwrap();
        for (name, how) in declared {
            assert!(
                stack.parameters.contains_key(name) || how.get("default").is_some(),
                "{name} is not given"
            );
        }
        for name in stack.parameters.keys() {
            assert!(declared.contains_key(name), "{name} is given and not declared");
        }
        let (driver, mut words) = (driver(), BTreeSet::new());
        for role in roles {
            for name in driver.scale(&ScaleInputs { role, node_count: 3, remove: &[1] }).parameters.keys() {
                assert!(declared.contains_key(name), "{name}");
            }
            for group in driver.member_groups().iter().filter(|group| group.role == role) {
                let groups = document["groups"].as_array().unwrap();
                let found = groups.iter().find(|found| found["resource"] == group.resource).unwrap();
                assert_eq!(found["server"], group.server);
                assert!(
                    words.insert(found["word"].to_string()),
                    "two groups would give their servers one name"
                );
            }
        }
    }
    let error = group_stack(&world, &Map::new()).unwrap_err().to_string();
    assert!(error.contains("node_network"), "{error}");
    assert!(!stack(&world).template.contains("join-secret"));
}

#[test]
fn the_api_is_the_first_masters() {
    let world = world(3, 1);
    let outputs = json!({
        "api_address": "172.20.0.2", "kube_masters": ["172.20.0.2", "172.20.0.4", "172.20.0.5"],
        "kube_masters_private": ["172.20.0.2", "172.20.0.4", "172.20.0.5"],
        "kube_minions": ["172.20.0.3"], "kube_minions_private": ["172.20.0.3"],
    });
    let document: Value = serde_json::from_str(&stack(&world).template).unwrap();
    for name in outputs.as_object().unwrap().keys() {
        assert!(document["outputs"].get(name).is_some(), "{name}");
    }
    let outputs = outputs.as_object().unwrap();
    let read = driver().outputs(&world.cluster, &world.template, outputs, &BTreeMap::new());
    assert_eq!(read.api_address.as_deref(), Some("https://172.20.0.2:6443"));
    assert_eq!((read.master_addresses.len(), read.node_addresses.len()), (3, 1));
    assert_eq!(read.coe_version.as_deref(), Some("v1.20.2"));
}

#[test]
fn nodes_are_not_made_anew_from_another_image() {
    let world = world(1, 1);
    let groups = [world.masters.clone(), world.workers.clone()];
    let to = |image: &str| ClusterTemplate {
        image_id: image.to_owned(),
        labels: world.cluster.labels.clone(),
        ..world.template.clone()
    };
    let upgrade = |to: &ClusterTemplate| {
        driver().upgrade(&UpgradeInputs {
            cluster: &world.cluster,
            nodegroups: &groups,
            from: &world.template,
            to,
            group: None,
            nodes: &world.nodes,
        })
    };
    assert_eq!(upgrade(&to("image")).unwrap(), "v1.20.2");
    let refused = upgrade(&to("another")).unwrap_err().to_string();
    assert!(refused.starts_with("cluster_template: ") && refused.contains("node group"), "{refused}");
}
