//! TLS to the broker: which CAs are trusted, and the certificate we show.
//!
//! Upstream checks the broker only when a CA file is set. Here it is always checked, against the system's CAs if no
//! file is named; an operator who does not want that has to say `insecure`.

use crate::{BusError, TlsSettings};
use lapin::tcp::{RustlsConnector, RustlsConnectorConfig};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};
use std::{path::Path, sync::Arc};

type ClientIdentity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Reads the files and builds the connector.
pub(super) async fn connector(settings: &TlsSettings) -> Result<RustlsConnector, BusError> {
    let identity = identity(settings).await?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = || {
        ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(BusError::Tls)
    };
    let builder = if settings.insecure {
        let anyone = Arc::new(AnyCertificate(Arc::clone(&provider)));
        builder()?.dangerous().with_custom_certificate_verifier(anyone)
    } else if let Some(ca_file) = &settings.ca_file {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca_file).await? {
            roots.add(certificate).map_err(BusError::Tls)?;
        }
        builder()?.with_root_certificates(roots)
    } else {
        let config = RustlsConnectorConfig::new_with_native_certs().map_err(BusError::SystemRoots)?;
        return match identity {
            Some((chain, key)) => config.connector_with_single_cert(chain, key),
            None => config.connector_with_no_client_auth(),
        }
        .map_err(BusError::SystemRoots);
    };
    let config = match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(BusError::Tls)?,
        None => builder.with_no_client_auth(),
    };
    Ok(RustlsConnector::from(config))
}

async fn identity(settings: &TlsSettings) -> Result<Option<ClientIdentity>, BusError> {
    let Some(cert_file) = &settings.cert_file else { return Ok(None) };
    // As elsewhere in OpenStack: one file may hold both.
    let key_file = settings.key_file.as_ref().unwrap_or(cert_file);
    let key = PrivateKeyDer::from_pem_slice(&read(key_file).await?)
        .map_err(|source| BusError::Pem { path: key_file.clone(), source })?;
    Ok(Some((certificates(cert_file).await?, key)))
}

async fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BusError> {
    let fault = |source| BusError::Pem { path: path.to_owned(), source };
    let pem = read(path).await?;
    let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().map_err(fault)?;
    if found.is_empty() { Err(fault(rustls_pki_types::pem::Error::NoItemsFound)) } else { Ok(found) }
}

async fn read(path: &Path) -> Result<Vec<u8>, BusError> {
    tokio::fs::read(path).await.map_err(|source| BusError::TlsFile { path: path.to_owned(), source })
}

/// Takes any certificate, but still checks that the peer holds its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_ca_file_is_named() {
        let settings = TlsSettings { ca_file: Some("/nowhere/ca.pem".into()), ..Default::default() };
        let error = connector(&settings).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            "file '/nowhere/ca.pem' for the connection to the broker could not be read"
        );
    }

    #[tokio::test]
    async fn insecure_needs_no_ca() {
        let settings = TlsSettings { insecure: true, ..Default::default() };
        assert!(connector(&settings).await.is_ok());
    }
}
