//! An installation: the process, its folder, and its user.

use crate::engine::{Engine, IMAGE};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// For what takes a moment on a machine that is not busy.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Installation {
    home: TempDir,
    pub data: PathBuf,
    pub engine: Engine,
    port: u16,
}

/// A process that serves, with what it says.
pub struct Serving {
    child: Child,
    log: PathBuf,
}

impl Installation {
    /// With its data in `data`, or in a folder of the test's.
    pub fn new(data: Option<PathBuf>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let data = data.unwrap_or_else(|| home.path().join("data"));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { engine: Engine::start(home.path()), home, data, port }
    }

    pub fn clouds(&self) -> PathBuf {
        self.home.path().join("clouds.yaml")
    }

    fn magnum(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_magnum"));
        command.env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Starts the process: serving, or what it said when it ended.
    pub async fn start(&self) -> Result<Serving, Output> {
        let log = self.home.path().join("log");
        let mut command = self.magnum();
        command.arg("standalone").arg("--data").arg(&self.data).arg("--clouds").arg(self.clouds());
        command.args(["--docker-host", &self.engine.url(), "--port", &self.port.to_string()]);
        command.stderr(std::fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        tokio::time::timeout(PATIENCE, told.read_line(&mut line)).await.expect("it says nothing").unwrap();
        if line.starts_with("serving ") {
            // Read on, so that it can go on to speak.
            tokio::spawn(async move { tokio::io::copy(&mut told, &mut tokio::io::sink()).await });
            return Ok(Serving { child, log });
        }
        let status = child.wait().await.unwrap();
        Err(Output { status, stdout: line.into_bytes(), stderr: std::fs::read(log).unwrap() })
    }

    /// The command of its user.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.magnum();
        command.env("OS_CLIENT_CONFIG_FILE", self.clouds()).env("OS_CLOUD", "magnum").args(arguments);
        tokio::time::timeout(PATIENCE, command.output()).await.expect("it does not end").unwrap()
    }

    /// `magnum standalone image`.
    pub async fn image(&self) -> Output {
        let mut command = self.magnum();
        command.args(["standalone", "image", "--docker-host", &self.engine.url(), "--data"]).arg(&self.data);
        tokio::time::timeout(PATIENCE, command.output()).await.expect("it does not end").unwrap()
    }

    pub async fn template(&self, name: &str) -> Output {
        let words = ["cluster", "template", "create", name, "--coe", "swarm-mode", "--image", IMAGE];
        let flavors = ["--flavor", "local.small", "--master-flavor", "local.small"];
        self.run(&[&words[..], &flavors, &["--external-network", "public"]].concat()).await
    }
}

impl Serving {
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the process has said something.
    pub async fn until(&mut self, words: &str) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while !self.log().contains(words) {
            assert!(self.child.try_wait().unwrap().is_none(), "it has ended: {}", self.log());
            assert!(tokio::time::Instant::now() < until, "{words:?} is missing in {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends it as its user does; its exit code.
    pub async fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it does not end").unwrap().code()
    }

    /// Ends it as a power cut does.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// What a run must have said: exit code and standard error.
#[track_caller]
pub fn failed(output: &Output, code: i32) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[track_caller]
pub fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Every file below, with its content.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.clone(), std::fs::read(path).unwrap())),
        }
    }
    found
}
