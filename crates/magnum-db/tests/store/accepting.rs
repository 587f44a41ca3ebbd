//! What is accepted, what is refused, and what is told.

use crate::{
    ground::{Ground, MINUTE, cases, ms},
    samples::{self, accepted, claim, complete, delete, fence, resize},
};
use magnum_db::{DbError, GroupChange, Mode};
use magnum_types::{
    Change, ErrorKind, NodeGroupPatch, OperationState, OperationStore, ServiceError, Status,
    change::{EventAction, EventOutcome},
};
use std::time::Duration;

cases![
    the_quota_is_counted_with_the_cluster,
    a_status_that_does_not_admit_the_change_is_refused,
    an_exclusive_change_is_refused_while_another_runs,
    a_queued_change_runs_after_the_live_one_with_its_full_time,
    a_delete_asks_the_live_one_to_stop_and_gives_up_the_waiting,
    an_unknown_cluster_is_not_found,
    a_notification_is_committed_with_its_cluster_and_without_secrets,
    a_notification_is_sent_at_least_once_and_in_order,
    a_deletion_is_told_with_what_the_cluster_was,
];

async fn the_quota_is_counted_with_the_cluster(ground: Ground) {
    let (view, _) = accepted(&ground, "p1", "one").await;
    let template = view.template.unwrap().uuid;
    let mut accept = samples::create(&ground, "p1", "two", template);
    accept.quota = 1;
    let error = ground.store.accept_cluster_create(accept.clone()).await.unwrap_err();
    assert!(matches!(error, DbError::QuotaExceeded { limit: 1, used: 1 }), "{error:?}");
    assert_eq!(ServiceError::from(error).kind, ErrorKind::Forbidden);
    assert!(matches!(ground.store.operation_get(accept.operation.id).await, Err(DbError::NotFound { .. })));
    let mut other = samples::create(&ground, "p2", "two", template);
    other.quota = 1;
    ground.store.accept_cluster_create(other.clone()).await.unwrap();
    other.quota = 9;
    let error = ground.store.accept_cluster_create(other).await.unwrap_err();
    assert!(matches!(error, DbError::AlreadyExists { .. }), "{error:?}");
}

async fn a_status_that_does_not_admit_the_change_is_refused(ground: Ground) {
    let (view, _) = accepted(&ground, "p1", "c").await;
    let error =
        ground.store.accept_operation(resize(&ground, view.cluster.uuid, Mode::Queue)).await.unwrap_err();
    assert!(matches!(error, DbError::StatusRefused { status: Status::CreateInProgress }), "{error:?}");
    assert_eq!(ServiceError::from(error).kind, ErrorKind::Invalid);
    let after = ground.store.cluster_by_id(view.cluster.uuid).await.unwrap();
    assert_eq!(after, view);
    assert_eq!(ground.store.operations_of(view.cluster.uuid).await.unwrap().len(), 1);
}

async fn an_exclusive_change_is_refused_while_another_runs(ground: Ground) {
    let view = complete(&ground, "p1", "c").await;
    let id = view.cluster.uuid;
    let mut first = resize(&ground, id, Mode::Exclusive);
    let group = view.nodegroups[1].uuid;
    let patch = NodeGroupPatch { node_count: Some(7), ..NodeGroupPatch::default() };
    first.nodegroup = GroupChange::Patch(group, Box::new(patch));
    ground.store.accept_operation(first.clone()).await.unwrap();
    let after = ground.store.cluster_by_id(id).await.unwrap();
    assert_eq!((after.cluster.status, after.nodegroups[1].node_count), (Status::UpdateInProgress, 7));
    assert!(after.cluster.updated_at.is_some());
    let error = ground.store.accept_operation(resize(&ground, id, Mode::Exclusive)).await.unwrap_err();
    assert!(matches!(error, DbError::OperationInProgress { cluster } if cluster == id), "{error:?}");
    assert_eq!(ServiceError::from(error).kind, ErrorKind::Invalid);
    assert_eq!(ground.store.live_operation(id).await.unwrap().unwrap().id, first.operation.id);
}

