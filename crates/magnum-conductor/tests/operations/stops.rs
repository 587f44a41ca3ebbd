//! An upgrade that is stopped while servers are made anew: what a node was known by is void by then, so those few are made
//! anew all the same, and everybody is at work in the end.

use crate::rig::{Conductor, Rig};
use magnum_fakes::seed::NEXT_IMAGE;
use magnum_types::{NodeRegistration, NodeState, OperationId, OperationState, Role, Status};

async fn nodes(rig: &Rig) -> Vec<NodeRegistration> {
    rig.store.nodes_of(rig.cluster).await.unwrap()
}

/// Turns until two of three workers are about to be made anew; Heat has not been told of it yet.
async fn until_rebuilding(rig: &Rig, conductor: &Conductor, upgrade: OperationId) {
    for _ in 0..100 {
        assert_eq!(conductor.turn(upgrade).await, None);
        let rebuilding = nodes(rig).await.into_iter().filter(|node| node.state == NodeState::Rebuilding);
        if rebuilding.count() == 2 {
            return;
        }
    }
    panic!("no worker is ever made anew");
}

fn is_at_work(rig: &Rig) -> bool {
    rig.cloud.stacks().iter().any(|(_, status)| status == "UPDATE_IN_PROGRESS")
}

async fn assert_another_upgrade_goes_on(rig: &Rig) {
    rig.pass(5);
    let again = rig.accept_rebuild_of_workers().await;
    assert_eq!(rig.finish(again).await, OperationState::Done, "{:?}", rig.status().await);
    let nodes = nodes(rig).await;
    assert!(nodes.iter().all(|node| node.state == NodeState::Ready), "{nodes:?}");
    assert!(nodes.iter().all(|node| node.wanted_release.as_deref() == Some("v1.36.0")), "{nodes:?}");
    for node in nodes.iter().filter(|node| node.role == Role::Worker) {
        assert_eq!(rig.cloud.server_image(&node.instance_id).as_deref(), Some(NEXT_IMAGE), "{}", node.name);
    }
}

#[tokio::test]
async fn a_stop_while_servers_are_made_anew_waits_for_them_and_everybody_comes_to_rest() {
    for heat_knows in [false, true] {
        let rig = Rig::kubernetes(1).await.living(3).await;
        let servers = rig.cloud.servers();
        let upgrade = rig.accept_rebuild_of_workers().await;
        let conductor = rig.conductor(None);
        until_rebuilding(&rig, &conductor, upgrade).await;
        while heat_knows && !is_at_work(&rig) {
            assert_eq!(conductor.turn(upgrade).await, None);
        }
        let begun: Vec<String> = nodes(&rig)
            .await
            .into_iter()
            .filter(|node| node.state == NodeState::Rebuilding)
            .map(|node| node.instance_id)
            .collect();
        assert_eq!(begun.len(), 2, "Heat knows: {heat_knows}");
        let stop = rig.accept_upgrade_stop().await;
        assert_eq!(rig.finish(stop).await, OperationState::Done, "{:?}", rig.status().await);
        let (status, reason) = rig.status().await;
        assert_eq!(status, Status::UpdateFailed);
        let words = "the upgrade to v1.36.0 was stopped as asked, with 3 of 4 nodes brought to it; upgrade again to go on";
        assert_eq!(reason, words);
        rig.nodes.report().await;
        rig.nodes.report().await;
        let stands = nodes(&rig).await;
        assert!(stands.iter().all(|node| node.state == NodeState::Ready), "{heat_knows}: {stands:?}");
        assert!(stands.iter().all(|node| !node.is_awaited()), "{heat_knows}: {stands:?}");
        let anew: Vec<&str> = servers
            .iter()
            .filter(|(id, _, _)| rig.cloud.server_image(id).as_deref() == Some(NEXT_IMAGE))
            .map(|(id, _, _)| id.as_str())
            .collect();
        assert!(anew.len() == 2 && anew.iter().all(|id| begun.iter().any(|b| b == id)), "{anew:?} {begun:?}");
        assert_another_upgrade_goes_on(&rig).await;
    }
}

#[tokio::test]
async fn a_stop_while_a_server_cannot_be_made_anew_names_it_and_another_upgrade_goes_on() {
    let rig = Rig::kubernetes(1).await.living(3).await;
    rig.cloud.next_stack_fails("No valid host was found.");
    let upgrade = rig.accept_rebuild_of_workers().await;
    until_rebuilding(&rig, &rig.conductor(None), upgrade).await;
    let stop = rig.accept_upgrade_stop().await;
    assert_eq!(rig.finish(stop).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateFailed);
    let words = "upgrading to v1.36.0: making servers anew failed: node c1-abcdefghijkl-node-0: \
                 kube_minions.0.kube-minion (OS::Nova::Server): No valid host was found.";
    assert_eq!(reason, words);
    assert_another_upgrade_goes_on(&rig).await;
}
