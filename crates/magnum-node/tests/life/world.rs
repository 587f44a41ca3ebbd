//! A machine and an engine in memory. Every operation may be the one at which the program is stopped.

use crate::cluster::Cluster;
use jiff::{SignedDuration, Timestamp};
use magnum_node::{
    apply::Node,
    error::{MachineError, NodeError},
    machine::{Command, Machine, Output},
    server::Signal,
    state::StateFile,
};
use magnum_types::plan::{Bootstrap, Plan, Report, StepResult};
use magnum_x509::{CertificateAuthority, token::sha256_hex};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io::Read,
    panic,
    time::Duration,
};

pub const INSTANCE: &str = "18130d09-750c-4fe5-be21-bd9e6c9b4931";
pub const CLUSTER: &str = "11111111-2222-4333-8444-555555555555";

/// When the world began, in seconds since the epoch.
pub const DAY: i64 = 1_767_225_600;

/// What a stop at an operation is thrown as.
pub struct Stopped;

#[derive(Default)]
pub struct Inner {
    pub files: BTreeMap<String, (u32, Vec<u8>)>,
    pub programs: Vec<String>,
    /// Package → programs that it brings.
    pub packages: BTreeMap<String, Vec<String>>,
    pub commands: Vec<String>,
    /// Program → what its last call saw in its environment.
    pub environments: BTreeMap<String, Vec<(String, String)>>,
    /// Unit → the files as they were at its last start.
    pub started: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    pub enabled: Vec<String>,
    pub starts: usize,
    pub swarm_state: String,
    pub swarm_error: String,
    pub manager: bool,
    pub founded: usize,
    pub joined: usize,
    /// hostname → (id, status, availability, manager status, running tasks)
    pub nodes: BTreeMap<String, (String, String, String, String, usize)>,
    /// Ids of nodes with the label of those that leave.
    pub leaving: BTreeSet<String>,
    pub mounted: Vec<String>,
    pub file_system: String,
    /// Command that fails → its standard error, and how often.
    pub failures: BTreeMap<String, (String, usize)>,
    pub now: Duration,
    /// How far the time of day is from where it began, beside what `now` tells.
    pub days: i64,
    /// Kubernetes, etcd and containerd.
    pub cluster: Cluster,
    /// URL → what is there.
    pub web: BTreeMap<String, Vec<u8>>,
    /// Identity and PEM of every certificate signed, each for 90 days.
    pub signed: Vec<(String, String)>,
    /// The public key of each of them.
    pub signed_keys: Vec<Vec<u8>>,
    pub authority: Option<CertificateAuthority>,
    /// Command at which Magnum forgets the node's token.
    pub forgets: Option<String>,
    /// Calls for a plan that are answered before the program is stopped; as many as it likes if none is told.
    pub polls: Option<usize>,
    pub plans: Vec<Value>,
    /// Offered from the second call for a plan on.
    pub comes_later: Option<Value>,
    pub registrations: Vec<String>,
    /// Refuse so many registrations first.
    pub refuse: (usize, u16),
    pub token: String,
    pub reports: Vec<Report>,
    pub lost_reports: usize,
    pub signals: Vec<Signal>,
    pub calls: usize,
    /// Operation at which the program stops; true: after doing it.
    pub stop: Option<(usize, bool)>,
}

#[derive(Default)]
pub struct World(pub RefCell<Inner>);

