//! Looks at clusters' addresses: who makes one, what is kept of it, and what it makes of the health.

use crate::{
    ground::{Ground, MINUTE, cases, ms},
    samples::{accepted, claim, fence, node},
};
use futures_util::future::join_all;
use indexmap::IndexMap;
use magnum_db::ReachDue;
use magnum_types::{
    Change, ClusterId, ClusterPatch, HandlePatch, HealthStatus, OperationState, OperationStore, Reach,
    Rotation, RotationPhase, Status,
    reach::{Health, KEY},
};
use std::time::Duration;

cases![
    a_cluster_with_an_address_is_due_when_nothing_is_going_on_with_it,
    of_many_conductors_one_makes_a_look,
    what_a_look_found_is_kept_unless_another_one_was_claimed_since,
    the_row_goes_with_its_cluster,
    the_word_stands_beside_the_masters_and_is_taken_back,
    who_sets_the_health_by_patch_is_left_alone,
    masters_that_tell_no_health_are_not_doubted,
];

const ADDRESS: &str = "https://172.24.4.7:6443";

/// A cluster that has come to this status and this address; with the changes beside it.
async fn cluster(ground: &Ground, status: Status, address: Option<&str>, beside: Vec<Change>) -> ClusterId {
    let (view, operation) = accepted(ground, "p1", "c").await;
    let id = view.cluster.uuid;
    let patch = ClusterPatch {
        status: Some(status),
        api_address: Some(address.map(str::to_owned)),
        ..ClusterPatch::default()
    };
    let held = claim(ground, operation).await;
    let mut changes = vec![Change::Cluster(id, Box::new(patch))];
    changes.extend(beside.into_iter().map(|change| match change {
        Change::Handle(_, patch) => Change::Handle(id, patch),
        other => other,
    }));
    ground.store.finish(fence(&held), OperationState::Done, changes).await.unwrap();
    id
}

async fn living(ground: &Ground) -> ClusterId {
    cluster(ground, Status::CreateComplete, Some(ADDRESS), vec![]).await
}

async fn due(ground: &Ground) -> Vec<ReachDue> {
    ground.store.reach_due(100).await.unwrap()
}

async fn health(ground: &Ground, id: ClusterId) -> Health {
    let cluster = ground.store.cluster_by_id(id).await.unwrap().cluster;
    (cluster.health_status, cluster.health_status_reason)
}

fn words(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
    pairs.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned())).collect()
}

async fn a_cluster_with_an_address_is_due_when_nothing_is_going_on_with_it(ground: Ground) {
    let rotation = Rotation {
        phase: RotationPhase::Servers,
        old: [(magnum_types::Authority::Cluster, "old".to_owned())].into(),
        new: [(magnum_types::Authority::Cluster, "new".to_owned())].into(),
        old_client: None,
    };
    let patch = HandlePatch { rotation: Some(Some(rotation.clone())), ..HandlePatch::default() };
    let beside = vec![Change::Handle(ClusterId(ground.uuid()), Box::new(patch))];
    let turned = cluster(&ground, Status::UpdateFailed, Some(ADDRESS), beside).await;
    let plain = living(&ground).await;
    for (status, address) in [
        (Status::UpdateInProgress, Some(ADDRESS)),
        (Status::CreateFailed, Some(ADDRESS)),
        (Status::DeleteFailed, Some(ADDRESS)),
        (Status::DeleteComplete, Some(ADDRESS)),
        (Status::CreateComplete, None),
        (Status::CreateComplete, Some("")),
    ] {
        cluster(&ground, status, address, vec![]).await;
    }
    let mut found = due(&ground).await;
    found.sort_by_key(|due| due.cluster == plain);
    let new = |cluster, rotation| ReachDue {
        cluster,
        due_at: None,
        reach: Reach::default(),
        told: false,
        masters: false,
        rotation,
    };
    assert_eq!(found, [new(turned, Some(rotation)), new(plain, None)]);
    assert_eq!(ground.store.reach_due(1).await.unwrap().len(), 1);
    let view = ground.store.cluster_by_id(plain).await.unwrap();
    ground.store.node_register(node(&ground, &view, "m0")).await.unwrap();
    assert!(due(&ground).await.iter().all(|due| due.masters == (due.cluster == plain)));
}

async fn of_many_conductors_one_makes_a_look(ground: Ground) {
    let id = living(&ground).await;
    let mut seen = None;
    for round in 0..2 {
        let claims = (0..8).map(|_| {
            let store = ground.store.clone();
            tokio::spawn(async move { store.reach_claim(id, seen, ms(1500)).await.unwrap() })
        });
        let won: Vec<_> = join_all(claims).await.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(won.len(), 1, "round {round}");
        assert_eq!(won[0].due_at, won[0].now + ms(1500));
        assert!(due(&ground).await.is_empty(), "it is not due again yet");
        ground.pass(ms(1600)).await;
        let again = due(&ground).await;
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].due_at, Some(won[0].due_at));
        seen = again[0].due_at;
    }
    let nobodys = ClusterId(ground.uuid());
    assert_eq!(ground.store.reach_claim(nobodys, None, MINUTE).await.unwrap(), None);
}

