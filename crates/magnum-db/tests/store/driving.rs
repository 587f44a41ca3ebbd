//! The operation log as the engine uses it.

use crate::{
    ground::{Ground, MINUTE, cases, ms},
    samples::{accepted, claim, complete, fence, resize},
};
use jiff::Timestamp;
use magnum_db::{DbError, Mode};
use magnum_types::{
    Authority, Change, ClusterPatch, CredentialKind, FormerCredentials, FormerTrust, HandlePatch,
    NodeGroupPatch, OperationState, OperationStore, Rotation, RotationPhase, Status,
    operation::{Fence, StepEntry, StepEvent, StoreError},
};
use serde_json::json;
use std::time::Duration;

cases![
    a_claim_raises_the_epoch_and_gives_the_log,
    a_leased_operation_is_not_due_until_the_lease_ends,
    an_old_claim_writes_nothing,
    a_recorded_step_applies_its_changes_once,
    waiting_ends_by_time_or_by_waking,
    news_during_the_drive_are_not_slept_over,
    the_first_cause_of_failure_is_kept,
    an_ended_operation_takes_no_more_writes,
    every_field_of_every_patch_is_written,
    a_character_that_the_old_tables_do_not_know_ends_no_operation,
    ended_operations_are_pruned_and_stuck_ones_kept,
];

fn entry(step: &str, event: StepEvent) -> StepEntry {
    StepEntry { step: step.to_owned(), event, output: json!({"id": step}) }
}

fn status(cluster: magnum_types::ClusterId, reason: &str) -> Change {
    let patch = ClusterPatch { status_reason: Some(Some(reason.to_owned())), ..ClusterPatch::default() };
    Change::Cluster(cluster, Box::new(patch))
}

async fn a_claim_raises_the_epoch_and_gives_the_log(ground: Ground) {
    let (view, id) = accepted(&ground, "p1", "c").await;
    let before: Timestamp = ground.now().await;
    let first = claim(&ground, id).await;
    assert_eq!((first.operation.epoch, first.operation.kind.as_str()), (1, "cluster_create"));
    assert_eq!(first.operation.subject, view.cluster.uuid.0);
    assert_eq!(first.operation.params, json!({"node_count": 3}));
    assert!(first.now >= before && first.log.is_empty());
    assert!(first.operation.deadline > first.now && first.operation.deadline <= first.now + MINUTE);
    ground.store.record(fence(&first), entry("stack", StepEvent::Begun), vec![]).await.unwrap();
    ground.store.record(fence(&first), entry("stack", StepEvent::Done), vec![]).await.unwrap();
    ground.store.wait(fence(&first), Duration::ZERO, 2).await.unwrap();
    let second = claim(&ground, id).await;
    assert_eq!((second.operation.epoch, second.operation.attempt), (2, 2));
    assert_eq!(second.log, [entry("stack", StepEvent::Begun), entry("stack", StepEvent::Done)]);
}

async fn a_leased_operation_is_not_due_until_the_lease_ends(ground: Ground) {
    let (_, id) = accepted(&ground, "p1", "c").await;
    let store = &ground.store;
    assert_eq!(store.due(10).await.unwrap(), [id]);
    let held = store.claim(id, "one", ms(400)).await.unwrap().unwrap();
    assert_eq!(store.due(10).await.unwrap(), []);
    assert!(store.claim(id, "two", MINUTE).await.unwrap().is_none());
    ground.pass(ms(200)).await;
    let lease = store.renew(fence(&held), ms(400)).await.unwrap();
    assert!(lease.now >= held.now + ms(200) && !lease.cancelled);
    ground.pass(ms(250)).await;
    assert!(store.claim(id, "two", MINUTE).await.unwrap().is_none(), "the lease was renewed");
    ground.pass(ms(300)).await;
    assert_eq!(store.due(10).await.unwrap(), [id]);
    assert_eq!(store.claim(id, "two", MINUTE).await.unwrap().unwrap().operation.epoch, 2);
}

