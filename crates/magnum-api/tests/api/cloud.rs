//! Just enough of a cloud for the API's own questions: who has this token, and is there such an image, flavor, key
//! pair or network.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Who asks: the token is the persona's name.
pub struct Persona {
    pub token: &'static str,
    pub user: &'static str,
    pub project: &'static str,
    pub roles: &'static [&'static str],
    pub methods: &'static [&'static str],
    pub scope: Scope,
    /// When the token ends.
    pub expires: &'static str,
}

/// What a token is good for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Project,
    Nothing,
    System,
}

const TOMORROW: &str = "2026-01-02T00:00:00.000000Z";

pub const PERSONAS: &[Persona] = &[
    persona("owner", "u-owner", "p-demo", &["member", "reader"]),
    persona("colleague", "u-colleague", "p-demo", &["member", "reader"]),
    persona("reader", "u-reader", "p-demo", &["reader"]),
    persona("admin", "u-admin", "p-admin", &["admin", "member", "reader"]),
    persona("foreigner", "u-foreign", "p-foreign", &["member", "reader"]),
    Persona {
        token: "app-credential",
        user: "u-owner",
        project: "p-demo",
        roles: &["member", "reader"],
        methods: &["application_credential"],
        scope: Scope::Project,
        expires: TOMORROW,
    },
    Persona {
        expires: "2025-12-31T00:00:00.000000Z",
        ..persona("expired", "u-owner", "p-demo", &["member", "reader"])
    },
    // A cluster's own user has no role anywhere; it acts by a trust, and then Keystone shows the trustor, or, by one
    // without impersonation, itself in the project.
    persona("healer", "u-trustee", "p-demo", &["member", "reader"]),
    Persona { scope: Scope::Nothing, ..persona("trustee", "u-trustee", "", &[]) },
    Persona { scope: Scope::System, ..persona("system", "u-admin", "", &["admin", "member", "reader"]) },
];

const fn persona(
    token: &'static str,
    user: &'static str,
    project: &'static str,
    roles: &'static [&'static str],
) -> Persona {
    Persona { token, user, project, roles, methods: &["password"], scope: Scope::Project, expires: TOMORROW }
}

#[derive(Default)]
pub struct Switches {
    pub identity_is_down: AtomicBool,
    pub compute_is_down: AtomicBool,
    pub validations: AtomicUsize,
}

type Shared = Arc<(String, Switches)>;

pub struct FakeCloud {
    pub url: String,
    shared: Shared,
}

impl FakeCloud {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared: Shared = Arc::new((url.clone(), Switches::default()));
        let app = Router::new()
            .route("/v3/auth/tokens", get(validate).post(authenticate))
            .route("/v3/projects/{id}", get(project))
            .route("/image/v2/images", get(images))
            .route("/compute/v2.1/flavors/detail", get(flavors))
            .route("/compute/v2.1/flavors/{id}", get(flavor))
            .route("/compute/v2.1/os-keypairs/{name}", get(keypair))
            .route("/network/v2.0/networks", get(networks))
            .route("/network/v2.0/subnets", get(subnets))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    pub fn switches(&self) -> &Switches {
        &self.shared.1
    }
}

fn token(url: &str, user: &str, project: &str, roles: &[&str], methods: &[&str]) -> Value {
    let endpoint = |kind: &str, path: &str| {
        json!({"type": kind, "name": kind, "endpoints": [
            {"interface": "public", "region_id": "RegionOne", "region": "RegionOne", "url": format!("{url}{path}")},
        ]})
    };
    let domain = if user == "u-trustee" { "d-trustees" } else { "default" };
    json!({"token": {
        "user": {"id": user, "name": user, "domain": {"id": domain, "name": domain}},
        "project": {"id": project, "name": project, "domain": {"id": "default", "name": "Default"}},
        "roles": roles.iter().map(|role| json!({"id": role, "name": role})).collect::<Vec<_>>(),
        "methods": methods,
        "issued_at": "2026-01-01T00:00:00.000000Z",
        "expires_at": "2026-01-02T00:00:00.000000Z",
        "catalog": [
            endpoint("identity", "/v3"),
            endpoint("image", "/image"),
            endpoint("compute", "/compute/v2.1"),
            endpoint("network", "/network"),
        ],
    }})
}

