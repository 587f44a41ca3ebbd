//! Registered nodes and a cluster's handle.

use crate::{
    ground::{Ground, cases},
    samples::{accepted, claim, fence, node},
};
use indexmap::IndexMap;
use magnum_db::{DbError, NodeReport};
use magnum_types::{Change, ClusterPatch, HandlePatch, HealthStatus, NodeState, OperationStore, Status};
use std::time::Duration;

cases![
    an_instance_registers_once,
    a_report_is_kept_and_does_not_bring_back_a_leaving_node,
    nodes_leave_and_are_forgotten_by_changes,
    a_node_that_is_made_anew_registers_again_once,
    facts_are_written_over_what_was_read_only,
    a_cluster_of_upstream_has_a_made_up_handle,
    what_masters_say_of_the_health_is_kept_and_their_silence_found,
    plans_are_raised_and_tokens_replaced,
];

async fn an_instance_registers_once(ground: Ground) {
    let (view, _) = accepted(&ground, "p1", "c").await;
    let (store, first) = (&ground.store, node(&ground, &view, "m0"));
    store.node_register(first.clone()).await.unwrap();
    let mut again = node(&ground, &view, "impostor");
    again.instance_id.clone_from(&first.instance_id);
    let error = store.node_register(again).await.unwrap_err();
    assert!(matches!(&error, DbError::AlreadyRegistered(id) if *id == first.instance_id), "{error:?}");
    let known = store.node_by_token_hash("hash-of-m0").await.unwrap();
    assert!(known.created_at.is_some() && known.last_seen.is_some());
    let expected =
        magnum_types::NodeRegistration { created_at: known.created_at, last_seen: known.last_seen, ..first };
    assert_eq!(known, expected);
    assert_eq!(store.nodes_of(view.cluster.uuid).await.unwrap(), [known]);
    let error = store.node_by_token_hash("hash-of-impostor").await.unwrap_err();
    assert!(!error.to_string().contains("impostor"), "{error}");
}

async fn a_report_is_kept_and_does_not_bring_back_a_leaving_node(ground: Ground) {
    let (view, operation) = accepted(&ground, "p1", "c").await;
    let (store, registered) = (&ground.store, node(&ground, &view, "m0"));
    let id = registered.instance_id.clone();
    store.node_register(registered).await.unwrap();
    let report = |state| NodeReport {
        state,
        generation: 4,
        step: Some("etcd".to_owned()),
        error: Some("refused".to_owned()),
    };
    store.node_report(&id, report(None)).await.unwrap();
    let known = &store.nodes_of(view.cluster.uuid).await.unwrap()[0];
    assert_eq!((known.state, known.generation), (NodeState::Registered, 4));
    assert_eq!((known.step.as_deref(), known.error.as_deref()), (Some("etcd"), Some("refused")));
    store.node_report(&id, report(Some(NodeState::Ready))).await.unwrap();
    assert_eq!(store.nodes_of(view.cluster.uuid).await.unwrap()[0].state, NodeState::Ready);
    let held = claim(&ground, operation).await;
    let leave = Change::NodesBecome(view.cluster.uuid, NodeState::Leaving, vec![id.clone()]);
    store.progress(fence(&held), vec![leave]).await.unwrap();
    store.node_report(&id, report(Some(NodeState::Ready))).await.unwrap();
    assert_eq!(store.nodes_of(view.cluster.uuid).await.unwrap()[0].state, NodeState::Leaving);
    let error = store.node_report("nobody", report(None)).await.unwrap_err();
    assert!(matches!(error, DbError::NotFound { noun: "Node", .. }), "{error:?}");
}

