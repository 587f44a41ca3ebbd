use crate::app::{App, template_body};
use serde_json::{Value, json};

#[tokio::test]
async fn a_template_is_stored_with_defaults_and_its_place_is_told() {
    let app = App::start().await;
    let reply = app.post("/v1/clustertemplates", template_body()).await;
    assert_eq!(reply.status, 201, "{:?}", reply.body);
    let uuid = reply.body["uuid"].as_str().unwrap();
    assert_eq!(reply.header("location"), format!("http://magnum.example:9511/v1/clustertemplates/{uuid}"));
    let expected = [
        ("coe", json!("swarm-mode")),
        ("cluster_distro", json!("debian")),
        ("network_driver", json!("docker")),
        ("server_type", json!("vm")),
        ("floating_ip_enabled", json!(true)),
        ("public", json!(false)),
        ("labels", json!({})),
        ("keypair_id", Value::Null),
        ("updated_at", Value::Null),
        ("project_id", json!("p-demo")),
        ("user_id", json!("u-owner")),
    ];
    for (field, value) in expected {
        assert_eq!(reply.body[field], value, "{field}");
    }
    assert!(reply.body["created_at"].as_str().unwrap().ends_with("+00:00"));
    let shown = app.get(&format!("/v1/clustertemplates/{uuid}")).await;
    assert_eq!(shown.body, reply.body);
    assert_eq!(app.get("/v1/clustertemplates/swarm").await.body, reply.body);
}

