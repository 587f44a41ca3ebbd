//! Lists, lookups and their tenancy; templates, quotas, services, key pairs.

use crate::{
    ground::{Ground, MINUTE, cases},
    samples::{self, accepted, complete, labels},
};
use magnum_db::{ClusterSummary, DbError, Filter, KeypairRow, Page, Stats, Tenancy, service_is_up};
use magnum_types::{ErrorKind, HealthStatus, Role, ServiceError, Status};
use std::time::Duration;

cases![
    a_cluster_reads_back_as_it_was_accepted,
    a_name_finds_one_cluster_of_the_project_and_no_other_projects,
    a_list_is_cut_into_pages_that_miss_and_repeat_nothing,
    a_list_refuses_what_is_no_column,
    rows_without_a_value_sort_first_and_stay_in_the_pages,
    a_template_is_seen_by_its_project_or_when_public,
    a_template_is_written_only_over_what_was_read,
    a_template_in_use_cannot_be_deleted,
    node_groups_are_found_by_name_role_and_cluster,
    counts_are_those_of_the_project,
    a_summary_shows_what_the_whole_shows,
    a_list_is_filtered_in_the_database,
    quotas_are_set_once_changed_and_paged_by_number,
    there_are_no_federations,
    a_silent_service_is_down,
    a_key_pair_comes_back_and_shows_no_secret,
    health_is_written_without_touching_the_status,
    the_database_answers_and_has_a_version,
];

async fn a_cluster_reads_back_as_it_was_accepted(ground: Ground) {
    let template = ground.store.template_create(&samples::template(&ground, "p1", "t")).await.unwrap();
    let accept = samples::create(&ground, "p1", "c1", template.uuid);
    ground.store.accept_cluster_create(accept.clone()).await.unwrap();
    let view =
        ground.store.cluster_get(Tenancy::Project("p1"), &accept.cluster.uuid.to_string()).await.unwrap();
    let mut expected = accept.cluster.clone();
    expected.id = view.cluster.id;
    expected.created_at = view.cluster.created_at;
    assert!(expected.id > 0 && expected.created_at.is_some());
    assert_eq!(view.cluster, expected);
    let order: Vec<&str> = view.cluster.labels.0.keys().map(String::as_str).collect();
    assert_eq!(order, ["z", "a"], "labels keep the client's order");
    assert_eq!(view.template.unwrap().uuid, template.uuid);
    for (found, given) in view.nodegroups.iter().zip(&accept.nodegroups) {
        let mut expected = given.clone();
        (expected.id, expected.created_at) = (found.id, found.created_at);
        assert_eq!(*found, expected);
    }
    assert_eq!(view.nodegroups.len(), 2);
    assert_eq!(ground.store.handle_get(accept.cluster.uuid).await.unwrap(), accept.handle);
}

async fn a_name_finds_one_cluster_of_the_project_and_no_other_projects(ground: Ground) {
    let (mine, _) = accepted(&ground, "p1", "prod").await;
    let (theirs, _) = accepted(&ground, "p2", "prod").await;
    let store = &ground.store;
    assert_eq!(
        store.cluster_get(Tenancy::Project("p1"), "prod").await.unwrap().cluster.uuid,
        mine.cluster.uuid
    );
    let error =
        store.cluster_get(Tenancy::Project("p1"), &theirs.cluster.uuid.to_string()).await.unwrap_err();
    assert!(matches!(error, DbError::NotFound { noun: "Cluster", .. }), "{error:?}");
    assert_eq!(ServiceError::from(error).kind, ErrorKind::NotFound);
    let error = store.cluster_get(Tenancy::All, "prod").await.unwrap_err();
    assert!(matches!(error, DbError::Ambiguous { .. }), "{error:?}");
    assert_eq!(ServiceError::from(error).kind, ErrorKind::Conflict);
    assert_eq!(
        store.cluster_summaries(Tenancy::Project("p2"), &Filter::default(), &Page::default()).await.unwrap(),
        [ClusterSummary::from(&theirs)]
    );
    assert_eq!(
        store.cluster_summaries(Tenancy::Project("p3"), &Filter::default(), &Page::default()).await.unwrap(),
        []
    );
}

