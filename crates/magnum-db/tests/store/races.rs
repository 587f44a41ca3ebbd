//! Many at once.

use crate::{
    ground::{Ground, MINUTE, cases},
    samples::{self, accepted, claim, complete, fence, resize},
};
use futures_util::future::join_all;
use magnum_db::{DbError, Filter, Mode, Page, Tenancy};
use magnum_types::{
    Change, HandlePatch, OperationState, OperationStore,
    operation::{StepEntry, StepEvent},
};
use std::time::Duration;

cases![
    of_many_conductors_one_claims,
    of_many_creates_exactly_the_quota_is_accepted,
    of_many_first_creates_of_a_project_none_is_lost,
    a_change_accepted_while_another_ends_is_never_forgotten,
    a_template_never_vanishes_under_a_new_cluster,
    many_beats_are_all_counted,
    many_repeated_records_apply_once,
    callers_that_leave_in_the_middle_take_no_connection_with_them,
    a_transaction_left_in_the_middle_is_rolled_back,
];

/// Runs `count` bodies on tasks of their own, so that they really meet.
async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    body: impl Fn(usize) -> F,
) -> Vec<T> {
    join_all((0..count).map(|number| tokio::spawn(body(number))))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

async fn of_many_conductors_one_claims(ground: Ground) {
    let (_, id) = accepted(&ground, "p1", "c").await;
    let claims = at_once(10, |number| {
        let store = ground.store.clone();
        async move { store.claim(id, &format!("conductor-{number}"), MINUTE).await.unwrap() }
    });
    let won: Vec<_> = claims.await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert_eq!(won[0].operation.epoch, 1);
}

async fn of_many_creates_exactly_the_quota_is_accepted(ground: Ground) {
    let template = ground.store.template_create(&samples::template(&ground, "p1", "t")).await.unwrap().uuid;
    let creates = at_once(8, |number| {
        let mut accept = samples::create(&ground, "p1", &format!("c{number}"), template);
        accept.quota = 3;
        let store = ground.store.clone();
        async move { store.accept_cluster_create(accept).await }
    });
    let answers = creates.await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3);
    for error in answers.into_iter().filter_map(Result::err) {
        assert!(matches!(error, DbError::QuotaExceeded { limit: 3, used: 3 }), "{error:?}");
    }
    assert_eq!(ground.store.cluster_count("p1").await.unwrap(), 3);
    assert_eq!(ground.store.due(10).await.unwrap().len(), 3);
}

async fn of_many_first_creates_of_a_project_none_is_lost(ground: Ground) {
    let creates = at_once(8, |number| {
        let store = ground.store.clone();
        let template = samples::template(&ground, "p1", &format!("t{number}"));
        let accept = samples::create(&ground, &format!("p{}", number % 2), "c", template.uuid);
        async move {
            store.template_create(&template).await.unwrap();
            store.accept_cluster_create(accept).await.unwrap();
        }
    });
    creates.await;
    assert_eq!(
        ground.store.cluster_count("p0").await.unwrap() + ground.store.cluster_count("p1").await.unwrap(),
        8
    );
}

async fn a_change_accepted_while_another_ends_is_never_forgotten(ground: Ground) {
    let view = complete(&ground, "p1", "c").await;
    let id = view.cluster.uuid;
    for _ in 0..5 {
        let first = resize(&ground, id, Mode::Queue);
        ground.store.accept_operation(first.clone()).await.unwrap();
        let held = claim(&ground, first.operation.id).await;
        let second = resize(&ground, id, Mode::Queue);
        let (one, two) = (ground.store.clone(), ground.store.clone());
        let accept = second.clone();
        let (ended, accepted) = tokio::join!(
            tokio::spawn(async move { one.finish(fence(&held), OperationState::Done, vec![]).await }),
            tokio::spawn(async move { two.accept_operation(accept).await }),
        );
        ended.unwrap().unwrap();
        accepted.unwrap().unwrap();
        let live = ground.store.live_operation(id).await.unwrap().expect("the second one is live");
        assert_eq!((live.id, live.state), (second.operation.id, OperationState::Running));
        let held = claim(&ground, live.id).await;
        ground.store.finish(fence(&held), OperationState::Done, vec![]).await.unwrap();
    }
}