#[tokio::test]
async fn what_a_client_sends_as_text_is_understood() {
    let app = App::start().await;
    let uuid = app
        .template(json!({
            "master_lb_enabled": "True", "floating_ip_enabled": "false", "docker_volume_size": "5",
            "labels": {"rexray_preempt": true, "mine": 7}, "tags": "", "http_proxy": null,
        }))
        .await;
    let body = app.get(&format!("/v1/clustertemplates/{uuid}")).await.body;
    assert_eq!((&body["master_lb_enabled"], &body["floating_ip_enabled"]), (&json!(true), &json!(false)));
    assert_eq!(body["docker_volume_size"], 5);
    assert_eq!(body["labels"], json!({"rexray_preempt": "True", "mine": "7"}));
    assert_eq!((&body["tags"], &body["http_proxy"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_patch_changes_labels_in_every_spelling() {
    let app = App::start().await;
    let uuid = app.template(json!({"labels": {"a.b": "1"}})).await;
    let path = format!("/v1/clustertemplates/{uuid}");
    let cases = [
        (json!([{"op": "replace", "path": "/labels", "value": "{'k': 'v'}"}]), json!({"k": "v"})),
        (json!([{"op": "replace", "path": "/labels", "value": {"k": 2}}]), json!({"k": "2"})),
        (json!([{"op": "add", "path": "/labels/a.b", "value": "3"}]), json!({"k": "2", "a.b": "3"})),
        (json!([{"op": "remove", "path": "/labels/k"}]), json!({"a.b": "3"})),
        (json!([{"op": "replace", "path": "/labels", "value": "{\"z\": \"y\"}"}]), json!({"z": "y"})),
    ];
    for (patch, labels) in cases {
        let reply = app.patch(&path, patch.clone()).await;
        assert_eq!(reply.status, 200, "{patch}: {:?}", reply.body);
        assert_eq!(reply.body["labels"], labels, "{patch}");
    }
    let gone = app.patch(&path, json!([{"op": "remove", "path": "/dns_nameserver"}])).await;
    assert_eq!(gone.body["dns_nameserver"], Value::Null);
}

#[tokio::test]
async fn a_patch_that_cannot_be_applied_changes_nothing() {
    let app = App::start().await;
    let uuid = app.template(json!({})).await;
    let path = format!("/v1/clustertemplates/{uuid}");
    let before = app.get(&path).await.body;
    let cases = [
        (json!([{"op": "replace", "path": "/image_id", "value": "nowhere"}]), 400),
        (json!([{"op": "replace", "path": "/flavor_id", "value": "nowhere"}]), 400),
        (json!([{"op": "remove", "path": "/coe"}]), 400),
        (json!([{"op": "replace", "path": "/uuid", "value": "x"}]), 400),
        (json!([{"op": "replace", "path": "/public", "value": true}]), 403),
        (json!([{"op": "replace", "path": "/apiserver_port", "value": 80}]), 400),
        (json!([{"op": "replace", "path": "/name", "value": "n"}, {"op": "move", "path": "/name"}]), 400),
        (json!({"name": "n"}), 400),
    ];
    for (patch, status) in cases {
        assert_eq!(app.patch(&path, patch.clone()).await.status, status, "{patch}");
    }
    assert_eq!(app.get(&path).await.body, before);
}

#[tokio::test]
async fn a_template_in_use_keeps_its_meaning_and_cannot_go() {
    let app = App::start().await;
    let uuid = app.template(json!({})).await;
    let path = format!("/v1/clustertemplates/{uuid}");
    assert_eq!(app.post("/v1/clusters", json!({"cluster_template_id": uuid})).await.status, 202);
    let refused =
        app.patch(&path, json!([{"op": "replace", "path": "/docker_volume_size", "value": 9}])).await;
    assert_eq!(refused.status, 400);
    assert!(refused.detail().contains("referenced"));
    let renamed = app.patch(&path, json!([{"op": "replace", "path": "/name", "value": "other"}])).await;
    assert_eq!((renamed.status.as_u16(), &renamed.body["name"]), (200, &json!("other")));
    let kept = app.delete(&path).await;
    assert_eq!(kept.status, 400);
    assert!(kept.detail().contains("referenced"));
}

#[tokio::test]
async fn only_an_administrator_publishes_and_then_everybody_sees() {
    let app = App::start().await;
    let uuid = app.template(json!({})).await;
    let path = format!("/v1/clustertemplates/{uuid}");
    assert_eq!(app.call("foreigner", "GET", &path, None).await.status, 404);
    let publish = json!([{"op": "replace", "path": "/public", "value": "True"}]);
    assert_eq!(app.call("admin", "PATCH", &path, Some(publish)).await.status, 200);
    assert_eq!(app.call("foreigner", "GET", &path, None).await.status, 200);
    let rename = json!([{"op": "replace", "path": "/name", "value": "mine"}]);
    assert_eq!(app.call("foreigner", "PATCH", &path, Some(rename)).await.status, 403);
    assert_eq!(app.call("foreigner", "DELETE", &path, None).await.status, 403);
    let hide = json!([{"op": "replace", "path": "/hidden", "value": true}]);
    assert_eq!(app.call("admin", "PATCH", &path, Some(hide)).await.status, 200);
    assert_eq!(app.call("foreigner", "GET", &path, None).await.status, 404);
}

#[tokio::test]
async fn two_templates_of_one_name_need_their_uuid() {
    let app = App::start().await;
    let first = app.template(json!({})).await;
    app.template(json!({})).await;
    let reply = app.get("/v1/clustertemplates/swarm").await;
    assert_eq!(reply.status, 409);
    assert!(reply.detail().contains("UUID"), "{}", reply.detail());
    assert_eq!(app.delete(&format!("/v1/clustertemplates/{first}")).await.status, 204);
    assert_eq!(app.get("/v1/clustertemplates/swarm").await.status, 200);
}

/// As in the releases that knew the engine: the template is taken, and the cluster meets the missing driver.
#[tokio::test]
async fn a_template_of_mesos_is_accepted_and_its_cluster_is_refused_in_upstreams_words() {
    let app = App::start().await;
    let mut body = template_body();
    body["coe"] = json!("mesos");
    body["network_driver"] = json!("docker");
    let made = app.call("owner", "POST", "/v1/clustertemplates", Some(body)).await;
    assert_eq!((made.status.as_u16(), &made.body["coe"]), (201, &json!("mesos")), "{:?}", made.body);
    assert!(made.header("warning").contains("mesos"), "{:?}", made.headers);
    let cluster = json!({"cluster_template_id": made.body["uuid"]});
    let refused = app.call("owner", "POST", "/v1/clusters", Some(cluster)).await;
    assert_eq!(refused.status, 400, "{:?}", refused.body);
    assert!(refused.detail().starts_with("Cluster type (vm, "), "{}", refused.detail());
    let mut body = template_body();
    body["coe"] = json!("nomad");
    assert_eq!(app.call("owner", "POST", "/v1/clustertemplates", Some(body)).await.status, 400);
}
