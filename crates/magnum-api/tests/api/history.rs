//! A cluster's operations and nodes, as somebody watches them.

use crate::app::App;
use magnum_types::{
    ClusterId, NodeRegistration, NodeState, OperationId, OperationState, OperationStore, Role,
    operation::{Fence, StepEntry, StepEvent},
};
use serde_json::{Value, json};
use std::time::Duration;

/// What must never be shown.
const SECRET: &str = "sealed-geheim";

/// A node of the cluster's default group of masters.
pub async fn node(app: &App, cluster: ClusterId, name: &str) -> String {
    let store = &app.state.store;
    let groups = store.cluster_by_id(cluster).await.unwrap().nodegroups;
    let instance_id = app.state.entropy.uuid().to_string();
    let node = NodeRegistration {
        instance_id: instance_id.clone(),
        cluster,
        nodegroup: groups[0].uuid,
        role: Role::Master,
        primary: true,
        name: name.to_owned(),
        address: "10.0.0.3".to_owned(),
        public_address: Some("172.24.4.3".to_owned()),
        certificate: SECRET.to_owned(),
        token_hash: format!("{SECRET}-{name}"),
        state: NodeState::Failed,
        wanted_release: Some("1.34.2".to_owned()),
        wanted_image: None,
        generation: 3,
        step: Some("etcd".to_owned()),
        error: Some("refused".to_owned()),
        moved: None,
        last_seen: None,
        created_at: None,
    };
    store.node_register(node).await.unwrap();
    instance_id
}

/// A resize of the cluster that a conductor has begun.
pub async fn resizing(app: &App, cluster: ClusterId) -> Fence {
    let body = json!({"node_count": 5});
    let reply = app.post(&format!("/v1/clusters/{cluster}/actions/resize"), body).await;
    assert_eq!(reply.status, 202, "{:?}", reply.body);
    app.claim(cluster).await
}

pub async fn record(app: &App, fence: Fence, step: &str, event: StepEvent) {
    let entry = StepEntry { step: step.to_owned(), event, output: json!({"secret": SECRET}) };
    app.state.store.record(fence, entry, vec![]).await.unwrap();
}

fn step<'a>(operation: &'a Value, name: &str) -> &'a Value {
    let steps = operation["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name).unwrap()
}

#[tokio::test]
async fn operations_are_listed_the_newest_first_with_their_steps() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let fence = resizing(&app, cluster).await;
    record(&app, fence, "nodes_leave", StepEvent::Begun).await;
    record(&app, fence, "nodes_leave", StepEvent::Done).await;
    record(&app, fence, "stack_update", StepEvent::Begun).await;
    app.state.store.wait(fence, Duration::ZERO, 2).await.unwrap();

    let list = app.get("/v1/clusters/c1/operations").await;
    assert_eq!(list.status, 200);
    let operations = list.body["operations"].as_array().unwrap();
    let kinds: Vec<&Value> = operations.iter().map(|operation| &operation["kind"]).collect();
    assert_eq!(kinds, [&json!("cluster_resize"), &json!("cluster_create")]);
    let newest = &operations[0];
    assert_eq!((&newest["state"], &newest["user_id"]), (&json!("running"), &json!("u-owner")));
    assert!(newest["request_id"].as_str().unwrap().starts_with("req-"));
    assert_eq!((&newest["finished_at"], &newest["failures_in_a_row"]), (&Value::Null, &json!(2)));
    assert_eq!(step(newest, "nodes_leave")["state"], "done");
    assert_eq!(step(newest, "nodes_leave")["tries"], Value::Null);
    let present = step(newest, "stack_update");
    assert_eq!((&present["state"], &present["tries"]), (&json!("running"), &json!(3)));
    assert!(operations[1]["finished_at"].is_string());
    assert!(!list.body.to_string().contains(SECRET), "{}", list.body);

    let uuid = newest["uuid"].as_str().unwrap();
    let one = app.get(&format!("/v1/clusters/{cluster}/operations/{uuid}")).await;
    assert_eq!((one.status.as_u16(), &one.body), (200, newest));
}

