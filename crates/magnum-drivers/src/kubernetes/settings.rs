//! What the operator's configuration means to Kubernetes clusters.

use std::collections::BTreeMap;

/// Settings of the Kubernetes driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesSettings {
    /// Where nodes fetch Kubernetes' own programs that their image does not bring, `[kubernetes] binaries_url`: below it
    /// stands `RELEASE/bin/linux/amd64/PROGRAM`, as the project publishes them.
    pub binaries_url: String,
    /// Program → release → what pins it, from `[kubernetes] binaries_file`. What is not in it is never fetched.
    pub binaries: BTreeMap<String, BTreeMap<String, Binary>>,
    /// Keystone's URL as nodes reach it, ending in `/v3`; empty where none is configured.
    pub keystone_url: String,
    /// `[drivers] openstack_ca_file`, PEM; empty for the images' own.
    pub openstack_ca: String,
    /// The cloud's region; empty for the only one.
    pub region: String,
    /// `[trust] cluster_user_trust`: masters may hold a credential for the cloud.
    pub cluster_user_trust: bool,
    /// Seconds between two looks at a cluster's health, `[kubernetes] health_polling_interval`; 0 for none.
    pub health_seconds: u32,
}

/// One program of one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// SHA-256, hex.
    pub sha256: String,
    /// Where it is, when it is not where `binaries_url` says.
    pub url: Option<String>,
}

impl Default for KubernetesSettings {
    fn default() -> Self {
        Self {
            binaries_url: "https://dl.k8s.io".to_owned(),
            binaries: BTreeMap::new(),
            keystone_url: String::new(),
            openstack_ca: String::new(),
            region: String::new(),
            cluster_user_trust: false,
            health_seconds: 60,
        }
    }
}

impl KubernetesSettings {
    /// Where to fetch a program of a release, and its SHA-256; both empty when nothing pins it.
    pub fn pinned(&self, program: &str, release: &str) -> (String, String) {
        let Some(binary) = self.binaries.get(program).and_then(|releases| releases.get(release)) else {
            return (String::new(), String::new());
        };
        let base = self.binaries_url.trim_end_matches('/');
        let published = || format!("{base}/{release}/bin/linux/amd64/{program}");
        (binary.url.clone().unwrap_or_else(published), binary.sha256.clone())
    }
}
