//! A cluster: the row that clients see (spec 1.6 and 3.1).

use crate::{HealthStatus, Labels, Status, ids::ClusterId};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A cluster as stored. Node counts and addresses live in its node groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the fields are the columns of upstream's table, described in the API reference"
)]
pub struct Cluster {
    /// The table's integer key; 0 before the row is inserted.
    pub id: i64,
    pub uuid: ClusterId,
    pub project_id: String,
    pub user_id: String,
    pub name: String,
    /// UUID of the template, as text: an upstream row may hold anything here.
    pub cluster_template_id: String,
    pub keypair: Option<String>,
    /// GB of the volume for the engine's storage.
    pub docker_volume_size: Option<i32>,
    pub labels: Labels,
    pub master_flavor_id: Option<String>,
    pub flavor_id: Option<String>,
    pub fixed_network: Option<String>,
    pub fixed_subnet: Option<String>,
    pub floating_ip_enabled: bool,
    pub master_lb_enabled: bool,
    /// Minutes.
    pub create_timeout: Option<i32>,
    pub discovery_url: Option<String>,
    pub stack_id: Option<String>,
    pub status: Status,
    pub status_reason: Option<String>,
    pub health_status: Option<HealthStatus>,
    pub health_status_reason: IndexMap<String, String>,
    pub api_address: Option<String>,
    pub coe_version: Option<String>,
    pub container_version: Option<String>,
    pub trust_id: Option<String>,
    pub trustee_username: Option<String>,
    pub trustee_user_id: Option<String>,
    /// Sealed (`magnum:v1:…`); clear text only in rows that upstream wrote.
    #[serde(skip_serializing)]
    #[serde(default)]
    pub trustee_password: Option<String>,
    pub ca_cert_ref: Option<String>,
    pub magnum_cert_ref: Option<String>,
    pub etcd_ca_cert_ref: Option<String>,
    pub front_proxy_ca_cert_ref: Option<String>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}
