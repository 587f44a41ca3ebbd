//! Registered nodes and a cluster's handle.

use crate::{
    ground::{Ground, cases},
    samples::{accepted, claim, fence, node},
};
use magnum_db::{DbError, NodeReport};
use magnum_types::{Change, HandlePatch, NodeState, OperationStore};

cases![
    an_instance_registers_once,
    a_report_is_kept_and_does_not_bring_back_a_leaving_node,
    nodes_leave_and_are_forgotten_by_changes,
    facts_are_written_over_what_was_read_only,
    a_cluster_of_upstream_has_a_made_up_handle,
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
