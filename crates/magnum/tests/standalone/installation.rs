//! An installation: the process, its folder, and its user.

use crate::engine::{Acting, Engine, IMAGE};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{Arc, Mutex},
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
    pub port: u16,
}

/// A process that serves, with what it says.
pub struct Serving {
    child: Child,
    log: PathBuf,
    said: Arc<Mutex<Vec<String>>>,
}

impl Installation {
    /// With its data in `data`, or in a folder of the test's.
    pub fn new(data: Option<PathBuf>) -> Self {
        Self::on(data, Acting::default())
    }

    /// On an engine that is so.
    pub fn on(data: Option<PathBuf>, acting: Acting) -> Self {
        let home = tempfile::tempdir().unwrap();
        let data = data.unwrap_or_else(|| home.path().join("data"));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { engine: Engine::start(home.path(), acting), home, data, port }
    }

    pub fn clouds(&self) -> PathBuf {
        self.home.path().join("clouds.yaml")
    }

    fn magnum(&self) -> Command {
        self.program(Command::new(env!("CARGO_BIN_EXE_magnum")))
    }

    fn program(&self, mut command: Command) -> Command {
        command.env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// What every start is told.
    fn places(&self, command: &mut Command) {
        command.arg("standalone").arg("--data").arg(&self.data).arg("--clouds").arg(self.clouds());
        command.args(["--docker-host", &self.engine.url(), "--port", &self.port.to_string()]);
    }

    /// Starts the process: serving, or what it said when it ended.
    pub async fn start(&self) -> Result<Serving, Output> {
        let log = self.home.path().join("log");
        let mut command = self.magnum();
        self.places(&mut command);
        command.stderr(std::fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        tokio::time::timeout(PATIENCE, told.read_line(&mut line)).await.expect("it says nothing").unwrap();
        if line.starts_with("serving ") {
            // Read on, so that it can go on to speak.
            let said = Arc::new(Mutex::new(vec![line.clone()]));
            tokio::spawn({
                let said = said.clone();
                async move {
                    while let Ok(read @ 1..) = told.read_line(&mut line).await {
                        let from = line.len() - read;
                        said.lock().unwrap().push(line.split_off(from));
                    }
                }
            });
            return Ok(Serving { child, log, said });
        }
        let status = child.wait().await.unwrap();
        Err(Output { status, stdout: line.into_bytes(), stderr: std::fs::read(log).unwrap() })
    }

    /// A start by a root without root's rights over files, which must end by itself. None where there is no `setpriv` or
    /// this is not root.
    pub async fn start_without_rights(&self) -> Option<Output> {
        let mut command = self.program(Command::new("/usr/bin/setpriv"));
        command.args(["--inh-caps=-all", "--bounding-set=-all", env!("CARGO_BIN_EXE_magnum")]);
        self.places(&mut command);
        let may = rustix::process::geteuid().is_root() && Path::new("/usr/bin/setpriv").exists();
        if may { Some(ended(command).await) } else { None }
    }

    /// The command of its user.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.run_as("magnum", arguments).await
    }

    /// The command, with another entry of clouds.yaml.
    pub async fn run_as(&self, cloud: &str, arguments: &[&str]) -> Output {
        let mut command = self.magnum();
        command.env("OS_CLIENT_CONFIG_FILE", self.clouds()).env("OS_CLOUD", cloud).args(arguments);
        ended(command).await
    }

    /// `magnum standalone image`.
    pub async fn image(&self, arguments: &[&str]) -> Output {
        let mut command = self.magnum();
        command.args(["standalone", "image", "--docker-host", &self.engine.url(), "--data"]).arg(&self.data);
        command.args(arguments);
        ended(command).await
    }

    /// `magnum standalone clean --yes`.
    pub async fn clean(&self) -> Output {
        let mut command = self.magnum();
        command.args(["standalone", "clean", "--yes", "--docker-host", &self.engine.url()]);
        command.arg("--data").arg(&self.data).arg("--clouds").arg(self.clouds());
        ended(command).await
    }

    pub async fn template(&self, name: &str) -> Output {
        let words = ["cluster", "template", "create", name, "--coe", "swarm-mode", "--image", IMAGE];
        let flavors = ["--flavor", "local.small", "--master-flavor", "local.small"];
        self.run(&[&words[..], &flavors, &["--external-network", "public"]].concat()).await
    }
}

async fn ended(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output()).await.expect("it does not end").unwrap()
}

impl Serving {
    /// Waits until it has said a further line, which has these words, where people read.
    pub async fn tells(&self, words: &str) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while !self.said().iter().any(|line| line.contains(words)) {
            assert!(tokio::time::Instant::now() < until, "{words:?} is missing in {:?}", self.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What it has said there until now, line by line.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

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

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends it as its user does; its exit code.
    pub async fn stop(mut self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it does not end").unwrap().code()
    }

    /// Ends it as a power cut does.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// A start that could be made.
#[track_caller]
pub fn is_well(started: Result<Serving, Output>) -> Serving {
    started.unwrap_or_else(|output| panic!("it did not start: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What a start said that could not be made, which is one line.
#[track_caller]
pub fn refused(started: Result<Serving, Output>) -> String {
    let Err(output) = started else { panic!("it started") };
    let said = failed(&output, 1);
    assert_eq!(said.lines().count(), 1, "{said}");
    said
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