async fn an_old_claim_writes_nothing(ground: Ground) {
    let (view, id) = accepted(&ground, "p1", "c").await;
    let cluster = view.cluster.uuid;
    let old = ground.store.claim(id, "one", ms(50)).await.unwrap().unwrap();
    ground.pass(ms(100)).await;
    let new = claim(&ground, id).await;
    let (store, lost) = (&ground.store, fence(&old));
    let change = || vec![status(cluster, "written by a ghost")];
    let refusals = [
        store.renew(lost, MINUTE).await.map(drop),
        store.record(lost, entry("s", StepEvent::Done), change()).await,
        store.progress(lost, change()).await,
        store.wait(lost, MINUTE, 0).await.map(drop),
        store.unwind(lost, "ghost", change()).await,
        store.finish(lost, OperationState::Done, change()).await,
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(StoreError::LostLease(lost)) if lost == id), "{refusal:?}");
    }
    assert_eq!(store.cluster_by_id(cluster).await.unwrap(), view);
    store.record(fence(&new), entry("s", StepEvent::Done), vec![status(cluster, "mine")]).await.unwrap();
    assert_eq!(store.cluster_by_id(cluster).await.unwrap().cluster.status_reason.as_deref(), Some("mine"));
}

async fn a_recorded_step_applies_its_changes_once(ground: Ground) {
    let (view, id) = accepted(&ground, "p1", "c").await;
    let held = claim(&ground, id).await;
    let raise = || {
        vec![Change::Handle(
            view.cluster.uuid,
            Box::new(HandlePatch { raise_plan_generation: true, ..HandlePatch::default() }),
        )]
    };
    let store = &ground.store;
    for output in [1, 2] {
        let entry = StepEntry { step: "s".to_owned(), event: StepEvent::Done, output: json!(output) };
        store.record(fence(&held), entry, raise()).await.unwrap();
    }
    assert_eq!(store.plan_generation(view.cluster.uuid).await.unwrap(), 2, "once, from 1");
    store.progress(fence(&held), raise()).await.unwrap();
    assert_eq!(store.plan_generation(view.cluster.uuid).await.unwrap(), 3);
    store.wait(fence(&held), Duration::ZERO, 0).await.unwrap();
    let log = claim(&ground, id).await.log;
    assert_eq!(log, [StepEntry { step: "s".to_owned(), event: StepEvent::Done, output: json!(1) }]);
}

async fn waiting_ends_by_time_or_by_waking(ground: Ground) {
    let (view, id) = accepted(&ground, "p1", "c").await;
    let store = &ground.store;
    let held = claim(&ground, id).await;
    store.wait(fence(&held), ms(200), 0).await.unwrap();
    assert_eq!(store.due(10).await.unwrap(), []);
    assert!(store.claim(id, "two", MINUTE).await.unwrap().is_none());
    ground.pass(ms(250)).await;
    assert_eq!(store.due(10).await.unwrap(), [id]);
    let held = claim(&ground, id).await;
    store.wait(fence(&held), MINUTE, 0).await.unwrap();
    assert_eq!(store.wake_cluster(view.cluster.uuid).await.unwrap(), Some(id));
    assert_eq!(store.due(10).await.unwrap(), [id]);
    let held = claim(&ground, id).await;
    store.wait(fence(&held), MINUTE, 0).await.unwrap();
    assert!(store.wake(id).await.unwrap());
    let held = claim(&ground, id).await;
    store.finish(fence(&held), OperationState::Done, vec![]).await.unwrap();
    assert!(!store.wake(id).await.unwrap());
    assert_eq!(store.wake_cluster(view.cluster.uuid).await.unwrap(), None);
}

