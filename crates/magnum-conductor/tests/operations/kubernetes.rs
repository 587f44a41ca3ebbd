//! What the nodes of a cluster do to its operations: they fail, are silent, and come back.

use crate::{
    nodes::Fails,
    picture::owned,
    rig::{Drove, Rig},
};
use magnum_fakes::{Named, seed::NEXT_IMAGE};
use magnum_secrets::CertificateStore;
use magnum_types::{
    Labels, NodeGroupPatch, NodeRegistration, NodeState, OperationState, Role, RotationPhase, Status,
    nodegroup::{DEFAULT_MASTER, DEFAULT_WORKER},
};
use std::{collections::BTreeSet, time::Duration};

async fn nodes(rig: &Rig) -> Vec<NodeRegistration> {
    rig.store.nodes_of(rig.cluster).await.unwrap()
}

fn releases(nodes: &[NodeRegistration], role: Role) -> BTreeSet<&str> {
    let mine = nodes.iter().filter(|node| node.role == role);
    mine.filter_map(|node| node.wanted_release.as_deref()).collect()
}

#[tokio::test]
async fn masters_are_upgraded_one_by_one_and_then_workers_in_batches() {
    let rig = Rig::kubernetes(3).await.living(3).await;
    let upgrade = rig.accept_upgrade(false).await;
    let conductor = rig.conductor(None);
    let mut reasons = Vec::new();
    loop {
        let ended = conductor.turn(upgrade).await;
        let nodes = nodes(&rig).await;
        let busy =
            |node: &&NodeRegistration| matches!(node.state, NodeState::Draining | NodeState::Upgrading);
        let masters = nodes.iter().filter(busy).filter(|node| node.role == Role::Master).count();
        let workers = nodes.iter().filter(busy).filter(|node| node.role == Role::Worker).count();
        assert!(masters <= 1 && workers <= 2, "{nodes:?}");
        assert!(workers == 0 || releases(&nodes, Role::Master).len() == 1, "masters first: {nodes:?}");
        let (_, reason) = rig.status().await;
        if !reason.is_empty() && reasons.last() != Some(&reason) {
            reasons.push(reason);
        }
        if let Some(ended) = ended {
            assert_eq!(ended, Drove::Ended(OperationState::Done));
            break;
        }
    }
    assert_eq!(reasons[0], "upgrading to v1.36.0: 0 of 6 nodes; now c1-abcdefghijkl-master-0");
    let last = reasons.last().unwrap();
    assert!(last.starts_with("upgrading to v1.36.0: 5 of 6 nodes; now "), "{reasons:?}");
    let view = rig.view().await.unwrap();
    assert_eq!(view.cluster.status, Status::UpdateComplete);
    assert_eq!(view.cluster.coe_version.as_deref(), Some("v1.36.0"));
    assert_eq!(view.cluster.labels.get("kube_tag"), Some("v1.36.0"));
    assert_eq!(view.template.unwrap().name, "kubernetes-v1.36.0");
    for group in &view.nodegroups {
        assert_eq!(group.version.as_deref(), Some("v1.36.0"), "{}", group.name);
        assert_eq!(group.labels.get("kube_tag"), Some("v1.36.0"), "{}", group.name);
    }
}

async fn label_group(rig: &Rig) {
    let view = rig.view().await.unwrap();
    let group = view.nodegroups.iter().find(|group| group.name == "further").unwrap();
    let labels = Labels::from_iter([("tier".to_owned(), "gold".to_owned())]);
    let patch = NodeGroupPatch { node_labels: Some(Some(labels)), ..Default::default() };
    rig.store.nodegroup_update(group, &patch).await.unwrap();
}

/// Nodes that leave, or failed before, are never ready; nobody waits for that.
#[tokio::test]
async fn a_group_with_labels_shrinks_with_a_failed_node_in_it() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    rig.add_nodegroup(3).await;
    label_group(&rig).await;
    rig.nodes.fail("-further-", Fails::After(0));
    rig.store.plan_raise(rig.cluster).await.unwrap();
    rig.nodes.report().await;
    assert!(nodes(&rig).await.iter().any(|node| node.state == NodeState::Failed));
    let conductor = rig.conductor(None);
    for count in [2, 0] {
        let resize = rig.accept_group_resize(count).await;
        let mut turns = 0;
        let ended = loop {
            turns += 1;
            if let Some(ended) = conductor.turn(resize).await {
                break ended;
            }
        };
        assert_eq!(ended, Drove::Ended(OperationState::Done));
        assert!(turns < 40, "{turns}");
        rig.pass(5);
    }
}