async fn a_queued_change_runs_after_the_live_one_with_its_full_time(ground: Ground) {
    let view = complete(&ground, "p1", "c").await;
    let id = view.cluster.uuid;
    let (mut one, mut two, mut three) = (
        resize(&ground, id, Mode::Queue),
        resize(&ground, id, Mode::Queue),
        resize(&ground, id, Mode::Queue),
    );
    for (accept, timeout) in [(&mut one, 1), (&mut two, 2), (&mut three, 3)] {
        accept.operation.timeout = Duration::from_secs(60 * timeout);
        ground.store.accept_operation(accept.clone()).await.unwrap();
    }
    let ids = [one.operation.id, two.operation.id, three.operation.id];
    let states =
        |all: Vec<magnum_types::Operation>| all.iter().skip(1).map(|op| op.state).collect::<Vec<_>>();
    use OperationState::{Done, Queued, Running};
    assert_eq!(states(ground.store.operations_of(id).await.unwrap()), [Running, Queued, Queued]);
    assert_eq!(ground.store.due(10).await.unwrap(), [ids[0]]);
    assert!(
        ground.store.claim(ids[1], "c", MINUTE).await.unwrap().is_none(),
        "a queued one cannot be claimed"
    );
    let first = claim(&ground, ids[0]).await;
    ground.pass(ms(300)).await;
    ground.store.finish(fence(&first), Done, vec![]).await.unwrap();
    assert_eq!(states(ground.store.operations_of(id).await.unwrap()), [Done, Running, Queued]);
    let second = claim(&ground, ids[1]).await;
    let accepted_at = second.operation.created_at;
    assert!(
        second.operation.deadline >= accepted_at + Duration::from_secs(120) + ms(300),
        "waiting counts as time"
    );
    ground.store.finish(fence(&second), OperationState::Failed, vec![]).await.unwrap();
    assert_eq!(ground.store.live_operation(id).await.unwrap().unwrap().id, ids[2]);
}

async fn a_delete_asks_the_live_one_to_stop_and_gives_up_the_waiting(ground: Ground) {
    let view = complete(&ground, "p1", "c").await;
    let id = view.cluster.uuid;
    let (live, waiting) = (resize(&ground, id, Mode::Queue), resize(&ground, id, Mode::Queue));
    ground.store.accept_operation(live.clone()).await.unwrap();
    ground.store.accept_operation(waiting.clone()).await.unwrap();
    let held = claim(&ground, live.operation.id).await;
    ground.store.wait(fence(&held), Duration::from_secs(3600), 0).await.unwrap();
    assert_eq!(ground.store.due(10).await.unwrap(), []);
    let last = delete(&ground, id);
    ground.store.accept_operation(last.clone()).await.unwrap();
    assert_eq!(ground.store.cluster_by_id(id).await.unwrap().cluster.status, Status::DeleteInProgress);
    assert_eq!(ground.store.due(10).await.unwrap(), [live.operation.id], "the live one is woken");
    let given_up = ground.store.operation_get(waiting.operation.id).await.unwrap();
    assert_eq!((given_up.state, given_up.cancelled), (OperationState::Superseded, true));
    let held = claim(&ground, live.operation.id).await;
    assert!(held.operation.cancelled);
    ground.store.finish(fence(&held), OperationState::Superseded, vec![]).await.unwrap();
    assert_eq!(ground.store.live_operation(id).await.unwrap().unwrap().id, last.operation.id);
    let held = claim(&ground, last.operation.id).await;
    assert!(!held.operation.cancelled);
}

async fn an_unknown_cluster_is_not_found(ground: Ground) {
    let nobody = magnum_types::ClusterId(ground.uuid());
    let error = ground.store.accept_operation(delete(&ground, nobody)).await.unwrap_err();
    assert!(matches!(error, DbError::NotFound { noun: "Cluster", .. }), "{error:?}");
    let text = ServiceError::from(error).public;
    assert_eq!(text, format!("Cluster {nobody} could not be found."));
}