async fn news_during_the_drive_are_not_slept_over(ground: Ground) {
    let (_, id) = accepted(&ground, "p1", "c").await;
    let held = claim(&ground, id).await;
    assert!(ground.store.wake(id).await.unwrap());
    assert_eq!(ground.store.due(10).await.unwrap(), [], "it is still leased");
    assert_eq!(ground.store.wait(fence(&held), MINUTE, 0).await.unwrap(), Duration::ZERO);
    assert_eq!(ground.store.due(10).await.unwrap(), [id]);
    let held = claim(&ground, id).await;
    assert_eq!(ground.store.wait(fence(&held), MINUTE, 0).await.unwrap(), MINUTE);
    assert_eq!(ground.store.due(10).await.unwrap(), [], "the news are used up");
}

async fn the_first_cause_of_failure_is_kept(ground: Ground) {
    let (view, id) = accepted(&ground, "p1", "c").await;
    let held = claim(&ground, id).await;
    ground.store.wait(fence(&held), Duration::ZERO, 5).await.unwrap();
    let held = claim(&ground, id).await;
    ground
        .store
        .unwind(fence(&held), "no valid host", vec![status(view.cluster.uuid, "no valid host")])
        .await
        .unwrap();
    ground.store.unwind(fence(&held), "stack is gone", vec![]).await.unwrap();
    let now = ground.store.operation_get(id).await.unwrap();
    assert_eq!(
        (now.state, now.failure.as_deref(), now.attempt),
        (OperationState::Unwinding, Some("no valid host"), 0)
    );
    ground.store.wait(fence(&held), Duration::ZERO, 1).await.unwrap();
    assert_eq!(claim(&ground, id).await.operation.state, OperationState::Unwinding);
    let reason = ground.store.cluster_by_id(view.cluster.uuid).await.unwrap().cluster.status_reason;
    assert_eq!(reason.as_deref(), Some("no valid host"));
}

async fn an_ended_operation_takes_no_more_writes(ground: Ground) {
    let (view, id) = accepted(&ground, "p1", "c").await;
    let held = claim(&ground, id).await;
    ground.store.finish(fence(&held), OperationState::Failed, vec![]).await.unwrap();
    assert!(ground.store.live_operation(view.cluster.uuid).await.unwrap().is_none());
    assert!(ground.store.claim(id, "two", MINUTE).await.unwrap().is_none());
    let late = ground.store.finish(fence(&held), OperationState::Done, vec![]).await;
    assert!(matches!(late, Err(StoreError::LostLease(_))), "{late:?}");
    assert_eq!(ground.store.operation_get(id).await.unwrap().state, OperationState::Failed);
    let nobody = magnum_types::OperationId(ground.uuid());
    assert!(ground.store.claim(nobody, "two", MINUTE).await.unwrap().is_none());
    let lost = ground.store.progress(Fence { operation: nobody, epoch: 1 }, vec![]).await;
    assert!(matches!(lost, Err(StoreError::LostLease(_))));
}

