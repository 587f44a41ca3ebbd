//! The drivers as `magnum.conf` describes them. Both services must see the same ones.

use crate::storage;
use anyhow::{Context, Result};
use magnum_config::MagnumConfig;
use magnum_drivers::{
    RegistrySettings,
    kubernetes::{Binary, KubernetesSettings},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One entry of `[kubernetes] binaries_file`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pinned {
    sha256: String,
    url: Option<String>,
}

/// `[drivers]` and `[kubernetes]`.
///
/// # Errors
/// When `[kubernetes] binaries_file` cannot be read or is not what it should be.
pub fn registry(config: &MagnumConfig) -> Result<RegistrySettings> {
    let section = &config.kubernetes;
    let binaries = match &section.binaries_file {
        Some(file) => read(file).with_context(|| format!("[kubernetes] binaries_file = {file}"))?,
        None => BTreeMap::new(),
    };
    Ok(RegistrySettings {
        disabled_drivers: config.drivers.disabled_drivers.clone(),
        enabled_beta_drivers: config.drivers.enabled_beta_drivers.clone(),
        kubernetes: KubernetesSettings {
            binaries_url: section.binaries_url.clone(),
            binaries,
            keystone_url: keystone_url(config),
            openstack_ca: storage::openstack_ca(config)?,
            region: config.cinder_client.region_name.clone().unwrap_or_default(),
            cluster_user_trust: config.trust.cluster_user_trust,
            health_seconds: u32::try_from(section.health_polling_interval).unwrap_or(0),
        },
    })
}

/// Keystone as tenants are told of it.
fn keystone_url(config: &MagnumConfig) -> String {
    let middleware = &config.keystone_authtoken;
    let told = middleware.middleware.www_authenticate_uri.as_ref().or(middleware.auth.auth_url.as_ref());
    let url = told.map(|url| url.trim_end_matches('/')).unwrap_or_default();
    if url.is_empty() || url.ends_with("/v3") { url.to_owned() } else { format!("{url}/v3") }
}

fn read(file: &str) -> Result<BTreeMap<String, BTreeMap<String, Binary>>> {
    let pinned: BTreeMap<String, BTreeMap<String, Pinned>> = serde_json::from_slice(&std::fs::read(file)?)?;
    let mut binaries: BTreeMap<String, BTreeMap<String, Binary>> = BTreeMap::new();
    for (program, releases) in pinned {
        for (release, Pinned { sha256, url }) in releases {
            let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
            anyhow::ensure!(is_digest, "{program} {release}: sha256 must have 64 hexadecimal digits");
            let binary = Binary { sha256: sha256.to_ascii_lowercase(), url };
            binaries.entry(program.clone()).or_default().insert(release, binary);
        }
    }
    Ok(binaries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_programs_is_read_and_a_wrong_digest_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("binaries.json");
        let file = path.to_str().unwrap();
        let digest = "A".repeat(64);
        std::fs::write(&path, format!("{{\"kubelet\": {{\"v1.36.0\": {{\"sha256\": \"{digest}\"}}}}}}"))
            .unwrap();
        let read_back = read(file).unwrap();
        let binary = &read_back["kubelet"]["v1.36.0"];
        assert_eq!((binary.sha256.as_str(), &binary.url), ("a".repeat(64).as_str(), &None));
        std::fs::write(&path, "{\"kubelet\": {\"v1.36.0\": {\"sha256\": \"abc\"}}}").unwrap();
        let error = read(file).unwrap_err().to_string();
        assert!(error.contains("kubelet v1.36.0"), "{error}");
        std::fs::write(&path, "{\"kubelet\": {\"v1.36.0\": {\"sha\": \"abc\"}}}").unwrap();
        assert!(read(file).is_err());
    }
}
