//! Operations and nodes as they are watched.

use crate::{
    ground::{Ground, cases, ms},
    samples::{accepted, claim, complete, fence, node, resize},
};
use magnum_db::{DbError, Mode, NodeReport};
use magnum_types::{
    ClusterId, NodeState, OperationId, OperationState, OperationStore,
    operation::{StepEntry, StepEvent},
};
use serde_json::json;
use std::time::Duration;

cases![
    operations_are_shown_the_newest_first_with_their_steps,
    an_operation_of_another_cluster_is_not_found,
    nodes_are_shown_in_pages_without_their_credentials,
];

fn entry(step: &str, event: StepEvent) -> StepEntry {
    StepEntry { step: step.to_owned(), event, output: json!({"password": "geheim"}) }
}

async fn operations_are_shown_the_newest_first_with_their_steps(ground: Ground) {
    let view = complete(&ground, "p1", "c").await;
    let (store, cluster) = (&ground.store, view.cluster.uuid);
    let second = resize(&ground, cluster, Mode::Exclusive);
    let id = second.operation.id;
    store.accept_operation(second).await.unwrap();
    let held = claim(&ground, id).await;
    store.record(fence(&held), entry("nodes_leave", StepEvent::Done), vec![]).await.unwrap();
    ground.pass(ms(20)).await;
    store.record(fence(&held), entry("stack_update", StepEvent::Begun), vec![]).await.unwrap();
    store.wait(fence(&held), Duration::ZERO, 2).await.unwrap();

    let all = store.operation_summaries(cluster, 10, None).await.unwrap();
    assert_eq!(all.len(), 2);
    let newest = &all[0];
    assert_eq!((newest.id, newest.state, newest.attempt), (id, OperationState::Running, 2));
    assert_eq!(all[1].state, OperationState::Done);
    assert!(all[1].finished_at.is_some() && newest.finished_at.is_none());
    let names: Vec<&str> = newest.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["nodes_leave", "stack_update"]);
    assert!(newest.steps[0].begun_at.is_none() && newest.steps[0].done_at.is_some());
    assert!(newest.steps[1].begun_at.is_some() && newest.steps[1].done_at.is_none());
    assert_eq!(Some(newest.updated_at()), newest.steps[1].begun_at);
    assert!(!format!("{all:?}").contains("geheim"));

    assert_eq!(store.operation_summaries(cluster, 1, None).await.unwrap(), all[..1]);
    assert_eq!(store.operation_summaries(cluster, 10, Some(id)).await.unwrap(), all[1..]);
    assert_eq!(store.operation_summaries(cluster, 10, Some(all[1].id)).await.unwrap(), []);
    assert_eq!(store.operation_summary(cluster, id).await.unwrap(), all[0]);

    let held = claim(&ground, id).await;
    store.unwind(fence(&held), "no valid host", vec![]).await.unwrap();
    store.record(fence(&held), entry("stack_update", StepEvent::Undone), vec![]).await.unwrap();
    let failed = store.operation_summary(cluster, id).await.unwrap();
    assert_eq!((failed.state, failed.failure.as_deref()), (OperationState::Unwinding, Some("no valid host")));
    assert!(failed.steps[1].undone_at.is_some());
}

async fn an_operation_of_another_cluster_is_not_found(ground: Ground) {
    let (mine, _) = accepted(&ground, "p1", "c").await;
    let (_, theirs) = accepted(&ground, "p2", "c").await;
    let (store, cluster) = (&ground.store, mine.cluster.uuid);
    for found in [
        store.operation_summary(cluster, theirs).await.map(drop),
        store.operation_summary(cluster, OperationId(ground.uuid())).await.map(drop),
        store.operation_summaries(cluster, 10, Some(theirs)).await.map(drop),
    ] {
        assert!(matches!(found, Err(DbError::NotFound { noun: "Operation", .. })), "{found:?}");
    }
    let nowhere = ClusterId(ground.uuid());
    assert_eq!(store.operation_summaries(nowhere, 10, None).await.unwrap(), []);
}

async fn nodes_are_shown_in_pages_without_their_credentials(ground: Ground) {
    let (view, _) = accepted(&ground, "p1", "c").await;
    let (other, _) = accepted(&ground, "p1", "d").await;
    let (store, cluster) = (&ground.store, view.cluster.uuid);
    for name in ["n1", "n2", "n3"] {
        store.node_register(node(&ground, &view, name)).await.unwrap();
        ground.pass(ms(5)).await;
    }
    let theirs = node(&ground, &other, "n4");
    store.node_register(theirs.clone()).await.unwrap();
    let all = store.node_summaries(cluster, 10, None).await.unwrap();
    let names: Vec<&str> = all.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["n3", "n2", "n1"]);
    let text = format!("{all:?}");
    assert!(!text.contains("hash-of") && !text.contains("BEGIN CERTIFICATE"), "{text}");
    let (first, last) = (all[0].instance_id.clone(), all[2].instance_id.clone());
    assert_eq!(store.node_summaries(cluster, 2, None).await.unwrap(), all[..2]);
    assert_eq!(store.node_summaries(cluster, 1, Some(&first)).await.unwrap(), all[1..2]);
    assert_eq!(store.node_summaries(cluster, 10, Some(&last)).await.unwrap(), []);
    for marker in ["nobody", theirs.instance_id.as_str()] {
        let error = store.node_summaries(cluster, 10, Some(marker)).await.unwrap_err();
        assert!(matches!(error, DbError::NotFound { noun: "Node", .. }), "{error:?}");
    }
    let report = NodeReport {
        state: Some(NodeState::Failed),
        generation: 2,
        step: Some("etcd".to_owned()),
        error: Some("refused".to_owned()),
    };
    store.node_report(&last, report).await.unwrap();
    let failed = store.node_summaries(cluster, 10, None).await.unwrap().pop().unwrap();
    assert_eq!((failed.state, failed.step.as_deref()), (NodeState::Failed, Some("etcd")));
    assert_eq!((failed.error.as_deref(), failed.nodegroup), (Some("refused"), view.nodegroups[0].uuid));
}