/// Who waits for a group with labels can rely on them, unless nobody is there to put them on its nodes.
#[tokio::test]
async fn a_group_with_labels_is_there_when_the_acting_master_has_followed_or_is_silent() {
    for master_speaks in [true, false] {
        let rig = Rig::kubernetes(1).await.living(1).await;
        let create = rig.accept_nodegroup(1).await;
        label_group(&rig).await;
        rig.nodes.report().await;
        rig.nodes.silence(Some("-master-"));
        rig.store.plan_raise(rig.cluster).await.unwrap();
        let conductor = rig.conductor(None);
        for _ in 0..30 {
            assert_eq!(conductor.turn(create).await, None, "its nodes are not marked");
        }
        if master_speaks {
            rig.nodes.silence(None);
        }
        let mut turns = 0;
        let ended = loop {
            turns += 1;
            if let Some(ended) = conductor.turn(create).await {
                break ended;
            }
        };
        assert_eq!(ended, Drove::Ended(OperationState::Done));
        assert_eq!(turns < 10, master_speaks, "{turns}");
        assert!(turns < 60, "a master that says nothing keeps nobody waiting: {turns}");
    }
}

#[tokio::test]
async fn an_upgrade_of_one_group_leaves_the_cluster_where_it_is() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    rig.add_nodegroup(2).await;
    let upgrade = rig.accept_upgrade(true).await;
    assert_eq!(rig.finish(upgrade).await, OperationState::Done);
    let view = rig.view().await.unwrap();
    assert_eq!(view.template.unwrap().name, "kubernetes-v1.35.0");
    assert_eq!(view.cluster.labels.get("kube_tag"), Some("v1.35.0"));
    for group in &view.nodegroups {
        let upgraded = ![DEFAULT_MASTER, DEFAULT_WORKER].contains(&group.name.as_str());
        let release = if upgraded { "v1.36.0" } else { "v1.35.0" };
        assert_eq!(group.labels.get("kube_tag"), Some(release), "{}", group.name);
    }
    let nodes = nodes(&rig).await;
    let upgraded = nodes.iter().filter(|node| node.wanted_release.as_deref() == Some("v1.36.0"));
    assert!(upgraded.clone().all(|node| node.name.contains("-further-")));
    assert_eq!(upgraded.count(), 2);
}

#[tokio::test]
async fn a_node_that_fails_stops_an_upgrade_and_asking_again_goes_on() {
    let rig = Rig::kubernetes(3).await.living(2).await;
    rig.nodes.fail("-master-1", Fails::Upgrading);
    let upgrade = rig.accept_upgrade(false).await;
    assert_eq!(rig.finish(upgrade).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateFailed);
    assert_eq!(
        reason,
        "upgrading to v1.36.0: node c1-abcdefghijkl-master-1: step \"kubelet\" failed: port 10250 is taken"
    );
    let stopped = nodes(&rig).await;
    let of = |name: &str| stopped.iter().find(|node| node.name.ends_with(name)).unwrap();
    assert_eq!(of("master-0").wanted_release.as_deref(), Some("v1.36.0"), "what is upgraded stays so");
    assert_eq!(of("master-1").state, NodeState::Failed);
    assert_eq!(of("master-2").wanted_release.as_deref(), Some("v1.35.0"), "nobody else is touched");
    assert!(stopped.iter().all(|node| node.state == NodeState::Ready || node.name.ends_with("master-1")));
    assert_eq!(rig.view().await.unwrap().template.unwrap().name, "kubernetes-v1.35.0");

    rig.pass(5);
    let again = rig.accept_upgrade(false).await;
    assert_eq!(rig.finish(again).await, OperationState::Done);
    let nodes = nodes(&rig).await;
    assert!(nodes.iter().all(|node| node.wanted_release.as_deref() == Some("v1.36.0")), "{nodes:?}");
}

