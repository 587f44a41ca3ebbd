//! A delete comes at any moment of another operation, goes before everything, and needs nobody.

use crate::{
    crash_store::Side,
    rig::{Drove, Rig},
    scenario::{Extent, Scenario},
};
use magnum_types::{OperationId, OperationState, Status};
use std::{pin::pin, time::Duration};

async fn assert_nothing_is_left(rig: &Rig, about: &str) {
    assert!(rig.view().await.is_none(), "{about}: the row is gone");
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new(), "{about}");
}

/// Accepts a delete while the other operation's conductor is just before its n-th call of the store, and lets that one
/// go on; says how it ended.
async fn overtaken(scenario: Scenario, number: u64) -> (Rig, OperationId, Drove) {
    let (rig, operation) = scenario.accepted().await;
    let first = rig.conductor(Some((number, Side::Before)));
    let mut driving = pin!(first.drive(operation));
    tokio::select! {
        biased;
        drove = &mut driving => panic!("store call {number} was not reached: {drove:?}"),
        () = first.point.died.notified() => {}
    }
    let delete = rig.accept_delete().await;
    first.point.released.notify_one();
    let drove = driving.await;
    (rig, delete, drove)
}

every_scenario!(a_delete_supersedes_what_runs_at_any_moment);

async fn a_delete_supersedes_what_runs_at_any_moment(scenario: Scenario, extent: Extent) {
    let clean = scenario.clean_run().await;
    for number in scenario.points(extent, clean.store_calls, 13) {
        let about = format!("store call {number}");
        let (rig, delete, drove) = overtaken(scenario, number).await;
        // Once nothing is left but to record the last step and to finish, it is too late to stop.
        let too_late = number + 1 >= clean.store_calls && drove == Drove::Ended(scenario.end());
        assert!(too_late || drove == Drove::Ended(OperationState::Superseded), "{about}: {drove:?}");
        let end = rig.finish(delete).await;
        // A first delete that took all away leaves nothing to a second one.
        assert!(end == OperationState::Done || rig.view().await.is_none(), "{about}: {end:?}");
        assert_nothing_is_left(&rig, &about).await;
    }
}

#[tokio::test]
async fn a_delete_that_comes_too_late_to_supersede_still_shows_as_work_in_progress() {
    for name in ["cluster_create", "failing_create", "cluster_resize", "failing_resize"] {
        let scenario = Scenario::named(name);
        let last = scenario.clean_run().await.store_calls;
        let (rig, delete, drove) = overtaken(scenario, last).await;
        assert_eq!(drove, Drove::Ended(scenario.end()), "{name}");
        assert_eq!(rig.status().await.0, Status::DeleteInProgress, "{name}: what the client was told");
        assert_eq!(rig.finish(delete).await, OperationState::Done, "{name}");
        assert_nothing_is_left(&rig, name).await;
    }
}

#[tokio::test]
async fn a_stack_that_cannot_be_deleted_is_named_and_a_second_delete_works() {
    let rig = Rig::with_cluster(1).await;
    for _ in 0..30 {
        rig.cloud.next_delete_fails("port 8f is in use by router r1");
    }
    let delete = rig.accept_delete().await;
    assert_eq!(rig.finish(delete).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::DeleteFailed);
    assert!(reason.contains("port 8f is in use by router r1"), "{reason}");
    // Somebody takes the port away; the stack's failures that are left in the queue are used up by one more try.
    let again = rig.accept_delete().await;
    assert_eq!(rig.finish(again).await, OperationState::Done);
    assert_nothing_is_left(&rig, "the second delete").await;
}

#[tokio::test]
async fn a_delete_that_heat_never_ends_fails_in_time_and_a_second_one_works() {
    let mut rig = Rig::with_cluster(1).await;
    rig.time_limit = Duration::from_secs(120);
    rig.cloud.build_by_hand();
    let delete = rig.accept_delete().await;
    assert_eq!(rig.finish(delete).await, OperationState::Failed);
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::DeleteFailed);
    assert!(reason.contains("timed out while stack delete"), "{reason}");
    rig.cloud.finish_stacks();
    let again = rig.accept_delete().await;
    assert_eq!(rig.finish(again).await, OperationState::Done);
    assert_nothing_is_left(&rig, "the second delete").await;
}

#[tokio::test]
async fn a_cluster_whose_creator_is_gone_is_deleted_by_the_services_right() {
    let rig = Rig::with_cluster(1).await;
    assert!(rig.cloud.delete_account("demo"));
    let delete = rig.accept_delete().await;
    assert_eq!(rig.finish(delete).await, OperationState::Done);
    assert_nothing_is_left(&rig, "without a creator").await;
}

#[tokio::test]
async fn a_creator_who_goes_while_the_delete_runs_does_not_stop_it() {
    let rig = Rig::with_cluster(1).await;
    let delete = rig.accept_delete().await;
    let conductor = rig.conductor(None);
    assert_eq!(conductor.turn(delete).await, None, "the stack takes its time");
    assert!(rig.cloud.delete_account("demo"));
    assert_eq!(conductor.drive(delete).await, Drove::Ended(OperationState::Done));
    assert_nothing_is_left(&rig, "without a creator").await;
}

#[tokio::test]
async fn a_stack_that_somebody_else_deleted_is_no_hindrance() {
    let rig = Rig::with_cluster(1).await;
    let delete = rig.accept_delete().await;
    let conductor = rig.conductor(None);
    assert_eq!(conductor.turn(delete).await, None);
    rig.cloud.finish_stacks();
    rig.cloud.purge_stacks();
    assert_eq!(conductor.drive(delete).await, Drove::Ended(OperationState::Done));
    assert_nothing_is_left(&rig, "purged").await;
}
