use crate::app::App;
use magnum_types::{Status, accept};
use serde_json::{Value, json};

#[tokio::test]
async fn a_cluster_is_there_and_in_progress_when_the_answer_leaves() {
    let app = App::start().await;
    let template = app.template(json!({"labels": {"a": "1", "b": "2"}})).await;
    let body = json!({
        "name": "c1", "cluster_template_id": "swarm", "node_count": "2", "keypair": "mykey",
        "labels": {"a": "9", "c": "3"}, "merge_labels": true, "discovery_url": null,
    });
    let reply = app.post("/v1/clusters", body).await;
    assert_eq!(reply.status, 202, "{:?}", reply.body);
    let uuid = reply.body["uuid"].as_str().unwrap().to_owned();
    assert_eq!(reply.body, json!({"uuid": uuid}));

    let shown = app.get("/v1/clusters/c1").await;
    assert_eq!(shown.status, 200);
    let expected = [
        ("uuid", json!(uuid)),
        ("status", json!("CREATE_IN_PROGRESS")),
        ("cluster_template_id", json!(template)),
        ("node_count", json!(2)),
        ("master_count", json!(1)),
        ("keypair", json!("mykey")),
        ("create_timeout", json!(60)),
        ("labels", json!({"a": "9", "b": "2", "c": "3"})),
        ("labels_overridden", json!({"a": "1"})),
        ("labels_added", json!({"c": "3"})),
        ("labels_skipped", json!({})),
        ("merge_labels", json!(false)),
        ("flavor_id", json!("m1.small")),
        ("node_addresses", json!([])),
        ("health_status", Value::Null),
    ];
    for (field, value) in expected {
        assert_eq!(shown.body[field], value, "{field}");
    }
    for hidden in ["id", "trust_id", "trustee_password", "ca_cert_ref", "faults"] {
        assert!(shown.body.get(hidden).is_none(), "{hidden}");
    }
}

#[tokio::test]
async fn the_accepted_operation_carries_the_token_only_sealed() {
    let app = App::start().await;
    let cluster = app.cluster("c1").await;
    let operation = app.state.store.live_operation(cluster).await.unwrap().unwrap();
    assert_eq!(operation.kind, "cluster_create");
    let text = operation.params.to_string();
    let params: accept::ClusterCreateParams = serde_json::from_value(operation.params).unwrap();
    assert!(!text.contains("\"owner\""), "{text}");
    assert_eq!(params.roles, ["member", "reader"]);
    assert!(!params.application_credential);
    let context = format!("operation:{}:token", operation.id);
    let clear = app.state.sealing.open(&context, &params.sealed_token).unwrap();
    assert_eq!(&clear[..], b"owner");
    assert!(app.state.sealing.open("operation:other:token", &params.sealed_token).is_err());
}

#[tokio::test]
async fn an_application_credentials_token_is_known_as_one() {
    let app = App::start().await;
    let template = app.template(json!({})).await;
    let body = json!({"cluster_template_id": template});
    let reply = app.call("app-credential", "POST", "/v1/clusters", Some(body)).await;
    let cluster = reply.body["uuid"].as_str().unwrap().parse().unwrap();
    let operation = app.state.store.live_operation(cluster).await.unwrap().unwrap();
    assert_eq!(operation.params["application_credential"], true);
}

#[tokio::test]
async fn the_quota_is_exact() {
    let app = App::with(|settings| settings.max_clusters_per_project = 2, Default::default()).await;
    let template = app.template(json!({})).await;
    let body = json!({"cluster_template_id": template});
    let (a, b, c) = tokio::join!(
        app.post("/v1/clusters", body.clone()),
        app.post("/v1/clusters", body.clone()),
        app.post("/v1/clusters", body.clone()),
    );
    let mut statuses = [a.status.as_u16(), b.status.as_u16(), c.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 202, 403]);
}

#[tokio::test]
async fn only_a_settled_cluster_is_updated() {
    let app = App::start().await;
    let cluster = app.cluster("c1").await;
    let path = format!("/v1/clusters/{cluster}");
    let patch = json!([{"op": "replace", "path": "/node_count", "value": "3"}]);
    let busy = app.patch(&path, patch.clone()).await;
    assert_eq!(busy.status, 400, "{:?}", busy.body);
    assert_eq!(app.get(&path).await.body["node_count"], 2);

    app.settle(cluster, Status::CreateComplete).await;
    let reply = app.patch(&format!("{path}/?rollback=True"), patch).await;
    assert_eq!((reply.status.as_u16(), &reply.body["uuid"]), (202, &json!(cluster.to_string())));
    let shown = app.get(&path).await.body;
    assert_eq!((&shown["status"], &shown["node_count"]), (&json!("UPDATE_IN_PROGRESS"), &json!(3)));
    let operation = app.state.store.live_operation(cluster).await.unwrap().unwrap();
    let params: accept::ClusterResizeParams = serde_json::from_value(operation.params).unwrap();
    assert_eq!((params.node_count, params.previous_count, params.rollback), (3, 2, true));
}

