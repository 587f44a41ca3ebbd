//! Masters that come and go, and etcd's majority: a server of a master goes only when the others count on it no more,
//! whether it was to go or its coming failed.

use crate::{
    nodes::Fails,
    rig::{Conductor, Drove, Rig},
};
use magnum_types::{NodeState, OperationId, OperationState, Role, Status};
use std::{collections::BTreeSet, time::Duration};

const MASTER: &str = "c1-abcdefghijkl-master-";

fn named(indexes: impl IntoIterator<Item = u32>) -> Vec<String> {
    indexes.into_iter().map(|index| format!("{MASTER}{index}")).collect()
}

/// The members of etcd each have a server.
async fn all_members_live(rig: &Rig) {
    let servers: BTreeSet<String> = rig.cloud.servers().into_iter().map(|(_, name, _)| name).collect();
    let members = rig.nodes.etcd_members().await;
    let lost: Vec<_> = members.iter().filter(|member| !servers.contains(*member)).collect();
    assert!(lost.is_empty(), "{lost:?} went while the others counted on them: {members:?}");
}

/// New servers register, of which the others hear.
async fn register(rig: &Rig) {
    let count = async || rig.store.nodes_of(rig.cluster).await.unwrap().len();
    let before = count().await;
    rig.register_nodes().await;
    if count().await > before {
        rig.raise_plans().await;
    }
}

/// Drives it to its end, with every new server registering as soon as it is there.
async fn drive(rig: &Rig, conductor: &Conductor, operation: OperationId) -> OperationState {
    for _ in 0..400 {
        if let Some(drove) = conductor.turn(operation).await {
            let Drove::Ended(state) = drove else { panic!("{drove:?}") };
            return state;
        }
        register(rig).await;
        all_members_live(rig).await;
    }
    panic!("it does not end: {:?}", rig.status().await);
}

/// Nodes that have a row, by name, with their states.
async fn states(rig: &Rig) -> Vec<(String, NodeState)> {
    let nodes = rig.store.nodes_of(rig.cluster).await.unwrap();
    nodes.into_iter().filter(|node| node.role == Role::Master).map(|node| (node.name, node.state)).collect()
}

async fn masters(rig: &Rig) -> i32 {
    let view = rig.view().await.unwrap();
    view.nodegroups.iter().find(|group| group.kind() == Role::Master).unwrap().node_count
}

#[tokio::test]
async fn new_masters_whose_coming_fails_leave_etcd_before_their_servers_go() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    let conductor = rig.conductor(None);
    rig.cloud.build_seconds(30);
    let grow = rig.accept_master_resize(3).await;
    for _ in 0..12 {
        assert_eq!(conductor.turn(grow).await, None);
        register(&rig).await;
    }
    assert_eq!(rig.nodes.etcd_members().await, named([0, 1, 2]), "all three are members by now");
    rig.nodes.fail("-master-2", Fails::After(0));
    rig.raise_plans().await;
    assert_eq!(drive(&rig, &conductor, grow).await, OperationState::Failed);

    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateFailed);
    assert!(reason.contains("master-2: step \"kubelet\" failed"), "{reason}");
    assert_eq!((rig.nodes.etcd_members().await, masters(&rig).await), (named([0]), 1));
    let name = named([0]).remove(0);
    assert_eq!(states(&rig).await, [(name, NodeState::Ready)], "who went is not waited for any more");
    assert_eq!(rig.cloud.servers().len(), 2);

    rig.pass(5);
    let again = rig.accept_master_resize(3).await;
    assert_eq!(drive(&rig, &conductor, again).await, OperationState::Done, "{:?}", rig.status().await);
    assert_eq!((rig.nodes.etcd_members().await.len(), masters(&rig).await), (3, 3));
}