impl World {
    /// Does one operation, or stops before or after it.
    pub fn operation<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        let (number, stop) = {
            let mut inner = self.0.borrow_mut();
            inner.calls += 1;
            (inner.calls, inner.stop)
        };
        if stop == Some((number, false)) {
            panic::panic_any(Stopped);
        }
        let result = act(&mut self.0.borrow_mut());
        if stop == Some((number, true)) {
            panic::panic_any(Stopped);
        }
        result
    }

    pub fn bootstrap() -> Bootstrap {
        serde_json::from_value(json!({
            "magnum_url": "http://magnum/v1", "cluster": CLUSTER, "join_secret": "the-join-secret",
            "signal_url": "http://heat/signal", "signal_token": "the-signal-token",
            "volume_id": "b79e8da3-587d-412b-b94c-0b0dabfa0c93",
            "etcd_volume_id": "e7cd8da3-587d-412b-b94c-0b0dabfa0c93",
        }))
        .unwrap()
    }

    /// One run of the program, to the end of a plan.
    pub fn run(&self) -> Result<(), NodeError> {
        let bootstrap = Self::bootstrap();
        let state = StateFile::open(self, "/var/lib/magnum-node", CLUSTER, INSTANCE)?;
        Node { machine: self, server: self, bootstrap: &bootstrap, state }.live(true)
    }

    /// One run of the program that is stopped after so many calls for a plan.
    pub fn live(&self, polls: usize) {
        self.0.borrow_mut().polls = Some(polls);
        let bootstrap = Self::bootstrap();
        let lived = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            let state = StateFile::open(self, "/var/lib/magnum-node", CLUSTER, INSTANCE)?;
            Node { machine: self, server: self, bootstrap: &bootstrap, state }.live(false)
        }));
        self.0.borrow_mut().polls = None;
        match lived {
            Ok(result) => panic!("it ended: {result:?}"),
            Err(thrown) if thrown.is::<Stopped>() => {}
            Err(thrown) => panic::resume_unwind(thrown),
        }
    }

    pub fn offer(&self, plan: &Plan) {
        self.0.borrow_mut().plans.push(serde_json::to_value(plan).unwrap());
    }

    pub fn file(&self, path: &str) -> String {
        String::from_utf8(self.0.borrow().files.get(path).unwrap_or_else(|| panic!("no {path}")).1.clone())
            .unwrap()
    }

    pub fn ran(&self, beginning: &str) -> usize {
        self.0.borrow().commands.iter().filter(|command| command.starts_with(beginning)).count()
    }

    pub fn last_report(&self) -> Report {
        self.0.borrow().reports.last().cloned().unwrap()
    }
}