#[tokio::test]
async fn a_node_that_says_nothing_fails_an_upgrade_by_name_and_the_others_get_work_again() {
    let mut rig = Rig::kubernetes(1).await.living(2).await;
    rig.time_limit = Duration::from_secs(600);
    rig.nodes.silence(Some("-node-1"));
    let upgrade = rig.accept_upgrade(false).await;
    assert_eq!(rig.finish(upgrade).await, OperationState::Failed);
    let (_, reason) = rig.status().await;
    assert!(reason.contains("node c1-abcdefghijkl-node-1 did not become ready in time"), "{reason}");
    let stands = nodes(&rig).await;
    let silent = stands.iter().find(|node| node.name.ends_with("-node-1")).unwrap();
    assert_eq!(silent.state, NodeState::Registered, "it is not emptied any more");
    rig.nodes.silence(None);
    let again = rig.accept_upgrade(false).await;
    assert_eq!(rig.finish(again).await, OperationState::Done);
}

#[tokio::test]
async fn a_master_that_empties_nobody_holds_an_upgrade_up_only_so_long() {
    let rig = Rig::kubernetes(2).await.living(0).await;
    // The other master would have to empty the first one.
    rig.nodes.silence(Some("-master-1"));
    let upgrade = rig.accept_upgrade(false).await;
    let conductor = rig.conductor(None);
    for turn in 0..100 {
        assert_eq!(conductor.turn(upgrade).await, None);
        let first = nodes(&rig).await.into_iter().find(|node| node.name.ends_with("-master-0")).unwrap();
        if first.state == NodeState::Ready && first.wanted_release.as_deref() == Some("v1.36.0") {
            assert!(turn >= 60, "the drain time is waited for: {turn}");
            return;
        }
    }
    panic!("the first master is never upgraded");
}

#[tokio::test]
async fn an_upgrade_that_is_stopped_leaves_everybody_at_work_and_goes_on_when_it_is_asked_again() {
    let rig = Rig::kubernetes(1).await.living(3).await;
    rig.nodes.silence(Some("-node-"));
    let upgrade = rig.accept_upgrade(false).await;
    let conductor = rig.conductor(None);
    while !nodes(&rig)
        .await
        .iter()
        .any(|node| node.role == Role::Worker && node.state == NodeState::Upgrading)
    {
        assert_eq!(conductor.turn(upgrade).await, None);
    }
    let stop = rig.accept_upgrade_stop().await;
    assert_eq!(rig.finish(stop).await, OperationState::Done);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateFailed);
    let words = "the upgrade to v1.36.0 was stopped as asked, with 3 of 4 nodes brought to it; upgrade again to go on";
    assert_eq!(reason, words);
    assert_eq!(rig.view().await.unwrap().template.unwrap().name, "kubernetes-v1.35.0");
    rig.nodes.silence(None);
    rig.nodes.report().await;
    assert!(nodes(&rig).await.iter().all(|node| node.state == NodeState::Ready), "what was begun comes up");
    let again = rig.accept_upgrade(false).await;
    assert_eq!(rig.finish(again).await, OperationState::Done);
    assert!(nodes(&rig).await.iter().all(|node| node.wanted_release.as_deref() == Some("v1.36.0")));
}

#[tokio::test]
async fn another_image_makes_servers_anew_one_master_after_the_other_and_then_workers() {
    let rig = Rig::kubernetes(3).await.living(3).await;
    let servers = rig.cloud.servers();
    let upgrade = rig.accept_rebuild().await;
    let conductor = rig.conductor(None);
    let made = |word: &str| {
        let next = |id: &str| rig.cloud.server_image(id).as_deref() == Some(NEXT_IMAGE);
        servers.iter().filter(|(id, name, _)| name.contains(word) && next(id)).count()
    };
    let mut most = 0;
    loop {
        let before = made("-master-");
        let ended = conductor.turn(upgrade).await;
        let nodes = nodes(&rig).await;
        let rebuilding = nodes.iter().filter(|node| node.state == NodeState::Rebuilding);
        let masters = rebuilding.clone().filter(|node| node.role == Role::Master).count();
        most = most.max(rebuilding.count());
        assert!(masters <= 1 && made("-master-") <= before + 1, "{nodes:?}");
        assert!(made("-node-") == 0 || made("-master-") == 3, "masters first");
        if let Some(ended) = ended {
            assert_eq!(ended, Drove::Ended(OperationState::Done), "{:?}", rig.status().await);
            break;
        }
    }
    assert_eq!(most, 2, "workers in batches of two");
    assert_eq!((made("-master-"), made("-node-")), (3, 3));
    assert_eq!(rig.cloud.servers(), servers, "ids, names and addresses stay");
    let view = rig.view().await.unwrap();
    assert!(view.nodegroups.iter().all(|group| group.image_id.as_deref() == Some(NEXT_IMAGE)));
    // Nodes to come have the image as well.
    rig.pass(5);
    let resize = rig.accept_resize(4).await;
    assert_eq!(rig.finish(resize).await, OperationState::Done);
    assert!(
        rig.cloud
            .servers()
            .iter()
            .all(|(id, _, _)| rig.cloud.server_image(id).as_deref() == Some(NEXT_IMAGE))
    );
}

