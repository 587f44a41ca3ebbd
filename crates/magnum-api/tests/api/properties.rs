//! Whatever a client sends, the answer is the client's fault or a success: never a 5xx, which is also what a panic
//! becomes. Bodies, patches and query strings are drawn at random around what the endpoints know.

use crate::app::{App, Reply};
use axum::body::Body;
use http::Request;
use magnum_policy::PolicySettings;
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

/// Fields that endpoints know, so that draws get past "unknown field".
const FIELDS: &[&str] = &[
    "name",
    "cluster_template_id",
    "cluster_template",
    "node_count",
    "master_count",
    "labels",
    "merge_labels",
    "create_timeout",
    "docker_volume_size",
    "keypair",
    "flavor_id",
    "image_id",
    "coe",
    "nodes_to_remove",
    "nodegroup",
    "max_batch_size",
    "min_node_count",
    "max_node_count",
    "node_labels",
    "node_taints",
    "role",
    "csr",
    "cluster_uuid",
    "ca_cert_type",
    "project_id",
    "resource",
    "hard_limit",
    "health_status",
    "health_status_reason",
    "dns_nameserver",
    "apiserver_port",
    "public",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => any::<String>(),
        1 => "[-+]?[0-9]{1,25}(\\.[0-9]+)?",
        1 => Just("{'a': ['b', None, True, 1.5, {'c': 'd'}]}".to_owned()),
        1 => "[\\[\\]{}():,'\"\\\\ a-z0-9]{0,40}",
        1 => prop_oneof![Just("swarm-mode"), Just("debian-12"), Just("public"), Just("True"), Just("default-worker")]
            .prop_map(str::to_owned),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3..10_i64).prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(text(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Value> {
    let field = prop_oneof![9 => proptest::sample::select(FIELDS).prop_map(str::to_owned), 1 => text()];
    prop_oneof![
        8 => btree_map(field, json_value(), 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        1 => json_value(),
    ]
}

fn patch() -> impl Strategy<Value = Value> {
    let verb = prop_oneof![Just("add"), Just("replace"), Just("remove"), Just("move")];
    let path = prop_oneof![
        6 => proptest::sample::select(FIELDS).prop_map(|field| format!("/{field}")),
        3 => (proptest::sample::select(FIELDS), text()).prop_map(|(field, key)| format!("/{field}/{key}")),
        1 => text(),
    ];
    let operation = (verb, path, json_value())
        .prop_map(|(op, path, value)| json!({"op": op, "path": path, "value": value}));
    prop_oneof![9 => vec(operation, 0..4).prop_map(Value::from), 1 => json_value()]
}

fn query() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        9 => proptest::sample::select(&[
            "limit", "marker", "sort_key", "sort_dir", "project_id", "status", "name", "role", "all_tenants", "type",
            "ca_cert_type", "rollback",
        ][..]).prop_map(str::to_owned),
        1 => text(),
    ];
    vec((name, text()), 0..4)
        .prop_map(|pairs| url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

/// Method, path and body of a request.
type Drawn = (&'static str, String, String);

/// Draws `cases` inputs, sends the request that `request` makes of each, and looks at the answer.
fn never_a_server_fault<T: std::fmt::Debug>(
    cases: u32,
    strategy: impl Strategy<Value = T>,
    requests: fn(&T, &str) -> Vec<Drawn>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (app, cluster) = runtime.block_on(async {
        let app =
            App::with(|settings| settings.max_clusters_per_project = 100_000, PolicySettings::default())
                .await;
        let cluster = app.living_cluster("c1").await.to_string();
        (app, cluster)
    });
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&strategy, |drawn| {
        for (method, path, body) in requests(&drawn, &cluster) {
            let reply: Reply = runtime.block_on(async {
                let request = Request::builder()
                    .method(method)
                    .uri(&path)
                    .header("x-auth-token", "admin")
                    .header("openstack-api-version", "container-infra latest")
                    .header("content-type", "application/json");
                app.send(request.body(Body::from(body.clone())).unwrap()).await
            });
            prop_assert!(
                reply.status.as_u16() < 500,
                "{method} {path} {body}: {} {:?}",
                reply.status,
                reply.body
            );
            if reply.status.is_client_error() {
                prop_assert!(
                    !reply.detail().is_empty(),
                    "{method} {path} {body}: {} without a word",
                    reply.status
                );
            }
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn no_body_is_a_server_fault() {
    never_a_server_fault(400, body(), |body, cluster| {
        [
            ("POST", "/v1/clustertemplates".to_owned()),
            ("POST", "/v1/clusters".to_owned()),
            ("POST", format!("/v1/clusters/{cluster}/actions/resize")),
            ("POST", format!("/v1/clusters/{cluster}/actions/upgrade")),
            ("POST", format!("/v1/clusters/{cluster}/nodegroups")),
            ("POST", "/v1/certificates".to_owned()),
            ("POST", "/v1/quotas".to_owned()),
            ("PATCH", "/v1/quotas/p-demo/Cluster".to_owned()),
            ("POST", "/v1/nodes/register".to_owned()),
        ]
        .into_iter()
        .map(|(method, path)| (method, path, body.to_string()))
        .collect()
    });
}

#[test]
fn no_patch_is_a_server_fault() {
    never_a_server_fault(400, patch(), |patch, cluster| {
        [
            format!("/v1/clusters/{cluster}"),
            format!("/v1/clusters/{cluster}/nodegroups/default-worker"),
            "/v1/clustertemplates/swarm".to_owned(),
        ]
        .into_iter()
        .map(|path| ("PATCH", path, patch.to_string()))
        .collect()
    });
}

#[test]
fn no_query_is_a_server_fault() {
    never_a_server_fault(400, query(), |query, cluster| {
        [
            "/v1/clusters".to_owned(),
            "/v1/clusters/detail".to_owned(),
            "/v1/clustertemplates".to_owned(),
            format!("/v1/clusters/{cluster}/nodegroups"),
            format!("/v1/certificates/{cluster}"),
            "/v1/quotas".to_owned(),
            "/v1/federations".to_owned(),
            "/v1/stats".to_owned(),
            "/v1/mservices".to_owned(),
        ]
        .into_iter()
        .map(|path| ("GET", format!("{path}?{query}"), String::new()))
        .collect()
    });
}

#[test]
fn no_text_is_a_server_fault() {
    never_a_server_fault(400, text(), |text, _| {
        vec![
            ("POST", "/v1/clusters".to_owned(), text.clone()),
            ("PATCH", "/v1/clusters/c1".to_owned(), text.clone()),
        ]
    });
}