async fn authenticate(State(shared): State<Shared>) -> Response {
    let body = token(&shared.0, "u-magnum", "p-service", &["admin"], &["password"]);
    (StatusCode::CREATED, [("x-subject-token", "service-token")], Json(body)).into_response()
}

async fn validate(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if shared.1.identity_is_down.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    shared.1.validations.fetch_add(1, Ordering::Relaxed);
    let subject = headers.get("x-subject-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match PERSONAS.iter().find(|persona| persona.token == subject) {
        Some(p) => {
            let mut body = token(&shared.0, p.user, p.project, p.roles, p.methods);
            let fields = body["token"].as_object_mut().unwrap();
            fields.insert("expires_at".into(), json!(p.expires));
            if p.scope != Scope::Project {
                fields.shift_remove("project");
            }
            if p.scope == Scope::System {
                fields.insert("system".into(), json!({"all": true}));
            }
            Json(body).into_response()
        }
        None => (StatusCode::NOT_FOUND, Json(json!({"error": {"code": 404, "message": "no such token"}})))
            .into_response(),
    }
}

async fn project(Path(id): Path<String>) -> Response {
    if ["p-demo", "p-admin", "p-foreign"].contains(&id.as_str()) {
        return Json(json!({"project": {"id": id, "name": id, "domain_id": "default", "enabled": true}}))
            .into_response();
    }
    (StatusCode::NOT_FOUND, Json(json!({"error": {"code": 404, "message": "no such project"}})))
        .into_response()
}

async fn images(Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let name = query.get("name").cloned().unwrap_or_default().replace("in:", "").replace('"', "");
    let image = |id: &str, distro: Option<&str>| {
        let mut image = json!({"id": id, "name": name, "status": "active", "visibility": "public", "min_disk": 0,
            "min_ram": 0, "size": 1, "owner": "p-admin"});
        if let Some(distro) = distro {
            image["os_distro"] = json!(distro);
        }
        image
    };
    let found = match name.as_str() {
        "debian-12" => vec![image("i-1", Some("debian"))],
        "debian-12-next" => vec![image("i-3", Some("debian"))],
        "flatcar" => vec![image("i-6", Some("flatcar"))],
        "ubuntu" => vec![image("i-7", Some("ubuntu"))],
        "plan9" => vec![image("i-2", Some("plan9"))],
        "no-distro" => vec![image("i-3", None)],
        "twins" => vec![image("i-4", Some("debian")), image("i-5", Some("debian"))],
        _ => vec![],
    };
    Json(json!({"images": found}))
}

async fn flavors(State(shared): State<Shared>) -> Response {
    if shared.1.compute_is_down.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    Json(json!({"flavors": [{"id": "f-1", "name": "m1.small", "ram": 2048, "vcpus": 1, "disk": 20}]}))
        .into_response()
}

async fn flavor() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({"itemNotFound": {"code": 404, "message": "no such flavor"}})))
        .into_response()
}

async fn keypair(Path(name): Path<String>) -> Response {
    if name == "mykey" {
        return Json(json!({"keypair": {"name": name, "public_key": "ssh-ed25519 AAAA"}})).into_response();
    }
    (StatusCode::NOT_FOUND, Json(json!({"itemNotFound": {"code": 404, "message": "no such key"}})))
        .into_response()
}

async fn networks(Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let network = |id: &str, name: &str, external: bool| json!({"id": id, "name": name, "router:external": external, "subnets": [], "project_id": "p-admin"});
    let mut all = vec![network("n-1", "public", true), network("n-2", "private", false)];
    all.retain(|network| query.get("name").is_none_or(|name| network["name"] == json!(name)));
    Json(json!({"networks": all}))
}

async fn subnets() -> Json<Value> {
    Json(json!({"subnets": []}))
}
