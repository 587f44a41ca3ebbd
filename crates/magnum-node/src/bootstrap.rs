//! What user-data left for us: `/etc/magnum/node.json`, and which certificates to trust.

use crate::error::{MachineError, NodeError};
use crate::machine::Machine;
use magnum_types::plan::Bootstrap;

/// Bundles of the distributions, tried in this order when user-data names none.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Reads the bootstrap file.
///
/// # Errors
/// When it is absent or not JSON of that form.
pub fn read(machine: &dyn Machine, path: &str) -> Result<Bootstrap, NodeError> {
    let absent = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let bytes = read_file(machine, path)?
        .ok_or_else(|| NodeError::Read { path: path.to_owned(), source: absent() })?;
    serde_json::from_slice(&bytes).map_err(|source| NodeError::Malformed { path: path.to_owned(), source })
}

/// The PEM bundle to trust, and where it came from. Only the cloud's own bundle when there is one; an empty bundle
/// means that nothing is trusted.
///
/// # Errors
/// When a bundle is there but cannot be read.
pub fn trusted(machine: &dyn Machine, bootstrap: &Bootstrap) -> Result<(Vec<u8>, String), NodeError> {
    if !bootstrap.ca_bundle.trim().is_empty() {
        return Ok((bootstrap.ca_bundle.clone().into_bytes(), "user-data".to_owned()));
    }
    let named = Some(bootstrap.ca_file.as_str()).filter(|path| !path.is_empty());
    for path in named.into_iter().chain(SYSTEM_BUNDLES.iter().copied()) {
        if let Some(bytes) = read_file(machine, path)?.filter(|bytes| !bytes.trim_ascii().is_empty()) {
            return Ok((bytes, path.to_owned()));
        }
    }
    Ok((Vec::new(), "the system".to_owned()))
}

/// A file's bytes; `None` if there is no such file.
pub(crate) fn read_file(machine: &dyn Machine, path: &str) -> Result<Option<Vec<u8>>, NodeError> {
    machine.read(path).map_err(|error| match error {
        MachineError::File { path, source } => NodeError::Read { path, source },
        other => NodeError::Read { path: path.to_owned(), source: std::io::Error::other(other.to_string()) },
    })
}
