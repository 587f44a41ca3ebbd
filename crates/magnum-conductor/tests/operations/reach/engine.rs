//! Something that listens where a cluster's engine would: with a certificate, without, or mute.

use jiff::Timestamp;
use magnum_types::Clock;
use magnum_x509::{
    CertificateAuthority, CertificateRequest, KeyAlgorithm, PrivateKey, Profile, San, Validity,
};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use secrecy::ExposeSecret as _;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// A cluster's authority.
pub struct Ca(CertificateAuthority);

impl Ca {
    pub fn new(now: Timestamp) -> Self {
        // One name for all: they are told apart by their keys, as the authorities of a rotation are.
        Self(CertificateAuthority::create("c1", key(), Validity::starting(now, 30).unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.certificate_pem().to_owned()
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem().as_bytes()).unwrap()).unwrap();
        roots
    }

    /// What an engine serves that is known by this address, from `now` on for `days`.
    pub fn serving(&self, address: &str, now: Timestamp, days: u32) -> Served {
        let key = key();
        let request = CertificateRequest::create(&key, &[], &[]).unwrap();
        let profile = Profile::Node {
            common_name: "kubernetes".to_owned(),
            organisation: None,
            sans: vec![San::Ip(address.parse().unwrap())],
        };
        let certificate = self.0.sign(&request, &profile, now, days).unwrap();
        Served { certificate, key: key.to_pkcs8_pem().unwrap().expose_secret().to_owned() }
    }
}

fn key() -> PrivateKey {
    PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap()
}

/// A certificate with its key.
pub struct Served {
    certificate: String,
    key: String,
}

/// How a server treats who connects.
pub enum Manners {
    /// TLS as engines speak it: a client's certificate is asked for and none is accepted.
    Tls(Arc<ServerConfig>),
    /// Words of another protocol.
    Plain,
    /// Nothing, and the connection stays open.
    Mute,
    /// Nothing, and the connection is closed at once.
    Rude,
}

impl Manners {
    /// TLS of this version that takes clients of nobody but the authority.
    pub fn tls(ca: &Ca, served: &Served, version: &'static rustls::SupportedProtocolVersion) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(ca.roots()), provider.clone());
        let chain = vec![CertificateDer::from_pem_slice(served.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(served.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        Manners::Tls(Arc::new(config))
    }
}

/// A listening server, until it is dropped.
pub struct Engine {
    pub address: SocketAddr,
    /// Connections that it took.
    pub taken: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Engine {
    pub async fn start(manners: Manners) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), manners).await
    }

    pub async fn at(address: SocketAddr, manners: Manners) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = taken.clone();
        let task = tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                open.extend(serve(connection, &manners).await);
            }
        });
        Self { address, taken, task }
    }

    /// Ends it, so that its address is free.
    pub async fn end(mut self) {
        self.task.abort();
        assert!((&mut self.task).await.is_err_and(|error| error.is_cancelled()));
    }

    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Gives back a connection that is to stay open.
async fn serve(mut connection: TcpStream, manners: &Manners) -> Option<TcpStream> {
    match manners {
        Manners::Tls(config) => {
            // It fails always: nobody shows a certificate. What matters is what the other side makes of it.
            assert!(TlsAcceptor::from(config.clone()).accept(connection).await.is_err());
            None
        }
        Manners::Plain => {
            let _ = connection.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
            Some(connection)
        }
        Manners::Mute => Some(connection),
        Manners::Rude => None,
    }
}

/// An address where nobody listens.
pub async fn nobody() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap()
}

pub fn now() -> Timestamp {
    magnum_types::SystemClock.now()
}
