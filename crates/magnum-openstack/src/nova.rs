//! Nova: flavors, key pairs, and the servers behind the nodes.

use crate::{
    client::ServiceClient,
    error::{CloudError, found},
    resolve::resolve,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The Compute API for one session.
#[derive(Clone)]
pub struct Nova(pub(crate) ServiceClient);

/// A flavor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Flavor {
    /// Its id: any text.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Memory in MiB.
    pub ram: u64,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Root disk in GiB; 0 takes the image's size.
    pub disk: u64,
}

/// A key pair's public half.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KeyPair {
    /// Its name.
    pub name: String,
    /// The public key in OpenSSH's form.
    pub public_key: String,
}

/// A server.
#[derive(Debug, Clone, Deserialize)]
pub struct Server {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `ACTIVE`, `BUILD`, `ERROR` …
    pub status: String,
    /// The owner's project.
    pub tenant_id: String,
    /// Its metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Addresses by network name.
    #[serde(default)]
    pub addresses: BTreeMap<String, Vec<Address>>,
    /// Why it is in ERROR.
    pub fault: Option<Fault>,
}

/// One address of a server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Address {
    /// The address.
    pub addr: String,
    /// 4 or 6.
    pub version: u8,
    /// `fixed` or `floating`.
    #[serde(rename = "OS-EXT-IPS:type")]
    pub kind: Option<String>,
}

/// Why a server is in ERROR.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// Nova's words, such as "No valid host was found."
    pub message: String,
    /// An HTTP-like code.
    #[serde(default)]
    pub code: u16,
}

/// What a project may have and has; -1 is "no limit".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComputeLimits {
    /// Servers allowed.
    pub max_total_instances: i64,
    /// Servers there are.
    pub total_instances_used: i64,
    /// CPUs allowed.
    pub max_total_cores: i64,
    /// CPUs used.
    pub total_cores_used: i64,
    /// MiB of memory allowed.
    #[serde(rename = "maxTotalRAMSize")]
    pub max_total_ram: i64,
    /// MiB of memory used.
    #[serde(rename = "totalRAMUsed")]
    pub total_ram_used: i64,
}

#[derive(Deserialize)]
struct FlavorAnswer {
    flavor: Flavor,
}
#[derive(Deserialize)]
struct KeyPairAnswer {
    keypair: KeyPair,
}
#[derive(Deserialize)]
struct ServerAnswer {
    server: Server,
}
#[derive(Deserialize)]
struct LimitsAnswer {
    limits: LimitsBody,
}
#[derive(Deserialize)]
struct LimitsBody {
    absolute: ComputeLimits,
}

impl Nova {
    /// The flavor by id or name.
    pub async fn flavor_find(&self, name_or_id: &str) -> Result<Flavor, CloudError> {
        resolve(
            "nova",
            "flavor",
            name_or_id,
            true,
            async || Ok(self.0.get::<FlavorAnswer>(&["flavors", name_or_id], &[]).await?.flavor),
            async || {
                let mut flavors: Vec<Flavor> = self.0.list(&["flavors", "detail"], "flavors", &[]).await?;
                flavors.retain(|flavor| flavor.name == name_or_id);
                Ok(flavors)
            },
        )
        .await
    }

    /// The key pair of the session's user.
    pub async fn keypair_get(&self, name: &str) -> Result<Option<KeyPair>, CloudError> {
        Ok(found(self.0.get::<KeyPairAnswer>(&["os-keypairs", name], &[]).await)?
            .map(|answer| answer.keypair))
    }

    /// One server, if it is there.
    pub async fn server_get(&self, id: &str) -> Result<Option<Server>, CloudError> {
        Ok(found(self.0.get::<ServerAnswer>(&["servers", id], &[]).await)?.map(|answer| answer.server))
    }

    /// The servers of the session's project whose name matches a regular expression, in one listing.
    pub async fn server_list(&self, name_pattern: &str) -> Result<Vec<Server>, CloudError> {
        self.0.list(&["servers", "detail"], "servers", &[("name", name_pattern)]).await
    }

    /// What the session's project may have and has.
    pub async fn limits(&self) -> Result<ComputeLimits, CloudError> {
        Ok(self.0.get::<LimitsAnswer>(&["limits"], &[]).await?.limits.absolute)
    }
}