impl Inner {
    fn command(&mut self, command: &Command) -> Output {
        let mut line = vec![command.program.clone()];
        line.extend(command.arguments.iter().map(|argument| argument.as_str().to_owned()));
        let line = line.join(" ");
        self.commands.push(line.clone());
        self.environments.insert(command.program.clone(), command.environment.clone());
        if self.forgets.take_if(|command| *command == line).is_some() {
            self.token = "another".to_owned();
        }
        for (beginning, (error, times)) in &mut self.failures {
            if line.starts_with(beginning.as_str()) && *times > 0 {
                *times -= 1;
                return Output { success: false, stdout: String::new(), stderr: error.clone() };
            }
        }
        if let Some(output) = self.cluster.command(command, &line, &self.files) {
            return output;
        }
        let words: Vec<&str> = line.split(' ').collect();
        let ok = |stdout: String| Output { success: true, stdout, stderr: String::new() };
        let bad = |stderr: &str| Output { success: false, stdout: String::new(), stderr: stderr.to_owned() };
        match words.as_slice() {
            ["tar", "-xzf", archive, "-C", directory] => {
                let content = self.files.get(*archive).unwrap_or_else(|| panic!("no {archive}")).1.clone();
                self.files.insert(format!("{directory}/unpacked"), (0o644, content));
                ok(String::new())
            }
            [program, "--version"] => match self.files.get(*program) {
                Some((_, content)) => ok(String::from_utf8(content.clone()).unwrap()),
                None if *program == "containerd" => {
                    ok("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1\n".to_owned())
                }
                None => panic!("no {program}"),
            },
            ["systemctl", "is-active", _, unit] => Output { success: self.started.contains_key(*unit), ..ok(String::new()) },
            ["systemctl", "is-enabled", _, unit] => {
                Output { success: self.enabled.iter().any(|enabled| enabled == unit), ..ok(String::new()) }
            }
            ["systemctl", "enable", unit] => {
                self.enabled.push((*unit).to_owned());
                ok(String::new())
            }
            ["systemctl", "start" | "restart", unit] => {
                self.starts += 1;
                let seen = self.files.iter().map(|(path, (_, content))| (path.clone(), content.clone())).collect();
                self.started.insert((*unit).to_owned(), seen);
                ok(String::new())
            }
            ["systemctl", "daemon-reload"] | ["systemctl", "reset-failed", _] => ok(String::new()),
            ["apt-get", .., "update"] => ok(String::new()),
            ["apt-get", .., package] => match self.packages.get(*package).cloned() {
                Some(programs) => {
                    self.programs.extend(programs);
                    ok(String::new())
                }
                None => bad(&format!("Reading lists...\nE: Unable to locate package {package}\n")),
            },
            ["blkid", ..] => ok(format!("{}\n", self.file_system)),
            ["readlink", _, _] => ok("/dev/vdb\n".to_owned()),
            ["mkdir", ..] => ok(String::new()),
            ["mount", mount] => {
                self.mounted.push((*mount).to_owned());
                let (_, mounts) = self.files.entry("/proc/self/mounts".into()).or_default();
                mounts.extend(format!("/dev/vdb {mount} ext4 rw 0 0\n").into_bytes());
                ok(String::new())
            }
            [program, _, _] if program.starts_with("mkfs.") => {
                self.file_system = program["mkfs.".len()..].to_owned();
                ok(String::new())
            }
            ["docker", "info", ..] => ok(json!({
                "LocalNodeState": self.swarm_state, "ControlAvailable": self.manager, "Error": self.swarm_error,
            })
            .to_string()),
            ["docker", "swarm", "init", ..] => {
                assert_eq!(self.swarm_state, "inactive", "a second founding");
                self.founded += 1;
                (self.swarm_state, self.manager) = ("active".to_owned(), true);
                ok(String::new())
            }
            ["docker", "swarm", "join", ..] => {
                assert_eq!(self.swarm_state, "inactive", "a second join");
                self.joined += 1;
                self.swarm_state = "active".to_owned();
                ok(String::new())
            }
            ["docker", "swarm", "leave", ..] => {
                self.swarm_state = "inactive".to_owned();
                ok(String::new())
            }
            ["docker", "swarm", "join-token", _, role] => ok(format!("SWMTKN-{role}\n")),
            ["docker", "version", ..] => ok("20.10.24\n".to_owned()),
            ["docker", "node", "inspect", ..] => ok("reachable\n".to_owned()),
            ["docker", "node", "ls", arguments @ ..] => {
                let marked = arguments.contains(&"node.label=magnum.leaving=true");
                let shown = self.nodes.iter().filter(|(_, node)| !marked || self.leaving.contains(&node.0));
                let lines = shown.map(|(hostname, (id, status, availability, manager, _))| {
                    json!({"ID": id, "Hostname": hostname, "Status": status, "Availability": availability,
                        "ManagerStatus": manager, "Self": false})
                    .to_string()
                });
                ok(lines.collect::<Vec<_>>().join("\n"))
            }
            ["docker", "node", "update", "--availability", availability, label, _, id] => {
                let change: fn(&mut BTreeSet<String>, &str) -> bool = match *label {
                    "--label-add" => |marked, id| marked.insert(id.to_owned()),
                    _ => |marked, id| marked.remove(id),
                };
                assert!(change(&mut self.leaving, id), "an update that changes nothing");
                for node in self.nodes.values_mut().filter(|node| node.0 == *id) {
                    node.2 = if *availability == "drain" { "Drain" } else { "Active" }.to_owned();
                }
                ok(String::new())
            }
            ["docker", "node", "ps", _, _, _, id] => {
                let node = self.nodes.values_mut().find(|node| node.0 == *id).unwrap();
                let running = node.4;
                // One task ends between two looks.
                node.4 = running.saturating_sub(1);
                let task = json!({"CurrentState": "Running 3 minutes ago"}).to_string();
                let ended = json!({"CurrentState": "Shutdown 1 second ago"}).to_string();
                ok([vec![task; running], vec![ended]].concat().join("\n"))
            }
            ["docker", "node", "demote", id] => {
                for node in self.nodes.values_mut().filter(|node| node.0 == *id) {
                    node.3 = String::new();
                }
                ok(String::new())
            }
            ["docker", "node", "rm", _, id] => {
                let leader = self.nodes.values().any(|node| node.0 == *id && !node.3.is_empty());
                if leader {
                    return bad("Error response from daemon: node is a manager\n");
                }
                self.nodes.retain(|_, node| node.0 != *id);
                ok(String::new())
            }
            ["journalctl", ..] => ok("starting\nfailed to load listeners: no certificate\nstopped\n".to_owned()),
            other => panic!("nobody plays {other:?}"),
        }
    }
}