#[tokio::test]
async fn a_server_that_cannot_be_made_anew_is_the_reason_and_asking_again_goes_on() {
    let rig = Rig::kubernetes(3).await.living(1).await;
    rig.cloud.next_stack_fails("No valid host was found.");
    let upgrade = rig.accept_rebuild().await;
    assert_eq!(rig.finish(upgrade).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateFailed);
    assert!(reason.starts_with("upgrading to v1.36.0: making servers anew failed: "), "{reason}");
    assert!(reason.contains("No valid host was found."), "{reason}");
    let touched = nodes(&rig).await.iter().filter(|node| node.wanted_image.is_some()).count();
    assert_eq!(touched, 1, "nobody else is touched");

    rig.pass(5);
    let again = rig.accept_rebuild().await;
    assert_eq!(rig.finish(again).await, OperationState::Done, "{:?}", rig.status().await);
    let nodes = nodes(&rig).await;
    assert_eq!(nodes.len(), 4, "the server that was lost is forgotten: {nodes:?}");
    assert!(nodes.iter().all(|node| node.state == NodeState::Ready));
    assert!(
        rig.cloud
            .servers()
            .iter()
            .all(|(id, _, _)| rig.cloud.server_image(id).as_deref() == Some(NEXT_IMAGE))
    );
}

#[tokio::test]
async fn a_master_is_not_made_anew_before_its_member_has_left_etcd() {
    let rig = Rig::kubernetes(3).await.living(0).await;
    // The second master would have to take the first one's member away.
    rig.nodes.silence(Some("-master-1"));
    let upgrade = rig.accept_rebuild().await;
    let conductor = rig.conductor(None);
    for _ in 0..200 {
        assert_eq!(conductor.turn(upgrade).await, None);
    }
    let servers = rig.cloud.servers();
    assert!(servers.iter().all(|(id, _, _)| rig.cloud.server_image(id).as_deref() != Some(NEXT_IMAGE)));
    rig.nodes.silence(None);
    assert_eq!(conductor.drive(upgrade).await, Drove::Ended(OperationState::Done));
}

#[tokio::test]
async fn a_rotation_that_fails_before_clients_have_followed_is_undone() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    let (before, cloud) = (rig.view().await.unwrap().cluster, owned(&rig));
    rig.nodes.fail("-node-0", Fails::After(0));
    let rotate = rig.accept_rotate().await;
    assert_eq!(rig.finish(rotate).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateFailed);
    assert!(
        reason.contains("c1-abcdefghijkl-node-0: step \"kubelet\" failed: port 10250 is taken"),
        "{reason}"
    );
    let after = rig.view().await.unwrap().cluster;
    assert_eq!((after.ca_cert_ref, after.magnum_cert_ref), (before.ca_cert_ref, before.magnum_cert_ref));
    assert_eq!(rig.store.handle_get(rig.cluster).await.unwrap().rotation, None);
    assert_eq!(owned(&rig), cloud, "the new bundles are gone");
}

