//! Who may do what at every endpoint. The matrix is checked against the router: an endpoint without a row, or a row
//! without an endpoint, fails.

use crate::{
    app::{App, template_body},
    certificates::csr,
};
use magnum_policy::PolicySettings;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tower::ServiceExt as _;

/// The defaults without upstream's older, laxer forms beside them.
pub fn strict() -> PolicySettings {
    PolicySettings { enforce_new_defaults: true, ..PolicySettings::default() }
}

pub const PERSONAS: [&str; 9] =
    ["", "expired", "trustee", "reader", "colleague", "owner", "foreigner", "admin", "system"];

pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    pub body: fn(&Objects) -> Option<Value>,
    /// The status for each of [`PERSONAS`].
    pub expected: [u16; 9],
}

/// What the paths and bodies of [`matrix`] speak of.
pub struct Objects {
    template: String,
    free_template: String,
    cluster: String,
    operation: String,
}

impl Objects {
    /// A living cluster with its template, and a template that nobody uses.
    pub async fn new(app: &App) -> Self {
        let cluster = app.living_cluster("c1").await;
        Self {
            template: app.state.store.cluster_by_id(cluster).await.unwrap().cluster.cluster_template_id,
            free_template: app.template(json!({"name": "free"})).await,
            cluster: cluster.to_string(),
            operation: app.state.store.operations_of(cluster).await.unwrap()[0].id.to_string(),
        }
    }

    /// A row's path, with these objects in the placeholders.
    pub fn path(&self, path: &str) -> String {
        path.replace("{template}", &self.free_template)
            .replace("{cluster}", &self.cluster)
            .replace("{operation}", &self.operation)
            .replace("{nodegroup}", "default-worker")
            .replace("{project}", "p-demo")
            .replace("{resource}", "Cluster")
            .replace("{federation}", "f1")
            .replace("{sha256}", "00")
    }
}

