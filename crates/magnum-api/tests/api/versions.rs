use crate::app::App;
use serde_json::{Value, json};

#[tokio::test]
async fn the_version_documents_need_no_token() {
    let app = App::start().await;
    let root = app.call_at("", "", "GET", "/", None).await;
    assert_eq!(root.status, 200);
    let version = &root.body["versions"][0];
    assert_eq!((&version["id"], &version["status"]), (&json!("v1"), &json!("CURRENT")));
    assert_eq!((&version["min_version"], &version["max_version"]), (&json!("1.1"), &json!("1.14")));
    assert_eq!(version["links"][0]["href"], "http://magnum.example:9511/v1/");
    for path in ["/v1", "/v1/"] {
        let v1 = app.call_at("", "", "GET", path, None).await;
        assert_eq!(v1.status, 200, "{path}");
        assert_eq!(v1.body["clusters"][1]["href"], "http://magnum.example:9511/clusters/");
        assert!(v1.body["nodegroups"][0]["href"].as_str().unwrap().contains("{cluster_id}"));
    }
}

#[tokio::test]
async fn the_healthcheck_follows_the_operators_file() {
    let file = std::env::temp_dir().join(format!("magnum-disable-{}", std::process::id()));
    let disable = file.clone();
    let app =
        App::with(|settings| settings.healthcheck_disable_file = Some(disable), Default::default()).await;
    let up = app.call_at("", "", "GET", "/healthcheck", None).await;
    assert_eq!((up.status.as_u16(), up.body), (200, json!("OK")));
    std::fs::write(&file, "").unwrap();
    let down = app.call_at("", "", "GET", "/healthcheck", None).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!((down.status.as_u16(), down.body), (503, json!("DISABLED BY FILE")));
}

#[tokio::test]
async fn every_answer_carries_the_version_headers_errors_included() {
    let app = App::start().await;
    for (path, status) in [("/v1/clusters", 200), ("/v1/clusters/none", 404), ("/v1/clusters?limit=x", 400)] {
        let reply = app.call_at("container-infra 1.9", "owner", "GET", path, None).await;
        assert_eq!(reply.status, status, "{path}");
        let word = "container-infrastructure-management";
        assert_eq!(reply.header("openstack-api-minimum-version"), format!("{word} 1.1"));
        assert_eq!(reply.header("openstack-api-maximum-version"), format!("{word} 1.14"));
        assert_eq!(reply.header("openstack-api-version"), format!("{word} 1.9"));
        assert!(reply.header("vary").contains("OpenStack-API-Version"));
        assert!(reply.header("x-openstack-request-id").starts_with("req-"));
    }
}

#[tokio::test]
async fn an_unsupported_version_is_answered_with_the_range() {
    let app = App::start().await;
    let reply = app.call_at("container-infra 1.15", "owner", "GET", "/v1/clusters", None).await;
    assert_eq!(reply.status, 406);
    let error = &reply.body["errors"][0];
    assert_eq!(error["code"], "magnum.microversion-unsupported");
    assert_eq!((&error["min_version"], &error["max_version"]), (&json!("1.1"), &json!("1.14")));
    for header in ["1.4", "compute 1.4", "container-infra one"] {
        let reply = app.call_at(header, "owner", "GET", "/v1/clusters", None).await;
        assert_eq!(reply.status, 406, "{header}");
    }
}

#[tokio::test]
async fn the_configured_maximum_is_what_latest_means() {
    let app = App::with(|settings| settings.max_microversion = 10, Default::default()).await;
    let reply = app.call_at("container-infra latest", "owner", "GET", "/v1/clusters", None).await;
    assert_eq!(reply.header("openstack-api-version"), "container-infra 1.10");
    let reply = app.call_at("container-infra 1.11", "owner", "GET", "/v1/clusters", None).await;
    assert_eq!(reply.status, 406);
}

#[tokio::test]
async fn a_path_without_version_or_with_trailing_slashes_is_the_same_path() {
    let app = App::start().await;
    for path in ["/clusters", "/clusters/", "/v1/clusters/", "/v1/clusters"] {
        let reply = app.get(path).await;
        assert_eq!((reply.status.as_u16(), &reply.body), (200, &json!({"clusters": []})), "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_have_the_routers_bare_documents() {
    let app = App::start().await;
    for (method, path, status) in [("GET", "/v1/nonsense", 404), ("PUT", "/v1/clusters", 405)] {
        let reply = app.call("owner", method, path, None).await;
        assert_eq!(reply.status, status, "{path}");
        let error = &reply.body["errors"][0];
        assert_eq!((&error["title"], &error["detail"], &error["code"]), (&json!(""), &json!(""), &json!("")));
        assert_eq!(error["request_id"].as_str().unwrap(), reply.header("x-openstack-request-id"));
        assert_eq!(reply.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn node_groups_need_version_nine() {
    let app = App::start().await;
    let cluster = app.cluster("c1").await;
    let path = format!("/v1/clusters/{cluster}/nodegroups");
    assert_eq!(app.call_at("container-infra 1.8", "owner", "GET", &path, None).await.status, 406);
    assert_eq!(app.call_at("container-infra 1.9", "owner", "GET", &path, None).await.status, 200);
}

#[tokio::test]
async fn the_stacks_column_has_one_name_or_the_other() {
    let app = App::start().await;
    let cluster = app.cluster("c1").await;
    for path in
        [format!("/v1/clusters/{cluster}"), "/v1/clusters".to_owned(), "/v1/clusters/detail".to_owned()]
    {
        for (version, name, other) in [
            ("container-infra 1.12", "stack_id", "cluster_id"),
            ("container-infra 1.13", "cluster_id", "stack_id"),
        ] {
            let reply = app.call_at(version, "owner", "GET", &path, None).await;
            let document: &Value =
                if path.ends_with(&cluster.to_string()) { &reply.body } else { &reply.body["clusters"][0] };
            assert!(document.get(name).is_some() && document.get(other).is_none(), "{path} {version}");
        }
    }
}

#[tokio::test]
async fn forwarded_headers_count_only_behind_a_trusted_proxy() {
    let request = || {
        http::Request::builder()
            .uri("/")
            .header("host", "inner:9511")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "outer.example")
            .header("x-forwarded-prefix", "/container-infra/")
            .body(axum::body::Body::empty())
            .unwrap()
    };
    let link = |body: &Value| body["versions"][0]["links"][0]["href"].as_str().unwrap().to_owned();
    let plain = App::start().await.send(request()).await;
    assert_eq!(link(&plain.body), "http://inner:9511/v1/");
    let app = App::with(|settings| settings.proxy_headers = true, Default::default()).await;
    assert_eq!(link(&app.send(request()).await.body), "https://outer.example/container-infra/v1/");
}