#[tokio::test]
async fn a_rotation_that_fails_later_stays_where_it_is_and_asking_again_resumes_it() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    let (before, cloud) = (rig.view().await.unwrap().cluster, owned(&rig));
    // Trust, clients, and then servers fail.
    rig.nodes.fail("-node-0", Fails::After(2));
    let rotate = rig.accept_rotate().await;
    assert_eq!(rig.finish(rotate).await, OperationState::Failed);
    let stopped = rig.store.handle_get(rig.cluster).await.unwrap();
    assert_eq!(stopped.rotation.as_ref().unwrap().phase, RotationPhase::Servers);
    let halfway = rig.view().await.unwrap().cluster;
    assert_ne!(halfway.ca_cert_ref, before.ca_cert_ref);

    rig.pass(5);
    let again = rig.accept_rotate().await;
    assert_eq!(rig.finish(again).await, OperationState::Done);
    let after = rig.view().await.unwrap().cluster;
    assert_eq!(after.status, Status::UpdateComplete);
    assert_eq!(after.ca_cert_ref, halfway.ca_cert_ref, "no third authority is made");
    assert_eq!(rig.store.handle_get(rig.cluster).await.unwrap().rotation, None);
    assert_eq!(owned(&rig), cloud, "the old bundles are gone");
    let conductor = rig.conductor(None);
    let store: &dyn CertificateStore = conductor.world.certificates.as_ref();
    for reference in [after.ca_cert_ref, after.etcd_ca_cert_ref, after.front_proxy_ca_cert_ref] {
        assert!(store.load(&reference.unwrap()).await.is_ok());
    }
    assert!(store.load(&before.ca_cert_ref.unwrap()).await.is_err());
}

#[tokio::test]
async fn a_cluster_in_the_middle_of_a_rotation_is_deleted_without_a_trace() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    rig.nodes.fail("-node-0", Fails::After(1));
    let rotate = rig.accept_rotate().await;
    assert_eq!(rig.finish(rotate).await, OperationState::Failed);
    let delete = rig.accept_delete().await;
    assert_eq!(rig.finish(delete).await, OperationState::Done);
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn what_stays_in_the_way_of_a_delete_is_named_while_it_waits_and_when_it_fails() {
    let mut rig = Rig::kubernetes(1).await.living(1).await;
    rig.time_limit = Duration::from_secs(120);
    let balancer = rig.cloud.service_load_balancer(Named::Demo, &rig.cluster.to_string());
    rig.cloud.set_load_balancer_status(&balancer, "PENDING_UPDATE");
    let delete = rig.accept_delete().await;
    let conductor = rig.conductor(None);
    for _ in 0..4 {
        assert_eq!(conductor.turn(delete).await, None);
    }
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::DeleteInProgress);
    assert!(reason.contains(&format!("load balancer {balancer}")), "{reason}");
    assert_eq!(conductor.drive(delete).await, Drove::Ended(OperationState::Failed));
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::DeleteFailed);
    assert!(reason.contains(&format!("load balancer {balancer} (PENDING_UPDATE)")), "{reason}");
    rig.cloud.set_load_balancer_status(&balancer, "ERROR");
    let again = rig.accept_delete().await;
    assert_eq!(rig.finish(again).await, OperationState::Done);
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn what_another_cluster_left_is_not_touched() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    let other = "11111111-2222-4333-8444-555555555555";
    rig.cloud.service_load_balancer(Named::Demo, other);
    rig.cloud.service_security_group(Named::Demo, other);
    rig.cloud.claimed_volume(Named::Demo, other);
    let delete = rig.accept_delete().await;
    assert_eq!(rig.finish(delete).await, OperationState::Done);
    // A load balancer with its port and its address, a group and a volume.
    assert_eq!(rig.cloud.leftovers().len(), 5, "{:?}", rig.cloud.leftovers());
}

#[tokio::test]
async fn a_master_that_leaves_is_emptied_and_forgotten() {
    let rig = Rig::kubernetes(3).await.living(1).await;
    let resize = rig.accept_master_resize(1).await;
    let conductor = rig.conductor(None);
    assert_eq!(conductor.turn(resize).await, None);
    let leaving = nodes(&rig).await;
    let leaving = leaving.iter().filter(|node| node.state == NodeState::Leaving);
    assert!(leaving.clone().all(|node| node.role == Role::Master));
    assert_eq!(leaving.count(), 2);
    assert_eq!(conductor.drive(resize).await, Drove::Ended(OperationState::Done));
    let left: Vec<String> = nodes(&rig).await.into_iter().map(|node| node.name).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(rig.cloud.servers().len(), 2);
}
