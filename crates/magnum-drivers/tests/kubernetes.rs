//! The Kubernetes driver seen from outside: the stack it asks for, each node's plan (for every supported minor beside a
//! stored one), who may be whom, and which upgrades there are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "kubernetes/credential.rs"]
mod credential;
#[path = "kubernetes/effects.rs"]
mod effects;
#[path = "kubernetes/fit.rs"]
mod fit;
#[path = "kubernetes/local.rs"]
mod local;
#[path = "kubernetes/pod_ranges.rs"]
mod pod_ranges;
mod rows;
#[path = "kubernetes/stacks.rs"]
mod stacks;
#[path = "kubernetes/user_data.rs"]
mod user_data;
#[path = "kubernetes/world.rs"]
mod world;

use magnum_drivers::{Driver as _, ImageInputs, ScaleInputs};
use magnum_types::{
    Labels, NodeGroup, NodeState, Role,
    plan::{Action, PlanStep},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use world::*;

fn names(steps: &[PlanStep]) -> Vec<&str> {
    steps.iter().map(|step| step.name.as_str()).collect()
}

fn file<'a>(steps: &'a [PlanStep], wanted: &str) -> &'a str {
    let content = steps.iter().find_map(|step| match &step.action {
        Action::File { path, content, .. } if path == wanted => Some(content.0.as_str()),
        _ => None,
    });
    content.unwrap_or_else(|| panic!("no {wanted} in {:?}", names(steps)))
}

fn action<'a>(steps: &'a [PlanStep], wanted: &str) -> &'a Action {
    let step = steps.iter().find(|step| step.name == wanted);
    &step.unwrap_or_else(|| panic!("no {wanted:?} in {:?}", names(steps))).action
}

#[test]
fn every_supported_minor_has_its_stored_plan() {
    let mut others = Vec::new();
    for release in ["v1.20.2", "v1.33.1", "v1.34.0", "v1.35.0", "v1.36.0", "v1.37.0"] {
        let mut world = World::founded(1, 1);
        world.set("kube_tag", release);
        for (role, index) in [("master", 0), ("worker", 1)] {
            let name = format!("{release}-{role}.txt");
            others.extend(differs("golden", &name, &told(&world.plan(index).unwrap())));
        }
    }
    assert_eq!(others, [""; 0], "not the plans in tests/golden; if they should be, copy these");
}

/// Three masters, volumes, the built-in network, Keystone's tokens and a credential for the cloud.
#[test]
fn the_oldest_and_the_newest_minor_have_a_stored_plan_of_a_large_cluster() {
    let mut others = Vec::new();
    for release in ["v1.20.2", "v1.37.0"] {
        let mut world = World::founded(3, 1);
        world.set("kube_tag", release);
        world.set("keystone_auth_enabled", "true");
        world.set("etcd_volume_size", "10");
        world.cluster.docker_volume_size = Some(20);
        world.template.network_driver = Some("bridge".into());
        world.template.volume_driver = Some("cinder".into());
        world.template.http_proxy = Some("http://proxy.example.org:3128".into());
        world.facts.insert("api_private_address".into(), "10.0.0.99".into());
        world.trust();
        for (role, index) in [("master", 0), ("worker", 3)] {
            let name = format!("large-{release}-{role}.txt");
            others.extend(differs("golden", &name, &told(&world.plan(index).unwrap())));
        }
    }
    assert_eq!(others, [""; 0], "not the plans in tests/golden; if they should be, copy these");
}

/// Where the text is, when it is not the one that is stored under this name; it is left beside the build for a look.
fn differs(directory: &str, name: &str, text: &str) -> Option<String> {
    let left = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&left, text).unwrap();
    let stored = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(directory).join(name);
    (std::fs::read_to_string(stored).unwrap_or_default() != text).then(|| left.display().to_string())
}

