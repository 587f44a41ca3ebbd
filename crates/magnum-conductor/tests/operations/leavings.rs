//! What Kubernetes made by itself goes in an order in which nothing keeps the next, is tried again, and what is kept is named.

use crate::{
    rig::{Drove, Rig},
    rows,
    scenario::is_write,
};
use magnum_fakes::{Fault, Named};
use magnum_types::{OperationState, change::EventOutcome};
use std::{collections::BTreeSet, time::Duration};

#[tokio::test]
async fn volumes_are_kept_unless_somebody_asks_and_the_last_words_of_the_cluster_name_them() {
    let rig = Rig::of(rows::keeping, 1).await.living(1).await;
    let uuid = rig.cluster.to_string();
    rig.cloud.service_load_balancer(Named::Demo, &uuid);
    rig.cloud.service_security_group(Named::Demo, &uuid);
    let volume = rig.cloud.claimed_volume(Named::Demo, &uuid);
    rig.cloud.claimed_volume(Named::Demo, "11111111-2222-4333-8444-555555555555");
    let delete = rig.accept_delete().await;
    assert_eq!(rig.finish(delete).await, OperationState::Done);
    let left = rig.cloud.leftovers();
    assert_eq!(left.len(), 2, "the volumes alone: {left:?}");
    assert!(left[0].contains(&volume), "{left:?}");
    let told = rig.store.outbox_take(100, "a test", Duration::ZERO).await.unwrap();
    let last = told.last().unwrap();
    assert_eq!(last.event.outcome, EventOutcome::Success);
    let words = format!("kept, since the label volumes_on_delete does not say delete: volume {volume}");
    assert_eq!(last.snapshot["cluster"]["status_reason"], words);
}

#[tokio::test]
async fn a_cloud_that_does_not_name_its_volumes_keeps_no_delete_from_ending() {
    let rig = Rig::of(rows::keeping, 1).await.living(1).await;
    rig.cloud.fail_next("GET /volume/v3", Fault::Status(500, "no".to_owned()), 1000);
    let delete = rig.accept_delete().await;
    assert_eq!(rig.finish(delete).await, OperationState::Done);
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn what_kubernetes_made_goes_in_order_before_and_after_the_stack() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    rig.leave_things();
    rig.cloud.clear_log();
    let delete = rig.accept_delete().await;
    assert_eq!(rig.finish(delete).await, OperationState::Done);
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
    let log: Vec<String> =
        rig.cloud.log().iter().filter(|call| is_write(call)).map(|call| call.path.clone()).collect();
    let first = |word: &str| log.iter().position(|path| path.contains(word)).expect(word);
    let order = ["/floatingips/", "/loadbalancers/", "/stacks/", "/security-groups/", "/volumes/"].map(first);
    assert!(order.is_sorted(), "{log:#?}");
}

#[tokio::test]
async fn what_is_refused_for_a_while_is_named_and_tried_again() {
    let rig = Rig::kubernetes(1).await.living(1).await;
    rig.leave_things();
    let kinds = ["floating IP ", "load balancer ", "security group ", "volume "];
    for (path, status) in [
        ("DELETE /network/v2.0/floatingips", 409),
        ("DELETE /load-balancer", 409),
        ("DELETE /network/v2.0/security-groups", 409),
        ("DELETE /volume/v3", 400),
    ] {
        rig.cloud.fail_next(path, Fault::Status(status, "in use".to_owned()), 2);
    }
    let delete = rig.accept_delete().await;
    let conductor = rig.conductor(None);
    let (mut ended, mut named) = (None, BTreeSet::new());
    while ended.is_none() {
        ended = conductor.turn(delete).await;
        if rig.view().await.is_some() {
            let reason = rig.status().await.1;
            named.extend(kinds.into_iter().filter(|kind| reason.contains(kind)));
        }
    }
    assert_eq!(ended, Some(Drove::Ended(OperationState::Done)));
    assert_eq!(named, BTreeSet::from(kinds));
    assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
}

/// Octavia's provider `ovn` asks members from a port that it may forget.
#[tokio::test]
async fn a_forgotten_port_of_a_health_monitor_does_not_keep_the_stack() {
    for rig in [Rig::kubernetes(1).await.living(1).await, Rig::swarm(1).await.living(1).await] {
        assert!(rig.cloud.forgotten_monitor_port());
        let delete = rig.accept_delete().await;
        assert_eq!(rig.finish(delete).await, OperationState::Done);
        assert_eq!(rig.cloud.leftovers(), Vec::<String>::new());
    }
}
