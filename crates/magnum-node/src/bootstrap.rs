//! What user-data left for us: `/etc/magnum/node.json` or variables in the environment, and which certificates to trust.

use crate::error::{MachineError, NodeError};
use crate::machine::Machine;
use magnum_types::plan::Bootstrap;
use serde_json::{Map, Value};

/// Bundles of the distributions, tried in this order when user-data names none.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What every variable's name begins with; the field's name in capitals follows.
const VARIABLE: &str = "MAGNUM_NODE_";
/// The fields of [`Bootstrap`] that are text.
const TEXTS: &[&str] = &[
    "magnum_url",
    "ca_bundle",
    "ca_file",
    "cluster",
    "join_secret",
    "signal_url",
    "signal_token",
    "volume_id",
    "etcd_volume_id",
];

/// Reads the bootstrap file or, where there is none, the environment: the user-data of Ignition systems cannot put
/// Heat's values into JSON, but into a file that systemd makes variables of (`MAGNUM_NODE_MAGNUM_URL`, …).
///
/// # Errors
/// When there is neither, or not in that form.
pub fn read(
    machine: &dyn Machine,
    path: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Bootstrap, NodeError> {
    if let Some(bytes) = read_file(machine, path)? {
        return serde_json::from_slice(&bytes)
            .map_err(|source| NodeError::Malformed { path: path.to_owned(), source });
    }
    let of = |field: &str| variable(&format!("{VARIABLE}{}", field.to_ascii_uppercase()));
    let mut fields = Map::new();
    for field in TEXTS {
        if let Some(text) = of(field) {
            fields.insert((*field).to_owned(), Value::String(text));
        }
    }
    if fields.is_empty() {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(NodeError::Read { path: path.to_owned(), source });
    }
    if let Some(verify) = of("verify").filter(|verify| !verify.is_empty()) {
        let verify = match verify.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Value::Bool(true),
            "false" | "0" | "no" => Value::Bool(false),
            // Said in the error: a misspelt wish must not switch anything off.
            _ => Value::String(verify),
        };
        fields.insert("verify".to_owned(), verify);
    }
    let source = format!("the environment ({VARIABLE}*)");
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| NodeError::Malformed { path: source, source: error })
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
    let found = first(machine, named.into_iter().chain(SYSTEM_BUNDLES.iter().copied()))?;
    Ok(found.unwrap_or_else(|| (Vec::new(), "the system".to_owned())))
}

/// The machine's own PEM bundle, for whoever else is spoken to; empty if it has none.
///
/// # Errors
/// When it is there but cannot be read.
pub fn system_bundle(machine: &dyn Machine) -> Result<Vec<u8>, NodeError> {
    Ok(first(machine, SYSTEM_BUNDLES.iter().copied())?.unwrap_or_default().0)
}

/// The first of these files that holds something.
fn first<'a>(
    machine: &dyn Machine,
    paths: impl Iterator<Item = &'a str>,
) -> Result<Option<(Vec<u8>, String)>, NodeError> {
    for path in paths {
        if let Some(bytes) = read_file(machine, path)?.filter(|bytes| !bytes.trim_ascii().is_empty()) {
            return Ok(Some((bytes, path.to_owned())));
        }
    }
    Ok(None)
}

/// A file's bytes; `None` if there is no such file.
pub(crate) fn read_file(machine: &dyn Machine, path: &str) -> Result<Option<Vec<u8>>, NodeError> {
    machine.read(path).map_err(|error| match error {
        MachineError::File { path, source } => NodeError::Read { path, source },
        other => NodeError::Read { path: path.to_owned(), source: std::io::Error::other(other.to_string()) },
    })
}
