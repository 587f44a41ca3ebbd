//! Where things are kept, as `magnum.conf` describes it: the database, certificates, the sealing key, and the node
//! program that the API serves.

use anyhow::{Context, Result, bail};
use magnum_config::MagnumConfig;
use magnum_db::{DatabaseSettings, Store};
use magnum_openstack::Cloud;
use magnum_secrets::{BarbicanStore, CertificateStore, DatabaseStore, FileStore};
use magnum_types::{Clock, Entropy};
use magnum_x509::{SealingKey, SealingKeys};
use secrecy::SecretString;
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tracing::warn;

/// What a derived sealing key is for: another use of the same password gives another key.
const SEALING: &str = "magnum database secrets";

/// The database, connected.
///
/// # Errors
/// When `[database] connection` is unset or unusable, or the database does not answer within its retries.
pub async fn database(
    config: &MagnumConfig,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Store> {
    let section = &config.database;
    let connection = section.connection.as_ref().context("[database] connection is not set")?;
    let overflow = u32::try_from(section.max_overflow).unwrap_or(50);
    let settings = DatabaseSettings {
        connection: connection.clone(),
        // One pool of the size that oslo.db's two numbers allow together.
        max_pool_size: section.max_pool_size.saturating_add(overflow).max(1),
        pool_timeout: Duration::from_secs(section.pool_timeout.unwrap_or(30)),
        connection_recycle_time: Duration::from_secs(
            u64::try_from(section.connection_recycle_time).unwrap_or(3600),
        ),
        max_retries: section.max_retries,
        retry_interval: Duration::from_secs(section.retry_interval),
        max_transaction_retries: u32::try_from(section.db_max_retries).unwrap_or(20),
    };
    Store::connect(settings, clock, entropy).await.context("the database cannot be used")
}

/// The key that seals what the database holds: from `[secrets] key_file`, or derived from the service's password,
/// which is not in the database either.
///
/// # Errors
/// A key file that is unreadable, open to others, or not a key.
pub fn sealing_keys(config: &MagnumConfig) -> Result<SealingKeys> {
    if let Some(file) = &config.secrets.key_file {
        return key_from(Path::new(file)).with_context(|| format!("[secrets] key_file = {file}"));
    }
    let auth = config.service_auth();
    let Some(secret) = auth.password.as_ref().or(auth.application_credential_secret.as_ref()) else {
        bail!(
            "[secrets] key_file is not set, and the service has no password that a sealing key could be derived from"
        );
    };
    warn!(
        "[secrets] key_file is not set: secrets in the database are sealed with a key derived from the service's password; set it before that password changes"
    );
    Ok(SealingKeys::new(SealingKey::derive(secret, SEALING)?))
}

fn key_from(file: &Path) -> Result<SealingKeys> {
    let mode = std::fs::metadata(file)?.mode();
    if mode & 0o077 != 0 {
        bail!("its mode is {:o}; others must not read it: chmod 600", mode & 0o777);
    }
    let bytes = std::fs::read(file)?;
    if let Ok(raw) = <[u8; 32]>::try_from(bytes.as_slice()) {
        return Ok(SealingKeys::new(SealingKey::from_bytes(raw)?));
    }
    let text = String::from_utf8(bytes).ok().filter(|text| text.trim().len() >= 43);
    let text = text.context(
        "it must hold 32 random bytes, or at least 43 characters, e.g. from: openssl rand -base64 32",
    )?;
    Ok(SealingKeys::new(SealingKey::derive(&SecretString::from(text.trim()), SEALING)?))
}

/// The certificate store that `[certificates] cert_manager_type` names.
///
/// # Errors
/// `x509keypair` and `local` without `[secrets] key_file`: a key must be kept elsewhere.
pub fn certificates(
    config: &MagnumConfig,
    store: &Store,
    cloud: &Cloud,
    keys: &Arc<SealingKeys>,
) -> Result<Arc<dyn CertificateStore>> {
    let kind = config.certificates.cert_manager_type.as_str();
    if kind != "barbican" && config.secrets.key_file.is_none() {
        bail!(
            "[certificates] cert_manager_type = {kind} needs [secrets] key_file: a file (mode 600) with the key that seals private keys; make one with: (umask 077; openssl rand -base64 32 >FILE)"
        );
    }
    Ok(match kind {
        "x509keypair" => Arc::new(DatabaseStore::new(store.clone(), keys.clone())),
        "local" => Arc::new(FileStore::new(&config.certificates.storage_path, keys.clone())),
        _ => Arc::new(BarbicanStore::new(cloud.barbican(cloud.service_session()))),
    })
}

/// The node program: `[node] program`, or `magnum-node` beside this executable, or the packaged one.
pub fn node_program(config: &MagnumConfig) -> Option<PathBuf> {
    if !config.node.program.is_empty() {
        return Some(PathBuf::from(&config.node.program));
    }
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("magnum-node")));
    let packaged = PathBuf::from("/usr/lib/magnum/magnum-node");
    beside.into_iter().chain([packaged]).find(|path| path.is_file())
}

/// PEM of `[drivers] openstack_ca_file`; empty when none is configured.
///
/// # Errors
/// An unreadable file.
pub fn openstack_ca(config: &MagnumConfig) -> Result<String> {
    let file = &config.drivers.openstack_ca_file;
    if file.is_empty() {
        return Ok(String::new());
    }
    std::fs::read_to_string(file).with_context(|| format!("[drivers] openstack_ca_file = {file}"))
}
