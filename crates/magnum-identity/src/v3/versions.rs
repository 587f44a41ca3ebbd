//! What versions there are: the first question of every client.

use crate::identity::Identity;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde_json::{Value, json};

/// 3.14 is the last version that Keystone numbered.
fn v3(identity: &Identity) -> Value {
    json!({
        "id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
        "links": [{ "rel": "self", "href": address(identity) }],
        "media-types": [{ "base": "application/json", "type": "application/vnd.openstack.identity-v3+json" }],
    })
}

fn address(identity: &Identity) -> String {
    format!("{}/", identity.0.settings.public_url)
}

/// `GET /`: 300, as there could be a choice.
pub(super) async fn list(State(identity): State<Identity>) -> Response {
    let document = json!({ "versions": { "values": [v3(&identity)] } });
    (StatusCode::MULTIPLE_CHOICES, [(header::LOCATION, address(&identity))], Json(document)).into_response()
}

/// `GET /v3`.
pub(super) async fn show(State(identity): State<Identity>) -> Response {
    Json(json!({ "version": v3(&identity) })).into_response()
}
