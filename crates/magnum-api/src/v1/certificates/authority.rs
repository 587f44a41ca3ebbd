//! A cluster's certificate authorities: which one a request means, its certificate (which never changes under one
//! reference, and is kept in memory for the nodes that ask often), and signing with its key.

use crate::state::AppState;
use magnum_drivers::Authorities;
use magnum_types::{Authority, Cluster, ClusterHandle, ErrorKind, ServiceError};
use magnum_x509::{CertificateAuthority, CertificateRequest, Error, PrivateKey, Profile};
use secrecy::ExposeSecret;
use std::sync::Arc;

/// Certificates kept in memory.
const KEPT: u64 = 10_000;

/// CA certificates by their reference.
pub type AuthorityCache = moka::future::Cache<String, Arc<str>>;

/// An empty cache.
pub fn cache() -> AuthorityCache {
    moka::future::Cache::new(KEPT)
}

/// The reference of one of the cluster's authorities.
fn recorded(cluster: &Cluster, authority: Authority) -> Option<&str> {
    let reference = match authority {
        Authority::Cluster => &cluster.ca_cert_ref,
        Authority::Etcd => &cluster.etcd_ca_cert_ref,
        Authority::FrontProxy => &cluster.front_proxy_ca_cert_ref,
    };
    reference.as_deref()
}

/// Which CA of the cluster is meant.
pub fn reference<'a>(cluster: &'a Cluster, kind: Option<&str>) -> Result<&'a str, ServiceError> {
    recorded(cluster, Authority::of_type(kind)).ok_or_else(|| {
        ServiceError::conflict(format!(
            "Certificates of cluster {} are not ready: its {} CA does not exist (yet)",
            cluster.uuid,
            kind.unwrap_or("kubernetes")
        ))
    })
}

/// The certificate behind a reference, PEM without white space around it.
pub async fn certificate(state: &AppState, reference: &str) -> Result<Arc<str>, ServiceError> {
    if let Some(kept) = state.authorities.get(reference).await {
        return Ok(kept);
    }
    let bundle = state.secrets.load(reference).await?;
    let certificate: Arc<str> = bundle.certificate.trim().into();
    state.authorities.insert(reference.to_owned(), Arc::clone(&certificate)).await;
    Ok(certificate)
}

/// What is to be trusted of one authority now, PEM: two certificates while it is being rotated, the one that servers
/// show first.
pub async fn trusted(
    state: &AppState,
    cluster: &Cluster,
    handle: &ClusterHandle,
    kind: Option<&str>,
) -> Result<String, ServiceError> {
    let references = match &handle.rotation {
        Some(rotation) => rotation.trusted(Authority::of_type(kind)),
        None => vec![reference(cluster, kind)?],
    };
    bundle(state, &references).await
}

async fn bundle(state: &AppState, references: &[&str]) -> Result<String, ServiceError> {
    let mut pem = String::new();
    for reference in references {
        pem.push_str(&certificate(state, reference).await?);
        pem.push('\n');
    }
    Ok(pem)
}

/// The authorities as the cluster's nodes are to see them now; `None` while one of them does not exist yet.
pub async fn all(
    state: &AppState,
    cluster: &Cluster,
    handle: &ClusterHandle,
    wanted: &[Authority],
) -> Result<Option<Authorities>, ServiceError> {
    let mut all = Authorities::default();
    for authority in wanted.iter().copied() {
        let rotation = handle.rotation.as_ref().filter(|rotation| rotation.new.contains_key(&authority));
        let (trusted, client, server) = match rotation {
            Some(rotation) => (
                rotation.trusted(authority),
                rotation.issuer(authority, false),
                rotation.issuer(authority, true),
            ),
            None => {
                let reference = recorded(cluster, authority);
                (reference.into_iter().collect(), reference, reference)
            }
        };
        let (Some(client), Some(server)) = (client, server) else { return Ok(None) };
        all.for_clients.insert(authority, client.to_owned());
        all.for_servers.insert(authority, server.to_owned());
        all.trusted.insert(authority, bundle(state, &trusted).await?);
    }
    Ok(Some(all))
}

/// Signs a request with the key behind a reference; gives PEM without white space around it.
pub async fn sign(
    state: &AppState,
    reference: &str,
    csr: String,
    profile: Profile,
) -> Result<String, ServiceError> {
    let (now, days) = (state.clock.now(), state.settings.certificate_days);
    with_key(state, reference, move |authority| {
        let request = CertificateRequest::from_pem(&csr)?;
        Ok(authority.sign(&request, &profile, now, days)?.trim().to_owned())
    })
    .await
}

/// Does some work with the key behind a reference. Opening the key derives another one from its passphrase, which
/// takes milliseconds of pure computation, so all of it runs where blocking is allowed.
pub async fn with_key<T: Send + 'static>(
    state: &AppState,
    reference: &str,
    work: impl FnOnce(&CertificateAuthority) -> Result<T, Error> + Send + 'static,
) -> Result<T, ServiceError> {
    let bundle = state.secrets.load(reference).await?;
    let done = tokio::task::spawn_blocking(move || {
        let key = PrivateKey::from_pem(bundle.private_key.expose_secret(), Some(&bundle.passphrase))?;
        work(&CertificateAuthority::load(&bundle.certificate, key)?)
    });
    done.await.map_err(ServiceError::internal)?.map_err(refusal)
}

/// A request's fault is explained to the client, ours is not.
fn refusal(error: Error) -> ServiceError {
    match error.public_text() {
        Some(text) => ServiceError::new(ErrorKind::Invalid, format!("Invalid value for csr: {text}")),
        None => ServiceError::internal(error),
    }
}