async fn a_list_is_cut_into_pages_that_miss_and_repeat_nothing(ground: Ground) {
    for name in ["b", "a", "d", "c", "a"] {
        accepted(&ground, "p1", name).await;
    }
    for (sort_key, descending) in [("id", false), ("name", false), ("name", true), ("created_at", true)] {
        let mut page = Page { limit: 2, sort_key: sort_key.to_owned(), descending, marker: None };
        let mut seen = Vec::new();
        loop {
            let found = ground
                .store
                .cluster_summaries(Tenancy::Project("p1"), &Filter::default(), &page)
                .await
                .unwrap();
            let Some(last) = found.last() else { break };
            page.marker = Some(last.cluster.uuid.0);
            assert!(found.iter().all(|view| view.nodegroups.len() == 2 && view.template_labels.is_some()));
            seen.extend(found.into_iter().map(|view| (view.cluster.name.clone(), view.cluster.uuid)));
        }
        assert_eq!(seen.len(), 5, "{sort_key}");
        let unique: std::collections::HashSet<_> = seen.iter().map(|(_, uuid)| *uuid).collect();
        assert_eq!(unique.len(), 5, "{sort_key}");
        let names: String = seen.iter().map(|(name, _)| name.as_str()).collect();
        match (sort_key, descending) {
            ("name", false) => assert_eq!(names, "aabcd"),
            ("name", true) => assert_eq!(names, "dcbaa"),
            ("id", _) => assert_eq!(names, "badca"),
            _ => {}
        }
    }
    let page = Page { marker: Some(ground.uuid()), ..Page::default() };
    let error =
        ground.store.cluster_summaries(Tenancy::Project("p1"), &Filter::default(), &page).await.unwrap_err();
    assert!(matches!(error, DbError::NotFound { .. }), "an unknown marker: {error:?}");
}

async fn a_list_refuses_what_is_no_column(ground: Ground) {
    let page = Page { sort_key: "id; DROP TABLE cluster".to_owned(), ..Page::default() };
    let (all, cluster) = (Tenancy::All, magnum_types::ClusterId(ground.uuid()));
    let errors = [
        ground.store.cluster_summaries(all, &Filter::default(), &page).await.unwrap_err(),
        ground.store.template_list(all, &Filter::default(), &page).await.unwrap_err(),
        ground.store.nodegroup_list(all, cluster, None, &page).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, DbError::UnknownSortKey(_)), "{error:?}");
        assert_eq!(ServiceError::from(error).kind, ErrorKind::Invalid);
    }
}

async fn rows_without_a_value_sort_first_and_stay_in_the_pages(ground: Ground) {
    let (first, _) = accepted(&ground, "p1", "a").await;
    let healthy = complete(&ground, "p1", "b").await;
    let (third, _) = accepted(&ground, "p1", "c").await;
    let reason = [("api".to_owned(), "ok".to_owned())].into_iter().collect();
    ground.store.cluster_patch_health(healthy.cluster.uuid, HealthStatus::Healthy, &reason).await.unwrap();
    let mut page = Page { limit: 1, sort_key: "health_status".to_owned(), ..Page::default() };
    let mut seen = Vec::new();
    while let Some(view) =
        ground.store.cluster_summaries(Tenancy::All, &Filter::default(), &page).await.unwrap().pop()
    {
        page.marker = Some(view.cluster.uuid.0);
        seen.push(view.cluster.uuid);
    }
    assert_eq!(seen, [first.cluster.uuid, third.cluster.uuid, healthy.cluster.uuid]);
}

async fn a_template_is_seen_by_its_project_or_when_public(ground: Ground) {
    let store = &ground.store;
    let own = store.template_create(&samples::template(&ground, "p1", "own")).await.unwrap();
    let mut public = samples::template(&ground, "p2", "public");
    public.public = true;
    let public = store.template_create(&public).await.unwrap();
    let mut hidden = samples::template(&ground, "p2", "hidden");
    (hidden.public, hidden.hidden) = (true, true);
    let hidden = store.template_create(&hidden).await.unwrap();
    let p1 = Tenancy::Project("p1");
    let names =
        |list: Vec<magnum_types::ClusterTemplate>| list.into_iter().map(|t| t.name).collect::<Vec<_>>();
    assert_eq!(
        names(store.template_list(p1, &Filter::default(), &Page::default()).await.unwrap()),
        ["own", "public"]
    );
    assert_eq!(
        names(store.template_list(Tenancy::All, &Filter::default(), &Page::default()).await.unwrap()),
        ["own", "public", "hidden"]
    );
    assert_eq!(store.template_get(p1, "own", false).await.unwrap(), own);
    assert_eq!(store.template_get(p1, &public.uuid.to_string(), false).await.unwrap(), public);
    assert!(matches!(store.template_get(p1, "hidden", false).await, Err(DbError::NotFound { .. })));
    assert_eq!(store.template_get(p1, "hidden", true).await.unwrap(), hidden);
    assert!(matches!(store.template_create(&own).await, Err(DbError::AlreadyExists { .. })));
}

