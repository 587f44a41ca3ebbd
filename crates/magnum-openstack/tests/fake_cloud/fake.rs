//! A scripted Keystone and Heat on loopback: it counts what it is asked and misbehaves on demand.

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use magnum_openstack::{
    AuthMethod, AuthSettings, Cloud, CloudSettings, DomainRef, EndpointSettings, ProjectRef, Scope,
    TransportSettings, UserRef,
};
use magnum_types::{Clock, SeededEntropy, VirtualClock};
use serde_json::json;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What the fake answers next to a call that is not about tokens.
pub enum Next {
    /// A status with headers and a body.
    Say(u16, &'static [(&'static str, &'static str)], String),
    /// Nothing for so long.
    Hang(Duration),
}

/// The fake's script and its record.
pub struct Fake {
    pub url: String,
    pub clock: Arc<VirtualClock>,
    /// How long issued tokens live.
    pub life: Mutex<Duration>,
    pub script: Mutex<VecDeque<Next>>,
    /// Methods and paths asked for, without those about tokens.
    pub calls: Mutex<Vec<String>>,
    pub headers: Mutex<Vec<HeaderMap>>,
    pub logins: Mutex<u32>,
    pub validations: Mutex<u32>,
    /// Status of the answer to the next authentications instead of a token.
    pub login_fails: Mutex<Option<u16>>,
}

impl Fake {
    pub async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            clock: Arc::new(VirtualClock::default()),
            life: Mutex::new(Duration::from_secs(3600)),
            script: Mutex::default(),
            calls: Mutex::default(),
            headers: Mutex::default(),
            logins: Mutex::default(),
            validations: Mutex::default(),
            login_fails: Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        fake
    }

    pub fn settings(&self) -> CloudSettings {
        let domain = DomainRef::Name("Default".into());
        CloudSettings {
            service: AuthSettings {
                auth_url: self.url.clone(),
                method: AuthMethod::Password {
                    user: UserRef::Name("magnum".into(), domain.clone()),
                    password: "service-password".into(),
                },
                scope: Scope::Project(ProjectRef::Name("service".into(), domain)),
            },
            trustee_admin: None,
            transport: TransportSettings {
                attempt_timeout: Duration::from_millis(400),
                call_timeout: Duration::from_secs(5),
                backoff: Duration::from_millis(2),
                max_answer: 64 * 1024,
                ..TransportSettings::default()
            },
            endpoint: EndpointSettings::default(),
            services: Vec::new(),
        }
    }

    pub fn cloud(&self) -> Cloud {
        Cloud::new(self.settings(), self.clock.clone(), Arc::new(SeededEntropy::new(1))).unwrap()
    }

    pub fn will(&self, next: impl IntoIterator<Item = Next>) {
        self.script.lock().unwrap().extend(next);
    }

    pub fn will_say(&self, status: u16, body: &str) {
        self.will([Next::Say(status, &[], body.to_owned())]);
    }

    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    pub fn logins(&self) -> u32 {
        *self.logins.lock().unwrap()
    }

    fn token_body(&self) -> serde_json::Value {
        let life = jiff::SignedDuration::try_from(*self.life.lock().unwrap()).unwrap();
        let interfaces = [("public", self.url.clone()), ("internal", format!("{}/internal", self.url))];
        let endpoints = |suffix: &str| -> Vec<_> {
            let endpoint = |(interface, url): &(&str, String)| json!({ "interface": interface, "region_id": "RegionOne", "url": format!("{url}{suffix}") });
            interfaces.iter().map(endpoint).collect()
        };
        json!({ "token": {
            "user": { "id": "u1", "name": "magnum", "domain": { "id": "default", "name": "Default" } },
            "project": { "id": "p1", "name": "service", "domain": { "id": "default", "name": "Default" } },
            "roles": [{ "id": "r", "name": "member" }], "methods": ["password"], "audit_ids": ["a"],
            "expires_at": self.clock.now() + life,
            "catalog": [
                { "type": "orchestration", "name": "heat", "endpoints": endpoints("/heat/v1/p1") },
                { "type": "network", "name": "neutron", "endpoints": endpoints("/neutron") },
            ],
        }})
    }
}

async fn answer(State(fake): State<Arc<Fake>>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().to_string());
    if path == "/v3/auth/tokens" {
        // Long enough for concurrent callers to meet.
        tokio::time::sleep(Duration::from_millis(50)).await;
        if method == "GET" {
            *fake.validations.lock().unwrap() += 1;
            let subject = request.headers().get("x-subject-token").unwrap().to_str().unwrap();
            if subject.starts_with("bad") {
                return (
                    StatusCode::NOT_FOUND,
                    r#"{"error":{"code":404,"message":"Could not recognize Fernet token"}}"#,
                )
                    .into_response();
            }
            return Json(fake.token_body()).into_response();
        }
        *fake.logins.lock().unwrap() += 1;
        if let Some(status) = *fake.login_fails.lock().unwrap() {
            return (StatusCode::from_u16(status).unwrap(), "no").into_response();
        }
        let token = format!("token-{}", fake.logins());
        return (StatusCode::CREATED, [("x-subject-token", token)], Json(fake.token_body())).into_response();
    }
    fake.calls.lock().unwrap().push(format!("{method} {path}"));
    fake.headers.lock().unwrap().push(request.headers().clone());
    let next = fake.script.lock().unwrap().pop_front();
    match next {
        Some(Next::Say(status, headers, body)) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in headers {
                response.headers_mut().insert(*name, HeaderValue::from_static(value));
            }
            response
        }
        Some(Next::Hang(time)) => {
            tokio::time::sleep(time).await;
            StatusCode::OK.into_response()
        }
        None => Json(json!({ "stacks": [] })).into_response(),
    }
}
