//! Bundles in Barbican, in upstream's layout: one *certificate container* per bundle, whose secrets are the
//! certificate, the encrypted private key and the passphrase. Magnum's own service account owns them.
//!
//! Barbican cannot be asked for a container by name, but for a secret. So the secrets carry the bundle's name, and
//! the (costly) walk over the containers is made only when such a secret is there.

use crate::{BundleName, CertificateBundle, CertificateStore, SecretError};
use async_trait::async_trait;
use magnum_openstack::{
    CloudError, CloudErrorKind,
    barbican::{Barbican, Container},
};
use secrecy::{ExposeSecret, SecretString};

const CERTIFICATE: &str = "certificate";
const PRIVATE_KEY: &str = "private_key";
const PASSPHRASE: &str = "private_key_passphrase";
const INTERMEDIATES: &str = "intermediates";
const PARTS: [&str; 4] = [CERTIFICATE, PRIVATE_KEY, PASSPHRASE, INTERMEDIATES];

/// The store.
pub struct BarbicanStore {
    barbican: Barbican,
}

impl BarbicanStore {
    /// A store over Barbican as the service user sees it.
    pub fn new(barbican: Barbican) -> Self {
        Self { barbican }
    }

    /// The container behind a reference. One that cannot be Barbican's, such as another kind of store gives, names
    /// nothing here: Barbican's client refuses it.
    async fn container(&self, reference: &str) -> Result<Option<Container>, SecretError> {
        match self.barbican.container_get(reference).await {
            Ok(container) => Ok(Some(container)),
            Err(error) if matches!(error.kind, CloudErrorKind::NotFound | CloudErrorKind::BadRequest) => {
                Ok(None)
            }
            Err(error) => Err(failed(reference)(error)),
        }
    }

    /// The container behind a reference that must lead to one.
    async fn existing(&self, reference: &str) -> Result<Container, SecretError> {
        let container = self.container(reference).await?;
        container.ok_or_else(|| SecretError::NotFound(reference.to_owned()))
    }

    async fn payload(&self, reference: &str) -> Result<SecretString, SecretError> {
        self.barbican.secret_payload(reference).await.map_err(failed(reference))
    }
}

fn failed(name: &str) -> impl Fn(CloudError) -> SecretError + '_ {
    move |error| match error.kind {
        CloudErrorKind::NotFound => SecretError::NotFound(name.to_owned()),
        _ if error.is_retryable() => SecretError::Unavailable(Box::new(error)),
        _ => SecretError::unusable(name, error.message.clone(), error),
    }
}

/// The reference of a part that every bundle has.
fn part(container: &Container, reference: &str, part: &str) -> Result<String, SecretError> {
    container.secret_ref(part).map(str::to_owned).ok_or_else(|| SecretError::Unusable {
        name: reference.to_owned(),
        reason: format!("its container has no {part}"),
        source: None,
    })
}

fn secret_name(bundle: &str, part: &str) -> String {
    format!("{bundle}-{}", part.replace('_', "-"))
}

#[async_trait]
impl CertificateStore for BarbicanStore {
    async fn store(&self, name: &BundleName, bundle: &CertificateBundle) -> Result<String, SecretError> {
        let name = name.as_text();
        // What a crash left of an earlier try is taken away first, or nobody would ever find it again.
        self.sweep(&name).await?;
        let certificate = SecretString::from(bundle.certificate.clone());
        let intermediates = bundle.intermediates.clone().map(SecretString::from);
        let mut secrets = Vec::new();
        for (part, payload) in [
            (CERTIFICATE, Some(&certificate)),
            (PRIVATE_KEY, Some(&bundle.private_key)),
            (PASSPHRASE, Some(&bundle.passphrase)),
            (INTERMEDIATES, intermediates.as_ref()),
        ] {
            let Some(payload) = payload else { continue };
            let made = self.barbican.secret_create(&secret_name(&name, part), payload).await;
            secrets.push((part, made.map_err(failed(&name))?));
        }
        let secrets: Vec<(&str, &str)> = secrets.iter().map(|(part, made)| (*part, made.as_str())).collect();
        self.barbican.container_create(&name, &secrets).await.map_err(failed(&name))
    }

    async fn find(&self, name: &BundleName) -> Result<Option<String>, SecretError> {
        let name = name.as_text();
        let certificate = self.barbican.secrets_named(&secret_name(&name, CERTIFICATE)).await;
        if certificate.map_err(failed(&name))?.is_empty() {
            return Ok(None);
        }
        let containers = self.barbican.containers_named(&name).await.map_err(failed(&name))?;
        Ok(containers.into_iter().next().map(|container| container.container_ref))
    }

    async fn load(&self, reference: &str) -> Result<CertificateBundle, SecretError> {
        let container = self.existing(reference).await?;
        let needed = |name: &str| part(&container, reference, name);
        let (certificate, private_key, passphrase) =
            (needed(CERTIFICATE)?, needed(PRIVATE_KEY)?, needed(PASSPHRASE)?);
        let intermediates = container.secret_ref(INTERMEDIATES);
        // Four round trips at once instead of one after the other.
        let (certificate, private_key, passphrase, intermediates) = tokio::try_join!(
            self.payload(&certificate),
            self.payload(&private_key),
            self.payload(&passphrase),
            async {
                match intermediates {
                    Some(reference) => self.payload(reference).await.map(Some),
                    None => Ok(None),
                }
            },
        )?;
        Ok(CertificateBundle {
            certificate: certificate.expose_secret().to_owned(),
            private_key,
            passphrase,
            intermediates: intermediates.map(|text| text.expose_secret().to_owned()),
        })
    }

    async fn certificate(&self, reference: &str) -> Result<String, SecretError> {
        let container = self.existing(reference).await?;
        let certificate = self.payload(&part(&container, reference, CERTIFICATE)?).await?;
        Ok(certificate.expose_secret().to_owned())
    }

    async fn delete(&self, name: &BundleName, reference: Option<&str>) -> Result<(), SecretError> {
        if let Some(reference) = reference
            && let Some(container) = self.container(reference).await?
        {
            // The container goes last: while it is there, a repetition finds what is left to delete.
            for secret in &container.secret_refs {
                self.barbican.secret_delete(&secret.secret_ref).await.map_err(failed(reference))?;
            }
            self.barbican.container_delete(reference).await.map_err(failed(reference))?;
        }
        self.sweep(&name.as_text()).await
    }
}

impl BarbicanStore {
    /// Takes away everything that bears the bundle's name.
    async fn sweep(&self, name: &str) -> Result<(), SecretError> {
        let mut secrets = Vec::new();
        for part in PARTS {
            let found = self.barbican.secrets_named(&secret_name(name, part)).await;
            secrets.extend(found.map_err(failed(name))?);
        }
        if secrets.is_empty() {
            return Ok(());
        }
        for container in self.barbican.containers_named(name).await.map_err(failed(name))? {
            self.barbican.container_delete(&container.container_ref).await.map_err(failed(name))?;
        }
        for secret in secrets {
            self.barbican.secret_delete(&secret).await.map_err(failed(name))?;
        }
        Ok(())
    }
}
