//! A conductor dies at any one of its writes to the cloud, with or without their effect; the next one finishes as if
//! nothing had been. Second crashes are tried with the four pairs of sides in turn.

use crate::{
    picture::Picture,
    rig::Death,
    scenario::{Extent, Scenario},
};
use magnum_fakes::When;
use magnum_types::{CLUSTER_UPGRADE, UPGRADE_STOP};

const SIDES: [When; 2] = [When::Before, When::After];

every_scenario!(survives_a_crash_around_every_cloud_write, survives_a_second_crash_at_the_next_write);

async fn survives_a_crash_around_every_cloud_write(scenario: Scenario, extent: Extent) {
    let clean = scenario.clean_run().await;
    // An upgrade is the nodes' work: it has no point of this kind.
    assert!(clean.writes() >= 1 || [CLUSTER_UPGRADE, UPGRADE_STOP].contains(&scenario.kind));
    for number in scenario.points(extent, clean.writes(), 7) {
        for when in SIDES {
            let (rig, operation) = scenario.accepted().await;
            let first = rig.life(Some(Death::AtCloud(number, when)), operation).await;
            assert_eq!(first, None, "{when:?} write {number}: the point is reached");
            let end = rig.finish(operation).await;
            assert_eq!(end, scenario.end(), "{when:?} write {number}");
            assert_eq!(Picture::of(&rig).await, clean.picture, "{when:?} write {number}");
        }
    }
}

async fn survives_a_second_crash_at_the_next_write(scenario: Scenario, extent: Extent) {
    let clean = scenario.clean_run().await;
    let pairs = SIDES.iter().flat_map(|first| SIDES.iter().map(move |second| (*first, *second)));
    for (number, (first, second)) in scenario.points(extent, clean.writes(), 9).zip(pairs.cycle()) {
        let (rig, operation) = scenario.accepted().await;
        let about = format!("{first:?} write {number}, then {second:?} the next one");
        assert_eq!(rig.life(Some(Death::AtCloud(number, first)), operation).await, None, "{about}");
        // The write may have been the last one.
        let end = match rig.life(Some(Death::AtCloud(1, second)), operation).await {
            Some(end) => end,
            None => rig.finish(operation).await,
        };
        assert_eq!(end, scenario.end(), "{about}");
        assert_eq!(Picture::of(&rig).await, clean.picture, "{about}");
    }
}
