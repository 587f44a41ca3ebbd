//! Node groups beside the two that every cluster has: made, changed, resized and taken away.

use crate::app::{App, Reply};
use magnum_api::nodes::membership::Member;
use magnum_types::{Change, ClusterId, NodeGroupId, Role, Status, operation::OperationStore};
use magnum_x509::{CertificateRequest, KeyAlgorithm, NameAttribute, PrivateKey, token};
use serde_json::{Value, json};
use std::time::Duration;

async fn make(app: &App, cluster: ClusterId, body: Value) -> Reply {
    app.post(&format!("/v1/clusters/{cluster}/nodegroups"), body).await
}

async fn patch(app: &App, cluster: ClusterId, group: &str, operations: Value) -> Reply {
    app.patch(&format!("/v1/clusters/{cluster}/nodegroups/{group}"), operations).await
}

#[tokio::test]
async fn a_group_is_accepted_at_once_with_the_clusters_values() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let reply = make(&app, cluster, json!({"name": "gpu", "node_count": "2", "max_node_count": 5})).await;
    assert_eq!(reply.status, 202, "{:?}", reply.body);
    let made = &reply.body;
    assert_eq!(
        (&made["name"], &made["role"], &made["status"], &made["is_default"]),
        (&json!("gpu"), &json!("worker"), &json!("CREATE_IN_PROGRESS"), &json!(false))
    );
    assert_eq!((&made["flavor_id"], &made["image_id"]), (&json!("m1.small"), &json!("debian-12")));
    assert_eq!(
        (&made["node_count"], &made["min_node_count"], &made["max_node_count"]),
        (&json!(2), &json!(0), &json!(5))
    );
    let shown = app.get(&format!("/v1/clusters/{cluster}/nodegroups/gpu")).await;
    assert_eq!(&shown.body, made, "the answer is the row");
    let whole = app.get(&format!("/v1/clusters/{cluster}")).await.body;
    assert_eq!((&whole["status"], &whole["node_count"]), (&json!("UPDATE_IN_PROGRESS"), &json!(4)));
    let live = app.state.store.live_operation(cluster).await.unwrap().unwrap();
    assert_eq!(live.kind, "nodegroup_create");

    // A second one waits behind the first; the same name is refused.
    assert_eq!(
        make(&app, cluster, json!({"name": "cpu", "labels": {"x": "y"}, "merge_labels": true})).await.status,
        202
    );
    let taken = make(&app, cluster, json!({"name": "gpu"})).await;
    assert_eq!(taken.status, 409);
    assert!(taken.detail().contains("gpu already exists"), "{}", taken.detail());
    let nameless = make(&app, cluster, json!({})).await;
    assert!(nameless.body["name"].as_str().unwrap().ends_with("-nodegroup"), "{:?}", nameless.body);
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_and_nothing_is_stored() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    for (body, status, word) in [
        (json!({"role": "master"}), 400, "role"),
        (json!({"image_id": "no-such-image"}), 400, "image_id"),
        (json!({"flavor_id": "no-such-flavor"}), 400, "flavor_id"),
        (json!({"node_count": -1}), 400, "node_count"),
        (json!({"node_count": 1, "min_node_count": 2}), 409, "min_node_count"),
        (json!({"node_count": 3, "max_node_count": 2}), 409, "max_node_count"),
        (json!({"node_count": 2, "min_node_count": 2, "max_node_count": 1}), 409, "max_node_count"),
        (json!({"node_labels": {"tier": "gold"}}), 400, "node_labels"),
        (json!({"node_taints": [{"key": "k", "effect": "NoExecute"}]}), 400, "node_taints"),
        (json!({"node_labels": {"kubernetes.io/x": "v"}}), 409, "kubernetes.io/x"),
        (json!({"labels": {"docker_volume_typ": "fast"}}), 400, "docker_volume_typ"),
        (json!({"colour": "red"}), 400, "colour"),
        (json!([]), 400, "object"),
    ] {
        let reply = make(&app, cluster, body.clone()).await;
        assert_eq!(reply.status, status, "{body}: {:?}", reply.body);
        assert!(reply.detail().contains(word), "{body}: {}", reply.detail());
    }
    let at = format!("/v1/clusters/{cluster}/nodegroups");
    assert_eq!(app.get(&at).await.body["nodegroups"].as_array().unwrap().len(), 2);
    let old = app.call_at("container-infra 1.8", "owner", "POST", &at, Some(json!({}))).await;
    assert_eq!(old.status, 406);
    let none = app.call_at("container-infra 1.9", "owner", "POST", &at, Some(json!({"node_count": 0}))).await;
    assert_eq!(none.status, 400);
    assert!(none.detail().contains("1.10"), "{}", none.detail());

    let unborn = app.cluster("c2").await;
    let early = make(&app, unborn, json!({})).await;
    assert_eq!(early.status, 409);
    assert!(early.detail().contains("api_address"), "{}", early.detail());
}

