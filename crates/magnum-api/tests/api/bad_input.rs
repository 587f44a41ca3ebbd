use crate::app::{App, template_body};
use axum::body::Body;
use http::Request;
use magnum_db::Tenancy;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

fn with(mut body: Value, changes: Value) -> Value {
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_wrong_template_is_refused_by_field_and_not_stored() {
    let app = App::start().await;
    let cases = [
        (json!({"image_id": "nowhere"}), 400, "image_id"),
        (json!({"image_id": "no-distro"}), 400, "os_distro"),
        (json!({"image_id": "twins"}), 409, "image_id"),
        (json!({"image_id": "plan9"}), 400, "not supported"),
        (json!({"flavor_id": "m1.nowhere"}), 400, "flavor_id"),
        (json!({"master_flavor_id": "m1.nowhere"}), 400, "master_flavor_id"),
        (json!({"external_network_id": "nowhere"}), 400, "external_network_id"),
        (json!({"external_network_id": "private"}), 400, "external_network_id"),
        (json!({"fixed_network": "nowhere"}), 400, "fixed_network"),
        (json!({"fixed_network": "private", "fixed_subnet": "nowhere"}), 400, "fixed_subnet"),
        (json!({"network_driver": "bad"}), 400, "network_driver"),
        (json!({"volume_driver": "bad"}), 400, "volume_driver"),
        (json!({"coe": "nomad"}), 400, "coe"),
        (json!({"public": true}), 403, "public"),
        (json!({"hidden": "yes"}), 403, "hidden"),
        (json!({"colour": "red"}), 400, "colour"),
    ];
    for (changes, status, word) in cases {
        let reply = app.post("/v1/clustertemplates", with(template_body(), changes.clone())).await;
        assert_eq!(reply.status, status, "{changes}: {:?}", reply.body);
        assert!(reply.detail().contains(word), "{changes}: {}", reply.detail());
    }
    assert_eq!(app.get("/v1/clustertemplates").await.body, json!({"clustertemplates": []}));
}

#[tokio::test]
async fn a_wrong_cluster_is_refused_by_field_and_not_stored() {
    let app = App::start().await;
    let template = app.template(json!({})).await;
    let body = json!({"name": "c1", "cluster_template_id": template});
    let cases = [
        (json!({"cluster_template_id": "nowhere"}), 404, "nowhere"),
        (json!({"flavor_id": "m1.nowhere"}), 400, "flavor_id"),
        (json!({"master_flavor_id": "m1.nowhere"}), 400, "master_flavor_id"),
        (json!({"keypair": "nowhere"}), 404, "keypair"),
        (json!({"fixed_network": "nowhere"}), 400, "fixed_network"),
        (json!({"master_count": 3}), 400, "master_lb_enabled"),
        (json!({"master_count": 2, "master_lb_enabled": true}), 400, "odd"),
        (json!({"master_count": 0}), 400, "master_count"),
        (json!({"node_count": "three"}), 400, "node_count"),
        (json!({"node_count": -1}), 400, "node_count"),
        (json!({"name": "1st"}), 400, "name"),
        (json!({"labels": {"a": {}}}), 400, "labels"),
        (json!({"stack_id": "x"}), 400, "stack_id"),
    ];
    for (changes, status, word) in cases {
        let reply = app.post("/v1/clusters", with(body.clone(), changes.clone())).await;
        assert_eq!(reply.status, status, "{changes}: {:?}", reply.body);
        assert!(reply.detail().contains(word), "{changes}: {}", reply.detail());
    }
    let page = magnum_db::Page { limit: 10, marker: None, sort_key: "id".into(), descending: false };
    assert!(
        app.state.store.cluster_summaries(Tenancy::All, &Default::default(), &page).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn an_unknown_template_is_a_400_below_version_ten() {
    let app = App::start().await;
    let body = json!({"cluster_template_id": "nowhere"});
    for (version, status) in [("1.9", 400), ("1.10", 404)] {
        let version = format!("container-infra {version}");
        let reply = app.call_at(&version, "owner", "POST", "/v1/clusters", Some(body.clone())).await;
        assert_eq!(reply.status, status, "{version}: {:?}", reply.body);
        assert!(reply.detail().contains("nowhere"), "{}", reply.detail());
    }
}

#[tokio::test]
async fn zero_nodes_need_version_ten() {
    let app = App::start().await;
    let template = app.template(json!({})).await;
    let body = json!({"cluster_template_id": template, "node_count": 0});
    for version in ["", "container-infra 1.9"] {
        let reply = app.call_at(version, "owner", "POST", "/v1/clusters", Some(body.clone())).await;
        assert_eq!(reply.status, 400, "{version}");
        assert!(reply.detail().contains("node_count"));
    }
    let reply = app.call_at("container-infra 1.10", "owner", "POST", "/v1/clusters", Some(body)).await;
    assert_eq!(reply.status, 202, "{:?}", reply.body);
}

#[tokio::test]
async fn a_body_that_is_no_object_or_no_json_is_refused() {
    let app = App::start().await;
    let send = async |content_type: Option<&str>, body: &str| {
        let mut request =
            Request::builder().method("POST").uri("/v1/clusters").header("x-auth-token", "owner");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        app.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    for body in ["[]", "\"text\"", "3", "null", "{", "{'a': 1}", ""] {
        let reply = send(Some("application/json"), body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.detail().contains("body"), "{body}: {}", reply.detail());
    }
    for content_type in
        [None, Some("application/json-patch+json"), Some("text/plain"), Some("application/xml")]
    {
        assert_eq!(send(content_type, "{}").await.status, 415, "{content_type:?}");
    }
    for content_type in ["application/json; charset=utf-8", "text/javascript", "Application/JSON"] {
        let reply = send(Some(content_type), "{}").await;
        assert!(reply.detail().contains("cluster_template_id"), "{content_type}: {}", reply.detail());
    }
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(200_000));
    assert_eq!(send(Some("application/json"), &large).await.status, 413);
}

#[tokio::test]
async fn a_silent_nova_is_a_503_and_stores_nothing() {
    let app = App::start().await;
    app.cloud.switches().compute_is_down.store(true, Ordering::Relaxed);
    let reply = app.post("/v1/clustertemplates", template_body()).await;
    assert_eq!(reply.status, 503, "{:?}", reply.body);
    assert!(reply.detail().contains("flavor_id"), "{}", reply.detail());
    assert_eq!(app.get("/v1/clustertemplates").await.body, json!({"clustertemplates": []}));
}

#[tokio::test]
async fn an_unknown_query_argument_is_refused_everywhere() {
    let app = App::start().await;
    let cluster = app.cluster("c1").await;
    for path in [
        "/v1/clusters".to_owned(),
        "/v1/clusters/detail".to_owned(),
        "/v1/clustertemplates".to_owned(),
        "/v1/mservices".to_owned(),
        "/v1/stats".to_owned(),
        format!("/v1/clusters/{cluster}"),
        format!("/v1/clusters/{cluster}/nodegroups"),
        format!("/v1/certificates/{cluster}"),
    ] {
        let reply = app.get(&format!("{path}?colour=red")).await;
        assert_eq!(reply.status, 400, "{path}");
        assert!(reply.detail().contains("colour"), "{path}");
    }
}
