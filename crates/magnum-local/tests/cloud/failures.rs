//! How a create fails: by name, with the first cause, and not before it has to.

use crate::{
    machine::{Doing, busy, full},
    rig::{Rig, create, living, stack_of},
};
use magnum_local::machines::NodeState;
use magnum_openstack::heat::StackRef;

/// The deepest cause, as the conductor looks for it: the name of the member's server, and the words.
async fn cause(rig: &Rig, stack: &StackRef) -> (String, String) {
    let failed = rig.heat().failures(stack).await.unwrap().into_iter().next().unwrap();
    let member = rig.heat().stack_get(&failed.stack.clone().unwrap(), false).await.unwrap().unwrap();
    let name = member.parameters.get("name").and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    (name, format!("{}: {}", failed.path, failed.reason))
}

#[tokio::test]
async fn a_node_that_says_it_failed_fails_the_stack_by_its_name() {
    let rig = Rig::new().await;
    rig.silent.lock().unwrap().push("node-1".into());
    let stack = create(&rig.heat(), "c1", &stack_of(1, 2)).await.unwrap();
    rig.until("the node is not made", async || rig.machine.names().contains(&"c1-node-1".to_owned())).await;
    rig.pass(3).await;
    let words = "c1-node-1: step engine service: exit status 1\nand more";
    assert_eq!(rig.node_says("c1-node-1", "FAILURE", words).await, 200);
    let reason = rig.ends_as(&stack, "CREATE_FAILED").await;
    assert!(
        reason.contains("swarm_nodes.resources[1]: c1-node-1: ") && reason.contains("engine service"),
        "{reason}"
    );
    let (name, words) = cause(&rig, &stack).await;
    assert_eq!(name, "c1-node-1");
    assert!(words.starts_with("swarm_nodes.1.wait_condition: c1-node-1: step engine service"), "{words}");
    assert_eq!(rig.machine.names().len(), 3, "a failed stack keeps its nodes to be looked at");
}

#[tokio::test]
async fn a_node_that_says_nothing_fails_the_stack_when_its_time_is_over() {
    let rig = Rig::new().await;
    rig.silent.lock().unwrap().push("node-0".into());
    let mut asked = stack_of(1, 1);
    asked.timeout_minutes = 2;
    let stack = create(&rig.heat(), "c1", &asked).await.unwrap();
    rig.pass(110).await;
    assert_eq!(
        rig.heat().stack_get(&stack, false).await.unwrap().unwrap().stack_status,
        "CREATE_IN_PROGRESS"
    );
    rig.restart().await;
    rig.pass(15).await;
    let reason = rig.ends_as(&stack, "CREATE_FAILED").await;
    assert!(
        reason.contains("c1-node-0: timed out after 2 minutes") && reason.contains("did not say"),
        "{reason}"
    );
    assert_eq!(cause(&rig, &stack).await.0, "c1-node-0");
    assert_eq!(rig.node_says("c1-node-0", "SUCCESS", "late").await, 200);
    rig.pass(2).await;
    assert_eq!(rig.ended(&stack).await.0, "CREATE_FAILED");
}

#[tokio::test]
async fn what_the_machine_refuses_for_good_fails_at_once_and_what_it_may_do_later_is_tried_again() {
    let rig = Rig::new().await;
    rig.machine.refuse(Doing::NetworkEnsure, "", 2, busy);
    rig.machine.refuse(Doing::NodeEnsure, "c1-node-0", 3, busy);
    let stack = create(&rig.heat(), "c1", &stack_of(1, 1)).await.unwrap();
    rig.ends_as(&stack, "CREATE_COMPLETE").await;

    rig.machine.refuse(Doing::NodeEnsure, "c2-node-0", 1, full);
    let stack = create(&rig.heat(), "c2", &stack_of(1, 1)).await.unwrap();
    let reason = rig.ends_as(&stack, "CREATE_FAILED").await;
    assert!(reason.contains("c2-node-0") && reason.contains("no space left"), "{reason}");
    let (name, words) = cause(&rig, &stack).await;
    assert_eq!(name, "c2-node-0");
    assert!(words.starts_with("swarm_nodes.0.swarm-node: making a node"), "{words}");

    rig.machine.refuse(Doing::NetworkEnsure, "c3", 1, full);
    let stack = create(&rig.heat(), "c3", &stack_of(1, 1)).await.unwrap();
    let reason = rig.ends_as(&stack, "CREATE_FAILED").await;
    assert!(reason.contains("private_network"), "{reason}");
    rig.heat().stack_delete(&stack).await.unwrap();
    rig.ends_as(&stack, "DELETE_COMPLETE").await;
}

