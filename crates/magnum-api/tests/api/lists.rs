use crate::app::App;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const COMPACT: &[&str] = &[
    "uuid",
    "name",
    "cluster_template_id",
    "keypair",
    "docker_volume_size",
    "labels",
    "merge_labels",
    "master_flavor_id",
    "flavor_id",
    "node_count",
    "master_count",
    "status",
    "health_status",
    "create_timeout",
    "links",
    "stack_id",
];

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_list_of_clusters_is_compact_and_its_detail_is_full() {
    let app = App::start().await;
    app.cluster("c1").await;
    let list = app.call_at("container-infra 1.9", "owner", "GET", "/v1/clusters", None).await.body;
    assert_eq!(names(&list["clusters"][0]), COMPACT.iter().copied().collect());
    let detail = app.get("/v1/clusters/detail").await.body;
    let one = app.get("/v1/clusters/c1").await.body;
    assert_eq!(detail["clusters"][0], one);
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repetition() {
    let app = App::start().await;
    let template = app.template(json!({})).await;
    for name in ["e", "b", "d", "a", "c"] {
        let body = json!({"name": name, "cluster_template_id": template});
        assert_eq!(app.post("/v1/clusters", body).await.status, 202);
    }
    for (query, expected) in
        [("sort_key=name", "abcde"), ("sort_key=name&sort_dir=desc", "edcba"), ("", "ebdac")]
    {
        let mut path = format!("/v1/clusters?limit=2&{query}");
        let mut seen = String::new();
        loop {
            let page = app.get(&path).await;
            assert_eq!(page.status, 200, "{path}: {:?}", page.body);
            for cluster in page.body["clusters"].as_array().unwrap() {
                seen.push_str(cluster["name"].as_str().unwrap());
            }
            match page.body.get("next") {
                Some(next) => {
                    let next = next.as_str().unwrap();
                    assert!(next.starts_with("http://magnum.example:9511/v1/clusters?"), "{next}");
                    path = next.trim_start_matches("http://magnum.example:9511").to_owned();
                }
                None => break,
            }
        }
        assert_eq!(seen, expected, "{query}");
    }
}

#[tokio::test]
async fn wrong_paging_is_refused() {
    let app = App::start().await;
    for query in ["limit=0", "limit=-1", "limit=x", "sort_dir=up", "sort_key=colour", "marker=x"] {
        for collection in ["clusters", "clusters/detail", "clustertemplates"] {
            let reply = app.get(&format!("/v1/{collection}?{query}")).await;
            assert_eq!(reply.status, 400, "{collection}?{query}: {:?}", reply.body);
        }
    }
}

#[tokio::test]
async fn a_tenant_sees_his_project_and_an_administrator_all() {
    let app = App::start().await;
    app.cluster("c1").await;
    for (who, count) in [("owner", 1), ("colleague", 1), ("foreigner", 0), ("admin", 1)] {
        let list = app.call(who, "GET", "/v1/clusters", None).await.body;
        assert_eq!(list["clusters"].as_array().unwrap().len(), count, "{who}");
    }
}

#[tokio::test]
async fn every_cluster_lists_its_two_groups() {
    let app = App::start().await;
    let cluster = app.cluster("c1").await;
    let path = format!("/v1/clusters/{cluster}/nodegroups/");
    let groups = app.get(&path).await.body;
    let found: Vec<_> = groups["nodegroups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            (group["name"].as_str().unwrap(), group["role"].as_str().unwrap(), group["node_count"].as_i64())
        })
        .collect();
    assert_eq!(found, [("default-master", "master", Some(1)), ("default-worker", "worker", Some(2))]);
    let masters = app.get(&format!("{path}?role=master")).await.body;
    assert_eq!(masters["nodegroups"].as_array().unwrap().len(), 1);
    let one = app.get(&format!("{path}default-worker")).await;
    assert_eq!(one.status, 200);
    assert_eq!(one.body["cluster_id"], cluster.to_string());
    assert!(one.body["id"].is_i64() && one.body["is_default"] == true);
    for field in ["labels_added", "node_labels", "node_taints", "max_node_count", "status_reason"] {
        assert!(one.body.get(field).is_some(), "{field}");
    }
    assert_eq!(app.get(&format!("{path}nowhere")).await.status, 404);
}

#[tokio::test]
async fn stats_count_clusters_and_all_their_nodes() {
    let app = App::start().await;
    app.cluster("c1").await;
    for (who, path, expected) in [
        ("owner", "/v1/stats", json!({"clusters": 1, "nodes": 3})),
        ("admin", "/v1/stats", json!({"clusters": 1, "nodes": 3})),
        ("admin", "/v1/stats?project_id=p-foreign", json!({"clusters": 0, "nodes": 0})),
        ("foreigner", "/v1/stats?type=cluster", json!({"clusters": 0, "nodes": 0})),
    ] {
        assert_eq!(app.call(who, "GET", path, None).await.body, expected, "{who} {path}");
    }
    assert_eq!(app.get("/v1/stats?project_id=p-foreign").await.status, 403);
}

#[tokio::test]
async fn services_are_up_while_they_speak() {
    let app = App::start().await;
    app.state.store.service_beat("host-1", "magnum-conductor").await.unwrap();
    let service = &app.call("admin", "GET", "/v1/mservices", None).await.body["mservices"][0];
    assert_eq!((&service["state"], &service["binary"]), (&json!("up"), &json!("magnum-conductor")));
    assert!(service.get("last_seen_up").is_none() && service.get("forced_down").is_none());
    app.advance(std::time::Duration::from_secs(181));
    let service = &app.call("admin", "GET", "/v1/mservices", None).await.body["mservices"][0];
    assert_eq!(service["state"], "down");
}
