//! The description of the API against the router, against what handlers show, and against the copy in docs/.

use crate::app::App;
use magnum_api::openapi::{self, Noun, fields};
use magnum_types::operation::StepEvent;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn every_route_is_described_and_nothing_else() {
    let routes = magnum_api::routes();
    let missing: Vec<String> = routes
        .iter()
        .filter(|route| !openapi::describes(&route.method, route.path))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert!(missing.is_empty(), "add these to openapi/operations.rs: {missing:?}");
    let document = openapi::document();
    let described: usize =
        document["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len()).sum();
    assert_eq!(described, routes.len());
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    match value {
                        Value::String(text) if name == "$ref" => found.push(text),
                        other => references(other, found),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = openapi::document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

/// The document is compared with the copy in docs/; as it is now it is left beside the build.
#[tokio::test]
async fn the_served_document_is_the_one_in_docs() {
    let app = App::start().await;
    let served = app.call_at("", "", "GET", "/v1/openapi.json", None).await;
    assert_eq!(served.status, 200);
    let text = format!("{:#}\n", served.body);
    let left = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi.json");
    std::fs::write(&left, &text).unwrap();
    let stored = include_str!("../../../../docs/openapi.json");
    assert!(text == stored, "docs/openapi.json is not what is served: copy {}", left.display());
}

#[tokio::test]
async fn documents_have_the_fields_that_are_described() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let quota = json!({"project_id": "p-demo"});
    assert_eq!(app.call("admin", "POST", "/v1/quotas", Some(quota)).await.status, 201);
    app.state.store.service_beat("host", "magnum-conductor").await.unwrap();
    let get = async |path: &str| app.call("admin", "GET", path, None).await.body;
    let first = |list: Value, name: &str| list[name][0].clone();
    crate::history::node(&app, cluster, "c1-master-0").await;
    let fence = crate::history::resizing(&app, cluster).await;
    crate::history::record(&app, fence, "stack_update", StepEvent::Begun).await;
    let operation = first(get(&format!("/v1/clusters/{cluster}/operations")).await, "operations");
    let groups = format!("/v1/clusters/{cluster}/nodegroups");
    for (noun, shown, absent) in [
        (Noun::Template, first(get("/v1/clustertemplates").await, "clustertemplates"), &[][..]),
        (Noun::Cluster, get(&format!("/v1/clusters/{cluster}")).await, &["faults", "stack_id"]),
        (Noun::ClusterSummary, first(get("/v1/clusters").await, "clusters"), &["stack_id"]),
        (Noun::OperationStep, operation["steps"][0].clone(), &[]),
        (Noun::ClusterOperation, operation, &[]),
        (Noun::ClusterNode, first(get(&format!("/v1/clusters/{cluster}/nodes")).await, "nodes"), &[]),
        (Noun::NodeGroup, get(&format!("{groups}/default-worker")).await, &[]),
        (Noun::NodeGroupSummary, first(get(&groups).await, "nodegroups"), &[]),
        (Noun::Quota, get("/v1/quotas/p-demo/Cluster").await, &[]),
        (Noun::Service, first(get("/v1/mservices").await, "mservices"), &[]),
        (Noun::Stats, get("/v1/stats").await, &[]),
        (
            Noun::Certificate,
            app.get(&format!("/v1/certificates/{cluster}")).await.body,
            &["csr", "ca_cert_type"],
        ),
    ] {
        let shown: BTreeSet<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
        let described: BTreeSet<&str> = fields(noun).filter(|name| !absent.contains(name)).collect();
        assert_eq!(shown, described, "{noun:?}");
    }
}