async fn nodes_leave_and_are_forgotten_by_changes(ground: Ground) {
    let (view, operation) = accepted(&ground, "p1", "c").await;
    let (other, _) = accepted(&ground, "p1", "d").await;
    let cluster = view.cluster.uuid;
    let (one, two, theirs) =
        (node(&ground, &view, "n1"), node(&ground, &view, "n2"), node(&ground, &other, "n3"));
    for registered in [&one, &two, &theirs] {
        ground.store.node_register(registered.clone()).await.unwrap();
    }
    let held = claim(&ground, operation).await;
    let all = || vec![one.instance_id.clone(), theirs.instance_id.clone()];
    let gone = vec![
        Change::NodesBecome(cluster, NodeState::Gone, all()),
        Change::NodesBecome(cluster, NodeState::Failed, vec![]),
    ];
    ground.store.progress(fence(&held), gone).await.unwrap();
    let states = |nodes: Vec<magnum_types::NodeRegistration>| {
        nodes.iter().map(|n| (n.name.clone(), n.state)).collect::<Vec<_>>()
    };
    let mut here = states(ground.store.nodes_of(cluster).await.unwrap());
    here.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(here, [("n1".to_owned(), NodeState::Gone), ("n2".to_owned(), NodeState::Registered)]);
    let there = states(ground.store.nodes_of(other.cluster.uuid).await.unwrap());
    assert_eq!(there, [("n3".to_owned(), NodeState::Registered)], "another cluster's node is not touched");
    ground.store.progress(fence(&held), vec![Change::ForgetNodes(cluster, all())]).await.unwrap();
    assert_eq!(ground.store.nodes_of(cluster).await.unwrap().len(), 1);
    assert_eq!(ground.store.nodes_of(other.cluster.uuid).await.unwrap().len(), 1);
    ground.store.progress(fence(&held), vec![Change::DeleteCluster(cluster)]).await.unwrap();
    assert!(ground.store.nodes_of(cluster).await.unwrap().is_empty());
}

async fn a_node_that_is_made_anew_registers_again_once(ground: Ground) {
    let (view, operation) = accepted(&ground, "p1", "c").await;
    let (store, cluster) = (&ground.store, view.cluster.uuid);
    let [one, two] = ["n1", "n2"].map(|name| node(&ground, &view, name));
    for registered in [&one, &two] {
        store.node_register(registered.clone()).await.unwrap();
    }
    let held = claim(&ground, operation).await;
    let raise = HandlePatch { raise_plan_generation: true, ..HandlePatch::default() };
    let both = vec![one.instance_id.clone(), two.instance_id.clone()];
    let rebuild = vec![
        Change::Handle(cluster, Box::new(raise)),
        Change::NodesRebuild(cluster, "next".to_owned(), both),
    ];
    store.progress(fence(&held), rebuild).await.unwrap();
    let known = async || {
        let nodes = store.nodes_of(cluster).await.unwrap();
        nodes.into_iter().find(|node| node.instance_id == one.instance_id).unwrap()
    };
    let awaited = known().await;
    assert_eq!((awaited.state, awaited.wanted_image.as_deref()), (NodeState::Rebuilding, Some("next")));
    assert!(awaited.is_awaited() && awaited.moved.is_some_and(|moved| moved.generation == 2));
    assert!(store.node_by_token_hash("hash-of-n1").await.is_err(), "its token is void");
    let ready = NodeReport { state: Some(NodeState::Ready), generation: 9, ..NodeReport::default() };
    store.node_report(&one.instance_id, ready).await.unwrap();
    assert_eq!(known().await.state, NodeState::Rebuilding, "what it was says nothing of what it will be");
    store.node_register_again(&one.instance_id, "new certificate", "new hash").await.unwrap();
    let again = known().await;
    assert_eq!((again.state, again.certificate.as_str()), (NodeState::Upgrading, "new certificate"));
    assert_eq!(again.token_hash, "new hash");
    let error = store.node_register_again(&one.instance_id, "third", "third").await.unwrap_err();
    assert!(matches!(&error, DbError::AlreadyRegistered(_)), "{error:?}");
}

async fn facts_are_written_over_what_was_read_only(ground: Ground) {
    let (view, _) = accepted(&ground, "p1", "c").await;
    let (store, cluster) = (&ground.store, view.cluster.uuid);
    assert_eq!(store.handle_set_facts(cluster, "sealed-1", None).await.unwrap(), 2);
    assert_eq!(store.handle_set_facts(cluster, "sealed-2", Some("sealed-1")).await.unwrap(), 3);
    for stale in [None, Some("sealed-1")] {
        let error = store.handle_set_facts(cluster, "sealed-3", stale).await.unwrap_err();
        assert!(matches!(error, DbError::Stale { .. }), "{error:?}");
    }
    let handle = store.handle_get(cluster).await.unwrap();
    assert_eq!((handle.facts.as_deref(), handle.plan_generation), (Some("sealed-2"), 3));
    let nobody = magnum_types::ClusterId(ground.uuid());
    assert!(matches!(store.handle_set_facts(nobody, "x", None).await, Err(DbError::NotFound { .. })));
}