/// A plan as text: a line for each step, and what files say. Manifests have tests of their own.
fn told(steps: &[PlanStep]) -> String {
    let mut text = String::new();
    for step in steps {
        let mut document = serde_json::to_value(step).unwrap();
        let fields = document.as_object_mut().unwrap();
        fields.shift_remove("name");
        let body = match &step.action {
            Action::File { content, .. } => fields.shift_remove("content").map(|_| content.0.clone()),
            Action::KubeApply { .. } => fields.shift_remove("manifest").map(|_| String::new()),
            _ => None,
        };
        text.push_str(&format!("{}: {document}\n", step.name));
        for line in body.unwrap_or_default().lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

#[test]
fn masters_wait_until_all_of_them_have_registered_and_found_etcd_together() {
    let mut world = World::new(3, 0);
    world.nodes.truncate(2);
    assert_eq!(world.plan(0), None, "one of three is missing");
    let world = World::new(3, 0);
    let founding = |steps: &[PlanStep]| file(steps, "/etc/etcd/initial.env").to_owned();
    let first = world.plan(0).unwrap();
    assert!(founding(&first).contains(
        "ETCD_INITIAL_CLUSTER=c-master-0=https://10.0.0.10:2380,c-master-1=https://10.0.0.11:2380,\
         c-master-2=https://10.0.0.12:2380\nETCD_INITIAL_CLUSTER_STATE=new\n"
    ));
    let last = world.plan(2).unwrap();
    assert_eq!(founding(&first), founding(&last), "all found the same");
    let key = "/etc/kubernetes/pki/service-accounts.key";
    assert_eq!(file(&first, key), "the service account key");
    assert_eq!(file(&first, key), file(&last, key), "what one signs the others know");
}

#[test]
fn a_later_master_waits_until_the_acting_one_has_added_it() {
    let mut world = World::founded(1, 0);
    world.add_master(1);
    world.add_master(2);
    assert_eq!(world.plan(1), None);
    let acting = world.plan(0).unwrap();
    match action(&acting, "etcd members join") {
        Action::EtcdMembers { add, remove, .. } => {
            assert_eq!(add, &Some(("c-master-1".into(), "https://10.0.0.11:2380".into())), "one at a time");
            assert!(remove.is_empty());
        }
        other => panic!("{other:?}"),
    }
    world.facts.insert(
        "etcd_members".into(),
        "c-master-0=https://10.0.0.10:2380,c-master-1=https://10.0.0.11:2380".into(),
    );
    let added = world.plan(1).unwrap();
    assert!(file(&added, "/etc/etcd/initial.env").contains("ETCD_INITIAL_CLUSTER_STATE=existing"));
    assert_eq!(world.plan(2), None);
}

#[test]
fn each_master_starts_its_webhook_anew_with_another_certificate() {
    let mut world = World::founded(3, 1);
    assert!(!names(&world.plan(1).unwrap()).contains(&"keystone webhook anew"), "there is none");
    world.trust();
    world.set("keystone_auth_enabled", "true");
    let plan = world.plan(1).unwrap();
    let position = |name: &str| plan.iter().position(|step| step.name == name).unwrap();
    assert!(position("certificate keystone-auth") < position("keystone webhook anew"));
    match action(&plan, "keystone webhook anew") {
        Action::KubePodsAnew { node, watches, .. } => {
            assert_eq!((node.as_str(), watches.len()), ("c-master-1", 1));
            assert!(watches[0].ends_with("/server.crt"), "{watches:?}");
        }
        other => panic!("{other:?}"),
    }
    assert!(!names(&world.plan(3).unwrap()).contains(&"keystone webhook anew"), "a worker has no webhook");
}

#[test]
fn the_acting_master_waits_until_a_new_member_has_its_vote() {
    let mut world = World::founded(3, 0);
    assert!(!names(&world.plan(0).unwrap()).contains(&"etcd members join"), "all have one");
    world.facts.insert("etcd_learners".into(), "c-master-2".into());
    let acting = world.plan(0).unwrap();
    let join = acting.iter().find(|step| step.name == "etcd members join").unwrap();
    assert!(join.optional && join.yields, "nothing fails by it, and a newer plan ends the wait");
    let position = |name: &str| acting.iter().position(|step| step.name == name);
    assert_eq!(
        position("etcd members join"),
        Some(acting.len() - 2),
        "nothing but the signal waits behind it"
    );
    match &join.action {
        Action::EtcdMembers { add: None, remove, .. } => assert!(remove.is_empty()),
        other => panic!("{other:?}"),
    }
    assert!(!names(&world.plan(1).unwrap()).contains(&"etcd members join"), "one acts");
}

#[test]
fn servers_of_masters_may_go_once_the_members_tell_so() {
    let mut world = World::founded(3, 1);
    let driver = world.driver.clone();
    let must = |world: &World, n: usize| driver.must_leave(&world.cluster, &world.nodes[n]);
    assert!(!must(&world, 0) && !must(&world, 3));
    world.nodes[0].state = NodeState::Leaving;
    world.nodes[3].state = NodeState::Leaving;
    assert!(must(&world, 0) && !must(&world, 3), "a worker is no member");
    assert!(!driver.has_left(&world.facts, &world.nodes[0]));
    // Known by its address where another node added it, and its name is not known.
    world
        .facts
        .insert("etcd_members".into(), "f1=https://10.0.0.10:2380,c-master-1=https://10.0.0.11:2380".into());
    assert!(!driver.has_left(&world.facts, &world.nodes[0]));
    world.facts.insert("etcd_members".into(), "c-master-1=https://10.0.0.11:2380".into());
    assert!(driver.has_left(&world.facts, &world.nodes[0]));
}

#[test]
fn masters_that_an_upgrade_left_apart_all_count() {
    let mut world = World::founded(3, 1);
    world.nodes[0].wanted_release = Some("v1.36.9".into());
    world.nodes[1].wanted_release = Some("v1.35.1".into());
    world.nodes[2].wanted_release = Some("v1.35.1".into());
    let refused = |world: &World, to: &str| world.upgrade(to, None).unwrap_err();
    assert!(refused(&world, "v1.35.1").contains("a downgrade is not supported"), "the first is ahead");
    assert!(refused(&world, "v1.37.0").contains("minors cannot be left out"), "the others are behind");
    assert_eq!(world.upgrade("v1.36.9", None), Ok("v1.36.9".into()));
}

#[test]
fn a_master_that_leaves_is_emptied_and_taken_out_of_etcd_by_another() {
    let mut world = World::founded(3, 1);
    world.nodes[0].state = NodeState::Leaving;
    assert_eq!(world.plan(0), None);
    let acting = world.plan(1).unwrap();
    match (action(&acting, "drain"), action(&acting, "etcd members leave")) {
        (Action::KubeDrain { nodes, .. }, Action::EtcdMembers { add: None, remove, .. }) => {
            assert_eq!(nodes, &["c-master-0"]);
            assert_eq!(remove, &["c-master-0"]);
        }
        other => panic!("{other:?}"),
    }
    let position = |name: &str| acting.iter().position(|step| step.name == name);
    assert!(position("etcd members leave") < position("drain"), "pods that do not go hold up no member");
    assert!(!names(&world.plan(2).unwrap()).contains(&"drain"), "one acts");
}

#[test]
fn a_master_that_is_made_anew_leaves_etcd_unless_its_member_has_a_volume() {
    let mut world = World::founded(3, 0);
    world.nodes[0].state = NodeState::Rebuilding;
    assert_eq!(world.plan(0), None);
    match action(&world.plan(1).unwrap(), "etcd members leave") {
        Action::EtcdMembers { add: None, remove, .. } => assert_eq!(remove[0], "c-master-0"),
        other => panic!("{other:?}"),
    }
    // It has left, and has registered again.
    let left = "c-master-1=https://10.0.0.11:2380,c-master-2=https://10.0.0.12:2380";
    world.facts.insert("etcd_members".into(), left.into());
    world.nodes[0].state = NodeState::Upgrading;
    assert_eq!(world.plan(0), None, "until it is taken in again");
    match action(&world.plan(1).unwrap(), "etcd members join") {
        Action::EtcdMembers { add: Some((name, _)), .. } => assert_eq!(name, "c-master-0"),
        other => panic!("{other:?}"),
    }

    let mut world = World::founded(3, 0);
    world.set("etcd_volume_size", "2");
    world.nodes[0].state = NodeState::Rebuilding;
    let kept = world.plan(1).unwrap();
    assert!(!names(&kept).iter().any(|name| name.starts_with("etcd members")), "its data are not lost");
}

#[test]
fn while_a_node_is_upgraded_it_is_empty_and_its_new_release_is_planned() {
    let mut world = World::founded(1, 2);
    world.nodes[1].state = NodeState::Draining;
    assert_eq!(world.plan(1), None);
    world.nodes[1].state = NodeState::Upgrading;
    world.nodes[1].wanted_release = Some("v1.36.9".into());
    let upgraded = world.plan(1).unwrap();
    assert!(
        file(&upgraded, "/etc/systemd/system/kubelet.service")
            .contains("/opt/kubernetes/v1.36.9/bin/kubelet")
    );
    let other = world.plan(2).unwrap();
    assert!(
        file(&other, "/etc/systemd/system/kubelet.service").contains("/opt/kubernetes/v1.36.0/bin/kubelet")
    );
    match action(&world.plan(0).unwrap(), "drain") {
        Action::KubeDrain { nodes, untouched, .. } => {
            assert_eq!((nodes.as_slice(), untouched.len()), (["c-node-0".to_owned()].as_slice(), 0));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_api_has_no_open_door() {
    for release in ["v1.20.2", "v1.36.0"] {
        let mut world = World::founded(1, 1);
        world.set("kube_tag", release);
        let master = world.plan(0).unwrap();
        let api = file(&master, "/etc/systemd/system/kube-apiserver.service");
        for flag in [
            "--anonymous-auth=false",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--encryption-provider-config=",
            "--audit-policy-file=",
            "--client-ca-file=",
            "--etcd-cafile=",
        ] {
            assert!(api.contains(flag), "{release}: {flag}");
        }
        assert_eq!(api.contains("--insecure-port=0"), release == "v1.20.2");
        let etcd = file(&master, "/etc/systemd/system/etcd.service");
        assert!(etcd.contains("--client-cert-auth=true") && etcd.contains("--peer-client-cert-auth=true"));
        let worker = world.plan(1).unwrap();
        let kubelet: Value =
            serde_json::from_str(file(&worker, "/etc/kubernetes/kubelet-config.yaml")).unwrap();
        assert_eq!(kubelet["authentication"]["anonymous"]["enabled"], false);
        assert_eq!(kubelet["authorization"]["mode"], "Webhook");
        assert_eq!(kubelet["readOnlyPort"], 0);
        // No secret of the masters, nor their identities, is in a worker's plan.
        let all = serde_json::to_string(&worker).unwrap();
        for secret in [
            "the service account key",
            "the encryption key",
            "kube-apiserver",
            "etcd-",
            ":2379",
            "magnum-node",
        ] {
            assert!(!all.contains(secret), "{secret}");
        }
    }
}

#[test]
fn a_worker_is_a_kubelet_and_a_proxy_and_nobody_else() {
    let world = World::founded(1, 1);
    for (identity, common_name) in [
        ("kubelet", "system:node:c-node-0"),
        ("kubelet-server", "system:node:c-node-0"),
        ("kube-proxy", "system:kube-proxy"),
    ] {
        assert_eq!(world.identity(1, identity).unwrap().common_name, common_name);
    }
    for identity in ["kube-apiserver", "magnum-node", "etcd-server", "kube-controller-manager", "nobody", ""]
    {
        assert_eq!(world.identity(1, identity), None, "{identity}");
    }
    let api = world.identity(0, "kube-apiserver").unwrap();
    for name in
        ["10.254.0.1", "kubernetes.default.svc.cluster.local", "127.0.0.1", "10.0.0.10", "172.24.4.10"]
    {
        assert!(api.names.iter().any(|known| known == name), "{name}: {:?}", api.names);
    }
    assert_eq!(world.identity(0, "kubelet").unwrap().organisation.as_deref(), Some("system:nodes"));
}

#[test]
fn another_authority_or_name_changes_the_revision_of_a_certificate() {
    let mut world = World::founded(1, 0);
    let revision = |world: &World| match action(&world.plan(0).unwrap(), "certificate kube-apiserver") {
        Action::Certificate { revision, .. } => revision.clone(),
        other => panic!("{other:?}"),
    };
    let before = revision(&world);
    world.set("api_server_cert_sans", "api.example.org");
    let named = revision(&world);
    assert_ne!(before, named);
    world.authorities.for_servers.insert(magnum_types::Authority::Cluster, "new".into());
    assert_ne!(named, revision(&world));
}

#[test]
fn labels_and_taints_of_a_group_are_on_its_nodes() {
    let mut world = World::founded(1, 1);
    world.workers.node_labels = Some(Labels::from_iter([("tier".to_owned(), "gold".to_owned())]));
    world.workers.node_taints = Some(json!([{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]));
    let Action::KubeMarks { nodes, .. } = action(&world.plan(0).unwrap(), "node labels").clone() else {
        panic!("no marks")
    };
    let worker = &nodes["c-node-0"];
    assert_eq!(worker.labels["tier"], "gold");
    assert_eq!(worker.labels["magnum.openstack.org/nodegroup"], "default-worker");
    assert_eq!(worker.taints, ["gpu=yes:NoSchedule"]);
    let master = &nodes["c-master-0"];
    assert_eq!(master.labels["node-role.kubernetes.io/control-plane"], "");
    assert_eq!(master.taints, ["node-role.kubernetes.io/control-plane:NoSchedule"]);
    // They are there from the first moment: nothing is scheduled before the taint.
    let plan = world.plan(1).unwrap();
    let kubelet: Value = serde_json::from_str(file(&plan, "/etc/kubernetes/kubelet-config.yaml")).unwrap();
    assert_eq!(
        kubelet["registerWithTaints"],
        json!([{"key": "gpu", "value": "yes", "effect": "NoSchedule"}])
    );
    world.set("kube_tag", "v1.20.2");
    let plan = world.plan(1).unwrap();
    assert!(
        file(&plan, "/etc/systemd/system/kubelet.service")
            .contains("--register-with-taints=gpu=yes:NoSchedule")
    );
}

#[test]
fn a_worker_tells_its_versions_and_nothing_that_others_go_by() {
    let world = World::new(1, 1);
    for fact in ["etcd_members", "addon.coredns", "kube_version", "container_version"] {
        assert!(world.driver.believes(Role::Master, fact), "{fact}");
        assert_eq!(world.driver.believes(Role::Worker, fact), fact.ends_with("_version"), "{fact}");
    }
    for fact in ["pod_cidr.c-node-0", "api_address", "api_private_address", "kube_encryption_key"] {
        assert!(!world.driver.believes(Role::Master, fact), "{fact}");
    }
}

#[test]
fn workers_speak_to_the_load_balancer_where_there_is_one() {
    let mut world = World::founded(3, 1);
    let server = |world: &World| {
        let plan = world.plan(3).unwrap();
        let config: Value = serde_json::from_str(file(&plan, "/etc/kubernetes/kubelet.conf")).unwrap();
        config["clusters"][0]["cluster"]["server"].as_str().unwrap().to_owned()
    };
    assert_eq!(server(&world), "https://10.0.0.10:6443");
    world.facts.insert("api_private_address".into(), "10.0.0.99".into());
    assert_eq!(server(&world), "https://10.0.0.99:6443");
    let master = world.plan(0).unwrap();
    assert!(file(&master, "/etc/kubernetes/kubelet.conf").contains("https://127.0.0.1:6443"));
}

#[test]
fn masters_and_workers_are_scaled_by_their_own_parameters() {
    let driver = World::founded(1, 1).driver;
    let masters = driver.scale(&ScaleInputs { role: Role::Master, node_count: 3, remove: &[] }).parameters;
    assert_eq!((&masters["number_of_masters"], &masters["masters_to_remove"]), (&json!(3), &json!([])));
    let workers = driver.scale(&ScaleInputs { role: Role::Worker, node_count: 1, remove: &[2] }).parameters;
    assert_eq!((&workers["number_of_minions"], &workers["minions_to_remove"]), (&json!(1), &json!(["2"])));
}

#[test]
fn single_members_get_images_of_their_own_and_in_the_end_all() {
    let driver = World::founded(1, 1).driver;
    let single = BTreeMap::from([(0, "next".to_owned()), (4, "next".to_owned())]);
    let some = driver.images(&ImageInputs { role: Role::Worker, image: None, single: &single }).parameters;
    assert_eq!(json!(some), json!({"minion_images": {"0": "next", "4": "next"}}));
    let all = ImageInputs { role: Role::Master, image: Some("next"), single: &BTreeMap::new() };
    assert_eq!(json!(driver.images(&all).parameters), json!({"master_images": {}, "master_image": "next"}));
}

#[test]
fn another_image_is_refused_where_a_node_would_lose_what_only_it_has() {
    let upgrade = |world: &World, distro: &str, group: Option<&NodeGroup>| {
        let mut to = world.template.clone();
        to.image_id = "next".into();
        to.cluster_distro = Some(distro.into());
        world.upgrade_to(&to, group, |driver, inputs| {
            let made: Vec<_> = inputs.image_groups().iter().map(|group| group.name.clone()).collect();
            driver.upgrade(inputs).map(|_| made.join(" "))
        })
    };
    let mut world = World::founded(1, 1);
    let workers = world.workers.clone();
    let refused = upgrade(&world, "debian", None).unwrap_err();
    assert!(refused.contains("cluster_template") && refused.contains("only master"), "{refused}");
    assert_eq!(upgrade(&world, "debian", Some(&workers)), Ok("default-worker".into()));
    assert!(upgrade(&world, "ubuntu", Some(&workers)).unwrap_err().contains("ubuntu"));
    world.set("etcd_volume_size", "2");
    assert_eq!(upgrade(&world, "debian", None), Ok("default-master default-worker".into()));
    assert_eq!(upgrade(&World::founded(3, 1), "debian", None), Ok("default-master default-worker".into()));
    world.workers.image_id = Some("own".into());
    assert_eq!(upgrade(&world, "debian", None), Ok("default-master".into()), "an own image stays");
    world.set("boot_volume_size", "10");
    assert!(upgrade(&world, "debian", None).unwrap_err().contains("boot from volumes"));
}

#[test]
fn an_upgrade_leads_the_whole_cluster_first_and_a_group_only_after_it() {
    let world = World::founded(1, 1);
    let upgrade = |to: &str, group: bool| world.upgrade(to, group.then_some(&world.workers));
    assert_eq!(upgrade("v1.37.0", false), Ok("v1.37.0".into()));
    assert!(upgrade("v1.35.0", false).unwrap_err().contains("downgrade"));
    assert!(upgrade("v1.37.0", true).unwrap_err().contains("whole cluster first"));
    assert_eq!(upgrade("v1.36.0", true), Ok("v1.36.0".into()));
}