#[tokio::test]
async fn rollback_is_unknown_before_version_three() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let patch = json!([{"op": "replace", "path": "/node_count", "value": 3}]);
    let path = format!("/v1/clusters/{cluster}?rollback=true");
    let reply = app.call_at("container-infra 1.2", "owner", "PATCH", &path, Some(patch.clone())).await;
    assert_eq!(reply.status, 400);
    let reply = app.call_at("container-infra 1.3", "owner", "PATCH", &path, Some(patch)).await;
    assert_eq!(reply.status, 202, "{:?}", reply.body);
}

#[tokio::test]
async fn a_patch_changes_the_count_and_the_health_and_nothing_else() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let path = format!("/v1/clusters/{cluster}");
    for (attribute, value) in [
        ("name", json!("other")),
        ("keypair", json!("mykey")),
        ("flavor_id", json!("m1.large")),
        ("labels", json!("{'a': 'b'}")),
        ("master_count", json!(3)),
        ("status", json!("CREATE_FAILED")),
        ("stack_id", json!("x")),
        ("trust_id", json!("x")),
        ("colour", json!("red")),
    ] {
        let patch = json!([{"op": "replace", "path": format!("/{attribute}"), "value": value}]);
        let reply = app.patch(&path, patch).await;
        assert_eq!(reply.status, 400, "{attribute}: {:?}", reply.body);
        assert!(reply.detail().contains(attribute), "{attribute}: {}", reply.detail());
    }
    let health = json!([
        {"op": "replace", "path": "/health_status", "value": "UNHEALTHY"},
        {"op": "replace", "path": "/health_status_reason", "value": "{'api': 'ok', 'node.Ready': 'False'}"},
    ]);
    assert_eq!(app.patch(&path, health).await.status, 202);
    let shown = app.get(&path).await.body;
    assert_eq!(shown["health_status"], "UNHEALTHY");
    assert_eq!(shown["health_status_reason"], json!({"api": "ok", "node.Ready": "False"}));
    assert_eq!(shown["status"], "CREATE_COMPLETE");
    let wrong = json!([{"op": "replace", "path": "/health_status", "value": "FINE"}]);
    assert_eq!(app.patch(&path, wrong).await.status, 400);
}

#[tokio::test]
async fn a_resize_obeys_the_bounds_and_may_repeat() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let path = format!("/v1/clusters/{cluster}/actions/resize");
    let cases = [
        (json!({}), 400, "node_count"),
        (json!({"node_count": "x"}), 400, "node_count"),
        (json!({"node_count": 3, "nodegroup": "default-master"}), 400, "master"),
        (json!({"node_count": 3, "nodegroup": "nowhere"}), 404, "nowhere"),
        (json!({"node_count": 3, "nodes_to_remove": "a"}), 400, "nodes_to_remove"),
        (json!({"node_count": 3, "colour": "red"}), 400, "colour"),
    ];
    for (body, status, word) in cases {
        let reply = app.post(&path, body.clone()).await;
        assert_eq!(reply.status, status, "{body}: {:?}", reply.body);
        assert!(reply.detail().contains(word), "{body}: {}", reply.detail());
    }
    let resized = app.post(&path, json!({"node_count": 3, "nodes_to_remove": ["0", 1]})).await;
    assert_eq!(resized.status, 202, "{:?}", resized.body);
    let again = app.post(&path, json!({"node_count": 4, "nodegroup": "default-worker"})).await;
    assert_eq!(again.status, 202, "{:?}", again.body);
    let shown = app.get(&format!("/v1/clusters/{cluster}")).await.body;
    assert_eq!((&shown["status"], &shown["node_count"]), (&json!("UPDATE_IN_PROGRESS"), &json!(4)));
}

#[tokio::test]
async fn a_resize_without_a_version_is_served_and_below_seven_refused() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let path = format!("/v1/clusters/{cluster}/actions/resize");
    let body = json!({"node_count": 3});
    assert_eq!(
        app.call_at("container-infra 1.6", "owner", "POST", &path, Some(body.clone())).await.status,
        406
    );
    assert_eq!(app.call_at("", "owner", "POST", &path, Some(body)).await.status, 202);
}

#[tokio::test]
async fn a_cluster_is_deleted_in_any_state_and_only_once() {
    let app = App::start().await;
    let cluster = app.cluster("c1").await;
    let path = format!("/v1/clusters/{cluster}");
    assert_eq!(app.delete(&path).await.status, 204);
    assert_eq!(app.get(&path).await.body["status"], "DELETE_IN_PROGRESS");
    let before = app.state.store.operations_of(cluster).await.unwrap().len();
    assert_eq!(app.delete(&path).await.status, 204);
    assert_eq!(before, 2, "a create that was superseded and a delete");
    assert!(app.state.store.operations_of(cluster).await.unwrap().len() <= 3);
    assert_eq!(app.delete("/v1/clusters/nowhere").await.status, 404);
}

#[tokio::test]
async fn a_failed_cluster_shows_the_faults_of_its_groups() {
    let app = App::start().await;
    let cluster = app.cluster("c1").await;
    app.settle(cluster, Status::CreateFailed).await;
    let shown = app.get(&format!("/v1/clusters/{cluster}")).await.body;
    assert_eq!(shown["faults"], json!({"default-master": "why", "default-worker": "why"}));
}