async fn a_cluster_of_upstream_has_a_made_up_handle(ground: Ground) {
    let (_, operation) = accepted(&ground, "p1", "c").await;
    let upstreams = magnum_types::ClusterId(ground.uuid());
    let handle = ground.store.handle_get(upstreams).await.unwrap();
    assert_eq!((handle.cluster, handle.stack_name.as_str(), handle.plan_generation), (upstreams, "", 0));
    assert_eq!(ground.store.plan_generation(upstreams).await.unwrap(), 0);
    let held = claim(&ground, operation).await;
    let patch = HandlePatch {
        join_secret_hash: Some(Some("hash".to_owned())),
        raise_plan_generation: true,
        ..HandlePatch::default()
    };
    ground.store.progress(fence(&held), vec![Change::Handle(upstreams, Box::new(patch))]).await.unwrap();
    let handle = ground.store.handle_get(upstreams).await.unwrap();
    assert_eq!((handle.join_secret_hash.as_deref(), handle.plan_generation), (Some("hash"), 1));
}

async fn what_masters_say_of_the_health_is_kept_and_their_silence_found(ground: Ground) {
    let (view, operation) = accepted(&ground, "p1", "c").await;
    let (store, cluster) = (&ground.store, view.cluster.uuid);
    store.node_register(node(&ground, &view, "m0")).await.unwrap();
    let said = IndexMap::from([("api".to_owned(), "ok".to_owned())]);
    store.cluster_health(cluster, HealthStatus::Healthy, &said).await.unwrap();
    let kept = store.cluster_by_id(cluster).await.unwrap().cluster;
    assert_eq!((kept.health_status, kept.health_status_reason), (Some(HealthStatus::Healthy), said));
    assert_eq!(kept.updated_at, view.cluster.updated_at, "nobody changed the cluster");
    let now = store.now().await.unwrap();
    let (before, after) = (now - Duration::from_secs(60), now + Duration::from_secs(60));
    assert!(store.clusters_silent(after).await.unwrap().is_empty(), "it is still being made");
    let held = claim(&ground, operation).await;
    let patch = ClusterPatch { status: Some(Status::CreateComplete), ..ClusterPatch::default() };
    store.progress(fence(&held), vec![Change::Cluster(cluster, Box::new(patch))]).await.unwrap();
    assert_eq!(store.clusters_silent(after).await.unwrap(), [cluster]);
    for (health, is_doubted) in [(HealthStatus::Unhealthy, true), (HealthStatus::Unknown, false)] {
        store.cluster_health(cluster, health, &IndexMap::new()).await.unwrap();
        assert_eq!(!store.clusters_silent(after).await.unwrap().is_empty(), is_doubted, "{health:?}");
    }
    store.cluster_health(cluster, HealthStatus::Healthy, &IndexMap::new()).await.unwrap();
    assert!(store.clusters_silent(before).await.unwrap().is_empty(), "its master spoke since");
}

async fn plans_are_raised_and_tokens_replaced(ground: Ground) {
    let (view, _) = accepted(&ground, "p1", "c").await;
    let (store, registered) = (&ground.store, node(&ground, &view, "m0"));
    let id = registered.instance_id.clone();
    store.node_register(registered).await.unwrap();
    let before = store.plan_generation(view.cluster.uuid).await.unwrap();
    store.plan_raise(view.cluster.uuid).await.unwrap();
    assert_eq!(store.plan_generation(view.cluster.uuid).await.unwrap(), before + 1);
    store.node_set_token(&id, "another").await.unwrap();
    assert_eq!(store.node_by_token_hash("another").await.unwrap().instance_id, id);
    assert!(store.node_by_token_hash("hash-of-m0").await.is_err());
    let error = store.node_set_token("nobody", "x").await.unwrap_err();
    assert!(matches!(error, DbError::NotFound { noun: "Node", .. }), "{error:?}");
}