async fn a_notification_is_committed_with_its_cluster_and_without_secrets(ground: Ground) {
    let (view, operation) = accepted(&ground, "p1", "c").await;
    let rows = ground.store.outbox_take(10, "sender", MINUTE).await.unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.event.cluster, row.event.operation), (view.cluster.uuid, operation));
    assert_eq!((row.event.action, row.event.outcome), (EventAction::Create, EventOutcome::Pending));
    assert_eq!(row.snapshot["cluster"]["name"], "c");
    assert_eq!(row.snapshot["cluster"]["status"], "CREATE_IN_PROGRESS");
    assert_eq!(row.snapshot["nodegroups"][1]["node_count"], 2);
    assert_eq!(row.snapshot["nodegroups"][0]["node_addresses"][0], "10.0.0.5");
    let text = row.snapshot.to_string();
    assert!(!text.contains("sealed") && !text.contains("trust-1"), "{text}");
}

async fn a_notification_is_sent_at_least_once_and_in_order(ground: Ground) {
    for name in ["a", "b", "c"] {
        accepted(&ground, "p1", name).await;
    }
    let store = &ground.store;
    let ids = |rows: &[magnum_db::OutboxRow]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    let first = ids(&store.outbox_take(2, "one", ms(200)).await.unwrap());
    for sender in ["two", "one"] {
        let more = ids(&store.outbox_take(9, sender, MINUTE).await.unwrap());
        assert_eq!(more, [0; 0], "{sender} gets none while some are in hand: later ones would overtake them");
    }
    store.outbox_done(&first[..1]).await.unwrap();
    ground.pass(ms(250)).await;
    // The first sender died with one in hand: it is sent again, before the later one.
    let again = ids(&store.outbox_take(9, "two", MINUTE).await.unwrap());
    assert_eq!((first.len(), again.len(), again[0]), (2, 2, first[1]));
    assert!(first[0] < again[0] && again[0] < again[1]);
    store.outbox_failed(&again, "one").await.unwrap();
    assert_eq!(
        ids(&store.outbox_take(9, "one", MINUTE).await.unwrap()),
        [0; 0],
        "only the holder gives back"
    );
    store.outbox_done(&again[..1]).await.unwrap();
    store.outbox_failed(&again[1..], "two").await.unwrap();
    store.outbox_failed(&[], "two").await.unwrap();
    accepted(&ground, "p1", "d").await;
    let rest = ids(&store.outbox_take(9, "one", MINUTE).await.unwrap());
    assert_eq!((rest.len(), rest[0]), (2, again[1]), "what failed comes before what happened since");
    store.outbox_done(&rest).await.unwrap();
    store.outbox_done(&[]).await.unwrap();
    assert_eq!(store.outbox_take(9, "three", MINUTE).await.unwrap(), []);
}

async fn a_deletion_is_told_with_what_the_cluster_was(ground: Ground) {
    let view = complete(&ground, "p1", "c").await;
    let id = view.cluster.uuid;
    let accept = delete(&ground, id);
    ground.store.accept_operation(accept.clone()).await.unwrap();
    let held = claim(&ground, accept.operation.id).await;
    let told = samples::event(id, accept.operation.id, EventAction::Delete, EventOutcome::Success);
    let changes = vec![Change::DeleteCluster(id), Change::Notify(told)];
    ground.store.finish(fence(&held), OperationState::Done, changes).await.unwrap();
    assert!(matches!(ground.store.cluster_by_id(id).await, Err(DbError::NotFound { .. })));
    assert_eq!(ground.store.handle_get(id).await.unwrap().stack_name, "");
    let rows = ground.store.outbox_take(10, "sender", MINUTE).await.unwrap();
    let last = rows.last().unwrap();
    assert_eq!(last.event.outcome, EventOutcome::Success);
    assert_eq!(
        (&last.snapshot["cluster"]["name"], last.snapshot["nodegroups"].as_array().unwrap().len()),
        (&"c".into(), 2)
    );
}