async fn a_template_is_written_only_over_what_was_read(ground: Ground) {
    let store = &ground.store;
    let read = store.template_create(&samples::template(&ground, "p1", "t")).await.unwrap();
    assert_eq!((read.updated_at, read.labels.clone()), (None, labels(&[("kube_tag", "v1.33"), ("a", "1")])));
    let mut mine = read.clone();
    mine.name = "mine".to_owned();
    let mine = store.template_update(&mine, read.updated_at).await.unwrap();
    assert_eq!(mine.name, "mine");
    // All within one second: the store's whole seconds must not hide a change.
    let again = store.template_update(&mine, mine.updated_at).await.unwrap();
    assert_ne!(again.updated_at, mine.updated_at);
    for stale in [read.updated_at, mine.updated_at] {
        let mut theirs = read.clone();
        theirs.name = "theirs".to_owned();
        let error = store.template_update(&theirs, stale).await.unwrap_err();
        assert!(matches!(error, DbError::Stale { .. }), "{error:?}");
    }
    assert_eq!(store.template_get(Tenancy::All, &read.uuid.to_string(), true).await.unwrap().name, "mine");
}

async fn a_template_in_use_cannot_be_deleted(ground: Ground) {
    let store = &ground.store;
    let (view, _) = accepted(&ground, "p1", "c").await;
    let used = view.template.unwrap().uuid;
    assert!(store.template_is_referenced(used).await.unwrap());
    let error = store.template_delete(used).await.unwrap_err();
    assert!(matches!(error, DbError::TemplateReferenced(template) if template == used), "{error:?}");
    assert_eq!(ServiceError::from(error).kind, ErrorKind::Invalid);
    let free = store.template_create(&samples::template(&ground, "p1", "free")).await.unwrap().uuid;
    assert!(!store.template_is_referenced(free).await.unwrap());
    store.template_delete(free).await.unwrap();
    assert!(matches!(
        store.template_delete(free).await,
        Err(DbError::NotFound { noun: "ClusterTemplate", .. })
    ));
    let error = store.accept_cluster_create(samples::create(&ground, "p1", "late", free)).await.unwrap_err();
    assert!(matches!(error, DbError::NotFound { noun: "ClusterTemplate", .. }), "{error:?}");
    assert_eq!(store.cluster_count("p1").await.unwrap(), 1);
}

async fn node_groups_are_found_by_name_role_and_cluster(ground: Ground) {
    let store = &ground.store;
    let (view, _) = accepted(&ground, "p1", "c").await;
    let (other, _) = accepted(&ground, "p1", "d").await;
    let (p1, id) = (Tenancy::Project("p1"), view.cluster.uuid);
    let worker = store.nodegroup_get(p1, id, "default-worker").await.unwrap();
    assert_eq!((worker.node_count, worker.node_taints.is_some()), (2, true));
    assert_eq!(store.nodegroup_get(p1, id, &worker.uuid.to_string()).await.unwrap(), worker);
    let elsewhere = other.nodegroups[0].uuid.to_string();
    assert!(matches!(
        store.nodegroup_get(p1, id, &elsewhere).await,
        Err(DbError::NotFound { noun: "Nodegroup", .. })
    ));
    assert!(matches!(
        store.nodegroup_get(Tenancy::Project("p2"), id, "default-worker").await,
        Err(DbError::NotFound { .. })
    ));
    assert_eq!(store.nodegroup_list(p1, id, None, &Page::default()).await.unwrap(), view.nodegroups);
    assert_eq!(store.nodegroup_list(p1, id, Some("worker"), &Page::default()).await.unwrap(), [worker]);
}

async fn counts_are_those_of_the_project(ground: Ground) {
    accepted(&ground, "p1", "a").await;
    accepted(&ground, "p1", "b").await;
    accepted(&ground, "p2", "c").await;
    let store = &ground.store;
    assert_eq!(store.stats_get(Tenancy::Project("p1")).await.unwrap(), Stats { clusters: 2, nodes: 6 });
    assert_eq!(store.stats_get(Tenancy::All).await.unwrap(), Stats { clusters: 3, nodes: 9 });
    assert_eq!(store.stats_get(Tenancy::Project("p3")).await.unwrap(), Stats::default());
    assert_eq!(store.cluster_count("p1").await.unwrap(), 2);
    assert_eq!(store.quota_limit("p1", "Cluster").await.unwrap(), None);
}