async fn every_field_of_every_patch_is_written(ground: Ground) {
    let (view, id) = accepted(&ground, "p1", "c").await;
    let (cluster, group) = (view.cluster.uuid, view.nodegroups[1].uuid);
    let held = claim(&ground, id).await;
    let some = |text: &str| Some(Some(text.to_owned()));
    let patch = ClusterPatch {
        status: Some(Status::CreateComplete),
        status_reason: some("a"),
        stack_id: some("b"),
        api_address: some("c"),
        discovery_url: some("d"),
        coe_version: some("e"),
        container_version: some("f"),
        health_status: Some(Some(magnum_types::HealthStatus::Unknown)),
        health_status_reason: Some([("k".to_owned(), "v".to_owned())].into_iter().collect()),
        trust_id: Some(None),
        trustee_username: some("g"),
        trustee_user_id: some("h"),
        trustee_password: some("i"),
        ca_cert_ref: some("j"),
        magnum_cert_ref: some("k"),
        etcd_ca_cert_ref: some("l"),
        front_proxy_ca_cert_ref: some("m"),
        cluster_template_id: Some("n".to_owned()),
        labels: Some(crate::samples::labels(&[("o", "p")])),
    };
    let group_patch = NodeGroupPatch {
        status: Some(Status::UpdateFailed),
        status_reason: some("q"),
        stack_id: some("r"),
        node_count: Some(5),
        node_addresses: Some(vec!["10.0.0.9".to_owned()]),
        version: some("1.33"),
        labels: Some(crate::samples::labels(&[("kube_tag", "v1.33.1")])),
        image_id: some("w"),
        min_node_count: Some(2),
        max_node_count: Some(Some(9)),
        node_labels: Some(Some(crate::samples::labels(&[("tier", "gold")]))),
        node_taints: Some(Some(serde_json::json!([{"key": "k", "effect": "NoExecute"}]))),
    };
    let references = |name: &str| [(Authority::Cluster, name.to_owned())].into();
    let rotation = Rotation {
        phase: RotationPhase::Clients,
        old: references("x"),
        new: references("y"),
        old_client: Some("z".to_owned()),
    };
    let trust =
        |user: &str, trust: &str| FormerTrust { trustee_user_id: user.into(), trust_id: trust.into() };
    let former =
        FormerCredentials { generation: 2, replaced: Some(trust("t1", "u1")), kept: vec![trust("t0", "u0")] };
    assert_eq!(
        ground.store.handle_get(cluster).await.unwrap().former_credentials,
        FormerCredentials::default()
    );
    let handle_patch = HandlePatch {
        credential: Some(Some(CredentialKind::ApplicationCredential)),
        application_credential_id: some("s"),
        join_secret_hash: some("t"),
        facts: some("u"),
        certificate_generation: Some(3),
        former_credentials: Some(former.clone()),
        rotation: Some(Some(rotation.clone())),
        raise_plan_generation: true,
    };
    let changes = vec![
        Change::Cluster(cluster, Box::new(patch)),
        Change::NodeGroup(group, Box::new(group_patch)),
        Change::Handle(cluster, Box::new(handle_patch)),
    ];
    ground.store.progress(fence(&held), changes).await.unwrap();
    let after = ground.store.cluster_by_id(cluster).await.unwrap();
    let c = &after.cluster;
    let texts = [
        &c.status_reason,
        &c.stack_id,
        &c.api_address,
        &c.discovery_url,
        &c.coe_version,
        &c.container_version,
        &c.trustee_username,
        &c.trustee_user_id,
        &c.trustee_password,
        &c.ca_cert_ref,
        &c.magnum_cert_ref,
        &c.etcd_ca_cert_ref,
        &c.front_proxy_ca_cert_ref,
        &Some(c.cluster_template_id.clone()),
    ];
    let texts: String = texts.into_iter().map(|text| text.as_deref().unwrap()).collect();
    assert_eq!(texts, "abcdefghijklmn");
    assert_eq!(
        (c.status, c.trust_id.as_deref(), c.labels.get("o")),
        (Status::CreateComplete, None, Some("p"))
    );
    assert_eq!(c.health_status_reason["k"], "v");
    assert_eq!(c.health_status, Some(magnum_types::HealthStatus::Unknown));
    assert!(after.template.is_none(), "its template is now one that does not exist");
    let g = &after.nodegroups[1];
    assert_eq!(
        (g.status, g.node_count, g.node_addresses.as_slice()),
        (Status::UpdateFailed, 5, &["10.0.0.9".to_owned()][..])
    );
    assert_eq!(
        (g.status_reason.as_deref(), g.stack_id.as_deref(), g.version.as_deref()),
        (Some("q"), Some("r"), Some("1.33"))
    );
    assert_eq!((g.min_node_count, g.max_node_count), (2, Some(9)));
    assert_eq!((g.image_id.as_deref(), g.labels.get("kube_tag")), (Some("w"), Some("v1.33.1")));
    assert_eq!(g.node_labels.as_ref().and_then(|labels| labels.get("tier")), Some("gold"));
    assert_eq!(g.node_taints.as_ref().map(|taints| taints[0]["key"].clone()), Some("k".into()));
    assert_eq!(after.nodegroups[0], view.nodegroups[0]);
    let handle = ground.store.handle_get(cluster).await.unwrap();
    assert_eq!(handle.credential, Some(CredentialKind::ApplicationCredential));
    assert_eq!(
        (handle.application_credential_id.as_deref(), handle.join_secret_hash.as_deref()),
        (Some("s"), Some("t"))
    );
    assert_eq!((handle.facts.as_deref(), handle.plan_generation), (Some("u"), 2));
    assert_eq!((handle.rotation, handle.certificate_generation), (Some(rotation), 3));
    assert_eq!(handle.former_credentials, former);
    let all = vec![Change::NodeGroups(cluster, Status::DeleteInProgress, Some("all".to_owned()))];
    ground.store.progress(fence(&held), all).await.unwrap();
    let after = ground.store.cluster_by_id(cluster).await.unwrap();
    assert!(
        after
            .nodegroups
            .iter()
            .all(|g| g.status == Status::DeleteInProgress && g.status_reason.as_deref() == Some("all"))
    );
}