async fn a_template_never_vanishes_under_a_new_cluster(ground: Ground) {
    for round in 0..5 {
        let template =
            ground.store.template_create(&samples::template(&ground, "p1", "t")).await.unwrap().uuid;
        let accept = samples::create(&ground, "p1", &format!("c{round}"), template);
        let (one, two) = (ground.store.clone(), ground.store.clone());
        let (made, deleted) = tokio::join!(
            tokio::spawn(async move { one.accept_cluster_create(accept).await }),
            tokio::spawn(async move { two.template_delete(template).await }),
        );
        match (made.unwrap(), deleted.unwrap()) {
            (Ok(()), Err(DbError::TemplateReferenced(_))) | (Err(DbError::NotFound { .. }), Ok(())) => {}
            other => panic!("both or neither: {other:?}"),
        }
    }
}

async fn many_beats_are_all_counted(ground: Ground) {
    at_once(8, |_| {
        let store = ground.store.clone();
        async move { store.service_beat("host", "magnum-conductor").await.unwrap() }
    })
    .await;
    let services = ground.store.service_list().await.unwrap();
    assert_eq!((services.len(), services[0].report_count), (1, 8));
}

async fn many_repeated_records_apply_once(ground: Ground) {
    let (view, id) = accepted(&ground, "p1", "c").await;
    let (cluster, held) = (view.cluster.uuid, claim(&ground, id).await);
    at_once(6, |_| {
        let (store, fence) = (ground.store.clone(), fence(&held));
        async move {
            let entry =
                StepEntry { step: "s".to_owned(), event: StepEvent::Done, output: serde_json::Value::Null };
            let patch = HandlePatch { raise_plan_generation: true, ..HandlePatch::default() };
            store.record(fence, entry, vec![Change::Handle(cluster, Box::new(patch))]).await.unwrap();
        }
    })
    .await;
    assert_eq!(ground.store.plan_generation(cluster).await.unwrap(), 2);
}

/// Waits for `body` no longer than `patience`, then drops it in the middle of whatever it does.
async fn impatiently<F: Future>(patience: Duration, body: F) {
    // Either answer is fine: what matters is what is left behind.
    let _: Result<F::Output, _> = tokio::time::timeout(patience, body).await;
}

/// An answer large enough that many callers leave in the middle of it.
async fn callers_that_leave_in_the_middle_take_no_connection_with_them(ground: Ground) {
    let template = ground.store.template_create(&samples::template(&ground, "p1", "t")).await.unwrap().uuid;
    for number in 0..40 {
        let mut accept = samples::create(&ground, "p1", &format!("c{number}"), template);
        accept.cluster.status_reason = Some("long ".repeat(6_000));
        ground.store.accept_cluster_create(accept).await.unwrap();
    }
    for round in 0..6_u64 {
        at_once(30, |number| {
            let store = ground.store.clone();
            let patience = Duration::from_micros(150 * number as u64);
            async move {
                let filter = Filter::default();
                let sort_key = ["name", "uuid", "status", "project_id", "created_at", "id"][round as usize];
                let page = Page { sort_key: sort_key.to_owned(), ..Page::default() };
                impatiently(patience, store.cluster_summaries(Tenancy::All, &filter, &page)).await;
            }
        })
        .await;
    }
    let reads = at_once(24, |_| {
        let store = ground.store.clone();
        async move { store.cluster_count("p1").await.unwrap() }
    });
    let counts = tokio::time::timeout(Duration::from_secs(20), reads).await.expect("the pool still serves");
    assert!(counts.iter().all(|count| *count == 40), "{counts:?}");
}

/// The cluster, its node groups and its operation are there together or not at all, wherever the caller left.
async fn a_transaction_left_in_the_middle_is_rolled_back(ground: Ground) {
    let template = ground.store.template_create(&samples::template(&ground, "p1", "t")).await.unwrap().uuid;
    at_once(60, |number| {
        let store = ground.store.clone();
        let accept = samples::create(&ground, &format!("p{}", number % 8), &format!("c{number}"), template);
        let patience = Duration::from_micros(200 * number as u64);
        async move { impatiently(patience, store.accept_cluster_create(accept)).await }
    })
    .await;
    // What was left running ends by itself; a write that must wait for it shows that no lock stayed behind.
    let last = samples::create(&ground, "p0", "last", template);
    let accepted = ground.store.accept_cluster_create(last);
    tokio::time::timeout(Duration::from_secs(20), accepted).await.expect("no lock stays").unwrap();
    let (filter, page) = (Filter::default(), Page::default());
    let clusters = ground.store.cluster_summaries(Tenancy::All, &filter, &page).await.unwrap();
    let operations = ground.store.due(1_000).await.unwrap();
    assert_eq!(operations.len(), clusters.len());
    for view in clusters {
        assert_eq!(view.nodegroups.len(), 2, "{}", view.cluster.name);
    }
}
