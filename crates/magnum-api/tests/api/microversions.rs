//! What a microversion changes: every endpoint of the router at every version, against what the description says since
//! when it is there; and every noun's fields at every version.

use crate::{
    app::App,
    roles::{Objects, PERSONAS, Row, matrix},
};
use magnum_api::{Access, routes};
use serde_json::Value;
use std::collections::BTreeSet;

/// The oldest and the newest version that is spoken.
const MINORS: std::ops::RangeInclusive<u64> = 1..=14;

/// Fields that one version shows and another does not: the end of the path, the field, its first and last version.
/// Everything else is shown at every version, as upstream does.
const FIELDS: &[(&str, &str, u64, u64)] = &[
    ("/v1/clusters", "stack_id", 1, 12),
    ("/v1/clusters", "cluster_id", 13, 14),
    ("/v1/clusters/detail", "stack_id", 1, 12),
    ("/v1/clusters/detail", "cluster_id", 13, 14),
    ("/v1/clusters/{cluster}", "stack_id", 1, 12),
    ("/v1/clusters/{cluster}", "cluster_id", 13, 14),
];

/// The first version of an endpoint, as the description says it.
async fn since(app: &App, row: &Row) -> u64 {
    let described = app.get("/v1/openapi.json").await.body;
    let operation = &described["paths"][row.path][row.method.to_lowercase()];
    assert!(operation.is_object(), "{} {} is not described", row.method, row.path);
    let first = operation["x-openstack-min-microversion"].as_str().unwrap_or("1.1");
    first.strip_prefix("1.").and_then(|minor| minor.parse().ok()).unwrap()
}

/// A persona that the policy lets through, with the status that it gets.
fn served(row: &Row) -> (&'static str, u16) {
    let of = |who| row.expected[PERSONAS.iter().position(|persona| *persona == who).unwrap()];
    if of("owner") == 403 { ("admin", of("admin")) } else { ("owner", of("owner")) }
}

/// Names of an object's fields; of a list's, those of its first entry.
fn fields(body: &Value) -> BTreeSet<String> {
    let Some(object) = body.as_object() else { return BTreeSet::new() };
    let entry = object.values().find_map(Value::as_array).filter(|_| object.len() <= 2);
    let shown = entry.and_then(|entries| entries.first()).and_then(Value::as_object).unwrap_or(object);
    shown.keys().cloned().collect()
}

#[tokio::test]
async fn every_endpoint_is_there_from_its_version_on_and_refused_before() {
    let mut wrong = Vec::new();
    let with_token: BTreeSet<_> =
        routes().into_iter().filter(|route| route.access == Access::Token).map(|route| route.path).collect();
    for row in matrix().iter().filter(|row| with_token.contains(row.path)) {
        let app = App::with(|settings| settings.max_clusters_per_project = 100, Default::default()).await;
        let first = since(&app, row).await;
        let (who, status) = served(row);
        let mut objects = Objects::new(&app).await;
        for minor in MINORS {
            let version = format!("container-infra 1.{minor}");
            let path = objects.path(row.path);
            let reply = app.call_at(&version, who, row.method, &path, (row.body)(&objects)).await;
            // At 1.7 the upgrade was there, and refused itself.
            let upgrade = (minor, row.path.ends_with("/actions/upgrade")) == (7, true);
            let expected = match minor < first {
                true if upgrade => 400,
                true => 406,
                // A quota is there the second time.
                false if row.path == "/v1/quotas" && row.method == "POST" && minor > first => 409,
                false => status,
            };
            if reply.status != expected {
                let text = reply.detail();
                wrong.push(format!(
                    "{} {} at 1.{minor}: {} instead of {expected}: {text}",
                    row.method, row.path, reply.status
                ));
            }
            let spoken = reply.header("openstack-api-version");
            assert!(spoken.ends_with(&format!(" 1.{minor}")), "{} {}: {spoken}", row.method, row.path);
            if row.method != "GET" && reply.status.is_success() {
                objects = Objects::new(&app).await;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_noun_shows_the_fields_of_its_version() {
    let app = App::start().await;
    let objects = Objects::new(&app).await;
    for row in matrix().iter().filter(|row| row.method == "GET" && served(row).1 == 200) {
        let first = since(&app, row).await;
        let who = served(row).0;
        let path = objects.path(row.path);
        let newest = fields(&app.call(who, "GET", &path, None).await.body);
        let gated: Vec<_> = FIELDS.iter().filter(|(of, ..)| *of == row.path).collect();
        for minor in MINORS.filter(|minor| *minor >= first) {
            let reply = app.call_at(&format!("container-infra 1.{minor}"), who, "GET", &path, None).await;
            let mut expected = newest.clone();
            for (_, field, from, to) in &gated {
                if (*from..=*to).contains(&minor) {
                    expected.insert((*field).to_owned());
                } else {
                    expected.remove(*field);
                }
            }
            assert_eq!(fields(&reply.body), expected, "{} at 1.{minor}", row.path);
        }
    }
}