impl Machine for World {
    fn run(&self, command: &Command) -> Result<Output, MachineError> {
        Ok(self.operation(|inner| inner.command(command)))
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, MachineError> {
        Ok(self.operation(|inner| inner.files.get(path).map(|(_, content)| content.clone())))
    }

    fn mode(&self, path: &str) -> Result<Option<u32>, MachineError> {
        Ok(self.operation(|inner| inner.files.get(path).map(|(mode, _)| *mode)))
    }

    fn write(&self, path: &str, mode: u32, content: &[u8]) -> Result<(), MachineError> {
        self.operation(|inner| inner.files.insert(path.to_owned(), (mode, content.to_vec())));
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), MachineError> {
        self.operation(|inner| inner.files.remove(path));
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), MachineError> {
        self.operation(|inner| {
            let file = inner.files.remove(from).unwrap_or_else(|| panic!("no {from}"));
            inner.files.insert(to.to_owned(), file);
        });
        Ok(())
    }

    fn link(&self, path: &str, target: &str) -> Result<(), MachineError> {
        self.operation(|inner| {
            let file = inner.files[target].clone();
            inner.files.insert(path.to_owned(), file);
            inner.commands.push(format!("link {path} {target}"));
        });
        Ok(())
    }

    fn receive(
        &self,
        path: &str,
        mode: u32,
        limit: u64,
        from: &mut dyn Read,
    ) -> Result<String, MachineError> {
        let mut content = Vec::new();
        let read = from.take(limit).read_to_end(&mut content);
        read.map_err(|source| MachineError::File { path: path.to_owned(), source })?;
        let digest = sha256_hex(&content);
        self.operation(|inner| inner.files.insert(path.to_owned(), (mode, content)));
        Ok(digest)
    }

    fn digest(&self, path: &str) -> Result<Option<String>, MachineError> {
        Ok(self.read(path)?.map(|content| sha256_hex(&content)))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, MachineError> {
        Ok(self.read(path)?.map(|content| content.len() as u64))
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, MachineError> {
        let beginning = format!("{directory}/");
        let inner = self.0.borrow();
        Ok(inner.files.keys().filter_map(|path| path.strip_prefix(&beginning)).map(str::to_owned).collect())
    }

    fn finds(&self, program: &str) -> bool {
        let inner = self.0.borrow();
        let is_file = inner.files.get(program).is_some_and(|(mode, _)| mode & 0o111 != 0);
        is_file || inner.programs.iter().any(|found| found == program)
    }

    /// An API that is nothing listens nowhere.
    fn connects(&self, _address: &str) -> Result<(), String> {
        match self.0.borrow().cluster.api.as_str() {
            "" => Err("Connection refused (os error 111)".to_owned()),
            _ => Ok(()),
        }
    }

    fn now(&self) -> Duration {
        self.0.borrow().now
    }

    fn wall(&self) -> Timestamp {
        let inner = self.0.borrow();
        let passed =
            SignedDuration::from_hours(24 * inner.days) + SignedDuration::try_from(inner.now).unwrap();
        Timestamp::from_second(DAY).unwrap() + passed
    }

    fn sleep(&self, duration: Duration) {
        self.0.borrow_mut().now += duration;
    }
}

/// All steps of this result in the order reported.
pub fn steps_reported(world: &World, result: StepResult) -> Vec<String> {
    world
        .0
        .borrow()
        .reports
        .iter()
        .filter(|report| report.result == result)
        .map(|report| report.step.clone())
        .collect()
}
