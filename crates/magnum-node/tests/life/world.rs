//! A machine, an engine, Magnum and Heat in memory. Every operation may be the one at which the program is stopped.

use magnum_node::{
    apply::Node,
    error::{CallError, MachineError, NodeError},
    machine::{Command, Machine, Output},
    server::{Server, Signal},
    state::StateFile,
};
use magnum_types::plan::{Bootstrap, Plan, RegisterRequest, RegisterResponse, Report, StepResult, Text};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    panic,
    time::Duration,
};

pub const INSTANCE: &str = "18130d09-750c-4fe5-be21-bd9e6c9b4931";
pub const CLUSTER: &str = "11111111-2222-4333-8444-555555555555";

/// What a stop at an operation is thrown as.
pub struct Stopped;

#[derive(Default)]
pub struct Inner {
    pub files: BTreeMap<String, (u32, Vec<u8>)>,
    pub programs: Vec<String>,
    /// Package → programs that it brings.
    pub packages: BTreeMap<String, Vec<String>>,
    pub commands: Vec<String>,
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
    pub plans: Vec<Value>,
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
    fn operation<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
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
        }))
        .unwrap()
    }

    /// One run of the program, to the end of a plan.
    pub fn run(&self) -> Result<(), NodeError> {
        let bootstrap = Self::bootstrap();
        let state = StateFile::open(self, "/var/lib/magnum-node", CLUSTER, INSTANCE)?;
        Node { machine: self, server: self, bootstrap: &bootstrap, state }.live(true)
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
        for (beginning, (error, times)) in &mut self.failures {
            if line.starts_with(beginning.as_str()) && *times > 0 {
                *times -= 1;
                return Output { success: false, stdout: String::new(), stderr: error.clone() };
            }
        }
        let words: Vec<&str> = line.split(' ').collect();
        let ok = |stdout: String| Output { success: true, stdout, stderr: String::new() };
        let bad = |stderr: &str| Output { success: false, stdout: String::new(), stderr: stderr.to_owned() };
        match words.as_slice() {
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

    fn list(&self, directory: &str) -> Result<Vec<String>, MachineError> {
        let beginning = format!("{directory}/");
        let inner = self.0.borrow();
        Ok(inner.files.keys().filter_map(|path| path.strip_prefix(&beginning)).map(str::to_owned).collect())
    }

    fn finds(&self, program: &str) -> bool {
        self.0.borrow().programs.iter().any(|found| found == program)
    }

    fn now(&self) -> Duration {
        self.0.borrow().now
    }

    fn sleep(&self, duration: Duration) {
        self.0.borrow_mut().now += duration;
    }
}

impl Server for World {
    fn register(&self, request: &RegisterRequest) -> Result<RegisterResponse, CallError> {
        self.operation(|inner| {
            assert_eq!((request.cluster.as_str(), request.instance_id.as_str()), (CLUSTER, INSTANCE));
            assert_eq!(request.join_secret, "the-join-secret");
            let key =
                magnum_x509::CertificateRequest::from_pem(&request.csr).unwrap().public_key_der().unwrap();
            if inner.refuse.0 > 0 {
                inner.refuse.0 -= 1;
                return Err(CallError::Refused { status: inner.refuse.1, text: "not a member".to_owned() });
            }
            let key = format!("{key:?}");
            if inner.registrations.iter().any(|known| *known != key) {
                return Err(CallError::Refused {
                    status: 409,
                    text: "registered with another key".to_owned(),
                });
            }
            inner.registrations.push(key);
            inner.token = format!("token-{}", inner.registrations.len());
            Ok(RegisterResponse {
                token: inner.token.clone(),
                certificate: "certificate".to_owned(),
                ca: "ca".to_owned(),
                name: "c-primary-master-0".to_owned(),
            })
        })
    }

    fn plan(&self, token: &Text, after: i64) -> Result<Option<Value>, CallError> {
        self.operation(|inner| {
            if token.0 != inner.token {
                return Err(CallError::Unauthorized);
            }
            Ok(inner.plans.iter().rev().find(|plan| plan["generation"].as_i64().unwrap() > after).cloned())
        })
    }

    fn report(&self, token: &Text, report: &Report) -> Result<(), CallError> {
        self.operation(|inner| {
            if token.0 != inner.token {
                return Err(CallError::Unauthorized);
            }
            if inner.lost_reports > 0 {
                inner.lost_reports -= 1;
                return Err(CallError::Unavailable("connection reset".to_owned()));
            }
            inner.reports.push(report.clone());
            Ok(())
        })
    }

    fn signal(&self, bootstrap: &Bootstrap, name: &str, signal: &Signal) -> Result<(), CallError> {
        self.operation(|inner| {
            assert_eq!(bootstrap.signal_token, "the-signal-token");
            assert!(!name.is_empty());
            inner.signals.push(signal.clone());
            Ok(())
        })
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
