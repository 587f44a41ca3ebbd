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
    /// About to be removed: a manager empties it (plan actions `swarm_drain`, `kube_drain`).
    Leaving,
    /// About to be upgraded: a manager empties it. It has no plan meanwhile.
    Draining,
    /// Empty, and applying the plan of its new release; ready when that is done.
    Upgrading,
    /// Empty, and its server is being made anew from another image, with the same id, addresses and volumes. It has no
    /// plan, what it said before is void, and it registers again with a new key.
    Rebuilding,
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
            NodeState::Draining => "draining",
            NodeState::Upgrading => "upgrading",
            NodeState::Rebuilding => "rebuilding",
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
            "draining" => Ok(NodeState::Draining),
            "upgrading" => Ok(NodeState::Upgrading),
            "rebuilding" => Ok(NodeState::Rebuilding),
            "gone" => Ok(NodeState::Gone),
            other => Err(format!("unknown node state {other:?}")),
        }
    }
}

/// A move of a node to another state, by an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Move {
    /// When.
    pub at: Timestamp,
    /// The plan generation that it came with: what a node reports of earlier ones says nothing of it.
    pub generation: i64,
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
    /// The release of the engine that it is to run, where its driver knows releases. Fixed at registration and changed
    /// only by an upgrade, so that a newer Magnum upgrades no node by itself.
    pub wanted_release: Option<String>,
    /// The image that an upgrade gave it; none while it has that of its group.
    pub wanted_image: Option<String>,
    /// The plan generation it has applied.
    pub generation: i64,
    /// The last step it reported.
    pub step: Option<String>,
    /// First line of the error that failed it.
    pub error: Option<String>,
    /// The last move to another state that an operation made it do.
    pub moved: Option<Move>,
    /// When it last spoke.
    pub last_seen: Option<Timestamp>,
    /// When it registered.
    pub created_at: Option<Timestamp>,
}

/// What the token's hash of a node is that must register again; the instance id follows, since it is unique.
const AWAITED: &str = "awaited:";

impl NodeRegistration {
    /// What stands for the token's hash of a node that must register again.
    pub fn awaited_token(instance_id: &str) -> String {
        format!("{AWAITED}{instance_id}")
    }

    /// It must register again: whatever token it had is void.
    pub fn is_awaited(&self) -> bool {
        self.token_hash.starts_with(AWAITED)
    }

    /// What it reported last is about the state that it was moved to, or later.
    pub fn has_followed(&self) -> bool {
        self.moved.is_none_or(|moved| self.generation >= moved.generation)
    }

    /// Its failure as `status_reason` tells it.
    pub fn failure(&self) -> String {
        let step = self.step.as_deref().unwrap_or("unknown");
        let error = self.error.as_deref().unwrap_or("no error given");
        format!("node {}: step \"{step}\" failed: {error}", self.name)
    }
}
