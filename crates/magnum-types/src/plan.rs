//! What the server and a cluster's node say to each other: registration, plan, report (design section 6).
//!
//! A plan is an ordered list of typed, idempotent steps for one node and one generation. The node program applies
//! them from the top, skips what already holds, and reports each step's result. Types here are the wire format,
//! so a change must stay readable by older node programs: add optional fields, never rename.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What user-data writes to the node (`/etc/magnum/node.json`, mode 600) and the node program reads first.
#[derive(Clone, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Base URL of Magnum's API as nodes reach it, ending in `/v1`.
    pub magnum_url: String,
    /// PEM bundle that Magnum's TLS certificate must chain to; empty means the system's own.
    #[serde(default)]
    pub ca_bundle: String,
    /// File on the node with such a bundle, read when [`Bootstrap::ca_bundle`] is empty; an empty or absent file
    /// means the system's own.
    #[serde(default)]
    pub ca_file: String,
    /// UUID of the cluster.
    pub cluster: String,
    /// The secret that lets a member of the cluster's stack register.
    pub join_secret: String,
    /// Heat's wait condition: where to signal.
    pub signal_url: String,
    /// The token that Heat accepts there.
    pub signal_token: String,
    /// The Cinder volume attached for the engine's data; empty for none.
    #[serde(default)]
    pub volume_id: String,
    /// Verify Magnum's and Heat's TLS certificates (`[drivers] verify_ca`).
    #[serde(default = "yes")]
    pub verify: bool,
}

fn yes() -> bool {
    true
}

/// `POST {magnum_url}/nodes/register`
#[derive(Clone, Serialize, Deserialize)]
pub struct RegisterRequest {
    /// UUID of the cluster.
    pub cluster: String,
    /// Nova's id of this server, from its metadata.
    pub instance_id: String,
    /// The join secret of [`Bootstrap`].
    pub join_secret: String,
    /// PEM certificate request with the node's own key; only the public key is used.
    pub csr: String,
}

/// The answer to a registration (201).
#[derive(Clone, Serialize, Deserialize)]
pub struct RegisterResponse {
    /// The token for every later call, as `Authorization: Bearer …`. Shown once.
    pub token: String,
    /// The node's certificate, PEM.
    pub certificate: String,
    /// The cluster's CA, PEM.
    pub ca: String,
    /// The name the server gave this node.
    pub name: String,
}

/// `GET {magnum_url}/nodes/plan?after=N`: the plan newer than generation N; 204 while there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Counts up; the node remembers the last one it applied.
    pub generation: i64,
    /// What to do, in order.
    pub steps: Vec<PlanStep>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Name for people: appears in the cluster's `status_reason` when it fails.
    pub name: String,
    /// Seconds that it may take, repetitions included.
    pub timeout: u32,
    /// What to do.
    #[serde(flatten)]
    pub action: Action,
}

/// What a step does. Each is idempotent: it looks first and acts only on a difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A file with exactly this content and mode.
    File {
        /// Absolute path.
        path: String,
        /// Permission bits, e.g. 0o600.
        mode: u32,
        /// The content.
        content: Text,
    },
    /// The node's own private key, made at registration, stored at a path (mode 600).
    NodeKey {
        /// Absolute path.
        path: String,
    },
    /// Programs that must be there; missing ones are installed from the distribution's packages.
    Packages {
        /// Program that must be found in the path → package that brings it.
        programs: BTreeMap<String, String>,
    },
    /// A systemd unit that is enabled and running with its present files; restarted when a file of an earlier
    /// step of this plan changed.
    Unit {
        /// Unit name, e.g. `docker.service`. `unit` on the wire, where `name` is the step's.
        #[serde(rename = "unit")]
        name: String,
    },
    /// A file system on a block device, mounted. The device is found by the Cinder volume's id.
    Volume {
        /// The Cinder volume's id; empty means [`Bootstrap::volume_id`].
        #[serde(default)]
        volume_id: String,
        /// Where to mount it.
        mount: String,
        /// `xfs` or `ext4`.
        file_system: String,
    },
    /// Founds a Swarm on this engine.
    SwarmInit {
        /// Address that other nodes reach this one at.
        advertise_address: String,
    },
    /// Joins a Swarm.
    SwarmJoin {
        /// Join token of the wanted role.
        token: Text,
        /// Addresses (host:port) of managers, tried in order.
        managers: Vec<String>,
        /// Address that other nodes reach this one at.
        advertise_address: String,
    },
    /// Waits until this engine is an active member of the Swarm (as a manager if so).
    SwarmReady {
        /// It must be a manager.
        manager: bool,
    },
    /// On a manager: empties the nodes that are about to leave, and gives work again to those that were and now stay.
    SwarmDrain {
        /// Engine host names of all that are about to leave.
        nodes: Vec<String>,
    },
    /// On a manager: forgets nodes that are gone (demotes managers first).
    SwarmForget {
        /// Engine host names.
        nodes: Vec<String>,
    },
    /// On a manager: reports the Swarm's join tokens as facts `swarm_worker_token`, `swarm_manager_token`.
    SwarmTokens {},
    /// Reports the engine's version as fact `engine_version`.
    EngineVersion {},
    /// Tells Heat's wait condition that this member is ready.
    Signal {},
}

/// Text that may be secret: not shown by Debug.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(pub String);

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

/// `POST {magnum_url}/nodes/report`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The plan's generation.
    pub generation: i64,
    /// The step this is about; empty for a heartbeat.
    #[serde(default)]
    pub step: String,
    /// How it ended.
    pub result: StepResult,
    /// First line of the error, at most 500 characters.
    #[serde(default)]
    pub error: Option<String>,
    /// What the step found out. Values may be secret.
    #[serde(default)]
    pub facts: BTreeMap<String, Text>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// Done; more steps follow.
    #[default]
    Done,
    /// Done, and it was the plan's last: the node is ready at this generation.
    Ready,
    /// Failed for good within its time.
    Failed,
    /// Alive, nothing new.
    Alive,
}