const fn row(
    method: &'static str,
    path: &'static str,
    body: fn(&Objects) -> Option<Value>,
    expected: [u16; 9],
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

fn unwell(_: &Objects) -> Option<Value> {
    Some(json!([{"op": "replace", "path": "/health_status", "value": "UNHEALTHY"}]))
}

fn upgrade(o: &Objects) -> Option<Value> {
    Some(json!({"cluster_template": o.template}))
}

fn bound(_: &Objects) -> Option<Value> {
    Some(json!([{"op": "replace", "path": "/max_node_count", "value": 9}]))
}

#[rustfmt::skip]
pub fn matrix() -> Vec<Row> {
    vec![
        //                                                                                        nobody expired trustee reader colleague owner foreigner admin system
        row("GET",    "/healthcheck",                                  none,                      [200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET",    "/",                                             none,                      [200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET",    "/v1",                                           none,                      [200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET",    "/v1/openapi.json",                              none,                      [200, 200, 200, 200, 200, 200, 200, 200, 200]),
        row("GET",    "/v1/clustertemplates",                          none,                      [401, 401, 403, 200, 200, 200, 200, 200, 403]),
        row("GET",    "/v1/clustertemplates/detail",                   none,                      [401, 401, 403, 200, 200, 200, 200, 200, 403]),
        row("POST",   "/v1/clustertemplates",                          |_| Some(template_body()), [401, 401, 403, 403, 201, 201, 201, 201, 403]),
        row("GET",    "/v1/clustertemplates/{template}",               none,                      [401, 401, 403, 200, 200, 200, 404, 200, 403]),
        row("PATCH",  "/v1/clustertemplates/{template}",               rename,                    [401, 401, 403, 403, 200, 200, 404, 200, 403]),
        row("DELETE", "/v1/clustertemplates/{template}",               none,                      [401, 401, 403, 403, 204, 204, 404, 204, 403]),
        row("GET",    "/v1/clusters",                                  none,                      [401, 401, 403, 200, 200, 200, 200, 200, 403]),
        row("GET",    "/v1/clusters/detail",                           none,                      [401, 401, 403, 200, 200, 200, 200, 200, 403]),
        row("POST",   "/v1/clusters", |o| Some(json!({"cluster_template_id": o.template})),       [401, 401, 403, 403, 202, 202, 404, 202, 403]),
        row("GET",    "/v1/clusters/{cluster}",                        none,                      [401, 401, 403, 200, 200, 200, 404, 200, 403]),
        row("PATCH",  "/v1/clusters/{cluster}",                        grow,                      [401, 401, 403, 403, 202, 202, 404, 202, 403]),
        row("PATCH",  "/v1/clusters/{cluster}",                        unwell,                    [401, 401, 403, 403, 403, 202, 404, 202, 403]),
        row("DELETE", "/v1/clusters/{cluster}",                        none,                      [401, 401, 403, 403, 204, 204, 404, 204, 403]),
        row("POST",   "/v1/clusters/{cluster}/actions/resize", |_| Some(json!({"node_count": 5})), [401, 401, 403, 403, 202, 202, 404, 404, 403]),
        row("GET",    "/v1/clusters/{cluster}/operations",             none,                      [401, 401, 403, 200, 200, 200, 404, 200, 403]),
        row("GET",    "/v1/clusters/{cluster}/operations/{operation}", none,                      [401, 401, 403, 200, 200, 200, 404, 200, 403]),
        row("GET",    "/v1/clusters/{cluster}/nodes",                  none,                      [401, 401, 403, 200, 200, 200, 404, 200, 403]),
        row("GET",    "/v1/clusters/{cluster}/nodegroups",             none,                      [401, 401, 403, 200, 200, 200, 404, 200, 403]),
        row("POST",   "/v1/clusters/{cluster}/nodegroups",             |_| Some(json!({})),       [401, 401, 403, 403, 202, 202, 404, 404, 403]),
        row("GET",    "/v1/clusters/{cluster}/nodegroups/{nodegroup}", none,                      [401, 401, 403, 200, 200, 200, 404, 200, 403]),
        row("PATCH",  "/v1/clusters/{cluster}/nodegroups/{nodegroup}", bound,                     [401, 401, 403, 403, 202, 202, 404, 404, 403]),
        row("DELETE", "/v1/clusters/{cluster}/nodegroups/{nodegroup}", none,                      [401, 401, 403, 403, 400, 400, 404, 404, 403]),
        row("GET",    "/v1/certificates/{cluster}",                    none,                      [401, 401, 403, 403, 403, 200, 404, 404, 403]),
        row("POST",   "/v1/certificates", |o| Some(json!({"cluster_uuid": o.cluster, "csr": csr()})), [401, 401, 403, 403, 403, 201, 400, 400, 403]),
        row("POST",   "/v1/clusters/{cluster}/actions/upgrade", upgrade,                          [401, 401, 403, 403, 400, 400, 404, 400, 403]),
        row("DELETE", "/v1/clusters/{cluster}/actions/upgrade",        none,                      [401, 401, 403, 403, 409, 409, 404, 409, 403]),
        row("PATCH",  "/v1/certificates/{cluster}",                    none,                      [401, 401, 403, 403, 400, 400, 404, 404, 403]),
        row("PATCH",  "/v1/credentials/{cluster}",                     none,                      [401, 401, 403, 403, 202, 202, 404, 404, 403]),
        row("GET",    "/v1/quotas",                                    none,                      [401, 401, 403, 403, 403, 403, 403, 200, 403]),
        row("POST",   "/v1/quotas", |_| Some(json!({"project_id": "p-admin", "hard_limit": 3})),  [401, 401, 403, 403, 403, 403, 403, 201, 409]),
        row("GET",    "/v1/quotas/{project}/{resource}",               none,                      [401, 401, 403, 200, 200, 200, 403, 200, 403]),
        row("PATCH",  "/v1/quotas/{project}/{resource}", |_| Some(json!({"hard_limit": 3})),      [401, 401, 403, 403, 403, 403, 403, 404, 404]),
        row("DELETE", "/v1/quotas/{project}/{resource}",               none,                      [401, 401, 403, 403, 403, 403, 403, 404, 404]),
        row("GET",    "/v1/federations",                               none,                      [401, 401, 403, 200, 200, 200, 200, 200, 403]),
        row("GET",    "/v1/federations/detail",                        none,                      [401, 401, 403, 200, 200, 200, 200, 200, 403]),
        row("POST",   "/v1/federations",                               |_| Some(json!({})),       [401, 401, 403, 403, 400, 400, 400, 400, 403]),
        row("GET",    "/v1/federations/{federation}",                  none,                      [401, 401, 403, 404, 404, 404, 404, 404, 403]),
        row("PATCH",  "/v1/federations/{federation}",                  |_| Some(json!([])),       [401, 401, 403, 403, 404, 404, 404, 404, 403]),
        row("DELETE", "/v1/federations/{federation}",                  none,                      [401, 401, 403, 403, 404, 404, 404, 404, 403]),
        row("GET",    "/v1/mservices",                                 none,                      [401, 401, 403, 403, 403, 403, 403, 200, 200]),
        row("GET",    "/v1/stats",                                     none,                      [401, 401, 403, 200, 200, 200, 200, 200, 403]),
        // A Keystone token opens nothing at the nodes' own routes.
        row("POST",   "/v1/nodes/register",                            |_| Some(json!({})),       [400, 400, 400, 400, 400, 400, 400, 400, 400]),
        row("GET",    "/v1/nodes/plan",                                none,                      [401, 401, 401, 401, 401, 401, 401, 401, 401]),
        row("POST",   "/v1/nodes/report",                              |_| Some(json!({})),       [401, 401, 401, 401, 401, 401, 401, 401, 401]),
        row("POST",   "/v1/nodes/certificates",                        |_| Some(json!({})),       [401, 401, 401, 401, 401, 401, 401, 401, 401]),
        row("GET",    "/v1/nodes/program/{sha256}",                    none,                      [404, 404, 404, 404, 404, 404, 404, 404, 404]),
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
            let objects = Objects::new(&app).await;
            let path = objects.path(row.path);
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

/// What the auto-healer does in a cluster, as the cluster's own user: `PATCH` of the health, and nothing that is the
/// owner's.
#[tokio::test]
async fn the_clusters_own_user_reports_its_health_and_changes_nothing() {
    let app = App::with(|settings| settings.trustee_domain_id = Some("d-trustees".into()), strict()).await;
    let cluster = app.living_cluster("c1").await;
    let path = format!("/v1/clusters/{cluster}");
    let health = json!([
        {"op": "replace", "path": "/health_status", "value": "UNHEALTHY"},
        {"op": "replace", "path": "/health_status_reason", "value": "{'api': 'ok', 'node.Ready': 'False'}"},
    ]);
    let reply = app.call("healer", "PATCH", &path, Some(health.clone())).await;
    assert_eq!(reply.status, 202, "{:?}", reply.body);
    let shown = app.get(&path).await.body;
    assert_eq!(shown["health_status"], "UNHEALTHY");
    assert_eq!(shown["health_status_reason"]["node.Ready"], "False");
    let count = json!([{"op": "replace", "path": "/node_count", "value": 5}]);
    assert_eq!(app.call("healer", "PATCH", &path, Some(count)).await.status, 403);
    assert_eq!(app.call("healer", "DELETE", &path, None).await.status, 403);
    // Another cluster's user is nobody here.
    let other = app.cluster("c2").await;
    let reply = app.call("healer", "PATCH", &format!("/v1/clusters/{other}"), Some(health)).await;
    assert_eq!(reply.status, 403, "{:?}", reply.body);
}

#[tokio::test]
async fn with_the_older_forms_a_reader_may_what_he_always_might() {
    let app = App::start().await;
    let reply = app.call("reader", "POST", "/v1/clustertemplates", Some(template_body())).await;
    assert_eq!(reply.status, 201, "{:?}", reply.body);
}

/// What each persona gets of templates that are somebody's own, public, hidden, and both: seen, used, changed.
#[tokio::test]
async fn public_and_hidden_templates_are_seen_used_and_changed_by_whom_they_may() {
    //                         (public, hidden)  get                              create a cluster from it
    //                                           colleague foreigner admin         colleague foreigner admin
    let expected = [
        ((false, false), [200, 404, 200], [202, 404, 202]),
        ((true, false), [200, 200, 200], [202, 202, 202]),
        ((false, true), [200, 404, 200], [403, 404, 202]),
        ((true, true), [200, 404, 200], [403, 404, 202]),
    ];
    let mut wrong = Vec::new();
    for ((public, hidden), get, create) in expected {
        let app = App::with(|settings| settings.max_clusters_per_project = 100, strict()).await;
        let template = app.template(json!({})).await;
        let path = format!("/v1/clustertemplates/{template}");
        for (name, value) in [("public", public), ("hidden", hidden)] {
            let change = json!([{"op": "replace", "path": format!("/{name}"), "value": value}]);
            let reply = app.call("admin", "PATCH", &path, Some(change.clone())).await;
            assert_eq!(reply.status, 200, "{change}: {:?}", reply.body);
        }
        if !public {
            let publish = json!([{"op": "replace", "path": "/public", "value": true}]);
            let refused = app.call("colleague", "PATCH", &path, Some(publish)).await;
            assert_eq!(refused.status, 403, "publishing is an administrator's: {:?}", refused.body);
        }
        for (who, (get, create)) in
            ["colleague", "foreigner", "admin"].into_iter().zip(get.into_iter().zip(create))
        {
            let seen = app.call(who, "GET", &path, None).await.status.as_u16();
            let listed = app.call(who, "GET", "/v1/clustertemplates", None).await;
            let listed = listed.body["clustertemplates"]
                .as_array()
                .unwrap()
                .iter()
                .any(|t| t["uuid"] == json!(template));
            let body = json!({"cluster_template_id": template});
            let made = app.call(who, "POST", "/v1/clusters", Some(body)).await;
            if (seen, made.status.as_u16()) != (get, create) {
                wrong.push(format!("public {public}, hidden {hidden}: {who} gets {seen}, makes {} {:?}; wanted {get}, {create}", made.status, made.body));
            }
            if listed && get == 404 {
                wrong.push(format!("public {public}, hidden {hidden}: {who} finds it in the list"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The listener that stands in the clusters' networks shows nodes what is theirs, and nobody anything else.
#[tokio::test]
async fn the_nodes_own_listener_answers_nothing_else() {
    let app = App::start().await;
    let nodes = magnum_api::node_app(app.state.clone());
    for row in matrix() {
        let path = row.path.replace(['{', '}'], "");
        let request = || {
            http::Request::builder()
                .method(row.method)
                .uri(&path)
                .header("x-auth-token", "admin")
                .body(axum::body::Body::empty())
                .unwrap()
        };
        let status = nodes.clone().oneshot(request()).await.unwrap().status();
        if row.path.starts_with("/v1/nodes/") {
            assert_eq!(status, app.send(request()).await.status, "{} {path}", row.method);
        } else {
            assert_eq!(status, 404, "{} {path}", row.method);
        }
    }
}
