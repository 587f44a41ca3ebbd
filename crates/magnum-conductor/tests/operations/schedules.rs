//! A cluster's life, made and taken away again, under troubles that are drawn: conductors that die one after the other
//! and calls that fail, and sometimes a delete that comes while the cluster is being made. A failing schedule is
//! printed in its shortest form.

use crate::{
    crash_store::Side,
    rig::{Death, Rig},
};
use magnum_fakes::{Fault, When};
use magnum_types::OperationState;
use proptest::{collection::vec, prelude::*};

/// What happens to one conductor.
#[derive(Clone, Debug)]
enum Trouble {
    Dies(Death),
    CallFails(u64, Fault),
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let side = prop_oneof![Just(Side::Before), Just(Side::After)];
    let when = prop_oneof![Just(When::Before), Just(When::After)];
    let fault = prop_oneof![
        Just(Fault::Status(503, "busy".to_owned())),
        Just(Fault::DropConnection),
        Just(Fault::ApplyThenDrop),
    ];
    prop_oneof![
        3 => (1..40_u64, side).prop_map(|(number, side)| Trouble::Dies(Death::AtStore(number, side))),
        3 => (1..16_u64, when).prop_map(|(number, when)| Trouble::Dies(Death::AtCloud(number, when))),
        2 => (1..50_u64, fault).prop_map(|(number, fault)| Trouble::CallFails(number, fault)),
    ]
}

async fn live(troubles: Vec<Trouble>, delete_comes_early: bool) {
    let rig = Rig::new().await;
    let create = rig.accept_create(2).await;
    let mut troubles = troubles.into_iter();
    let mut life = async |operation| {
        let death = match troubles.next() {
            Some(Trouble::Dies(death)) => Some(death),
            Some(Trouble::CallFails(number, fault)) => {
                rig.cloud.fail_call(number, fault);
                None
            }
            None => None,
        };
        rig.life(death, operation).await
    };
    let mut made = life(create).await;
    let early = match made {
        None if delete_comes_early => Some(rig.accept_delete().await),
        _ => None,
    };
    while made.is_none() {
        made = life(create).await;
    }
    let delete = match early {
        Some(delete) => {
            // With every step recorded it was too late to stop.
            let ends = [Some(OperationState::Superseded), Some(OperationState::Done)];
            assert!(ends.contains(&made), "{made:?}");
            delete
        }
        None => {
            assert_eq!(made, Some(OperationState::Done));
            rig.pass(5);
            rig.accept_delete().await
        }
    };
    let mut deleted = None;
    while deleted.is_none() {
        deleted = life(delete).await;
    }
    assert_eq!(deleted, Some(OperationState::Done));
    assert!(rig.view().await.is_none(), "the row is gone");
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cluster_lives_and_leaves_nothing_under_any_schedule(
        troubles in vec(trouble(), 1..=4),
        delete_comes_early: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live(troubles, delete_comes_early));
    }
}
