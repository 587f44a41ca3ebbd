//! Who may do what at every endpoint. The matrix is checked against the router: an endpoint without a row, or a row
//! without an endpoint, fails.

use crate::{
    app::{App, template_body},
    certificates::csr,
};
use magnum_policy::PolicySettings;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The defaults without upstream's older, laxer forms beside them.
pub fn strict() -> PolicySettings {
    PolicySettings { enforce_new_defaults: true, ..PolicySettings::default() }
}

const PERSONAS: [&str; 6] = ["", "reader", "colleague", "owner", "admin", "foreigner"];

struct Row {
    method: &'static str,
    path: &'static str,
    body: fn(&Objects) -> Option<Value>,
    /// The status for each of [`PERSONAS`].
    expected: [u16; 6],
}

struct Objects {
    template: String,
    free_template: String,
    cluster: String,
}

const fn row(
    method: &'static str,
    path: &'static str,
    body: fn(&Objects) -> Option<Value>,
    expected: [u16; 6],
) -> Row {
    Row { method, path, body, expected }
}

fn none(_: &Objects) -> Option<Value> {
    None
}

fn rename(_: &Objects) -> Option<Value> {
    Some(json!([{"op": "replace", "path": "/name", "value": "other"}]))
}

fn grow(_: &Objects) -> Option<Value> {
    Some(json!([{"op": "replace", "path": "/node_count", "value": 5}]))
}

fn bound(_: &Objects) -> Option<Value> {
    Some(json!([{"op": "replace", "path": "/max_node_count", "value": 9}]))
}

#[rustfmt::skip]
fn matrix() -> Vec<Row> {
    vec![
        //                                                                                        nobody reader colleague owner admin foreigner
        row("GET",    "/healthcheck",                                  none,                      [200, 200, 200, 200, 200, 200]),
        row("GET",    "/",                                             none,                      [200, 200, 200, 200, 200, 200]),
        row("GET",    "/v1",                                           none,                      [200, 200, 200, 200, 200, 200]),
        row("GET",    "/v1/clustertemplates",                          none,                      [401, 200, 200, 200, 200, 200]),
        row("GET",    "/v1/clustertemplates/detail",                   none,                      [401, 200, 200, 200, 200, 200]),
        row("POST",   "/v1/clustertemplates",                          |_| Some(template_body()), [401, 403, 201, 201, 201, 201]),
        row("GET",    "/v1/clustertemplates/{template}",               none,                      [401, 200, 200, 200, 200, 404]),
        row("PATCH",  "/v1/clustertemplates/{template}",               rename,                    [401, 403, 200, 200, 200, 404]),
        row("DELETE", "/v1/clustertemplates/{template}",               none,                      [401, 403, 204, 204, 204, 404]),
        row("GET",    "/v1/clusters",                                  none,                      [401, 200, 200, 200, 200, 200]),
        row("GET",    "/v1/clusters/detail",                           none,                      [401, 200, 200, 200, 200, 200]),
        row("POST",   "/v1/clusters", |o| Some(json!({"cluster_template_id": o.template})),       [401, 403, 202, 202, 202, 400]),
        row("GET",    "/v1/clusters/{cluster}",                        none,                      [401, 200, 200, 200, 200, 404]),
        row("PATCH",  "/v1/clusters/{cluster}",                        grow,                      [401, 403, 202, 202, 202, 404]),
        row("DELETE", "/v1/clusters/{cluster}",                        none,                      [401, 403, 204, 204, 204, 404]),
        row("POST",   "/v1/clusters/{cluster}/actions/resize", |_| Some(json!({"node_count": 5})), [401, 403, 202, 202, 404, 404]),
        row("GET",    "/v1/clusters/{cluster}/nodegroups",             none,                      [401, 200, 200, 200, 200, 404]),
        row("POST",   "/v1/clusters/{cluster}/nodegroups",             |_| Some(json!({})),       [401, 403, 202, 202, 404, 404]),
        row("GET",    "/v1/clusters/{cluster}/nodegroups/{nodegroup}", none,                      [401, 200, 200, 200, 200, 404]),
        row("PATCH",  "/v1/clusters/{cluster}/nodegroups/{nodegroup}", bound,                     [401, 403, 202, 202, 404, 404]),
        row("DELETE", "/v1/clusters/{cluster}/nodegroups/{nodegroup}", none,                      [401, 403, 400, 400, 404, 404]),
        row("GET",    "/v1/certificates/{cluster}",                    none,                      [401, 403, 403, 200, 404, 404]),
        row("POST",   "/v1/certificates", |o| Some(json!({"cluster_uuid": o.cluster, "csr": csr()})), [401, 403, 403, 201, 400, 400]),
        row("GET",    "/v1/mservices",                                 none,                      [401, 403, 403, 403, 200, 403]),
        row("GET",    "/v1/stats",                                     none,                      [401, 200, 200, 200, 200, 200]),
        // A Keystone token opens nothing at the nodes' own routes.
        row("POST",   "/v1/nodes/register",                            |_| Some(json!({})),       [400, 400, 400, 400, 400, 400]),
        row("GET",    "/v1/nodes/plan",                                none,                      [401, 401, 401, 401, 401, 401]),
        row("POST",   "/v1/nodes/report",                              |_| Some(json!({})),       [401, 401, 401, 401, 401, 401]),
        row("GET",    "/v1/nodes/program/{sha256}",                    none,                      [404, 404, 404, 404, 404, 404]),
    ]
}

#[test]
fn every_endpoint_has_a_row_and_every_row_an_endpoint() {
    let routes: BTreeSet<_> =
        magnum_api::routes().iter().map(|route| (route.method.to_string(), route.path)).collect();
    let rows: BTreeSet<_> = matrix().iter().map(|row| (row.method.to_owned(), row.path)).collect();
    assert_eq!(routes, rows);
}

#[tokio::test]
async fn every_role_gets_at_every_endpoint_what_the_policy_says() {
    let mut wrong = Vec::new();
    for row in matrix() {
        let app = App::with(|settings| settings.max_clusters_per_project = 100, strict()).await;
        for (who, expected) in PERSONAS.into_iter().zip(row.expected) {
            let cluster = app.living_cluster("c1").await;
            let objects = Objects {
                template: app.state.store.cluster_by_id(cluster).await.unwrap().cluster.cluster_template_id,
                free_template: app.template(json!({"name": "free"})).await,
                cluster: cluster.to_string(),
            };
            let path = row
                .path
                .replace("{template}", &objects.free_template)
                .replace("{cluster}", &objects.cluster)
                .replace("{nodegroup}", "default-worker")
                .replace("{sha256}", "00");
            let reply = app.call(who, row.method, &path, (row.body)(&objects)).await;
            if reply.status != expected {
                let who = if who.is_empty() { "nobody" } else { who };
                wrong.push(format!(
                    "{who} {} {}: {} instead of {expected}: {:?}",
                    row.method, row.path, reply.status, reply.body
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn with_the_older_forms_a_reader_may_what_he_always_might() {
    let app = App::start().await;
    let reply = app.call("reader", "POST", "/v1/clustertemplates", Some(template_body())).await;
    assert_eq!(reply.status, 201, "{:?}", reply.body);
}