#[tokio::test]
async fn a_failed_operation_names_the_step_and_its_first_cause() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let fence = resizing(&app, cluster).await;
    record(&app, fence, "stack_update", StepEvent::Begun).await;
    app.state.store.unwind(fence, "no valid host was found", vec![]).await.unwrap();
    let shown = async || app.get("/v1/clusters/c1/operations?limit=1").await.body["operations"][0].clone();
    let unwinding = shown().await;
    assert_eq!(unwinding["state"], "unwinding");
    assert_eq!(step(&unwinding, "stack_update")["state"], "failed");
    assert_eq!(step(&unwinding, "stack_update")["error"], "no valid host was found");
    record(&app, fence, "stack_update", StepEvent::Undone).await;
    app.state.store.finish(fence, OperationState::Failed, vec![]).await.unwrap();
    let failed = shown().await;
    assert_eq!(
        (&failed["state"], &failed["status_reason"]),
        (&json!("failed"), &json!("no valid host was found"))
    );
    assert_eq!(step(&failed, "stack_update")["state"], "undone");
    assert_eq!(step(&failed, "stack_update")["error"], "no valid host was found");
}

#[tokio::test]
async fn nodes_are_listed_without_what_they_speak_with() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let id = node(&app, cluster, "c1-master-0").await;
    let list = app.get("/v1/clusters/c1/nodes").await;
    assert_eq!(list.status, 200, "{:?}", list.body);
    let shown = &list.body["nodes"][0];
    for (field, expected) in [
        ("instance_id", json!(id)),
        ("name", json!("c1-master-0")),
        ("role", json!("master")),
        ("nodegroup", json!("default-master")),
        ("state", json!("failed")),
        ("step", json!("etcd")),
        ("error", json!("refused")),
        ("version", json!("1.34.2")),
        ("plan_generation", json!(3)),
    ] {
        assert_eq!(shown[field], expected, "{field}");
    }
    assert!(shown["reported_at"].is_string());
    assert!(!list.body.to_string().contains(SECRET), "{}", list.body);
}

#[tokio::test]
async fn pages_of_nodes_and_operations_follow_one_another() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    for name in ["a", "b", "c"] {
        node(&app, cluster, name).await;
        app.advance(Duration::from_secs(1));
    }
    for count in [3, 4] {
        let body = json!({"node_count": count});
        assert_eq!(app.post("/v1/clusters/c1/actions/resize", body).await.status, 202);
        app.settle(cluster, magnum_types::Status::UpdateComplete).await;
    }
    for (path, collection, key) in [
        ("/v1/clusters/c1/nodes", "nodes", "instance_id"),
        ("/v1/clusters/c1/operations", "operations", "uuid"),
    ] {
        let whole = app.get(path).await.body;
        let whole: Vec<&Value> =
            whole[collection].as_array().unwrap().iter().map(|item| &item[key]).collect();
        assert_eq!(whole.len(), 3);
        let mut next = Some(format!("{path}?limit=2"));
        let mut seen = Vec::new();
        while let Some(path) = next {
            let page = app.get(&path).await;
            assert_eq!(page.status, 200, "{path}: {:?}", page.body);
            seen.extend(page.body[collection].as_array().unwrap().iter().map(|item| item[key].clone()));
            let base = "http://magnum.example:9511";
            next = page.body["next"].as_str().map(|next| next.strip_prefix(base).unwrap().to_owned());
        }
        assert_eq!(seen.iter().collect::<Vec<_>>(), whole, "{path}");
    }
}

#[tokio::test]
async fn wrong_questions_are_refused_and_other_clusters_operations_not_found() {
    let app = App::start().await;
    app.living_cluster("c1").await;
    let other = app.living_cluster("c2").await;
    let theirs: OperationId = app.state.store.operations_of(other).await.unwrap()[0].id;
    for (path, status) in [
        ("operations?limit=0".to_owned(), 400),
        ("operations?sort_key=kind".to_owned(), 400),
        ("operations?marker=x".to_owned(), 400),
        (format!("operations?marker={theirs}"), 404),
        (format!("operations/{theirs}"), 404),
        ("operations/newest".to_owned(), 404),
        (format!("operations/{theirs}?x=1"), 400),
        ("nodes?colour=red".to_owned(), 400),
        ("nodes?marker=nobody".to_owned(), 404),
    ] {
        let reply = app.get(&format!("/v1/clusters/c1/{path}")).await;
        assert_eq!(reply.status, status, "{path}: {:?}", reply.body);
        assert!(!reply.detail().is_empty(), "{path}");
    }
    let first = app.state.store.operations_of(other).await.unwrap()[0].id;
    for path in ["operations".to_owned(), format!("operations/{first}"), "nodes".to_owned()] {
        let reply = app.call("foreigner", "GET", &format!("/v1/clusters/{other}/{path}"), None).await;
        assert_eq!(reply.status, 404, "{path}");
    }
}
