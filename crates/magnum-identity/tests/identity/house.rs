//! An identity service on a clock that stands still, in a directory of its own.

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode};
use magnum_identity::{CatalogEntry, FirstStart, Identity, IdentityError, IdentitySettings};
use magnum_types::{Clock, SeededEntropy, VirtualClock};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use tower::ServiceExt;

pub const URL: &str = "https://127.0.0.1:9511/identity/v3";

pub struct House {
    pub directory: tempfile::TempDir,
    pub clock: Arc<VirtualClock>,
    pub identity: Option<Identity>,
    pub passwords: BTreeMap<String, String>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The text of an error document.
    pub fn message(&self) -> &str {
        assert_eq!(self.body["error"]["code"], self.status.as_u16(), "{}", self.body);
        self.body["error"]["message"].as_str().unwrap()
    }

    pub fn id(&self, key: &str) -> String {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        self.body[key]["id"].as_str().unwrap().to_owned()
    }

    pub fn names(&self, key: &str) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

pub async fn open(
    directory: PathBuf,
    clock: Arc<dyn Clock>,
    seed: u64,
) -> Result<(Identity, Option<FirstStart>), IdentityError> {
    let mut settings = IdentitySettings::new(directory, URL);
    settings.catalog.extend(CatalogEntry::everywhere(
        "container-infra",
        "magnum",
        "https://127.0.0.1:9511/v1",
    ));
    let heat = "https://127.0.0.1:9511/orchestration/v1/%(project_id)s";
    settings.catalog.extend(CatalogEntry::everywhere("orchestration", "heat", heat));
    let opened = Identity::open(settings, clock, Arc::new(SeededEntropy::new(seed))).await?;
    Ok((opened.identity, opened.first_start))
}

impl House {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(VirtualClock::default());
        let (identity, first) = open(directory.path().to_owned(), clock.clone(), 1).await.unwrap();
        let users = first.unwrap().users;
        let passwords =
            users.into_iter().map(|user| (user.name, user.password.expose_secret().to_owned())).collect();
        Self { directory, clock, identity: Some(identity), passwords }
    }

    pub fn identity(&self) -> &Identity {
        self.identity.as_ref().unwrap()
    }

    /// The process ends without a word and starts again.
    pub async fn restart(&mut self) -> Result<(), IdentityError> {
        self.identity = None;
        let (identity, first) = open(self.directory.path().to_owned(), self.clock.clone(), 2).await?;
        assert!(first.is_none());
        self.identity = Some(identity);
        Ok(())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Changes `users.yaml` as an operator does, and has it read again.
    pub async fn edit(&self, change: impl FnOnce(String) -> String) -> Result<(), IdentityError> {
        std::fs::write(self.path("users.yaml"), change(self.read("users.yaml"))).unwrap();
        self.identity().reload().await
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let app: Router = Router::new().nest_service("/identity", self.identity().router());
        let response = app.oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: head.status, headers: head.headers, body }
    }

    pub async fn call(&self, method: Method, path: &str, token: &str, body: Value) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/identity{path}"));
        if !token.is_empty() {
            request = request.header("x-auth-token", token);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, token, Value::Null).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::POST, path, token, body).await
    }

    pub async fn patch(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, token, body).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        self.call(Method::DELETE, path, token, Value::Null).await
    }

    /// What Keystone says about `subject`, asked with `token`.
    pub async fn about(&self, method: Method, subject: &str, token: &str) -> Answer {
        let request = Request::builder().method(method).uri("/identity/v3/auth/tokens");
        let request = request.header("x-auth-token", token).header("x-subject-token", subject);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Whether a token is still good for anything.
    pub async fn is_good(&self, token: &str) -> bool {
        self.get("/v3/regions", token).await.status == 200
    }

    /// The answer to a login; `scope` may be null.
    pub async fn login_answer(&self, name: &str, password: &str, scope: Value) -> Answer {
        let domain = if name == "magnum_domain_admin" { "magnum" } else { "Default" };
        let user = json!({ "name": name, "domain": { "name": domain }, "password": password });
        self.auth(json!({ "methods": ["password"], "password": { "user": user } }), scope).await
    }

    pub async fn auth(&self, identity: Value, scope: Value) -> Answer {
        let mut auth = json!({ "identity": identity });
        if !scope.is_null() {
            auth["scope"] = scope;
        }
        self.post("/v3/auth/tokens", "", json!({ "auth": auth })).await
    }

    /// A token of one of the first users in its own place.
    pub async fn token(&self, name: &str) -> String {
        let scope = match name {
            "magnum_domain_admin" => json!({ "domain": { "name": "magnum" } }),
            "magnum" => project("service"),
            name => project(name),
        };
        let answer = self.login_answer(name, &self.passwords[name], scope).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.header("x-subject-token").to_owned()
    }

    pub async fn exchange(&self, token: &str, scope: Value) -> Answer {
        self.auth(json!({ "methods": ["token"], "token": { "id": token } }), scope).await
    }

    pub async fn user_id(&self, name: &str) -> String {
        let admin = self.token("admin").await;
        let answer = self.get(&format!("/v3/users?name={name}"), &admin).await;
        answer.body["users"][0]["id"].as_str().unwrap().to_owned()
    }

    pub async fn project_id(&self, name: &str) -> String {
        let admin = self.token("admin").await;
        let answer = self.get(&format!("/v3/projects?name={name}"), &admin).await;
        answer.body["projects"][0]["id"].as_str().unwrap().to_owned()
    }

    /// A trustee user with its password.
    pub async fn trustee(&self, name: &str) -> (String, String) {
        let token = self.token("magnum_domain_admin").await;
        let domain = self.trustee_domain().await;
        let user = json!({ "name": name, "domain_id": domain, "password": format!("pw of {name}") });
        (self.post("/v3/users", &token, json!({ "user": user })).await.id("user"), format!("pw of {name}"))
    }

    pub async fn trustee_domain(&self) -> String {
        let token = self.token("magnum_domain_admin").await;
        let answer = self.get("/v3/domains?name=magnum", &token).await;
        answer.body["domains"][0]["id"].as_str().unwrap().to_owned()
    }
}

pub fn project(name: &str) -> Value {
    json!({ "project": { "name": name, "domain": { "id": "default" } } })
}