async fn a_summary_shows_what_the_whole_shows(ground: Ground) {
    for (project, name) in [("p1", "a"), ("p1", "b"), ("p2", "c")] {
        accepted(&ground, project, name).await;
    }
    let store = &ground.store;
    for (tenancy, expected) in [(Tenancy::Project("p1"), 2), (Tenancy::All, 3)] {
        let summaries = store.cluster_summaries(tenancy, &Filter::default(), &Page::default()).await.unwrap();
        assert_eq!(summaries.len(), expected);
        for summary in summaries {
            let view = store.cluster_by_id(summary.cluster.uuid).await.unwrap();
            assert_eq!(summary, ClusterSummary::from(&view));
            assert_eq!((summary.count(Role::Worker), summary.count(Role::Master)), (2, 1));
            assert_eq!(summary.addresses(Role::Master), ["10.0.0.5"]);
            let ident = summary.cluster.uuid.to_string();
            assert_eq!(store.cluster_summary(tenancy, &ident).await.unwrap(), summary);
        }
    }
    let error = store.cluster_summary(Tenancy::Project("p1"), "c").await.unwrap_err();
    assert!(matches!(error, DbError::NotFound { noun: "Cluster", .. }), "{error:?}");
    let lost = Page { marker: Some(uuid::Uuid::nil()), ..Page::default() };
    let error = store.cluster_summaries(Tenancy::All, &Filter::default(), &lost).await.unwrap_err();
    assert!(matches!(error, DbError::NotFound { .. }), "{error:?}");
}

async fn a_list_is_filtered_in_the_database(ground: Ground) {
    for (project, name) in [("p1", "a"), ("p1", "b"), ("p2", "b")] {
        accepted(&ground, project, name).await;
    }
    let store = &ground.store;
    let names = async |tenancy, filter: Filter, page: &Page| {
        let found = store.cluster_summaries(tenancy, &filter, page).await.unwrap();
        found.into_iter().map(|view| view.cluster.name).collect::<String>()
    };
    let filter = |project: Option<&str>, name: Option<&str>, status| Filter {
        project_id: project.map(str::to_owned),
        name: name.map(str::to_owned),
        status,
    };
    let (all, own, page) = (Tenancy::All, Tenancy::Project("p1"), Page::default());
    assert_eq!(names(all, filter(Some("p2"), None, None), &page).await, "b");
    assert_eq!(names(all, filter(None, Some("b"), None), &page).await, "bb");
    assert_eq!(names(own, filter(None, Some("b"), None), &page).await, "b");
    assert_eq!(names(own, filter(Some("p2"), None, None), &page).await, "", "tenancy counts all the same");
    assert_eq!(names(own, filter(None, None, Some(Status::CreateInProgress)), &page).await, "ab");
    assert_eq!(names(own, filter(None, None, Some(Status::CreateFailed)), &page).await, "");
    // A page goes on among the wanted rows.
    let one = Page { limit: 1, ..Page::default() };
    let first = store.cluster_summaries(all, &filter(None, Some("b"), None), &one).await.unwrap();
    let marker = first[0].cluster.uuid.0;
    let next = Page { marker: Some(marker), ..Page::default() };
    assert_eq!(names(all, filter(None, Some("b"), None), &next).await, "b");
}

async fn quotas_are_set_once_changed_and_paged_by_number(ground: Ground) {
    let store = &ground.store;
    for (project, limit) in [("p1", 1), ("p2", 2), ("p3", 3)] {
        let made = store.quota_create(project, "Cluster", limit).await.unwrap();
        assert_eq!((made.project_id.as_str(), made.hard_limit), (project, limit));
        assert!(made.created_at.is_some());
    }
    let error = store.quota_create("p1", "Cluster", 9).await.unwrap_err();
    assert!(matches!(error, DbError::AlreadyExists { noun: "Quota", .. }), "{error:?}");
    assert_eq!(store.quota_update("p1", "Cluster", 7).await.unwrap().hard_limit, 7);
    assert_eq!(store.quota_get("p1", "Cluster").await.unwrap().hard_limit, 7);
    assert_eq!(store.quota_limit("p1", "Cluster").await.unwrap(), Some(7));
    let projects =
        |quotas: Vec<magnum_types::Quota>| quotas.into_iter().map(|q| q.project_id).collect::<String>();
    let two = Page::<i64> { limit: 2, ..Page::default() };
    let first = store.quota_list(Tenancy::All, &two).await.unwrap();
    let next = Page { marker: first.last().map(|quota| quota.id), ..two };
    assert_eq!(projects(first), "p1p2");
    assert_eq!(projects(store.quota_list(Tenancy::All, &next).await.unwrap()), "p3");
    assert_eq!(projects(store.quota_list(Tenancy::Project("p2"), &Page::default()).await.unwrap()), "p2");
    let lost = Page { marker: Some(4711), ..Page::default() };
    assert!(matches!(store.quota_list(Tenancy::All, &lost).await, Err(DbError::NotFound { .. })));
    store.quota_delete("p1", "Cluster").await.unwrap();
    for gone in
        [store.quota_delete("p1", "Cluster").await, store.quota_update("p1", "Cluster", 1).await.map(|_| ())]
    {
        assert!(matches!(gone, Err(DbError::NotFound { noun: "Quota", .. })), "{gone:?}");
    }
}

