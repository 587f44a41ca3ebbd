//! Bundles in upstream's table `x509keypair`. Upstream keeps the passphrase in clear beside the key; here it is sealed
//! under a key that the database does not hold. Rows that upstream wrote are read as they are.

use crate::{BundleName, CertificateBundle, CertificateStore, SecretError};
use async_trait::async_trait;
use magnum_db::{DbError, KeypairRow, Store};
use magnum_x509::SealingKeys;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use uuid::Uuid;

/// The store.
pub struct DatabaseStore {
    store: Store,
    keys: Arc<SealingKeys>,
}

impl DatabaseStore {
    /// A store in the service's database.
    pub fn new(store: Store, keys: Arc<SealingKeys>) -> Self {
        Self { store, keys }
    }

    async fn existing(&self, reference: &str) -> Result<KeypairRow, SecretError> {
        let row = self.store.keypair_get(reference).await.map_err(failed)?;
        row.ok_or_else(|| SecretError::NotFound(reference.to_owned()))
    }
}

fn failed(error: DbError) -> SecretError {
    SecretError::Unavailable(Box::new(error))
}

fn context(reference: &str) -> String {
    format!("x509keypair:{reference}:private_key_passphrase")
}

/// The table has no name: the row's id is drawn from the bundle's, so that it is found again.
fn reference(name: &BundleName) -> String {
    Uuid::new_v5(&name.cluster.0, name.as_text().as_bytes()).to_string()
}

/// Opens a stored passphrase; one that is not sealed was written by upstream.
pub(crate) fn open_passphrase(
    keys: &SealingKeys,
    context: &str,
    reference: &str,
    stored: &str,
) -> Result<SecretString, SecretError> {
    let stored = stored.trim();
    if !SealingKeys::is_sealed(stored) {
        return Ok(SecretString::from(stored));
    }
    let opened = keys.open(context, stored).map_err(|error| {
        SecretError::unusable(reference, "its passphrase does not open with this sealing key", error)
    })?;
    String::from_utf8(opened.to_vec())
        .map(SecretString::from)
        .map_err(|error| SecretError::unusable(reference, "its passphrase is not text", error.utf8_error()))
}

#[async_trait]
impl CertificateStore for DatabaseStore {
    async fn store(&self, name: &BundleName, bundle: &CertificateBundle) -> Result<String, SecretError> {
        let reference = reference(name);
        let sealed = self
            .keys
            .seal(&context(&reference), bundle.passphrase.expose_secret().as_bytes())
            .map_err(|error| SecretError::unusable(&reference, "it cannot be sealed", error))?;
        self.store
            .keypair_insert(&KeypairRow {
                uuid: reference.clone(),
                certificate: bundle.certificate.clone(),
                private_key: bundle.private_key.expose_secret().to_owned(),
                private_key_passphrase: sealed,
                intermediates: bundle.intermediates.clone(),
                project_id: name.project_id.clone(),
                user_id: name.user_id.clone(),
            })
            .await
            .map_err(failed)?;
        Ok(reference)
    }

    async fn find(&self, name: &BundleName) -> Result<Option<String>, SecretError> {
        let reference = reference(name);
        Ok(self.store.keypair_get(&reference).await.map_err(failed)?.map(|_| reference))
    }

    async fn load(&self, reference: &str) -> Result<CertificateBundle, SecretError> {
        let row = self.existing(reference).await?;
        let passphrase =
            open_passphrase(&self.keys, &context(reference), reference, &row.private_key_passphrase)?;
        Ok(CertificateBundle {
            certificate: row.certificate,
            private_key: SecretString::from(row.private_key),
            passphrase,
            intermediates: row.intermediates,
        })
    }

    async fn certificate(&self, reference: &str) -> Result<String, SecretError> {
        Ok(self.existing(reference).await?.certificate)
    }

    async fn delete(&self, name: &BundleName, reference: Option<&str>) -> Result<(), SecretError> {
        let own = self::reference(name);
        for reference in [reference, Some(own.as_str())].into_iter().flatten() {
            self.store.keypair_delete(reference).await.map_err(failed)?;
        }
        Ok(())
    }
}
