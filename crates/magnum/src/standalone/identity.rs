//! The identity service with this process's catalogue, and what other services of the process ask of it.

use super::place::Place;
use anyhow::{Context, Result};
use async_trait::async_trait;
use magnum_identity::{CatalogEntry, Identity, IdentitySettings};
use magnum_local::cloud::{Caller, Tokens};
use magnum_types::{Clock, Entropy};
use secrecy::SecretString;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// Service types, names and the paths behind the one port.
const SERVICES: &[(&str, &str, &str)] = &[
    ("container-infra", "magnum", "/v1"),
    ("orchestration", "heat", "/orchestration/v1/%(project_id)s"),
    ("compute", "nova", "/compute/v2.1"),
    ("network", "neutron", "/network"),
    ("image", "glance", "/image"),
    ("block-storage", "cinder", "/volume/v3/%(project_id)s"),
];

/// The opened service, and the passwords that Magnum's own users have from now on.
pub struct Opened {
    /// The service.
    pub identity: Identity,
    /// Of the service user `magnum`.
    pub service_password: SecretString,
    /// Of `magnum_domain_admin`.
    pub domain_admin_password: SecretString,
}

/// Opens the service in the folder. Magnum's own users get new passwords at each start, so that none is kept in clear.
///
/// # Errors
/// A file of the service that cannot be used, by its name and entry.
pub async fn open(
    place: &Place,
    base_url: &str,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Opened> {
    let entry = |(kind, name, path): &(&str, &str, &str)| {
        CatalogEntry::everywhere(kind, name, &format!("{base_url}{path}"))
    };
    let settings = IdentitySettings {
        catalog: SERVICES.iter().flat_map(entry).collect(),
        ..IdentitySettings::new(place.path("identity"), format!("{base_url}/identity/v3"))
    };
    let identity = Identity::open(settings, clock, entropy).await.context("the identity service")?.identity;
    let renewed = async |domain: &str, name: &str| {
        let password = identity.renew_password(domain, name).await;
        password.with_context(|| format!("the identity service's user {name} of domain {domain}"))
    };
    let service_password = renewed("Default", "magnum").await?;
    let domain_admin_password = renewed("magnum", "magnum_domain_admin").await?;
    Ok(Opened { identity, service_password, domain_admin_password })
}

/// Reads the file of users again at each SIGHUP; one that is wrong changes nothing.
///
/// # Errors
/// When the signal cannot be watched.
pub fn reload_signal(identity: Identity) -> Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match identity.reload().await {
                Ok(()) => info!("SIGHUP: users.yaml is read again"),
                Err(error) => warn!("SIGHUP: nothing is changed: {error}"),
            }
        }
    });
    Ok(())
}

/// What the local cloud asks of the identity service.
pub fn tokens(identity: Identity) -> Arc<dyn Tokens> {
    Arc::new(ByIdentity(identity))
}

struct ByIdentity(Identity);

#[async_trait]
impl Tokens for ByIdentity {
    async fn check(&self, token: &str) -> Option<Caller> {
        let facts = self.0.authenticate(token)?;
        Some(Caller { user: facts.user_id, project_id: facts.project_id, roles: facts.roles })
    }
}
