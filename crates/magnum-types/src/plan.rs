//! What the server and a cluster's node say to each other: registration, plan, report (design section 6).
//!
//! A plan is an ordered list of typed, idempotent steps for one node and one generation. The node program applies
//! them from the top, skips what already holds, and reports each step's result. Types here are the wire format,
//! so a change must stay readable by older node programs: add optional fields, never rename.

pub use crate::proxies::Proxies;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What user-data writes to the node (`/etc/magnum/node.json`, mode 600) and the node program reads first. Where that
/// file is absent, the same fields are read from variables of the environment: `MAGNUM_NODE_` and the field's name in
/// capitals, e.g. `MAGNUM_NODE_MAGNUM_URL`.
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
    /// The Cinder volume attached for etcd's data; empty for none.
    #[serde(default)]
    pub etcd_volume_id: String,
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
    /// What to look at between plans; none where another node does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthCheck>,
    /// By which the node fetches files and packages; none of these is asked for Magnum and Heat.
    #[serde(default, skip_serializing_if = "Proxies::is_empty")]
    pub proxies: Proxies,
}

/// What a node looks at between plans, and reports as [`Report::health`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "snake_case")]
pub enum HealthCheck {
    /// Kubernetes: whether the API says `ok`, and which nodes are Ready.
    Kubernetes {
        /// How to speak to the API.
        kubectl: Kubectl,
        /// Seconds between two looks.
        every: u32,
        /// Paths of the authorities' certificates, whose end is told in time.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        authorities: Vec<String>,
    },
}

/// How a node speaks to the Kubernetes API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kubectl {
    /// Path of `kubectl`.
    pub program: String,
    /// Path of the kubeconfig.
    pub kubeconfig: String,
}

/// How a node speaks to etcd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Etcdctl {
    /// Path or name of `etcdctl`.
    pub program: String,
    /// Client URLs, separated by commas.
    pub endpoints: String,
    /// Path of the authority's certificate.
    pub ca: String,
    /// Path of the client certificate.
    pub certificate: String,
    /// Path of its key.
    pub key: String,
}

