//! What becomes of stacks: sizes, members that are replaced, networks, and nodes that stop.

use crate::{
    machine::{Doing, busy, full},
    rig::{Rig, create, group_stack_of, living, scale, stack_of},
};
use magnum_local::machines::NodeState;

#[tokio::test]
async fn a_swarm_with_several_masters_is_made_of_nodes_in_its_own_network() {
    let rig = Rig::new().await;
    let mut gateways = rig.gateways();
    let stack = living(&rig, 3, 2).await;
    let expected =
        ["c1-node-0", "c1-node-1", "c1-primary-master-0", "c1-secondary-master-0", "c1-secondary-master-1"];
    assert_eq!(rig.machine.names(), expected);
    {
        let inner = rig.machine.inner();
        for held in inner.nodes.values() {
            assert_eq!(held.spec.stack.to_string(), stack.id);
            let sizes = if held.spec.name.contains("master") { (2, 2048) } else { (1, 1024) };
            assert_eq!((held.spec.cpus, held.spec.memory_mib), sizes);
            assert_eq!(held.spec.gateway_names, ["magnum.internal"]);
        }
        let (name, gateway) = &inner.networks.values().next().unwrap().clone();
        assert_eq!(name, "magnum-c1");
        assert!(gateways.borrow_and_update().contains(gateway));
    }
    let server = rig.machine.server_of("c1-node-0");
    let told = rig.node_json(server);
    assert_eq!((&told["join_secret"], &told["verify"]), (&"join-secret".into(), &true.into()));
    assert_eq!(told["magnum_url"], "https://magnum.example:9511/v1");
    assert!(rig.machine.file(server, "/etc/magnum/ca.pem").starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert_eq!(rig.machine.file(server, "/var/lib/cloud/data/instance-id").trim(), server.to_string());
    let link = rig.machine.file(server, "/etc/systemd/system/multi-user.target.wants/magnum-node.service");
    assert_eq!(link, "/etc/systemd/system/magnum-node.service");

    rig.heat().stack_delete(&stack).await.unwrap();
    rig.ends_as(&stack, "DELETE_COMPLETE").await;
    assert!(rig.machine.inner().nodes.is_empty() && rig.machine.inner().networks.is_empty());
    rig.pass(8).await;
    assert!(gateways.borrow_and_update().is_empty());
    assert!(!rig.disk.text().contains("join-secret"), "nothing joins a deleted stack");
}

#[tokio::test]
async fn indexes_go_by_name_or_from_the_top_and_named_ones_never_come_back() {
    let rig = Rig::new().await;
    let heat = rig.heat();
    let stack = living(&rig, 1, 3).await;
    let made = rig.machine.inner().made.len();
    for (count, remove, expected, more) in [
        (2, &[0_u32][..], &[1_u32, 2][..], 0),
        (3, &[], &[1, 2, 3], 1),
        (3, &[2], &[1, 3, 4], 1),
        (1, &[], &[1], 0),
        (2, &[], &[1, 3], 1),
        (0, &[], &[], 0),
    ] {
        let before = rig.machine.inner().made.len();
        scale(&heat, &stack, count, remove, false).await.unwrap();
        rig.ends_as(&stack, "UPDATE_COMPLETE").await;
        assert_eq!(rig.workers(&stack).await, expected, "{count} without {remove:?}");
        assert_eq!(rig.machine.inner().made.len() - before, more, "{count} without {remove:?}");
    }
    assert_eq!(rig.machine.names(), ["c1-primary-master-0"]);
    assert_eq!(made, 4);
}

#[tokio::test]
async fn an_update_that_fails_is_taken_back_where_that_was_asked_for() {
    let rig = Rig::new().await;
    let heat = rig.heat();
    let stack = living(&rig, 1, 1).await;
    rig.machine.refuse(Doing::NodeEnsure, "c1-node-2", 1, full);
    scale(&heat, &stack, 3, &[], true).await.unwrap();
    rig.ends_as(&stack, "ROLLBACK_COMPLETE").await;
    assert_eq!(rig.machine.names(), ["c1-node-0", "c1-primary-master-0"]);
    let shown = heat.stack_get(&stack, false).await.unwrap().unwrap();
    assert_eq!(shown.parameters["number_of_nodes"], "1");

    rig.machine.refuse(Doing::NodeEnsure, "c1-node-2", 1, full);
    scale(&heat, &stack, 3, &[], false).await.unwrap();
    let reason = rig.ends_as(&stack, "UPDATE_FAILED").await;
    assert!(reason.contains("c1-node-2") && reason.contains("no space left"), "{reason}");
    scale(&heat, &stack, 3, &[], false).await.unwrap();
    rig.ends_as(&stack, "UPDATE_COMPLETE").await;
    assert_eq!(rig.workers(&stack).await, [0, 1, 2], "what failed is made anew");
}

#[tokio::test]
async fn a_cancelled_update_is_left_or_taken_back() {
    let rig = Rig::new().await;
    let heat = rig.heat();
    let stack = living(&rig, 1, 1).await;
    assert!(heat.stack_cancel(&stack, true).await.is_err(), "nothing is going on");
    rig.silent.lock().unwrap().push("node-1".into());
    scale(&heat, &stack, 2, &[], false).await.unwrap();
    rig.pass(3).await;
    heat.stack_cancel(&stack, true).await.unwrap();
    rig.ends_as(&stack, "ROLLBACK_COMPLETE").await;
    assert_eq!(rig.workers(&stack).await, [0]);
    scale(&heat, &stack, 2, &[], false).await.unwrap();
    heat.stack_cancel(&stack, false).await.unwrap();
    rig.ends_as(&stack, "UPDATE_FAILED").await;
}

#[tokio::test]
async fn a_member_that_is_marked_is_made_anew_by_the_next_update() {
    let rig = Rig::new().await;
    let heat = rig.heat();
    let stack = living(&rig, 1, 2).await;
    let old = rig.machine.server_of("c1-node-1");
    let group = heat.resource_get(&stack, "swarm_nodes").await.unwrap().unwrap().nested_stack().unwrap();
    heat.resource_mark_unhealthy(&group, "1", true, "its disk is broken").await.unwrap();
    let failures = heat.failures(&stack).await.unwrap();
    assert!(failures[0].reason.contains("its disk is broken"), "{failures:?}");
    heat.resource_mark_unhealthy(&group, "1", false, "").await.unwrap();
    assert!(heat.failures(&stack).await.unwrap().is_empty());
    heat.resource_mark_unhealthy(&group, "1", true, "").await.unwrap();
    scale(&heat, &stack, 2, &[], false).await.unwrap();
    rig.ends_as(&stack, "UPDATE_COMPLETE").await;
    assert_ne!(rig.machine.server_of("c1-node-1"), old);
    assert_eq!(rig.machine.names(), ["c1-node-0", "c1-node-1", "c1-primary-master-0"]);
}

#[tokio::test]
async fn a_further_group_lives_in_its_clusters_network_and_keeps_it() {
    let rig = Rig::new().await;
    let heat = rig.heat();
    let cluster = living(&rig, 1, 1).await;
    let shown = heat.stack_get(&cluster, true).await.unwrap().unwrap();
    let outputs = shown.outputs.into_iter().map(|o| (o.output_key, o.output_value)).collect();
    let foreign = create(&rig.heat_of("other"), "c1-more", &group_stack_of(&outputs, 2)).await;
    assert!(foreign.unwrap_err().message.contains("could not be found"), "another project's network");
    let group = create(&heat, "c1-more", &group_stack_of(&outputs, 2)).await.unwrap();
    rig.ends_as(&group, "CREATE_COMPLETE").await;
    let node = rig.machine.server_of("c1-more-node-1");
    {
        let inner = rig.machine.inner();
        let spec = &inner.nodes[&node].spec;
        assert_eq!((spec.stack.to_string(), spec.owner.to_string()), (cluster.id.clone(), group.id.clone()));
        assert_eq!(inner.networks.len(), 1);
    }
    assert_eq!(rig.node_json(node)["join_secret"], "group-secret");
    scale(&heat, &group, 1, &[0], false).await.unwrap();
    rig.ends_as(&group, "UPDATE_COMPLETE").await;
    assert_eq!(rig.workers(&group).await, [1]);

    heat.stack_delete(&cluster).await.unwrap();
    let reason = rig.ends_as(&cluster, "DELETE_FAILED").await;
    assert!(reason.contains("still used by the stack c1-more"), "{reason}");
    for stack in [&group, &cluster] {
        heat.stack_delete(stack).await.unwrap();
        rig.ends_as(stack, "DELETE_COMPLETE").await;
    }
    assert!(rig.machine.inner().nodes.is_empty() && rig.machine.inner().networks.is_empty());
}

#[tokio::test]
async fn a_node_that_stops_is_started_again_and_also_after_a_restart() {
    let rig = Rig::new().await;
    let stack = living(&rig, 1, 1).await;
    let server = rig.machine.server_of("c1-node-0");
    let stop = || rig.machine.inner().nodes.get_mut(&server).unwrap().state = NodeState::Stopped;
    let runs = || rig.machine.inner().nodes[&server].state == NodeState::Running;
    stop();
    rig.until("the node is not started", async || runs()).await;
    rig.kill().await;
    stop();
    rig.start().await;
    rig.until("the node is not started by the next process", async || runs()).await;
    assert!(rig.gateways().borrow().len() == 1, "where nodes reach the process is known again");

    // One that stays down is tried less and less often.
    let before = rig.machine.inner().restarted.len();
    for _ in 0..200 {
        stop();
        rig.turn().await;
    }
    let tries = rig.machine.inner().restarted.len() - before;
    assert!((2..=8).contains(&tries), "{tries} starts in 200 seconds");
    assert_eq!(rig.ended(&stack).await.0, "CREATE_COMPLETE");
}

#[tokio::test]
async fn a_network_that_somebody_took_away_is_made_anew() {
    let rig = Rig::new().await;
    living(&rig, 1, 1).await;
    rig.machine.inner().networks.clear();
    rig.until("the network is not made anew", async || rig.machine.inner().networks.len() == 1).await;
    assert_eq!(rig.gateways().borrow().len(), 1);
}

#[tokio::test]
async fn what_belongs_to_no_stack_is_taken_away() {
    let rig = Rig::new().await;
    let stack = living(&rig, 1, 1).await;
    {
        let mut inner = rig.machine.inner();
        let held = inner.nodes.values().next().unwrap();
        let (address, mut spec) = (held.address, held.spec.clone());
        spec.server = uuid::Uuid::from_u128(5);
        spec.name = "left-behind".into();
        inner.nodes.insert(spec.server, crate::machine::Held { spec, state: NodeState::Running, address });
        inner.networks.insert(uuid::Uuid::from_u128(6), ("left".into(), address));
    }
    rig.pass(10).await;
    assert_eq!(rig.machine.names(), ["c1-node-0", "c1-primary-master-0"]);
    assert_eq!(rig.machine.inner().networks.len(), 1);
    assert_eq!(rig.ended(&stack).await.0, "CREATE_COMPLETE");
}

#[tokio::test]
async fn a_delete_that_is_refused_is_tried_again_and_says_why_it_fails() {
    let rig = Rig::new().await;
    let heat = rig.heat();
    let stack = living(&rig, 1, 1).await;
    rig.machine.refuse(Doing::NodeRemove, "c1-node-0", 3, busy);
    rig.machine.refuse(Doing::NetworkRemove, "", 1, full);
    heat.stack_delete(&stack).await.unwrap();
    let reason = rig.ends_as(&stack, "DELETE_FAILED").await;
    assert!(reason.contains("private_network") && reason.contains("no space left"), "{reason}");
    assert!(rig.machine.names().is_empty());
    heat.stack_delete(&stack).await.unwrap();
    rig.ends_as(&stack, "DELETE_COMPLETE").await;

    let stack = create(&heat, "c1", &stack_of(1, 0)).await.unwrap();
    rig.ends_as(&stack, "CREATE_COMPLETE").await;
    rig.machine.refuse(Doing::NodeRemove, "", 100_000, busy);
    heat.stack_delete(&stack).await.unwrap();
    let reason = rig.ends_as(&stack, "DELETE_FAILED").await;
    assert!(reason.contains("timed out") && reason.contains("is busy"), "{reason}");
}
