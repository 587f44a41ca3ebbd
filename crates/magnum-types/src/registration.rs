//! A cluster's node as it made itself known (design section 6).

use crate::{
    Role,
    ids::{ClusterId, NodeGroupId},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Known, not ready yet.
    Registered,
    /// Every step of its plan is done.
    Ready,
    /// A step of its plan failed for good.
    Failed,
    /// About to be removed: a manager empties it (plan action `swarm_drain`).
    Leaving,
    /// Its server is gone: a manager forgets it (plan action `swarm_forget`), then the registration goes too.
    Gone,
}

impl NodeState {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            NodeState::Registered => "registered",
            NodeState::Ready => "ready",
            NodeState::Failed => "failed",
            NodeState::Leaving => "leaving",
            NodeState::Gone => "gone",
        }
    }
}

impl std::str::FromStr for NodeState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "registered" => Ok(NodeState::Registered),
            "ready" => Ok(NodeState::Ready),
            "failed" => Ok(NodeState::Failed),
            "leaving" => Ok(NodeState::Leaving),
            "gone" => Ok(NodeState::Gone),
            other => Err(format!("unknown node state {other:?}")),
        }
    }
}

/// A registered node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRegistration {
    /// Nova's id of the server.
    pub instance_id: String,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its node group.
    pub nodegroup: NodeGroupId,
    /// What it does.
    pub role: Role,
    /// It founds the cluster (the first manager); others join it.
    pub primary: bool,
    /// The server's name, which is also the engine's node name.
    pub name: String,
    /// Its address in the cluster's network.
    pub address: String,
    /// Its floating address, if it has one.
    pub public_address: Option<String>,
    /// The server certificate signed at registration, PEM.
    pub certificate: String,
    /// SHA-256 (hex) of the token it speaks with.
    pub token_hash: String,
    /// Where it stands.
    pub state: NodeState,
    /// The plan generation it has applied.
    pub generation: i64,
    /// The last step it reported.
    pub step: Option<String>,
    /// First line of the error that failed it.
    pub error: Option<String>,
    /// When it last spoke.
    pub last_seen: Option<Timestamp>,
    /// When it registered.
    pub created_at: Option<Timestamp>,
}
