//! Who has which share of the pods' range, where nodes bridge their own.

use super::{file, world::*};
use magnum_drivers::Driver as _;
use magnum_types::{NodeState, Role};
use std::collections::BTreeMap;

fn bridged(masters: i32, workers: i32) -> World {
    let mut world = World::founded(masters, workers);
    world.template.network_driver = Some("bridge".into());
    world
}

fn shares(facts: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    let shares =
        facts.iter().filter_map(|(name, range)| Some((name.strip_prefix("pod_cidr.")?, range.as_str())));
    shares.collect()
}

#[test]
fn the_first_question_gives_every_node_its_share_and_the_next_changes_nothing() {
    let mut world = bridged(1, 2);
    world.facts = world.allotted(2).unwrap();
    assert_eq!(
        shares(&world.facts),
        [("c-master-0", "10.100.1.0/24"), ("c-node-0", "10.100.2.0/24"), ("c-node-1", "10.100.0.0/24")]
    );
    for index in 0..3 {
        assert!(world.inputs(index, |inputs| world.driver.allot(inputs)).unwrap().is_none());
    }
    let plan = world.plan(2).unwrap();
    assert_eq!(
        file(&plan, "/etc/magnum/pod-routes"),
        "# c-node-1\nroute replace 10.100.1.0/24 via 10.0.0.10\nroute replace 10.100.2.0/24 via 10.0.0.20\n"
    );
    assert!(file(&plan, "/etc/cni/net.d/10-magnum.conflist").contains("\"subnet\": \"10.100.0.0/24\""));
    let step = |name: &str| plan.iter().position(|step| step.name == name).unwrap();
    assert!(step("pod network") < step("kubelet"), "a kubelet without a network is not ready");
}

#[test]
fn the_share_of_a_node_that_is_gone_is_free_and_that_of_a_leaving_one_is_not() {
    let mut world = bridged(1, 3);
    world.facts = world.allotted(0).unwrap();
    world.nodes.remove(1);
    world.nodes[1].state = NodeState::Leaving;
    world.nodes[2].state = NodeState::Gone;
    world.nodes.push(node(Role::Worker, 7));
    let facts = world.allotted(3).unwrap();
    assert_eq!(
        shares(&facts),
        [("c-master-0", "10.100.0.0/24"), ("c-node-1", "10.100.2.0/24"), ("c-node-7", "10.100.1.0/24")]
    );
    let others =
        |facts: &BTreeMap<String, String>| facts.keys().filter(|name| !name.contains("pod_cidr")).count();
    assert_eq!(others(&facts), others(&world.facts), "nothing else is forgotten");
    assert!(world.inputs(1, |inputs| world.driver.allot(inputs)).unwrap().is_none(), "who leaves needs none");
}

#[test]
fn a_range_without_room_is_named_with_its_label() {
    let mut world = bridged(1, 2);
    world.set("pods_network_cidr", "10.100.0.0/23");
    world.facts = world.allotted(1).unwrap();
    assert_eq!(shares(&world.facts), [("c-master-0", "10.100.1.0/24"), ("c-node-0", "10.100.0.0/24")]);
    let refused = world.allotted(2).unwrap_err();
    for word in ["pods_network_cidr", "10.100.0.0/23", "flannel_network_subnetlen 24"] {
        assert!(refused.contains(word), "{refused}");
    }
}

#[test]
fn another_network_driver_gives_its_own() {
    let world = World::founded(1, 1);
    assert!(world.inputs(1, |inputs| world.driver.allot(inputs)).unwrap().is_none());
    let controllers = "/etc/systemd/system/kube-controller-manager.service";
    for (world, gives) in [(world, true), (bridged(1, 1), false)] {
        let plan = world.plan(0).unwrap();
        let flags = file(&plan, controllers);
        assert_eq!(flags.contains("--allocate-node-cidrs=true"), gives, "{flags}");
        assert_eq!(flags.contains("--cluster-cidr="), gives, "{flags}");
    }
}
