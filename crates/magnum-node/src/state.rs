//! What the program must still know after it was stopped: its key, its token, how far it got. Written before it is
//! used, by rename, so that a stop at any instruction leaves the old file or the new one.
//!
//! The file belongs to one instance of one cluster. An image made of a node carries its state; on another instance
//! that state is thrown away.

use crate::{
    bootstrap::read_file,
    error::{MachineError, NodeError},
    machine::Machine,
};
use jiff::Timestamp;
use magnum_types::plan::{HealthCheck, Text};
use magnum_x509::{CertificateRequest, KeyAlgorithm, NameAttribute, PrivateKey};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The content of the state file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The cluster that this state belongs to.
    pub cluster: String,
    /// The instance that this state belongs to.
    pub instance_id: String,
    /// The node's own key, PKCS#8 PEM.
    pub key: Text,
    /// The token of the registration.
    #[serde(default)]
    pub token: Option<Text>,
    /// The name that the server gave.
    #[serde(default)]
    pub name: String,
    /// The last plan that was applied to its end.
    #[serde(default)]
    pub generation: i64,
    /// Heat has been told that this member is ready.
    #[serde(default)]
    pub signalled: bool,
    /// Counts the files changed so far.
    #[serde(default)]
    pub changes: u64,
    /// Unit → count of changes at its last start.
    #[serde(default)]
    pub started: BTreeMap<String, u64>,
    /// Unit → time of day of its last start.
    #[serde(default)]
    pub started_at: BTreeMap<String, Timestamp>,
    /// This node founded the Swarm.
    #[serde(default)]
    pub founded: bool,
    /// This node is or was a member of the Swarm.
    #[serde(default)]
    pub joined: bool,
    /// Unit that watches files → digest of those files at its last start.
    #[serde(default)]
    pub watched: BTreeMap<String, String>,
    /// Identity → its certificate.
    #[serde(default)]
    pub identities: BTreeMap<String, Identity>,
    /// Digest and directory of every archive that was unpacked.
    #[serde(default)]
    pub archives: BTreeSet<String>,
    /// Path → length of every image archive that the container runtime has.
    #[serde(default)]
    pub images: BTreeMap<String, u64>,
    /// Peer URL → name of the members that this node added to etcd, which knows no name before a member's first start.
    #[serde(default)]
    pub etcd_added: BTreeMap<String, String>,
    /// Set → digest of the manifests last applied.
    #[serde(default)]
    pub applied: BTreeMap<String, String>,
    /// What the last plan wants looked at between plans.
    #[serde(default)]
    pub health: Option<HealthCheck>,
}

/// The certificate of one of the node's identities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The revision that it was made for; empty while key and certificate are being replaced.
    pub revision: String,
    /// First moment of its validity.
    pub not_before: Timestamp,
    /// Last moment of its validity.
    pub not_after: Timestamp,
    /// Path of the key.
    pub key: String,
    /// Path of the certificate.
    pub certificate: String,
}

impl Identity {
    /// Only a third of its life is left, or it never got whole.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let left = self.not_after.duration_since(now);
        let life = self.not_after.duration_since(self.not_before);
        self.revision.is_empty() || left.as_secs().saturating_mul(3) <= life.as_secs()
    }
}

/// The state and the file that it is kept in.
#[derive(Debug)]
pub struct StateFile {
    path: String,
    /// The present state; call [`StateFile::save`] after a change.
    pub state: State,
}

impl StateFile {
    /// Reads the state of this instance, or makes and saves a new one with a fresh key.
    ///
    /// # Errors
    /// When the directory cannot be read or written, or no key can be made.
    pub fn open(
        machine: &dyn Machine,
        directory: &str,
        cluster: &str,
        instance_id: &str,
    ) -> Result<StateFile, NodeError> {
        let path = format!("{}/state.json", directory.trim_end_matches('/'));
        if let Some(bytes) = read_file(machine, &path)? {
            match serde_json::from_slice::<State>(&bytes) {
                Ok(state) if state.cluster == cluster && state.instance_id == instance_id => {
                    return Ok(StateFile { path, state });
                }
                Ok(_) => tracing::warn!("the state is another instance's, beginning anew"),
                // Rename makes a torn file impossible, so this is a foreign file; a new key is the way on.
                Err(error) => tracing::warn!(%error, "the state is not readable, beginning anew"),
            }
        }
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256)?.to_pkcs8_pem()?;
        let state = State {
            cluster: cluster.to_owned(),
            instance_id: instance_id.to_owned(),
            key: Text(secrecy::ExposeSecret::expose_secret(&key).to_owned()),
            token: None,
            name: String::new(),
            generation: 0,
            signalled: false,
            changes: 0,
            started: BTreeMap::new(),
            started_at: BTreeMap::new(),
            founded: false,
            joined: false,
            watched: BTreeMap::new(),
            identities: BTreeMap::new(),
            archives: BTreeSet::new(),
            images: BTreeMap::new(),
            etcd_added: BTreeMap::new(),
            applied: BTreeMap::new(),
            health: None,
        };
        let file = StateFile { path, state };
        file.save(machine)?;
        Ok(file)
    }

    /// Writes the state (mode 600).
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, machine: &dyn Machine) -> Result<(), NodeError> {
        let bytes = serde_json::to_vec(&self.state).map_err(NodeError::Encode)?;
        machine.write(&self.path, 0o600, &bytes).map_err(|error| match error {
            MachineError::File { path, source } => NodeError::Write { path, source },
            other => {
                NodeError::Write { path: self.path.clone(), source: std::io::Error::other(other.to_string()) }
            }
        })
    }

    /// Notes that a file is about to change, so that units are started anew even if we are stopped before.
    ///
    /// # Errors
    /// As [`StateFile::save`].
    pub fn changing(&mut self, machine: &dyn Machine) -> Result<(), NodeError> {
        self.state.changes += 1;
        self.save(machine)
    }

    /// A certificate request with the node's key. The server decides what the certificate says.
    ///
    /// # Errors
    /// When the stored key is damaged.
    pub fn request(&self) -> Result<String, NodeError> {
        let key = PrivateKey::from_pem(&self.state.key.0, None)?;
        let subject = [(NameAttribute::CommonName, self.state.instance_id.as_str())];
        Ok(CertificateRequest::create(&key, &subject, &[])?.to_pem()?)
    }
}
