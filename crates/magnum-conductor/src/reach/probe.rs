//! One look at one address: a TCP connection and a TLS handshake, no more. Nothing is asked over it, nothing is read, and
//! no certificate of ours is shown, so that nobody learns anything by it but that somebody looks.
//!
//! The server has answered when it has proven that it holds a certificate of the cluster's authority for this address.
//! Engines ask for a client's certificate and end a handshake without one with an alert. In TLS 1.3 that comes after the
//! handshake is over on our side; in TLS 1.2 the handshake fails by it (or by the connection's end, which may come before
//! the alert is read), but not before the proof.

use super::address::{Target, Way};
use magnum_types::Clock;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    time_provider::TimeProvider,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Why an address did not answer as the cluster's API.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// Nobody took the connection in time.
    #[error("connection timed out")]
    NoConnection,
    /// The connection was refused, or there is no way.
    #[error("{}", said_of(.0))]
    Connect(#[source] io::Error),
    /// Somebody took the connection and said nothing in time.
    #[error("no TLS handshake within {} s", .0.as_secs())]
    Silent(Duration),
    /// The connection ended during the handshake.
    #[error("{} during the TLS handshake", said_of(.0))]
    Broken(#[source] io::Error),
    /// Somebody answered who is not the cluster's API, or not properly.
    #[error("{}", meant_by(.0))]
    Tls(#[source] rustls::Error),
}

impl Unreached {
    /// Somebody answered with a certificate that is not of the authority that we know.
    pub fn is_foreign(&self) -> bool {
        matches!(
            self,
            Unreached::Tls(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature
            ))
        )
    }
}

/// Looks at an address. A time-out of `limit` is on each of the two parts.
///
/// # Errors
/// Why it did not answer.
pub async fn look(
    clock: &dyn Clock,
    limit: Duration,
    target: Target,
    roots: RootCertStore,
) -> Result<(), Unreached> {
    let connection = tokio::select! {
        connected = TcpStream::connect(target.socket) => connected.map_err(Unreached::Connect)?,
        () = clock.sleep(limit) => return Err(Unreached::NoConnection),
    };
    match target.way {
        Way::Tcp => Ok(()),
        Way::Tls => {
            let seconds = u64::try_from(clock.now().as_second()).unwrap_or(0);
            let now = Now(UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
            let (config, proof) = config(now, roots).map_err(Unreached::Tls)?;
            let name = ServerName::IpAddress(target.socket.ip().into());
            let handshake = TlsConnector::from(Arc::new(config)).connect(name, connection);
            tokio::select! {
                done = handshake => match done {
                    Ok(_) => Ok(()),
                    // It is the cluster's API, and it wanted to see a certificate of ours.
                    Err(_) if proof.given.load(Ordering::Acquire) => Ok(()),
                    Err(error) => Err(failed(error)),
                },
                () = clock.sleep(limit) => Err(Unreached::Silent(limit)),
            }
        }
    }
}

fn failed(error: io::Error) -> Unreached {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => Unreached::Tls(tls.clone()),
        None => Unreached::Broken(error),
    }
}

/// The moment at which certificates are judged.
#[derive(Debug)]
struct Now(UnixTime);

impl TimeProvider for Now {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

fn config(now: Now, roots: RootCertStore) -> Result<(ClientConfig, Arc<Proof>), rustls::Error> {
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let proof = Arc::new(Proof { verifier, given: AtomicBool::new(false) });
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(now))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(proof.clone())
        .with_no_client_auth();
    // Each look proves anew that the key is still there.
    config.resumption = Resumption::disabled();
    Ok((config, proof))
}

/// The usual verifier, and whether it found everything right: the certificate first, then the signature that only the
/// holder of its key can make.
#[derive(Debug)]
struct Proof {
    verifier: Arc<WebPkiServerVerifier>,
    given: AtomicBool,
}

impl Proof {
    fn noted<T>(&self, verified: Result<T, rustls::Error>) -> Result<T, rustls::Error> {
        self.given.store(verified.is_ok(), Ordering::Release);
        verified
    }
}

impl ServerCertVerifier for Proof {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.noted(self.verifier.verify_tls12_signature(message, cert, dss))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.noted(self.verifier.verify_tls13_signature(message, cert, dss))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// The same words on every system, without its error numbers.
fn said_of(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::TimedOut => "connection timed out",
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            "connection reset"
        }
        io::ErrorKind::UnexpectedEof => "connection closed",
        io::ErrorKind::HostUnreachable => "no route to host",
        io::ErrorKind::NetworkUnreachable => "network is unreachable",
        _ => "connection failed",
    }
}

fn meant_by(error: &rustls::Error) -> String {
    use CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer | Bad::BadSignature => {
                "its certificate is not of the cluster's authority".to_owned()
            }
            Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired".to_owned(),
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "its certificate is not valid yet".to_owned()
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "its certificate is not for this address".to_owned()
            }
            _ => "its certificate is not a server's".to_owned(),
        },
        rustls::Error::InvalidMessage(_) => "what answers does not speak TLS".to_owned(),
        rustls::Error::AlertReceived(alert) => format!("it refused the TLS handshake ({alert:?})"),
        _ => "the TLS handshake failed".to_owned(),
    }
}
