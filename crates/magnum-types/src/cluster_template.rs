//! A cluster template: what a cluster is made from (spec 1.5 and 3.1).

use crate::{Labels, ids::TemplateId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A container orchestration engine, by the word that clients use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Coe {
    /// `kubernetes`
    #[serde(rename = "kubernetes")]
    Kubernetes,
    /// `swarm`: the name of classic Swarm; gives Swarm mode, since classic Swarm is gone.
    #[serde(rename = "swarm")]
    Swarm,
    /// `swarm-mode`
    #[serde(rename = "swarm-mode")]
    SwarmMode,
    /// `mesos`
    #[serde(rename = "mesos")]
    Mesos,
}

impl Coe {
    /// Every engine.
    pub const ALL: &'static [Coe] = &[Coe::Kubernetes, Coe::Swarm, Coe::SwarmMode, Coe::Mesos];

    /// The word on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Coe::Kubernetes => "kubernetes",
            Coe::Swarm => "swarm",
            Coe::SwarmMode => "swarm-mode",
            Coe::Mesos => "mesos",
        }
    }
}

impl fmt::Display for Coe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Coe {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Coe::ALL.iter().copied().find(|coe| coe.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// Virtual machines or bare metal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerType {
    /// `vm`
    Vm,
    /// `bm`
    Bm,
}

impl ServerType {
    /// The word on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            ServerType::Vm => "vm",
            ServerType::Bm => "bm",
        }
    }
}

impl FromStr for ServerType {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "vm" => Ok(ServerType::Vm),
            "bm" => Ok(ServerType::Bm),
            other => Err(UnknownWord(other.to_owned())),
        }
    }
}

/// A word outside an enumeration.
#[derive(Debug, thiserror::Error)]
#[error("unknown word {0:?}")]
pub struct UnknownWord(pub String);

/// A cluster template as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the fields are the columns of upstream's table, described in the API reference"
)]
pub struct ClusterTemplate {
    /// The table's integer key; 0 before the row is inserted.
    pub id: i64,
    pub uuid: TemplateId,
    pub project_id: String,
    pub user_id: String,
    pub name: String,
    pub coe: Coe,
    pub image_id: String,
    pub flavor_id: Option<String>,
    pub master_flavor_id: Option<String>,
    pub keypair_id: Option<String>,
    pub external_network_id: Option<String>,
    pub fixed_network: Option<String>,
    pub fixed_subnet: Option<String>,
    pub network_driver: Option<String>,
    pub volume_driver: Option<String>,
    pub dns_nameserver: Option<String>,
    pub apiserver_port: Option<i32>,
    /// GB.
    pub docker_volume_size: Option<i32>,
    pub docker_storage_driver: Option<String>,
    pub cluster_distro: Option<String>,
    pub http_proxy: Option<String>,
    pub https_proxy: Option<String>,
    pub no_proxy: Option<String>,
    pub registry_enabled: bool,
    pub insecure_registry: Option<String>,
    pub labels: Labels,
    pub tls_disabled: bool,
    pub public: bool,
    pub hidden: bool,
    pub server_type: ServerType,
    pub master_lb_enabled: bool,
    pub floating_ip_enabled: bool,
    pub tags: Option<String>,
    pub driver: Option<String>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}
