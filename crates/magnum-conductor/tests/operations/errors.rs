//! Any one call of the cloud fails: for a moment, for good, or with its effect but without its answer. The operation
//! ends, and well. The lost answers are tried at writes only, since a read has no effect.

use crate::{
    picture::{Picture, owned},
    rig::Rig,
    scenario::{CleanRun, Extent, Scenario, Trouble, is_write},
};
use magnum_fakes::Fault;
use magnum_types::{CLUSTER_CREATE, CLUSTER_DELETE, NODEGROUP_DELETE, OperationState, Status};

every_scenario!(
    a_call_that_is_refused_once_changes_nothing,
    an_answer_that_is_lost_changes_nothing,
    a_call_that_is_forbidden_ends_well
);

async fn run(scenario: Scenario, number: u64, fault: Fault) -> (Rig, OperationState) {
    let (rig, operation) = scenario.accepted().await;
    rig.cloud.fail_call(number, fault);
    let end = rig.finish(operation).await;
    (rig, end)
}

/// `about` the n-th call.
fn about(clean: &CleanRun, number: u64) -> String {
    let call = &clean.calls[number as usize - 1];
    format!("call {number}, {} {}", call.method, call.path)
}

async fn a_call_that_is_refused_once_changes_nothing(scenario: Scenario, extent: Extent) {
    let clean = scenario.clean_run().await;
    for number in scenario.points(extent, clean.calls.len() as u64, 23) {
        let (rig, end) = run(scenario, number, Fault::Status(503, "busy".to_owned())).await;
        assert_eq!(end, scenario.end(), "{}", about(&clean, number));
        assert_eq!(Picture::of(&rig).await, clean.picture, "{}", about(&clean, number));
    }
}

async fn an_answer_that_is_lost_changes_nothing(scenario: Scenario, extent: Extent) {
    let clean = scenario.clean_run().await;
    let writes: Vec<u64> =
        (1..).zip(&clean.calls).filter(|(_, call)| is_write(call)).map(|(number, _)| number).collect();
    for number in scenario.points(extent, writes.len() as u64, 7).map(|n| writes[n as usize - 1]) {
        let (rig, end) = run(scenario, number, Fault::ApplyThenDrop).await;
        assert_eq!(end, scenario.end(), "{}", about(&clean, number));
        assert_eq!(Picture::of(&rig).await, clean.picture, "{}", about(&clean, number));
    }
}

async fn a_call_that_is_forbidden_ends_well(scenario: Scenario, extent: Extent) {
    let clean = scenario.clean_run().await;
    for number in scenario.points(extent, clean.calls.len() as u64, 23) {
        let (rig, end) = run(scenario, number, Fault::Status(403, "not you".to_owned())).await;
        let about = about(&clean, number);
        match end {
            OperationState::Done => assert_eq!(Picture::of(&rig).await, clean.picture, "{about}"),
            OperationState::Failed if scenario.kind == CLUSTER_CREATE => {
                assert_create_failed(&rig, &about).await
            }
            OperationState::Failed => assert_another_try_works(scenario, &rig, &clean, &about).await,
            // On the way back nothing else is left to do than to say what stays.
            OperationState::Stuck
                if matches!(
                    scenario.trouble,
                    Trouble::StackFails | Trouble::NodeFails(_) | Trouble::TrustRefused
                ) =>
            {
                let (status, reason) = rig.status().await;
                assert!(
                    status.is_failed() && reason.contains("could not be undone"),
                    "{about}: {status} {reason}"
                );
            }
            other => panic!("{about}: {other:?}"),
        }
        clean_up(&rig, &about).await;
    }
}

async fn assert_create_failed(rig: &Rig, about: &str) {
    let (status, reason) = rig.status().await;
    assert_eq!(status, Status::CreateFailed, "{about}");
    assert!(!reason.is_empty(), "{about}");
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new(), "{about}");
}

/// A failed change left the cluster as it was, and asking again does it.
async fn assert_another_try_works(scenario: Scenario, rig: &Rig, clean: &CleanRun, about: &str) {
    let (status, reason) = rig.status().await;
    assert!(status.is_failed() && !reason.is_empty(), "{about}: {status} {reason:?}");
    if scenario.kind != CLUSTER_DELETE {
        assert_eq!(rig.workers().await, scenario.before, "{about}");
        if scenario.kind != NODEGROUP_DELETE {
            assert_eq!(rig.cloud.servers().len() as i32, scenario.servers_before(), "{about}");
        }
    }
    // The scenario's own trouble may still be to come.
    for _ in 0..2 {
        rig.pass(5);
        let again = scenario.accept_again(rig).await;
        if rig.finish(again).await == OperationState::Done {
            assert_eq!(rig.cloud.servers().len() as i32, scenario.servers_after(), "{about}");
            if scenario.trouble == Trouble::None {
                assert_eq!(owned(rig), clean.picture.owned, "{about}");
            }
            return;
        }
    }
    panic!("{about}: a third try fails too: {:?}", rig.status().await);
}

/// Whatever happened, a delete takes it away.
async fn clean_up(rig: &Rig, about: &str) {
    if rig.view().await.is_some() {
        rig.pass(5);
        let delete = rig.accept_delete().await;
        assert_eq!(rig.finish(delete).await, OperationState::Done, "{about}");
    }
    assert!(rig.view().await.is_none(), "{about}");
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new(), "{about}");
}