async fn what_a_look_found_is_kept_unless_another_one_was_claimed_since(ground: Ground) {
    let (store, id) = (&ground.store, living(&ground).await);
    assert_eq!(store.reach_of(id).await.unwrap(), None);
    let first = store.reach_claim(id, None, MINUTE).await.unwrap().unwrap();
    let up = Reach::default().answered(first.now);
    assert!(store.reach_record(id, first, &up, ms(0)).await.unwrap());
    assert_eq!(store.reach_of(id).await.unwrap(), Some((up.clone(), first.now)));
    ground.pass(ms(5)).await;
    assert_eq!(due(&ground).await[0].reach, up);
    let down = up.unanswered(first.now, "172.24.4.7:6443", "no route to host – ü");
    let second = store.reach_claim(id, Some(first.now), MINUTE).await.unwrap().unwrap();
    assert!(!store.reach_record(id, first, &down, MINUTE).await.unwrap(), "it is late");
    assert_eq!(store.reach_of(id).await.unwrap(), Some((up, second.due_at)));
    assert!(store.reach_record(id, second, &down, MINUTE).await.unwrap());
    assert_eq!(store.reach_of(id).await.unwrap(), Some((down, second.due_at)));
}

async fn the_row_goes_with_its_cluster(ground: Ground) {
    let (view, operation) = accepted(&ground, "p1", "c").await;
    let (store, id) = (&ground.store, view.cluster.uuid);
    let other = living(&ground).await;
    for cluster in [id, other] {
        store.reach_claim(cluster, None, MINUTE).await.unwrap().unwrap();
    }
    let held = claim(&ground, operation).await;
    store.progress(fence(&held), vec![Change::DeleteCluster(id)]).await.unwrap();
    assert_eq!(store.reach_of(id).await.unwrap(), None);
    assert!(store.reach_of(other).await.unwrap().is_some(), "another cluster's stays");
}

async fn the_word_stands_beside_the_masters_and_is_taken_back(ground: Ground) {
    let (store, id) = (&ground.store, living(&ground).await);
    let updated = store.cluster_by_id(id).await.unwrap().cluster.updated_at;
    let claimed = store.reach_claim(id, None, Duration::ZERO).await.unwrap().unwrap();
    let up = Reach::default().answered(claimed.now);
    assert!(store.reach_record(id, claimed, &up, Duration::ZERO).await.unwrap());
    let told = words(&[("api", "ok"), ("n.Ready", "True")]);
    store.cluster_health(id, HealthStatus::Healthy, &told).await.unwrap();
    store.reach_tell(id, true, Some("not reached")).await.unwrap();
    let with = words(&[("api", "ok"), ("n.Ready", "True"), (KEY, "not reached")]);
    assert_eq!(health(&ground, id).await, (Some(HealthStatus::Unhealthy), with));
    store.reach_tell(id, true, None).await.unwrap();
    assert_eq!(health(&ground, id).await, (Some(HealthStatus::Healthy), told.clone()));
    store.reach_forget().await.unwrap();
    assert_eq!(health(&ground, id).await.1, told, "what the masters said is not forgotten");
    let known = store.reach_of(id).await.unwrap().unwrap().0;
    assert_eq!(known, Reach::default());
    // Without masters the word is all there is.
    store.reach_tell(id, false, Some("ok")).await.unwrap();
    assert_eq!(health(&ground, id).await, (Some(HealthStatus::Healthy), words(&[(KEY, "ok")])));
    store.reach_forget().await.unwrap();
    assert_eq!(health(&ground, id).await, (None, IndexMap::new()));
    assert_eq!(store.cluster_by_id(id).await.unwrap().cluster.updated_at, updated, "nobody changed it");
}

async fn who_sets_the_health_by_patch_is_left_alone(ground: Ground) {
    let store = &ground.store;
    let mine = words(&[(KEY, "as I say")]);
    for asked_before in [false, true] {
        let id = living(&ground).await;
        if asked_before {
            store.reach_claim(id, None, Duration::ZERO).await.unwrap().unwrap();
        }
        store.cluster_patch_health(id, HealthStatus::Unknown, &mine).await.unwrap();
        store.reach_tell(id, false, Some("ok")).await.unwrap();
        store.reach_forget().await.unwrap();
        assert_eq!(health(&ground, id).await, (Some(HealthStatus::Unknown), mine.clone()), "{asked_before}");
        ground.pass(ms(5)).await;
        let row = due(&ground).await.into_iter().find(|due| due.cluster == id).expect("it is due");
        assert!(row.told && row.due_at.is_some());
    }
}

async fn masters_that_tell_no_health_are_not_doubted(ground: Ground) {
    let (store, id) = (&ground.store, living(&ground).await);
    let view = store.cluster_by_id(id).await.unwrap();
    store.node_register(node(&ground, &view, "m0")).await.unwrap();
    let after = store.now().await.unwrap() + MINUTE;
    store.reach_tell(id, true, Some("ok")).await.unwrap();
    assert_eq!(health(&ground, id).await.0, Some(HealthStatus::Healthy));
    assert!(store.clusters_silent(after).await.unwrap().is_empty(), "a Swarm's managers never do");
    let told = words(&[("api", "ok")]);
    store.cluster_health(id, HealthStatus::Healthy, &told).await.unwrap();
    store.reach_tell(id, true, Some("ok")).await.unwrap();
    assert_eq!(store.clusters_silent(after).await.unwrap(), [id]);
}
