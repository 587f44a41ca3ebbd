//! An engine that answers as Docker's does and has one node image; it makes nothing.

use axum::{Json, Router, extract::Request, response::IntoResponse};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tokio::{net::UnixListener, task::JoinHandle};

/// What the node image is called.
pub const IMAGE: &str = "debian-12-acted";

pub struct Engine {
    socket: PathBuf,
    serving: Option<JoinHandle<()>>,
}

impl Engine {
    /// Listens at `engine.sock` in `folder`.
    pub fn start(folder: &Path) -> Self {
        let mut engine = Self { socket: folder.join("engine.sock"), serving: None };
        engine.come_back();
        engine
    }

    pub fn url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Ends as an engine does that is stopped: its socket stays behind.
    pub async fn go_away(&mut self) {
        let serving = self.serving.take().unwrap();
        serving.abort();
        assert!(serving.await.is_err_and(|ended| ended.is_cancelled()), "the acted engine ended by itself");
    }

    pub fn come_back(&mut self) {
        if self.socket.exists() {
            std::fs::remove_file(&self.socket).unwrap();
        }
        let listener = UnixListener::bind(&self.socket).unwrap();
        let app = Router::new().fallback(answer);
        self.serving = Some(tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }));
    }
}

async fn answer(request: Request) -> impl IntoResponse {
    // With the version in front or without.
    let path = request.uri().path().trim_start_matches("/v").trim_start_matches(|c: char| c.is_ascii_digit());
    let path = path.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()).trim_start_matches('/');
    let body = match (request.method(), path) {
        (&Method::GET, "version" | "ersion") => json!({"ApiVersion": "1.43", "Version": "24.0.7"}),
        (&Method::GET, "info") => json!({"NCPU": 2, "MemoryLimit": true}),
        (&Method::GET, "containers/json" | "networks") => json!([]),
        (&Method::GET, "volumes") => json!({"Volumes": []}),
        (&Method::GET, "images/json") => json!([image()]),
        (&Method::GET, other) if other.starts_with("images/") => {
            return (StatusCode::NOT_FOUND, Json(json!({"message": "No such image"})));
        }
        (_, other) => {
            let words = json!({"message": format!("the acted engine does not do {other}")});
            return (StatusCode::INTERNAL_SERVER_ERROR, Json(words));
        }
    };
    (StatusCode::OK, Json(body))
}

fn image() -> Value {
    json!({
        "Id": format!("sha256:{}", "1".repeat(64)), "ParentId": "", "RepoDigests": [], "Created": 1_700_000_000,
        "RepoTags": [format!("magnum-node:{IMAGE}")], "Size": 500_000_000, "SharedSize": -1, "Containers": -1,
        "Labels": {"org.openstack.magnum.coes": "swarm", "org.openstack.magnum.os_distro": "debian"},
    })
}
