//! Where the certificates and private keys of clusters are kept: Barbican (the default), the database, or files.
//!
//! A [`CertificateBundle`]'s private key is encrypted PEM with a passphrase of its own. In Barbican the passphrase is a
//! secret beside the key, as upstream has it, since Barbican itself guards both. In the database and in files the
//! passphrase is *sealed* under a key that is kept elsewhere (`[secrets] key_file`): a dump of the database, or a copy
//! of the directory, opens nothing.
//!
//! Every bundle has a name that is drawn from its cluster, so that a store interrupted between the effect and its
//! record finds what it made ([`CertificateStore::find`]) and a delete finds what was left half-made.

pub mod barbican;
pub mod database;
pub mod file;

use async_trait::async_trait;
use magnum_types::{Authority, ClusterId, ErrorKind, ServiceError};
use secrecy::SecretString;
use std::error::Error as StdError;

pub use barbican::BarbicanStore;
pub use database::DatabaseStore;
pub use file::FileStore;

/// What is kept together.
#[derive(Clone, Debug)]
pub struct CertificateBundle {
    /// PEM.
    pub certificate: String,
    /// Encrypted PKCS#8 PEM.
    pub private_key: SecretString,
    /// Opens the private key.
    pub passphrase: SecretString,
    /// PEM chain, where there is one.
    pub intermediates: Option<String>,
}

/// Which of a cluster's bundles.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Purpose {
    /// The certificate authority of the cluster.
    ClusterCa,
    /// Magnum's own client certificate for the cluster.
    MagnumClient,
    /// The certificate authority of the cluster's etcd.
    EtcdCa,
    /// The certificate authority of the API's aggregation layer.
    FrontProxyCa,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: &'static [Purpose] =
        &[Purpose::ClusterCa, Purpose::MagnumClient, Purpose::EtcdCa, Purpose::FrontProxyCa];

    /// The word in the names of bundles.
    fn as_str(self) -> &'static str {
        match self {
            Purpose::ClusterCa => "ca",
            Purpose::MagnumClient => "magnum-client",
            Purpose::EtcdCa => "etcd-ca",
            Purpose::FrontProxyCa => "front-proxy-ca",
        }
    }
}

impl From<Authority> for Purpose {
    fn from(authority: Authority) -> Self {
        match authority {
            Authority::Cluster => Purpose::ClusterCa,
            Authority::Etcd => Purpose::EtcdCa,
            Authority::FrontProxy => Purpose::FrontProxyCa,
        }
    }
}

/// The name under which a bundle is stored, and by which it is found again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BundleName {
    /// The cluster it belongs to.
    pub cluster: ClusterId,
    /// Which of its bundles.
    pub purpose: Purpose,
    /// Which rotation made it; 0 for what the cluster was made with. Old and new stand side by side for a while.
    pub generation: u32,
    /// Owner of the row in the database store.
    pub project_id: String,
    /// Owner of the row in the database store.
    pub user_id: String,
}

impl BundleName {
    /// The name in the store.
    pub fn as_text(&self) -> String {
        let name = format!("magnum-{}-{}", self.cluster, self.purpose.as_str());
        match self.generation {
            0 => name,
            generation => format!("{name}-{generation}"),
        }
    }
}

/// A failed store.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no such bundle.
    #[error("there is no certificate {0}")]
    NotFound(String),
    /// The store does not answer or refuses; trying again may help.
    #[error("the certificate store does not answer")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// The bundle, the reference or the key is wrong.
    #[error("the certificate {name} cannot be used: {reason}")]
    Unusable {
        /// Name or reference.
        name: String,
        /// What is wrong, without secrets.
        reason: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

impl SecretError {
    /// Whether trying again may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, SecretError::Unavailable(_))
    }

    pub(crate) fn unusable(
        name: impl Into<String>,
        reason: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        SecretError::Unusable { name: name.into(), reason: reason.into(), source: Some(source.into()) }
    }
}

impl From<SecretError> for ServiceError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::NotFound(_) => {
                ServiceError::new(ErrorKind::NotFound, "the cluster's certificate could not be found")
                    .caused_by(error)
            }
            SecretError::Unavailable(_) => {
                ServiceError::unavailable("the certificate store does not answer; try again later", error)
            }
            SecretError::Unusable { .. } => ServiceError::internal(error),
        }
    }
}

/// A store of certificate bundles. A *reference* is what `cluster.ca_cert_ref` holds.
#[async_trait]
pub trait CertificateStore: Send + Sync + 'static {
    /// Stores a bundle and gives its reference. A second store under the same name is a second bundle: look first.
    async fn store(&self, name: &BundleName, bundle: &CertificateBundle) -> Result<String, SecretError>;

    /// The reference of the complete bundle of that name, if there is one.
    async fn find(&self, name: &BundleName) -> Result<Option<String>, SecretError>;

    /// The bundle behind a reference.
    async fn load(&self, reference: &str) -> Result<CertificateBundle, SecretError>;

    /// The certificate behind a reference, which is public: neither the private key nor its passphrase is read.
    async fn certificate(&self, reference: &str) -> Result<String, SecretError>;

    /// Takes away the bundle behind the reference (also one that upstream stored) and everything of that name,
    /// half-made bundles included. What is not there is no error.
    async fn delete(&self, name: &BundleName, reference: Option<&str>) -> Result<(), SecretError>;
}
