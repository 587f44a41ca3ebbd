//! What every step has at hand. Built once per process by the binary; nothing in it is global.

use crate::{credential::ClusterSessions, stack_board::StackBoard};
use magnum_db::{ClusterView, Store};
use magnum_drivers::{Driver, DriverSettings, Registry};
use magnum_openstack::Cloud;
use magnum_operations::{StepContext, StepError};
use magnum_secrets::CertificateStore;
use magnum_types::{Clock, ClusterHandle, ClusterId, Entropy};
use magnum_x509::{KeyAlgorithm, SealingKeys};
use secrecy::SecretString;
use std::sync::Arc;

/// `[trust]` as the conductor uses it.
#[derive(Clone, Debug, Default)]
pub struct TrustSettings {
    /// Id of the trustee domain; without it, the domain that its administrator's token is scoped to.
    pub trustee_domain_id: Option<String>,
    /// Roles that the trust hands on; empty: all the caller's roles.
    pub roles: Vec<String>,
    /// Characters that passwords are drawn from (`[DEFAULT] password_symbols`).
    pub password_symbols: Vec<String>,
}

/// What the binary's configuration says about the work.
#[derive(Clone, Debug)]
pub struct WorldSettings {
    /// `[trust]`.
    pub trust: TrustSettings,
    /// Life of certificates in days (`[x509] term_of_validity`).
    pub certificate_days: u32,
    /// Keys of CAs and clients (`[x509] rsa_key_size`).
    pub key_algorithm: KeyAlgorithm,
    /// What drivers are told of the configuration.
    pub driver: DriverSettings,
    /// Seconds that managers get to empty nodes before they are removed.
    pub drain_seconds: u32,
}

/// Everything a step needs.
pub struct World {
    /// The database.
    pub store: Store,
    /// The cloud.
    pub cloud: Arc<Cloud>,
    /// Certificates.
    pub certificates: Arc<dyn CertificateStore>,
    /// Seals what is kept in the database.
    pub keys: Arc<SealingKeys>,
    /// The drivers.
    pub registry: Registry,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Configuration.
    pub settings: WorldSettings,
    /// What Heat says about the stacks we wait for, asked once for many.
    pub stacks: StackBoard,
    /// The clusters' own sessions.
    pub sessions: ClusterSessions,
}

impl World {
    /// The operation's cluster as it is now.
    ///
    /// # Errors
    /// Retryable when the database does not answer; final when the row is gone.
    pub async fn cluster(&self, cx: &StepContext) -> Result<ClusterView, StepError> {
        self.store.cluster_by_id(ClusterId(cx.operation.subject)).await.map_err(crate::failure::database)
    }

    /// The handle of the operation's cluster.
    ///
    /// # Errors
    /// As [`World::cluster`].
    pub async fn handle(&self, cx: &StepContext) -> Result<ClusterHandle, StepError> {
        self.store.handle_get(ClusterId(cx.operation.subject)).await.map_err(crate::failure::database)
    }

    /// The driver of a cluster, by its template.
    ///
    /// # Errors
    /// When the template is gone or no driver takes it any more.
    pub fn driver(&self, view: &ClusterView) -> Result<Arc<dyn Driver>, StepError> {
        let template = view
            .template
            .as_ref()
            .ok_or_else(|| StepError::fatal("the cluster's template is gone, so its driver is not known"))?;
        self.registry
            .of_template(template)
            .map_err(|error| StepError::fatal(error.to_string()).caused_by(error))
    }

    /// Seals a secret into a place of the database.
    ///
    /// # Errors
    /// Only when the cryptographic library fails.
    pub fn seal(&self, place: &str, secret: &str) -> Result<String, StepError> {
        self.keys
            .seal(place, secret.as_bytes())
            .map_err(|error| StepError::fatal("a secret cannot be sealed").caused_by(error))
    }

    /// Opens a sealed secret. A value that is not sealed was written by upstream and is taken as it is.
    ///
    /// # Errors
    /// When it was sealed by a key that this process does not have.
    pub fn open(&self, place: &str, sealed: &str) -> Result<SecretString, StepError> {
        if !SealingKeys::is_sealed(sealed) {
            return Ok(SecretString::from(sealed.to_owned()));
        }
        let unreadable = "a secret in the database cannot be opened with this conductor's sealing key; see [secrets] key_file";
        let opened =
            self.keys.open(place, sealed).map_err(|error| StepError::fatal(unreadable).caused_by(error))?;
        String::from_utf8(opened.to_vec())
            .map(SecretString::from)
            .map_err(|_| StepError::fatal("a secret in the database is not text"))
    }
}
