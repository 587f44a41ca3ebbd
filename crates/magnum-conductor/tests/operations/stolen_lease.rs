//! A conductor is held up before any one of its calls of the store for longer than its lease, another one finishes the
//! work, and then the first goes on. It must notice, and nothing may be done twice.

use crate::{
    crash_store::Side,
    picture::Picture,
    rig::{Drove, LEASE_IS_OVER},
    scenario::{Extent, Scenario, is_write},
};
use magnum_fakes::Call;
use std::pin::pin;

every_scenario!(a_stolen_lease_has_no_double_effect);

async fn a_stolen_lease_has_no_double_effect(scenario: Scenario, extent: Extent) {
    let clean = scenario.clean_run().await;
    for number in scenario.points(extent, clean.store_calls, 13) {
        let (rig, operation) = scenario.accepted().await;
        rig.cloud.clear_log();
        let slow = rig.conductor(Some((number, Side::Before)));
        let mut driving = pin!(slow.drive(operation));
        tokio::select! {
            biased;
            drove = &mut driving => panic!("store call {number} was not reached: {drove:?}"),
            () = slow.point.died.notified() => {}
        }
        assert!(slow.point.is_dead());
        rig.clock.advance(LEASE_IS_OVER);
        assert_eq!(rig.finish(operation).await, scenario.end(), "store call {number}");
        let done = changes_of_stacks(&rig.cloud.log());
        slow.point.released.notify_one();
        let late = driving.await;
        let harmless = [Drove::LostLease, Drove::Ended(scenario.end())];
        assert!(harmless.contains(&late), "store call {number}: {late:?}");
        let log = rig.cloud.log();
        assert_eq!(
            changes_of_stacks(&log),
            done,
            "the late conductor changed the stack, store call {number}"
        );
        assert_eq!(done, changes_of_stacks(&clean.calls), "store call {number}");
        assert_eq!(Picture::of(&rig).await, clean.picture, "store call {number}");
    }
}

/// How often Heat was told to do something, and did.
fn changes_of_stacks(calls: &[Call]) -> usize {
    let heat = calls.iter().filter(|call| call.path.starts_with("/orchestration") && is_write(call));
    heat.filter(|call| call.status.is_some_and(|status| status < 300)).count()
}