#[tokio::test]
async fn no_master_goes_while_nobody_takes_it_out_of_etcd_and_the_next_resize_ends_it() {
    let mut rig = Rig::kubernetes(3).await.living(1).await;
    rig.time_limit = Duration::from_secs(300);
    let conductor = rig.conductor(None);
    rig.nodes.silence(Some("-master-0"));
    let shrink = rig.accept_master_resize(1).await;
    assert_eq!(drive(&rig, &conductor, shrink).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateFailed);
    for word in
        ["could take", "out of etcd in time", "no server was removed", "master-1", "asked again, goes on"]
    {
        assert!(reason.contains(word), "{word}: {reason}");
    }
    assert_eq!((rig.cloud.servers().len(), masters(&rig).await), (4, 3));

    // It comes back and does what it was asked, so those two are out, and growing from here would count them as members.
    rig.nodes.silence(None);
    rig.nodes.report().await;
    assert_eq!(rig.nodes.etcd_members().await, named([0]));
    rig.pass(5);
    let grow = rig.accept_master_resize(5).await;
    assert_eq!(drive(&rig, &conductor, grow).await, OperationState::Failed);
    let (_, reason) = rig.status().await;
    assert!(reason.contains("resize to 1 first"), "{reason}");

    rig.pass(5);
    let shrink = rig.accept_master_resize(1).await;
    assert_eq!(drive(&rig, &conductor, shrink).await, OperationState::Done, "{:?}", rig.status().await);
    assert_eq!((rig.cloud.servers().len(), masters(&rig).await, states(&rig).await.len()), (2, 1, 1));
}

#[tokio::test]
async fn a_shrink_that_heat_fails_takes_no_master_back_with_what_it_knew() {
    let rig = Rig::kubernetes(3).await.living(1).await;
    let conductor = rig.conductor(None);
    rig.cloud.next_stack_fails("the port is in use");
    let shrink = rig.accept_master_resize(1).await;
    assert_eq!(drive(&rig, &conductor, shrink).await, OperationState::Failed);
    // Those that are still there have left, and those that Heat made anew come without data.
    let leaving: Vec<String> = states(&rig)
        .await
        .into_iter()
        .filter(|(_, state)| *state == NodeState::Leaving)
        .map(|(name, _)| name)
        .collect();
    let members = rig.nodes.etcd_members().await;
    assert!(leaving.iter().all(|name| !members.contains(name)), "{leaving:?} {members:?}");
    let (_, reason) = rig.status().await;
    assert!(reason.contains("asked again, goes on"), "{reason}");
    rig.pass(5);
    let again = rig.accept_master_resize(1).await;
    assert_eq!(drive(&rig, &conductor, again).await, OperationState::Done, "{:?}", rig.status().await);
    assert_eq!((rig.nodes.etcd_members().await, states(&rig).await.len()), (named([0]), 1));
}

#[tokio::test]
async fn the_last_master_is_not_removed_by_name() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    let resize = rig.accept_master_removal(1, &["0"]).await;
    assert_eq!(rig.finish(resize).await, OperationState::Failed);
    let (_, reason) = rig.status().await;
    assert!(reason.contains("no master would stay"), "{reason}");
    assert_eq!((rig.cloud.servers().len(), rig.nodes.etcd_members().await), (2, named([0])));
}

#[tokio::test]
async fn workers_whose_coming_failed_are_forgotten() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    let conductor = rig.conductor(None);
    rig.cloud.build_seconds(30);
    rig.cloud.next_stack_fails("No valid host was found.");
    let grow = rig.accept_resize(3).await;
    assert_eq!(drive(&rig, &conductor, grow).await, OperationState::Failed);
    let nodes = rig.store.nodes_of(rig.cluster).await.unwrap();
    let names: Vec<_> = nodes.iter().map(|node| (node.name.as_str(), node.state)).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(nodes.iter().all(|node| node.state == NodeState::Ready), "{names:?}");
}

#[tokio::test]
async fn a_node_that_failed_before_fails_no_resize_and_can_be_removed_by_one() {
    let rig = Rig::kubernetes(1).await.living(2).await;
    let conductor = rig.conductor(None);
    rig.nodes.fail("-node-1", Fails::After(0));
    rig.raise_plans().await;
    rig.nodes.report().await;
    let failed: Vec<_> = rig.store.nodes_of(rig.cluster).await.unwrap();
    assert!(failed.iter().any(|node| node.state == NodeState::Failed), "{failed:?}");
    rig.nodes.silence(Some("-node-1"));
    rig.pass(5);
    let grow = rig.accept_resize(3).await;
    assert_eq!(drive(&rig, &conductor, grow).await, OperationState::Done, "{:?}", rig.status().await);
    rig.pass(5);
    let shrink = rig.accept_removal(2, &["1"]).await;
    assert_eq!(drive(&rig, &conductor, shrink).await, OperationState::Done, "{:?}", rig.status().await);
    let nodes = rig.store.nodes_of(rig.cluster).await.unwrap();
    assert!(nodes.iter().all(|node| node.state == NodeState::Ready), "{nodes:?}");
}
