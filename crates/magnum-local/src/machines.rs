//! What the local cloud asks of the machine that it runs on: networks, nodes and the images that nodes start from. The
//! real one is Docker Engine ([`crate::engine`]); tests have one in memory.
//!
//! Everything made carries the installation's id and its stack's or server's as labels, and is found by them: nothing
//! but the labels is remembered, so neither a crash nor a lost file leaves anything behind that a sweep would not find.

use async_trait::async_trait;
use std::{collections::BTreeMap, net::IpAddr};

/// An image that nodes can start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeImage {
    /// A UUID made of the digest, as Glance's id.
    pub id: uuid::Uuid,
    /// What users call it.
    pub name: String,
    /// The engine's reference that nodes are started from: `sha256:…`.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// COEs whose programs it has: `swarm`, `kubernetes`.
    pub coes: Vec<String>,
    /// The release of Kubernetes whose programs it has, as `v1.36.0`.
    pub kube_tag: Option<String>,
}

/// A network to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Heat's id of the stack that it belongs to; there is one network for each.
    pub stack: uuid::Uuid,
    /// The name that users see in the engine's list.
    pub name: String,
}

/// A network that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The stack.
    pub stack: uuid::Uuid,
    /// The name.
    pub name: String,
    /// Its addresses, as `172.20.0.0/16`.
    pub subnet: String,
    /// The host's own address in it, where nodes reach this process.
    pub gateway: IpAddr,
}

/// A file that a node finds when it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFile {
    /// Absolute path.
    pub path: String,
    /// Mode, of a file.
    pub mode: u32,
    /// Its bytes, or where a symbolic link points.
    pub content: FileContent,
}

/// What is at a path.
#[derive(Clone, PartialEq, Eq)]
pub enum FileContent {
    /// A file's bytes; they may hold secrets.
    Bytes(Vec<u8>),
    /// A symbolic link's target.
    Link(String),
}

impl std::fmt::Debug for FileContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Link(target) => write!(f, "link to {target}"),
        }
    }
}

/// A node to be there and running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// Nova's id of the server.
    pub server: uuid::Uuid,
    /// The stack whose network it is in.
    pub stack: uuid::Uuid,
    /// The stack that it belongs to: a further node group's is another than its network's.
    pub owner: uuid::Uuid,
    /// Host name.
    pub name: String,
    /// [`NodeImage::digest`].
    pub image: String,
    /// Processors that it may use; 0 is no bound.
    pub cpus: u32,
    /// MiB of memory that it may use; 0 is no bound.
    pub memory_mib: u32,
    /// Written before it starts.
    pub files: Vec<NodeFile>,
    /// Host names that lead to the network's gateway: the names under which nodes reach this process.
    pub gateway_names: Vec<String>,
}

/// What a node is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It runs.
    Running,
    /// It was made and does not run.
    Stopped,
}

/// A node that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The server.
    pub server: uuid::Uuid,
    /// The stack that it belongs to.
    pub owner: uuid::Uuid,
    /// Host name.
    pub name: String,
    /// Its address in the network; none while it does not run.
    pub address: Option<IpAddr>,
    /// What it is doing.
    pub state: NodeState,
}

/// Why the machine does not do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum MachinesError {
    /// Nothing answers where the engine should be.
    #[error("no Docker Engine answers at {place}: {reason}. {remedy}")]
    Absent {
        /// Its socket or URL.
        place: String,
        /// What the system said.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The engine is older than what is needed.
    #[error(
        "the Docker Engine at {place} is too old: its API is {found}, and {needed} is needed. Install a newer one."
    )]
    TooOld {
        /// Its socket or URL.
        place: String,
        /// Its version.
        found: String,
        /// The needed one.
        needed: String,
    },
    /// An image is not there.
    #[error("there is no node image {0}: make one with: magnum standalone image")]
    NoImage(String),
    /// The engine refused, with its words.
    #[error("{doing}: {reason}")]
    Refused {
        /// What was being done, with the name of the thing.
        doing: String,
        /// The engine's words.
        reason: String,
        /// Asking again may help.
        again: bool,
    },
}

/// The machine. Every call may be repeated: what is there already is left, what is gone already is no fault.
#[async_trait]
pub trait Machines: Send + Sync + 'static {
    /// The node images of this installation, the newest first.
    async fn images(&self) -> Result<Vec<NodeImage>, MachinesError>;

    /// A stack's network, made when it is not there.
    async fn network_ensure(&self, network: &NetworkSpec) -> Result<Network, MachinesError>;

    /// Takes a stack's network away.
    async fn network_remove(&self, stack: uuid::Uuid) -> Result<(), MachinesError>;

    /// All networks of this installation.
    async fn networks(&self) -> Result<Vec<Network>, MachinesError>;

    /// A node that runs: made, or started again, when it does not.
    async fn node_ensure(&self, node: &NodeSpec) -> Result<Node, MachinesError>;

    /// Takes a node and its disks away.
    async fn node_remove(&self, server: uuid::Uuid) -> Result<(), MachinesError>;

    /// All nodes of this installation, by server.
    async fn nodes(&self) -> Result<BTreeMap<uuid::Uuid, Node>, MachinesError>;
}
