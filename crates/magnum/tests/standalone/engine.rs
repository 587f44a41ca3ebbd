//! An engine that answers as Docker's does; it makes nothing.

use axum::{
    Json, Router,
    extract::{Request, State},
    response::IntoResponse,
};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tokio::{net::UnixListener, task::JoinHandle};

/// What the node image is called.
pub const IMAGE: &str = "debian-12-acted";

/// What the acted engine is like.
#[derive(Clone)]
pub struct Acting {
    /// Of its API.
    pub version: &'static str,
    /// Whether it has a node image, which it calls `magnum-node:` with [`IMAGE`].
    pub has_image: bool,
    /// Whether containers stand on that.
    pub is_in_use: bool,
}

impl Default for Acting {
    fn default() -> Self {
        Self { version: "1.43", has_image: true, is_in_use: false }
    }
}

pub struct Engine {
    pub socket: PathBuf,
    acting: Acting,
    removed: Removed,
    serving: Option<JoinHandle<()>>,
}

/// Images that somebody had removed.
type Removed = Arc<Mutex<Vec<String>>>;

impl Engine {
    /// Listens at `engine.sock` in `folder`.
    pub fn start(folder: &Path, acting: Acting) -> Self {
        let (socket, removed) = (folder.join("engine.sock"), Removed::default());
        let mut engine = Self { socket, acting, removed, serving: None };
        engine.come_back();
        engine
    }

    pub fn url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The images that were taken away from it.
    pub fn removed(&self) -> Vec<String> {
        self.removed.lock().unwrap().clone()
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
        let app = Router::new().fallback(answer).with_state((self.acting.clone(), self.removed.clone()));
        self.serving = Some(tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }));
    }
}

async fn answer(State((acting, removed)): State<(Acting, Removed)>, request: Request) -> impl IntoResponse {
    // With the version in front or without.
    let path = request.uri().path().trim_start_matches('/');
    let path = match path.split_once('/') {
        Some((first, rest)) if first.starts_with('v') && first.contains('.') => rest,
        _ => path,
    };
    let body = match (request.method(), path) {
        (&Method::GET, "version") => json!({"ApiVersion": acting.version}),
        (&Method::GET, "info") => json!({"NCPU": 2, "MemoryLimit": true}),
        (&Method::GET, "containers/json" | "networks") => json!([]),
        (&Method::GET, "volumes") => json!({"Volumes": []}),
        (&Method::GET, "images/json") if acting.has_image => json!([image()]),
        (&Method::GET, "images/json") => json!([]),
        (&Method::GET, other) if acting.has_image && other == format!("images/magnum-node:{IMAGE}/json") => {
            json!({"Id": image()["Id"], "Config": {"Labels": image()["Labels"]}})
        }
        (&Method::DELETE, other) if other.starts_with("images/") => {
            if acting.is_in_use {
                return (StatusCode::CONFLICT, Json(json!({"message": "a container is using it"})));
            }
            removed.lock().unwrap().push(other.trim_start_matches("images/").to_owned());
            json!([])
        }
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
        "Labels": {
            "org.openstack.magnum.coes": "swarm", "org.openstack.magnum.os_distro": "debian",
            "org.openstack.magnum.recipe": "acted",
        },
    })
}
