//! A conductor dies before or after any one of its calls of the store; the next one finishes as if nothing had been.

use crate::{
    crash_store::Side,
    picture::Picture,
    rig::Death,
    scenario::{Extent, Scenario},
};

every_scenario!(survives_a_crash_around_every_store_call);

async fn survives_a_crash_around_every_store_call(scenario: Scenario, extent: Extent) {
    let clean = scenario.clean_run().await;
    assert!(clean.store_calls >= 6, "an operation claims, renews, records: {}", clean.store_calls);
    for number in scenario.points(extent, clean.store_calls, 19) {
        for side in [Side::Before, Side::After] {
            let (rig, operation) = scenario.accepted().await;
            let first = rig.life(Some(Death::AtStore(number, side)), operation).await;
            assert_eq!(first, None, "{side:?} store call {number}: the point is reached");
            let end = rig.finish(operation).await;
            assert_eq!(end, scenario.end(), "{side:?} store call {number}");
            assert_eq!(Picture::of(&rig).await, clean.picture, "{side:?} store call {number}");
        }
    }
}