async fn there_are_no_federations(ground: Ground) {
    let own = Tenancy::Project("p1");
    assert_eq!(ground.store.federation_list(own, &Page::default()).await.unwrap(), []);
    let error = ground.store.federation_get(own, "f").await.unwrap_err();
    assert!(matches!(error, DbError::NotFound { noun: "Federation", .. }), "{error:?}");
}

async fn a_silent_service_is_down(ground: Ground) {
    let store = &ground.store;
    store.service_beat("host-b", "magnum-conductor").await.unwrap();
    store.service_beat("host-a", "magnum-conductor").await.unwrap();
    store.service_beat("host-a", "magnum-conductor").await.unwrap();
    let services = store.service_list().await.unwrap();
    let seen: Vec<(&str, i64)> = services.iter().map(|s| (s.host.as_str(), s.report_count)).collect();
    assert_eq!(seen, [("host-a", 2), ("host-b", 1)]);
    let now = ground.now().await;
    assert!(service_is_up(&services[0], MINUTE, now));
    assert!(!service_is_up(&services[0], MINUTE, now + Duration::from_secs(62)));
    let forced = magnum_types::MagnumService { forced_down: true, ..services[0].clone() };
    assert!(!service_is_up(&forced, MINUTE, now));
}

async fn a_key_pair_comes_back_and_shows_no_secret(ground: Ground) {
    let store = &ground.store;
    let keypair = KeypairRow {
        uuid: ground.uuid().to_string(),
        certificate: "certificate".to_owned(),
        private_key: "encrypted-key".to_owned(),
        private_key_passphrase: "magnum:v1:sealed".to_owned(),
        intermediates: None,
        project_id: "p1".to_owned(),
        user_id: "alice".to_owned(),
    };
    store.keypair_insert(&keypair).await.unwrap();
    assert!(matches!(store.keypair_insert(&keypair).await, Err(DbError::AlreadyExists { .. })));
    assert_eq!(store.keypair_get(&keypair.uuid).await.unwrap(), Some(keypair.clone()));
    let shown = format!("{keypair:?}");
    assert!(!shown.contains("encrypted-key") && !shown.contains("sealed"), "{shown}");
    store.keypair_delete(&keypair.uuid).await.unwrap();
    store.keypair_delete(&keypair.uuid).await.unwrap();
    assert_eq!(store.keypair_get(&keypair.uuid).await.unwrap(), None);
}

async fn health_is_written_without_touching_the_status(ground: Ground) {
    let (view, _) = accepted(&ground, "p1", "c").await;
    let reason: indexmap::IndexMap<String, String> =
        [("node-0".to_owned(), "not ready".to_owned())].into_iter().collect();
    ground.store.cluster_patch_health(view.cluster.uuid, HealthStatus::Unhealthy, &reason).await.unwrap();
    let after = ground.store.cluster_by_id(view.cluster.uuid).await.unwrap().cluster;
    assert_eq!((after.health_status, &after.health_status_reason), (Some(HealthStatus::Unhealthy), &reason));
    assert_eq!(after.status, view.cluster.status);
    let nobody = magnum_types::ClusterId(ground.uuid());
    let error = ground.store.cluster_patch_health(nobody, HealthStatus::Healthy, &reason).await.unwrap_err();
    assert!(matches!(error, DbError::NotFound { .. }), "{error:?}");
}

async fn the_database_answers_and_has_a_version(ground: Ground) {
    ground.store.ping().await.unwrap();
    assert_eq!(ground.store.version().await.unwrap().as_deref(), Some(magnum_db::HEAD));
    ground.store.upgrade(None).await.unwrap();
    ground.store.close().await;
    let error = ground.store.ping().await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(ServiceError::from(error).kind, ErrorKind::Unavailable);
}