/// What is wanted of a Kubernetes node beyond its kubelet: only what Magnum gave is ever taken away again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeMarks {
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Taints as kubectl writes them: `key=value:Effect` or `key:Effect`.
    #[serde(default)]
    pub taints: Vec<String>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Name for people: appears in the cluster's `status_reason` when it fails.
    pub name: String,
    /// Seconds that it may take, repetitions included.
    pub timeout: u32,
    /// The plan goes on when this step does not succeed in its time; the first such error of a plan is in this step's
    /// report and in all later ones of the plan, beside their results.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// A newer plan ends the wait for this step: it waits for another node, which the newer plan may not wait for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub yields: bool,
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
        /// Program that must be found in the path, or at its absolute path → package that brings it.
        programs: BTreeMap<String, String>,
    },
    /// A systemd unit that is enabled and running with its present files; restarted when one of the files that it
    /// watches is another than at its last start, or, where it names none, when any earlier step changed a file.
    Unit {
        /// Unit name, e.g. `docker.service`. `unit` on the wire, where `name` is the step's.
        #[serde(rename = "unit")]
        name: String,
        /// Absolute paths of the files that it runs with.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        watches: Vec<String>,
    },
    /// A file that must not be there.
    NoFile {
        /// Absolute path.
        path: String,
    },
    /// A program of one release at a path of its own. What is there already is left alone: the path names the release.
    Program {
        /// Absolute path, the release being part of it.
        path: String,
        /// Where an image may bring it, tried in order; the first that is of the release is linked to the path.
        #[serde(default)]
        candidates: Vec<String>,
        /// What a candidate must say when it is asked with `--version`; empty where the candidate's path is enough.
        #[serde(default)]
        says: String,
        /// Where an image may bring it at a path that names the release, so that it is not asked; tried first.
        #[serde(default)]
        named: Vec<String>,
        /// Where to fetch it when no candidate will do; empty: the image must bring it.
        #[serde(default)]
        url: String,
        /// SHA-256 (hex) of what is fetched, and of a candidate where it is given. A URL needs one.
        #[serde(default)]
        sha256: String,
    },
    /// The files of a compressed tar archive below a directory, unpacked once per digest.
    Archive {
        /// Where to fetch it.
        url: String,
        /// SHA-256 (hex).
        sha256: String,
        /// Absolute path of the directory.
        directory: String,
    },
    /// A key of the node's own and a certificate for it, which the server signs with the names that this identity has
    /// (`POST {magnum_url}/nodes/certificates`). Made anew when the revision changes or a third of its life is left.
    Certificate {
        /// Which of the node's identities, e.g. `kube-apiserver`.
        identity: String,
        /// Path of the key (mode 600).
        key: String,
        /// Path of the certificate (mode 644).
        certificate: String,
        /// Changes with the authority that signs and with the names.
        revision: String,
    },
    /// Container images from archives that the machine's image brings: every `*.tar` of a directory, each once.
    Images {
        /// Absolute path of the directory; none there is no error.
        directory: String,
    },
    /// Waits until the local member of etcd serves and has a vote, and reports the members as fact `etcd_members`
    /// (`name=peer URL` in the order of the names, separated by commas) and the names of those without a vote as
    /// `etcd_learners`.
    EtcdReady {
        /// How to speak to it.
        etcdctl: Etcdctl,
    },
    /// On a member of etcd: takes members out, waits until those without a vote have one, then adds at most one, which has
    /// none yet, and reports as [`Action::EtcdReady`]. One that never starts costs etcd no majority.
    EtcdMembers {
        /// How to speak to it.
        etcdctl: Etcdctl,
        /// Name and peer URL of the member to add. It is only added once all the others serve.
        #[serde(default)]
        add: Option<(String, String)>,
        /// Names of the members to take out.
        #[serde(default)]
        remove: Vec<String>,
        /// Their peer URLs, by which they are known where nobody knows their names.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remove_urls: Vec<String>,
    },
    /// Applies manifests to the Kubernetes API, server-side, when they are others than last time under this name, and
    /// reports fact `addon.SET`: `on`, or `off` when there were none.
    KubeApply {
        /// How to speak to the API.
        kubectl: Kubectl,
        /// Name that the node remembers them under.
        set: String,
        /// YAML documents.
        manifest: Text,
        /// By the client instead, where the API server cannot.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        client_side: bool,
        /// Objects (`kind/name`, with `-n namespace` before where they have one) to be deleted, absent ones ignored.
        #[serde(default)]
        absent: Vec<Vec<String>>,
    },
    /// Waits until the Kubernetes API answers that it is ready. A kubelet that starts before it asks again after up to
    /// seven seconds only.
    KubeApi {
        /// How to speak to the API.
        kubectl: Kubectl,
        /// Its socket address. kubectl is only started once somebody listens there: many nodes wait for one machine that has
        /// better things to do.
        address: String,
        /// The API server's unit where it is this machine's: its own last words say why it does not answer.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        server: String,
    },
    /// On a master: waits until no pod of an earlier template of these workloads is left, or none of their pods works.
    KubeRolledOut {
        /// How to speak to the API.
        kubectl: Kubectl,
        /// Deployments and daemon sets: `namespace`, then `kind/name`. One that is absent has no pods.
        workloads: Vec<(String, String)>,
    },
    /// On a master: has this node's pods of a workload started anew when these files are others than at their last start.
    KubePodsAnew {
        /// How to speak to the API.
        kubectl: Kubectl,
        /// The node's name there.
        node: String,
        /// Namespace of the pods.
        namespace: String,
        /// The label that selects them, `key=value`.
        label: String,
        /// Absolute paths of files that they read only when they start.
        watches: Vec<String>,
    },
    /// Waits until the API calls this node Ready.
    KubeReady {
        /// How to speak to the API.
        kubectl: Kubectl,
        /// The node's name there.
        node: String,
        /// The kubelet's unit: what the API says must be the word of a kubelet that has started since this program last
        /// started it. Until that one has spoken, the API repeats what the one before it said. Empty: any word will do.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        kubelet: String,
    },
    /// On a master: gives nodes labels and taints, and takes back those given before.
    KubeMarks {
        /// How to speak to the API.
        kubectl: Kubectl,
        /// By node name. A node that the API does not know yet is passed over.
        nodes: BTreeMap<String, NodeMarks>,
    },
    /// On a master: empties nodes, and gives work again to those that were emptied and now stay.
    KubeDrain {
        /// How to speak to the API.
        kubectl: Kubectl,
        /// To be emptied.
        nodes: Vec<String>,
        /// Neither emptied nor given work again.
        #[serde(default)]
        untouched: Vec<String>,
    },
    /// On a master: deletes the objects of nodes that are gone.
    KubeForget {
        /// How to speak to the API.
        kubectl: Kubectl,
        /// Their names.
        nodes: Vec<String>,
    },
    /// Tells the API the node's range of pod addresses, where it knows none; a range is told once and stays.
    PodRange {
        /// How to speak to the API, as the node itself.
        kubectl: Kubectl,
        /// The node's name there.
        node: String,
        /// The range, such as 10.100.3.0/24.
        range: String,
    },
    /// Reports the engine's and the container runtime's versions as facts `kube_version` and `container_version`.
    KubeVersion {
        /// Path of the kubelet.
        kubelet: String,
    },
    /// A file system on a block device, mounted. The device is found by the Cinder volume's id.
    Volume {
        /// The Cinder volume's id; empty means [`Bootstrap::volume_id`], and `etcd` [`Bootstrap::etcd_volume_id`].
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
    /// What a [`HealthCheck`] found: thing → `ok`, `True` or what is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<BTreeMap<String, String>>,
}

/// `POST {magnum_url}/nodes/certificates`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityRequest {
    /// Which of the node's identities.
    pub identity: String,
    /// PEM certificate request; only its public key is used.
    pub csr: String,
}

/// The answer (201).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityResponse {
    /// PEM.
    pub certificate: String,
    /// Its last moment.
    pub not_after: jiff::Timestamp,
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