async fn ended_operations_are_pruned_and_stuck_ones_kept(ground: Ground) {
    let view = complete(&ground, "p1", "c").await;
    let accept = resize(&ground, view.cluster.uuid, Mode::Queue);
    ground.store.accept_operation(accept.clone()).await.unwrap();
    let held = claim(&ground, accept.operation.id).await;
    ground.store.record(fence(&held), entry("s", StepEvent::Begun), vec![]).await.unwrap();
    ground.store.finish(fence(&held), OperationState::Stuck, vec![]).await.unwrap();
    let live = resize(&ground, view.cluster.uuid, Mode::Queue);
    ground.store.accept_operation(live.clone()).await.unwrap();
    assert_eq!(ground.store.operations_prune(MINUTE).await.unwrap(), 0);
    ground.pass(ms(50)).await;
    assert_eq!(ground.store.operations_prune(ms(20)).await.unwrap(), 1);
    let left = ground.store.operations_of(view.cluster.uuid).await.unwrap();
    let left: Vec<_> = left.iter().map(|operation| operation.id).collect();
    assert_eq!(left, [accept.operation.id, live.operation.id]);
    let gone = ground.store.operation_get(magnum_types::OperationId(ground.uuid())).await;
    assert!(matches!(gone, Err(DbError::NotFound { noun: "Operation", .. })));
}

async fn a_character_that_the_old_tables_do_not_know_ends_no_operation(ground: Ground) {
    let (view, id) = accepted(&ground, "p1", "c").await;
    let (cluster, held) = (view.cluster.uuid, claim(&ground, id).await);
    let labels = crate::samples::labels(&[("motto", "naïve \u{1f680} €")]);
    let patch = ClusterPatch {
        status_reason: Some(Some("Größe \u{1f680}".to_owned())),
        labels: Some(labels.clone()),
        ..ClusterPatch::default()
    };
    let groups = Change::NodeGroups(cluster, Status::CreateFailed, Some("\u{1f680}".to_owned()));
    let changes = vec![Change::Cluster(cluster, Box::new(patch)), groups];
    ground.store.unwind(fence(&held), "cause \u{1f680}", changes).await.unwrap();
    let after = ground.store.cluster_by_id(cluster).await.unwrap();
    assert_eq!(after.cluster.labels, labels);
    assert_eq!(after.cluster.status_reason.as_deref(), Some("Größe \u{fffd}"));
    assert_eq!(after.nodegroups[0].status_reason.as_deref(), Some("\u{fffd}"));
    let failure = ground.store.operation_get(id).await.unwrap().failure;
    assert_eq!(failure.as_deref(), Some("cause \u{1f680}"));
}