#[tokio::test]
async fn bounds_change_by_patch_and_bind_a_resize() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let replace =
        |name: &str, value: Value| json!([{"op": "replace", "path": format!("/{name}"), "value": value}]);
    let reply = patch(&app, cluster, "default-worker", replace("max_node_count", json!("4"))).await;
    assert_eq!(reply.status, 202, "{:?}", reply.body);
    assert_eq!(reply.body["max_node_count"], 4);
    assert_eq!(patch(&app, cluster, "default-worker", replace("min_node_count", json!(1))).await.status, 202);
    for (operations, status) in [
        (replace("max_node_count", json!(1)), 409),
        (replace("min_node_count", json!(3)), 409),
        (replace("node_count", json!(3)), 400),
        (replace("name", json!("other")), 400),
        (replace("node_labels", json!("{'tier': 'gold'}")), 400),
        (replace("node_taints", json!("[{'key': 'k', 'effect': 'NoExecute'}]")), 400),
        (replace("max_node_count", json!("many")), 400),
    ] {
        let reply = patch(&app, cluster, "default-worker", operations.clone()).await;
        assert_eq!(reply.status, status, "{operations}: {:?}", reply.body);
    }
    let resize = async |count: i32| {
        app.post(&format!("/v1/clusters/{cluster}/actions/resize"), json!({"node_count": count})).await
    };
    assert!(resize(5).await.detail().contains("at most 4"));
    assert!(resize(0).await.detail().contains("at least 1"));
    let removed =
        patch(&app, cluster, "default-worker", json!([{"op": "remove", "path": "/max_node_count"}])).await;
    assert_eq!(removed.body["max_node_count"], Value::Null);
    assert_eq!(resize(5).await.status, 202);
}

/// A cluster with the group `gpu`, which is complete.
async fn with_group(app: &App) -> (ClusterId, NodeGroupId) {
    let cluster = app.living_cluster("c1").await;
    let reply = make(app, cluster, json!({"name": "gpu"})).await;
    assert_eq!(reply.status, 202, "{:?}", reply.body);
    app.settle(cluster, Status::UpdateComplete).await;
    (cluster, reply.body["uuid"].as_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_group_is_resized_by_name_and_deleted_but_not_a_default_one() {
    let app = App::start().await;
    let (cluster, group) = with_group(&app).await;
    let body = json!({"node_count": 3, "nodegroup": "gpu"});
    assert_eq!(app.post(&format!("/v1/clusters/{cluster}/actions/resize"), body).await.status, 202);
    let shown = app.get(&format!("/v1/clusters/{cluster}/nodegroups/{group}")).await.body;
    assert_eq!((&shown["node_count"], &shown["status"]), (&json!(3), &json!("UPDATE_IN_PROGRESS")));
    app.settle(cluster, Status::UpdateComplete).await;

    for name in ["default-worker", "default-master"] {
        let refused = app.delete(&format!("/v1/clusters/{cluster}/nodegroups/{name}")).await;
        assert_eq!(refused.status, 400);
        assert!(refused.detail().contains("default"), "{}", refused.detail());
    }
    assert_eq!(app.delete(&format!("/v1/clusters/{cluster}/nodegroups/none")).await.status, 404);
    for _ in 0..2 {
        assert_eq!(app.delete(&format!("/v1/clusters/{cluster}/nodegroups/gpu")).await.status, 204);
    }
    let operations = app.state.store.operations_of(cluster).await.unwrap();
    let deletes = operations.iter().filter(|operation| operation.kind == "nodegroup_delete").count();
    assert_eq!(deletes, 1, "asking twice is one delete");
    let shown = app.get(&format!("/v1/clusters/{cluster}/nodegroups/gpu")).await.body;
    assert_eq!(shown["status"], "DELETE_IN_PROGRESS");
    assert_eq!(patch(&app, cluster, "gpu", json!([])).await.status, 400, "it is on its way out");
}

#[tokio::test]
async fn a_groups_join_secret_makes_nodes_of_that_group_only() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let reply = make(&app, cluster, json!({"name": "gpu"})).await;
    let group: NodeGroupId = reply.body["uuid"].as_str().unwrap().parse().unwrap();
    let store = &app.state.store;
    let live = store.live_operation(cluster).await.unwrap().unwrap();
    let claim = store.claim(live.id, "test", Duration::from_secs(60)).await.unwrap().unwrap();
    let fence = magnum_types::operation::Fence { operation: live.id, epoch: claim.operation.epoch };
    let secret = Change::NodeGroupSecret(group, token::sha256_hex(b"gpu-secret"));
    store.progress(fence, vec![secret]).await.unwrap();

    let stack = store.nodegroup_handle(group).await.unwrap().unwrap().stack_name;
    assert!(stack.starts_with("c1-gpu-"), "{stack}");
    let (server, stranger) = ("6f70656e-0000-4000-8000-000000000003", "6f70656e-0000-4000-8000-000000000004");
    let member = |name: &str| Member {
        role: Role::Worker,
        primary: false,
        index: "0".into(),
        name: name.into(),
        address: "10.0.0.7".into(),
        public_address: None,
        api_address: None,
        api_private_address: None,
    };
    app.members.0.lock().unwrap().insert(format!("{stack}/{server}"), member("c1-gpu-0"));
    let register = async |instance: &str, secret: &str| {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let csr = CertificateRequest::create(&key, &[(NameAttribute::CommonName, "n")], &[]).unwrap();
        let body = json!({"cluster": cluster.to_string(), "instance_id": instance, "join_secret": secret,
                          "csr": csr.to_pem().unwrap()});
        app.call_at("", "", "POST", "/v1/nodes/register", Some(body)).await
    };
    assert_eq!(register(server, "gpu-secret").await.status, 201);
    assert_eq!(store.nodes_of(cluster).await.unwrap()[0].nodegroup, group);
    assert_eq!(register(stranger, "gpu-secret").await.status, 409, "no member of the group's stack yet");
    assert_eq!(register(stranger, "another").await.status, 403);
}
