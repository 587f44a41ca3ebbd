//! Which servers come and go when a group gets another size, and that what stays is what was asked for.

use crate::{
    picture::owned,
    rig::{Conductor, Drove, Rig},
};
use magnum_drivers::{Authorities, PlanInputs};
use magnum_types::{NodeRegistration, NodeState, OperationId, OperationState, Role, Status, plan::Action};
use std::collections::BTreeSet;

/// What is said of masters and of workers in their servers' names.
const MASTER: &str = "c1-abcdefghijkl-master-";
const WORKER: &str = "c1-abcdefghijkl-node-";

/// The indexes of the servers whose names begin so; registered nodes and servers are the same ones.
async fn members(rig: &Rig, word: &str) -> BTreeSet<u32> {
    let index = |name: &str| name.strip_prefix(word).map(|index| index.parse().unwrap());
    let servers = rig.cloud.servers();
    let made: BTreeSet<u32> = servers.iter().filter_map(|(_, name, _)| index(name)).collect();
    let nodes = rig.store.nodes_of(rig.cluster).await.unwrap();
    let registered: BTreeSet<u32> = nodes.iter().filter_map(|node| index(&node.name)).collect();
    assert_eq!(registered, made, "the nodes of those that went are forgotten");
    made
}

async fn done(rig: &Rig, resize: OperationId) {
    assert_eq!(rig.finish(resize).await, OperationState::Done, "{:?}", rig.status().await);
    assert_eq!(rig.status().await.0, Status::UpdateComplete);
    rig.pass(5);
    rig.register_nodes().await;
}

#[tokio::test]
async fn the_named_nodes_go_and_no_others_and_all_workers_can_go_and_come_back() {
    let rig = Rig::kubernetes(1).await.living(4).await;
    let named = format!("{WORKER}0");
    let (id, _, _) = rig.cloud.servers().into_iter().find(|(_, name, _)| *name == named).unwrap();
    let by_id = rig.accept_removal(3, &[&id]).await;
    done(&rig, by_id).await;
    assert_eq!(members(&rig, WORKER).await, BTreeSet::from([1, 2, 3]), "by the server's id");
    let by_index = rig.accept_removal(2, &["2"]).await;
    done(&rig, by_index).await;
    assert_eq!(members(&rig, WORKER).await, BTreeSet::from([1, 3]), "by the index in the group");

    let had = owned(&rig);
    let none = rig.accept_resize(0).await;
    done(&rig, none).await;
    assert_eq!((members(&rig, WORKER).await, rig.workers().await), (BTreeSet::new(), 0));
    assert_eq!(members(&rig, MASTER).await, BTreeSet::from([0]));
    let back = rig.accept_resize(2).await;
    done(&rig, back).await;
    let back = members(&rig, WORKER).await;
    assert_eq!((back.len(), rig.workers().await), (2, 2), "{back:?}");
    assert_eq!(owned(&rig), had, "as much as before");
}

#[tokio::test]
async fn a_node_that_is_none_is_refused_by_name_and_nothing_goes() {
    let rig = Rig::kubernetes(1).await.living(2).await;
    let resize = rig.accept_removal(1, &["7"]).await;
    assert_eq!(rig.finish(resize).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateFailed);
    assert!(reason.contains('7'), "{reason}");
    assert_eq!((members(&rig, WORKER).await, rig.workers().await), (BTreeSet::from([0, 1]), 2));
}

/// What the plans of the masters say of etcd while these are its members: whom the acting one adds, and whom it takes out.
async fn etcd_change(
    rig: &Rig,
    conductor: &Conductor,
    known: &[(String, String)],
) -> Option<(Option<(String, String)>, Vec<String>)> {
    let view = rig.view().await.unwrap();
    let handle = rig.store.handle_get(rig.cluster).await.unwrap();
    let nodes = rig.store.nodes_of(rig.cluster).await.unwrap();
    let mut facts = conductor.world.facts(&handle).unwrap();
    let told: Vec<String> = known.iter().map(|(name, url)| format!("{name}={url}")).collect();
    facts.insert("etcd_members".to_owned(), told.join(","));
    let driver = conductor.world.driver(&view).unwrap();
    let mut found = Vec::new();
    for node in nodes.iter().filter(|node| node.role == Role::Master) {
        let plan = driver.plan(&PlanInputs {
            cluster: &view.cluster,
            template: view.template.as_ref().unwrap(),
            node,
            nodes: &nodes,
            nodegroups: &view.nodegroups,
            facts: &facts,
            authorities: &Authorities::default(),
            cloud: None,
            cloud_is_new: false,
        });
        let is_member = known.iter().any(|(name, _)| *name == node.name);
        let stays = node.state != NodeState::Leaving;
        assert_eq!(plan.is_some(), is_member && stays, "{} waits until it is a member", node.name);
        for step in plan.map(|plan| plan.steps).unwrap_or_default() {
            if let Action::EtcdMembers { add, remove, .. } = step.action {
                found.push((add, remove));
            }
        }
    }
    assert!(found.len() <= 1, "one master acts: {found:?}");
    found.pop()
}

#[tokio::test]
async fn masters_grow_and_shrink_and_etcd_takes_new_ones_in_one_at_a_time() {
    let rig = Rig::kubernetes(3).await.living(1).await;
    let conductor = rig.conductor(None);
    let url = |node: &NodeRegistration| (node.name.clone(), format!("https://{}:2380", node.address));
    let nodes = rig.store.nodes_of(rig.cluster).await.unwrap();
    let mut known: Vec<_> = nodes.iter().filter(|node| node.role == Role::Master).map(url).collect();
    assert_eq!(etcd_change(&rig, &conductor, &known).await, None, "three founded it");

    let grow = rig.accept_master_resize(5).await;
    done(&rig, grow).await;
    assert_eq!(members(&rig, MASTER).await, BTreeSet::from([0, 1, 2, 3, 4]));
    let mut taken_in = Vec::new();
    while let Some((add, remove)) = etcd_change(&rig, &conductor, &known).await {
        assert_eq!(remove, Vec::<String>::new());
        let member = add.expect("one that is to come");
        taken_in.push(member.0.clone());
        known.push(member);
        assert!(taken_in.len() <= 2, "{taken_in:?}");
    }
    assert_eq!(taken_in, [format!("{MASTER}3"), format!("{MASTER}4")]);

    let shrink = rig.accept_master_resize(3).await;
    assert_eq!(conductor.turn(shrink).await, None);
    let (add, mut remove) = etcd_change(&rig, &conductor, &known).await.expect("two go");
    remove.sort();
    assert_eq!((add, remove), (None, taken_in), "those that stay are not touched");
    assert_eq!(conductor.drive(shrink).await, Drove::Ended(OperationState::Done));
    assert_eq!(members(&rig, MASTER).await, BTreeSet::from([0, 1, 2]));
}
