//! The version documents, which need no token: clients begin here.

use crate::{extract::call::link_base, state::AppState};
use axum::{Json, extract::State};
use http::request::Parts;
use serde_json::{Map, Value, json};

/// Collections named in the document of `/v1`.
const COLLECTIONS: &[&str] = &[
    "clustertemplates",
    "clusters",
    "quotas",
    "certificates",
    "mservices",
    "stats",
    "federations",
    "credentials",
];

/// `GET /`
pub async fn roots(State(state): State<AppState>, parts: Parts) -> Json<Value> {
    let base = link_base(&parts, &state);
    Json(json!({
        "name": "OpenStack Magnum API",
        "description": "Makes container orchestration engines first-class resources of an OpenStack cloud.",
        "versions": [{
            "id": "v1",
            "status": "CURRENT",
            "max_version": format!("1.{}", state.settings.max_microversion),
            "min_version": "1.1",
            "links": [{"rel": "self", "href": format!("{base}/v1/")}],
        }],
    }))
}

/// `GET /v1`
pub async fn v1(State(state): State<AppState>, parts: Parts) -> Json<Value> {
    let base = link_base(&parts, &state);
    let mut document = Map::new();
    document.insert("id".to_owned(), json!("v1"));
    document.insert(
        "media_types".to_owned(),
        json!([{"base": "application/json", "type": "application/vnd.openstack.magnum.v1+json"}]),
    );
    document.insert(
        "links".to_owned(),
        json!([
            {"rel": "self", "href": format!("{base}/v1/")},
            {
                "rel": "describedby",
                "type": "text/html",
                "href": "http://docs.openstack.org/developer/magnum/dev/api-spec-v1.html",
            },
        ]),
    );
    for collection in COLLECTIONS {
        document.insert((*collection).to_owned(), collection_links(&base, collection));
    }
    // The literal placeholder is what clients have always been shown.
    document.insert("nodegroups".to_owned(), collection_links(&base, "clusters/{cluster_id}/nodegroups"));
    Json(Value::Object(document))
}

fn collection_links(base: &str, path: &str) -> Value {
    json!([
        {"rel": "self", "href": format!("{base}/v1/{path}/")},
        {"rel": "bookmark", "href": format!("{base}/{path}/")},
    ])
}
