//! The service, the identity service, and a user's machine with the program on it.

use crate::{
    app::App,
    identity::{self, Heard, PASSWORD},
};
use axum::{
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use serde_json::Value;
use std::{
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Output, Stdio},
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::process::Command;

pub type Requests = Arc<Mutex<Vec<(String, String)>>>;

pub struct House {
    pub app: App,
    pub identity: Arc<Heard>,
    /// Address of the API.
    pub magnum: String,
    /// Method and path of every request.
    pub requests: Requests,
    home: TempDir,
}

/// What a run of the program left.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        let run = Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        for stream in [&run.out, &run.err] {
            assert!(!stream.contains(PASSWORD), "a secret was printed: {run:?}");
            assert!(!stream.contains("panicked"), "{run:?}");
        }
        run
    }

    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Must have failed so; gives what was said.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.starts_with("error: ") || self.err.contains("\nerror: "), "{self:?}");
        self.err
    }

    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

impl House {
    pub async fn new() -> Self {
        Self::with(App::start().await).await
    }

    pub async fn with(app: App) -> Self {
        let requests = Requests::default();
        let router = magnum_api::app(app.state.clone()).layer(from_fn_with_state(requests.clone(), note));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let magnum = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let identity = identity::start(magnum.clone()).await;
        Self { app, identity, magnum, requests, home: TempDir::new().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn mode(&self, name: &str) -> u32 {
        std::fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    /// The program on a machine where nothing is set.
    pub fn bare(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_magnum"));
        command
            .env_clear()
            .env("HOME", self.home.path())
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// The program for somebody who took in an openrc file.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare();
        command
            .env("OS_AUTH_URL", format!("{}/v3", self.identity.url))
            .env("OS_USERNAME", "demo")
            .env("OS_PASSWORD", PASSWORD)
            .env("OS_PROJECT_NAME", "demo")
            .env("OS_USER_DOMAIN_NAME", "Default")
            .env("OS_PROJECT_DOMAIN_NAME", "Default")
            .args(arguments);
        command
    }

    pub async fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().await.unwrap())
    }

    /// The same by an administrator.
    pub async fn boss(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).env("OS_USERNAME", "boss").output().await.unwrap())
    }

    /// With nothing set but these variables.
    pub async fn only(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
        let mut command = self.bare();
        command.envs(variables.iter().copied()).args(arguments);
        Run::of(command.output().await.unwrap())
    }
}

async fn note(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let noted = (request.method().to_string(), request.uri().path().to_owned());
    requests.lock().unwrap().push(noted);
    next.run(request).await
}
