//! Just enough of Keystone for a client: credentials in, token and catalog out.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// The only right password, and the only right secret. Must never be printed.
pub const PASSWORD: &str = "hunter2-geheim";

#[derive(Default)]
pub struct Heard {
    pub url: String,
    pub magnum: String,
    /// The bodies of authentications.
    pub asked: Mutex<Vec<Value>>,
}

pub async fn start(magnum: String) -> Arc<Heard> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Heard { url, magnum, asked: Mutex::default() });
    let app = serving(Arc::clone(&heard));
    tokio::spawn(async move { axum::serve(listener, app).await });
    heard
}

/// The same, to be served otherwise.
pub fn router(magnum: String) -> Router {
    serving(Arc::new(Heard { magnum, ..Heard::default() }))
}

fn serving(heard: Arc<Heard>) -> Router {
    Router::new().route("/v3/auth/tokens", get(validate).post(authenticate)).with_state(heard)
}

fn token(heard: &Heard, project: &str) -> Json<Value> {
    let endpoint = |interface: &str, region: &str, url: String| json!({"interface": interface, "region_id": region, "region": region, "url": url});
    let magnum = &heard.magnum;
    Json(json!({"token": {
        "user": {"id": "u-owner", "name": "demo", "domain": {"id": "default", "name": "Default"}},
        "project": {"id": project, "name": project, "domain": {"id": "default", "name": "Default"}},
        "roles": [{"id": "member", "name": "member"}],
        "methods": ["password"],
        "expires_at": "2099-01-01T00:00:00.000000Z",
        "catalog": [{"type": "container-infra", "name": "magnum", "endpoints": [
            endpoint("public", "RegionOne", format!("{magnum}/v1")),
            endpoint("public", "Nowhere", "http://127.0.0.1:9/v1".to_owned()),
            endpoint("internal", "RegionOne", magnum.clone()),
        ]}],
    }}))
}

fn refused() -> Response {
    let body = json!({"error": {"code": 401, "title": "Unauthorized",
        "message": "The request you have made requires authentication."}});
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

/// Whom the credentials are of: tokens of the API's personas are their names.
fn who(auth: &Value) -> Option<String> {
    let identity = &auth["auth"]["identity"];
    match identity["methods"][0].as_str()? {
        "password" => {
            let user = &identity["password"]["user"];
            let name = user["name"].as_str().or(user["id"].as_str())?;
            (user["password"] == PASSWORD).then(|| name.to_owned())
        }
        "application_credential" => {
            let credential = &identity["application_credential"];
            let known = credential["id"] == "ac-1"
                || (credential["name"] == "ci" && credential["user"]["name"] == "demo");
            (known && credential["secret"] == PASSWORD).then(|| "app-credential".to_owned())
        }
        "token" => identity["token"]["id"].as_str().map(str::to_owned),
        _ => None,
    }
}

async fn authenticate(State(heard): State<Arc<Heard>>, Json(body): Json<Value>) -> Response {
    let who = who(&body);
    heard.asked.lock().unwrap().push(body);
    let token_of = match who.as_deref() {
        Some("demo" | "u-owner" | "owner") => "owner",
        Some("boss") => "admin",
        Some("app-credential") => "app-credential",
        Some("stale") => "expired",
        _ => return refused(),
    };
    (StatusCode::CREATED, [("x-subject-token", token_of)], token(&heard, "p-demo")).into_response()
}

async fn validate(State(heard): State<Arc<Heard>>, headers: HeaderMap) -> Response {
    match headers.get("x-subject-token").and_then(|value| value.to_str().ok()) {
        Some("owner" | "admin") => token(&heard, "p-demo").into_response(),
        _ => refused(),
    }
}
