//! Operations that cannot end well still end, in time, and say why: limits, quotas, rights that were taken away.

use crate::rig::{Drove, Rig};
use magnum_types::{NodeState, OperationId, OperationState, Status};
use std::time::Duration;

async fn is_unwinding(rig: &Rig, operation: OperationId) -> bool {
    rig.store.operation_get(operation).await.unwrap().state == OperationState::Unwinding
}

#[tokio::test]
async fn a_create_that_heat_never_ends_times_out_and_leaves_nothing() {
    let mut rig = Rig::new().await;
    rig.time_limit = Duration::from_secs(300);
    rig.cloud.build_by_hand();
    let create = rig.accept_create(1).await;
    let accepted = rig.store.now().await.unwrap();
    let conductor = rig.conductor(None);
    let mut ended = None;
    for _ in 0..1000 {
        ended = conductor.turn(create).await;
        if ended.is_some() {
            break;
        }
        if is_unwinding(&rig, create).await {
            // Deleting goes well.
            rig.cloud.finish_stacks();
        }
    }
    assert_eq!(ended, Some(Drove::Ended(OperationState::Failed)));
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::CreateFailed);
    assert!(reason.contains("timed out while stack wait"), "{reason}");
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
    let took = rig.store.now().await.unwrap().as_second() - accepted.as_second();
    assert!((290..=310).contains(&took), "{took} s");
}

#[tokio::test]
async fn a_create_that_cannot_be_undone_either_ends_stuck_by_name_and_a_delete_cleans_up() {
    let mut rig = Rig::new().await;
    rig.time_limit = Duration::from_secs(300);
    rig.cloud.build_by_hand();
    let create = rig.accept_create(1).await;
    let mut conductor = rig.conductor(None);
    conductor.pace = Duration::from_secs(20);
    assert_eq!(conductor.drive(create).await, Drove::Ended(OperationState::Stuck));
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::CreateFailed);
    assert!(reason.starts_with("timed out while stack wait; could not be undone: stack create"), "{reason}");
    rig.cloud.finish_stacks();
    let delete = rig.accept_delete().await;
    assert_eq!(rig.finish(delete).await, OperationState::Done);
    assert!(rig.view().await.is_none());
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_the_reason_that_people_read() {
    let rig = Rig::new().await;
    rig.cloud.quota_exceeded(true);
    let create = rig.accept_create(2).await;
    assert_eq!(rig.finish(create).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::CreateFailed);
    assert!(reason.contains("Quota exceeded for instances"), "{reason}");
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_resize_beyond_the_quota_puts_everything_back() {
    let rig = Rig::with_cluster(1).await;
    rig.cloud.quota_exceeded(true);
    let resize = rig.accept_resize(3).await;
    assert_eq!(rig.finish(resize).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::UpdateFailed);
    assert!(reason.contains("Quota exceeded for instances"), "{reason}");
    assert_eq!(rig.workers().await, 1);
    assert_eq!(rig.cloud.servers().len(), 2, "one manager and one worker");
}

#[tokio::test]
async fn who_was_to_leave_in_a_resize_that_failed_gets_work_again() {
    let rig = Rig::with_cluster(2).await;
    let cluster = rig.view().await.unwrap().cluster.uuid;
    let before = rig.store.plan_generation(cluster).await.unwrap();
    rig.cloud.next_stack_fails("No valid host was found.");
    let resize = rig.accept_resize(1).await;
    assert_eq!(rig.finish(resize).await, OperationState::Failed);
    let nodes = rig.store.nodes_of(cluster).await.unwrap();
    assert!(nodes.iter().all(|node| node.state == NodeState::Ready), "{nodes:?}");
    assert_eq!(rig.store.plan_generation(cluster).await.unwrap(), before + 2, "to leave, and to stay");
}

#[tokio::test]
async fn a_cloud_that_refuses_trusts_fails_the_create_and_names_the_missing_right() {
    let rig = Rig::new().await;
    rig.cloud.refuse_trusts(true);
    let create = rig.accept_create(1).await;
    assert_eq!(rig.finish(create).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::CreateFailed);
    assert!(reason.contains("Keystone refuses the caller a credential for the cluster"), "{reason}");
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn tokens_that_are_all_revoked_while_the_stack_is_built_do_not_matter() {
    let rig = Rig::new().await;
    let create = rig.accept_create(1).await;
    let conductor = rig.conductor(None);
    assert_eq!(conductor.turn(create).await, None, "the stack takes its time");
    rig.cloud.revoke_all_tokens();
    assert_eq!(conductor.drive(create).await, Drove::Ended(OperationState::Done));
}

#[tokio::test]
async fn tokens_that_are_all_revoked_before_the_trust_fail_the_create_and_leave_nothing() {
    let rig = Rig::new().await;
    let create = rig.accept_create(1).await;
    rig.cloud.revoke_all_tokens();
    assert_eq!(rig.finish(create).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::CreateFailed);
    assert!(!reason.is_empty());
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_stack_that_vanishes_while_it_is_built_fails_the_create() {
    let rig = Rig::new().await;
    rig.cloud.build_by_hand();
    let create = rig.accept_create(1).await;
    let conductor = rig.conductor(None);
    assert_eq!(conductor.turn(create).await, None);
    rig.cloud.fail_stacks("the host burns");
    assert_eq!(conductor.turn(create).await, None, "the broken stack is being deleted");
    rig.cloud.finish_stacks();
    rig.cloud.purge_stacks();
    assert_eq!(conductor.drive(create).await, Drove::Ended(OperationState::Failed));
    let (_, reason) = rig.status().await;
    assert!(reason.contains("the host burns"), "{reason}");
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_resize_that_waits_behind_another_shows_as_work_in_progress() {
    let rig = Rig::with_cluster(1).await;
    let first = rig.accept_resize(2).await;
    let second = rig.accept_resize(3).await;
    assert_eq!(rig.finish(first).await, OperationState::Done);
    assert_eq!(rig.status().await.0, Status::UpdateInProgress, "the second one is still to be done");
    assert_eq!(rig.workers().await, 3, "what was asked for last");
    assert_eq!(rig.finish(second).await, OperationState::Done);
}

#[tokio::test]
async fn a_second_resize_waits_for_the_first_and_has_the_last_word() {
    for first_fails in [false, true] {
        let rig = Rig::with_cluster(1).await;
        let first = rig.accept_resize(2).await;
        let second = rig.accept_resize(3).await;
        if first_fails {
            rig.cloud.next_stack_fails("No valid host was found.");
        }
        let end = if first_fails { OperationState::Failed } else { OperationState::Done };
        assert_eq!(rig.finish(first).await, end);
        rig.pass(5);
        assert_eq!(rig.finish(second).await, OperationState::Done);
        assert_eq!(rig.status().await.0, Status::UpdateComplete);
        assert_eq!(
            (rig.workers().await, rig.cloud.servers().len()),
            (3, 4),
            "the first fails: {first_fails}"
        );
    }
}

#[tokio::test]
async fn an_operation_of_a_cluster_that_is_gone_ends() {
    let rig = Rig::with_cluster(1).await;
    let first = rig.accept_delete().await;
    let second = rig.accept_delete().await;
    assert_eq!(rig.finish(first).await, OperationState::Superseded);
    assert_eq!(rig.finish(second).await, OperationState::Done);
    assert!(rig.view().await.is_none());
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
}