#[tokio::test]
async fn an_engine_that_is_away_for_a_moment_is_waited_for_and_one_that_stays_away_is_told() {
    let rig = Rig::new().await;
    rig.machine.inner().absent = true;
    let stack = create(&rig.heat(), "c1", &stack_of(1, 1)).await.unwrap();
    rig.pass(30).await;
    rig.machine.inner().absent = false;
    rig.ends_as(&stack, "CREATE_COMPLETE").await;
    rig.machine.inner().absent = true;
    let stack = create(&rig.heat(), "c2", &stack_of(1, 1)).await.unwrap();
    rig.pass(50).await;
    let reason = rig.ends_as(&stack, "CREATE_FAILED").await;
    assert!(reason.contains("no Docker Engine answers") && reason.contains("Start it."), "{reason}");
    let unknown = rig.heat().stack_get(&stack, true).await.unwrap_err();
    assert!(unknown.is_retryable(), "addresses that are not known are not told as missing: {unknown}");
}

#[tokio::test]
async fn an_engine_that_stops_under_a_living_stack_changes_nothing_and_its_nodes_are_started_again() {
    let rig = Rig::new().await;
    let stack = living(&rig, 1, 2).await;
    let (made, gateways) = (rig.machine.inner().made.clone(), rig.gateways().borrow().clone());
    assert!(made.len() == 3 && gateways.len() == 1);
    {
        let mut inner = rig.machine.inner();
        inner.absent = true;
        inner.nodes.values_mut().for_each(|held| held.state = NodeState::Stopped);
    }
    rig.pass(600).await;
    assert_eq!(rig.ended(&stack).await.0, "CREATE_COMPLETE");
    assert_eq!(*rig.gateways().borrow(), gateways, "nodes find their door when they are back");
    let nova = rig.cloud().nova(&rig.session("demo"));
    let told = nova.server_get(&made[0].0.to_string()).await.unwrap_err();
    assert!(told.is_retryable() && told.message.contains("Start it."), "{told}");
    rig.machine.inner().absent = false;
    rig.until("a node is not started again", async || rig.machine.inner().restarted.len() == 3).await;
    assert_eq!(rig.machine.inner().made, made, "none is made anew");
    assert_eq!(rig.ended(&stack).await.0, "CREATE_COMPLETE");
}

#[tokio::test]
async fn a_machine_that_hangs_fails_the_stack_when_its_time_is_over_and_keeps_no_other_one() {
    let rig = Rig::new().await;
    rig.machine.inner().hangs = Some("c1-node-0".into());
    let mut asked = stack_of(1, 1);
    asked.timeout_minutes = 5;
    let stack = create(&rig.heat(), "c1", &asked).await.unwrap();
    rig.pass(5).await;
    let other = create(&rig.heat(), "c2", &stack_of(1, 1)).await.unwrap();
    rig.ends_as(&other, "CREATE_COMPLETE").await;
    let reason = rig.ends_as(&stack, "CREATE_FAILED").await;
    assert!(
        reason.contains("c1-node-0: timed out after 5 minutes: the machine has not answered"),
        "{reason}"
    );
    rig.heat().stack_delete(&stack).await.unwrap();
    rig.ends_as(&stack, "DELETE_COMPLETE").await;
}

#[tokio::test]
async fn an_image_that_is_not_there_fails_the_stack_with_the_remedy() {
    let rig = Rig::new().await;
    rig.machine.inner().images.clear();
    let stack = create(&rig.heat(), "c1", &stack_of(1, 1)).await.unwrap();
    let reason = rig.ends_as(&stack, "CREATE_FAILED").await;
    assert!(reason.contains("there is no node image magnum-node: make one with"), "{reason}");
}

#[tokio::test]
async fn a_node_that_is_taken_away_fails_a_create_and_shows_in_a_living_stack() {
    let rig = Rig::new().await;
    let stack = living(&rig, 1, 1).await;
    let server = rig.machine.server_of("c1-node-0");
    rig.machine.inner().nodes.remove(&server);
    rig.pass(10).await;
    let nova = rig.cloud().nova(&rig.session("demo"));
    let shown = nova.server_get(&server.to_string()).await.unwrap().unwrap();
    assert_eq!(shown.status, "ERROR");
    assert!(shown.fault.unwrap().message.contains("gone"));
    assert_eq!(rig.ended(&stack).await.0, "CREATE_COMPLETE");

    rig.silent.lock().unwrap().push("c2-node-0".into());
    let stack = create(&rig.heat(), "c2", &stack_of(1, 1)).await.unwrap();
    rig.until("the node is not made", async || rig.machine.names().contains(&"c2-node-0".to_owned())).await;
    rig.pass(3).await;
    let server = rig.machine.server_of("c2-node-0");
    rig.machine.inner().nodes.remove(&server);
    let reason = rig.ends_as(&stack, "CREATE_FAILED").await;
    assert!(reason.contains("c2-node-0: its server is gone"), "{reason}");
}
