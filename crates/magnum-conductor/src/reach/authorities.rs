//! The authorities' certificates by which clusters are recognised. One is fetched once and kept under its reference, so a
//! rotation, which makes another reference, is followed by itself, and no look asks the certificate store again.

use magnum_secrets::{CertificateStore, SecretError};
use moka::future::Cache;
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::sync::Arc;

/// Most certificates that are kept.
const KEPT: u64 = 4096;

/// A cluster's authority cannot be used to recognise it, which says nothing of the cluster.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// It cannot be fetched.
    #[error("the authority's certificate cannot be read")]
    Store(#[source] SecretError),
    /// It is no PEM.
    #[error("the authority's certificate is not PEM")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// Nobody can be recognised by it.
    #[error("the authority's certificate cannot be trusted")]
    Unusable(#[source] rustls::Error),
    /// It was asked for by another look at the same time, which failed.
    #[error(transparent)]
    Shared(Arc<AuthorityError>),
}

/// The certificates that are known.
pub struct Authorities {
    store: Arc<dyn CertificateStore>,
    known: Cache<String, Arc<Vec<CertificateDer<'static>>>>,
}

impl Authorities {
    /// None yet.
    pub fn new(store: Arc<dyn CertificateStore>) -> Self {
        Self { store, known: Cache::new(KEPT) }
    }

    /// Whom to trust, from the authorities behind these references.
    ///
    /// # Errors
    /// When one of them cannot be fetched or used.
    pub async fn roots(&self, references: &[&str]) -> Result<RootCertStore, AuthorityError> {
        let mut roots = RootCertStore::empty();
        for reference in references {
            let fetched = self.known.try_get_with((*reference).to_owned(), self.fetch(reference)).await;
            for certificate in fetched.map_err(AuthorityError::Shared)?.iter() {
                roots.add(certificate.clone()).map_err(AuthorityError::Unusable)?;
            }
        }
        Ok(roots)
    }

    /// Fetches these anew at the next look: what a cluster showed was not of them, which may be their fault.
    pub async fn forget(&self, references: &[&str]) {
        for reference in references {
            self.known.invalidate(*reference).await;
        }
    }

    async fn fetch(&self, reference: &str) -> Result<Arc<Vec<CertificateDer<'static>>>, AuthorityError> {
        let pem = self.store.certificate(reference).await.map_err(AuthorityError::Store)?;
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(AuthorityError::Pem)?;
        if certificates.is_empty() {
            return Err(AuthorityError::Pem(rustls_pki_types::pem::Error::NoItemsFound));
        }
        Ok(Arc::new(certificates))
    }
}
