//! Node groups beside the default ones: accepted with their handle, changed as they were seen, and taken away whole.

use crate::{
    ground::{Ground, cases},
    samples::{claim, complete, fence, node, resize},
};
use magnum_db::{AcceptOperation, ClusterView, DbError, GroupChange, Mode};
use magnum_types::{
    Change, ErrorKind, NodeGroup, NodeGroupHandle, NodeGroupId, NodeGroupPatch, OperationStore, ServiceError,
};

cases![
    a_further_group_is_accepted_with_its_handle,
    a_name_is_taken_once_per_cluster,
    a_secret_admits_to_its_own_group_only,
    a_group_goes_with_its_handle_and_nodes,
    settings_change_only_as_they_were_seen,
];

fn further(ground: &Ground, view: &ClusterView, name: &str) -> (NodeGroup, AcceptOperation) {
    let group = NodeGroup {
        uuid: NodeGroupId(ground.uuid()),
        name: name.to_owned(),
        is_default: false,
        stack_id: None,
        ..view.nodegroups[1].clone()
    };
    let handle = NodeGroupHandle {
        nodegroup: group.uuid,
        cluster: view.cluster.uuid,
        stack_name: format!("c-{name}"),
        join_secret_hash: None,
    };
    let mut accept = resize(ground, view.cluster.uuid, Mode::Queue);
    accept.nodegroup = GroupChange::New(Box::new(group.clone()), handle);
    (group, accept)
}

async fn a_further_group_is_accepted_with_its_handle(ground: Ground) {
    let view = complete(&ground, "p1", "c").await;
    let (group, accept) = further(&ground, &view, "gpu");
    ground.store.accept_operation(accept).await.unwrap();
    let after = ground.store.cluster_by_id(view.cluster.uuid).await.unwrap();
    assert_eq!(after.nodegroups.len(), 3);
    assert_eq!((after.nodegroups[2].uuid, after.nodegroups[2].is_default), (group.uuid, false));
    let handle = ground.store.nodegroup_handle(group.uuid).await.unwrap().unwrap();
    assert_eq!((handle.cluster, handle.stack_name.as_str()), (view.cluster.uuid, "c-gpu"));
    assert!(ground.store.nodegroup_handle(view.nodegroups[1].uuid).await.unwrap().is_none());
}

async fn a_name_is_taken_once_per_cluster(ground: Ground) {
    let view = complete(&ground, "p1", "c").await;
    let other = complete(&ground, "p1", "d").await;
    ground.store.accept_operation(further(&ground, &view, "gpu").1).await.unwrap();
    ground.store.accept_operation(further(&ground, &other, "gpu").1).await.unwrap();
    let before = ground.store.operations_of(view.cluster.uuid).await.unwrap().len();
    let error = ground.store.accept_operation(further(&ground, &view, "gpu").1).await.unwrap_err();
    assert!(
        matches!(&error, DbError::AlreadyExists { noun: "Nodegroup", ident } if ident == "gpu"),
        "{error:?}"
    );
    assert_eq!(ServiceError::from(error).kind, ErrorKind::Conflict);
    assert_eq!(
        ground.store.operations_of(view.cluster.uuid).await.unwrap().len(),
        before,
        "nothing is stored"
    );
}

async fn a_secret_admits_to_its_own_group_only(ground: Ground) {
    let (view, other) = (complete(&ground, "p1", "c").await, complete(&ground, "p1", "d").await);
    let (group, accept) = further(&ground, &view, "gpu");
    let operation = accept.operation.id;
    ground.store.accept_operation(accept).await.unwrap();
    let held = claim(&ground, operation).await;
    let secret = Change::NodeGroupSecret(group.uuid, "hash".to_owned());
    ground.store.progress(fence(&held), vec![secret]).await.unwrap();
    let admitted = ground.store.nodegroup_admitted(view.cluster.uuid, "hash").await.unwrap().unwrap();
    assert_eq!(admitted.nodegroup, group.uuid);
    assert!(ground.store.nodegroup_admitted(view.cluster.uuid, "another").await.unwrap().is_none());
    assert!(ground.store.nodegroup_admitted(other.cluster.uuid, "hash").await.unwrap().is_none());
}

async fn a_group_goes_with_its_handle_and_nodes(ground: Ground) {
    let view = complete(&ground, "p1", "c").await;
    let (group, accept) = further(&ground, &view, "gpu");
    let operation = accept.operation.id;
    ground.store.accept_operation(accept).await.unwrap();
    for (name, nodegroup) in [("n0", view.nodegroups[1].uuid), ("g0", group.uuid)] {
        let registered = magnum_types::NodeRegistration { nodegroup, ..node(&ground, &view, name) };
        ground.store.node_register(registered).await.unwrap();
    }
    let held = claim(&ground, operation).await;
    ground.store.progress(fence(&held), vec![Change::DeleteNodeGroup(group.uuid)]).await.unwrap();
    let after = ground.store.cluster_by_id(view.cluster.uuid).await.unwrap();
    assert_eq!(after.nodegroups.len(), 2);
    assert!(ground.store.nodegroup_handle(group.uuid).await.unwrap().is_none());
    let left = ground.store.nodes_of(view.cluster.uuid).await.unwrap();
    assert_eq!(left.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["n0"]);
}

async fn settings_change_only_as_they_were_seen(ground: Ground) {
    let view = complete(&ground, "p1", "c").await;
    let seen = &view.nodegroups[1];
    let patch = NodeGroupPatch { max_node_count: Some(Some(10)), ..Default::default() };
    ground.store.nodegroup_update(seen, &patch).await.unwrap();
    let after = ground.store.cluster_by_id(view.cluster.uuid).await.unwrap();
    assert_eq!(after.nodegroups[1].max_node_count, Some(10));
    let error = ground.store.nodegroup_update(seen, &patch).await.unwrap_err();
    assert!(matches!(error, DbError::Stale { noun: "Nodegroup", .. }), "{error:?}");
    ground.store.nodegroup_update(&after.nodegroups[1], &patch).await.unwrap();
}
