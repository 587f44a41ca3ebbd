//! `cluster_ca` and `magnum_client`: the authority that signs for a cluster's users and nodes, and the certificate
//! with which Magnum itself speaks to the cluster (spec section 6).

use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError, Undo};
use magnum_secrets::{BundleName, CertificateBundle, Purpose};
use magnum_types::{Change, Cluster, ClusterPatch};
use magnum_x509::{
    CertificateAuthority, CertificateRequest, NameAttribute, PrivateKey, Profile, Validity, token,
};
use std::sync::Arc;

/// The step `cluster_ca`.
pub struct ClusterCa(pub Arc<World>);

/// The step `magnum_client`.
pub struct MagnumClient(pub Arc<World>);

/// The name of a cluster's bundle in the store.
pub(super) fn bundle_name(cluster: &Cluster, purpose: Purpose) -> BundleName {
    BundleName {
        cluster: cluster.uuid,
        purpose,
        project_id: cluster.project_id.clone(),
        user_id: cluster.user_id.clone(),
    }
}

/// Key generation and passphrase encryption take tens of milliseconds: not on the runtime's own threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, magnum_x509::Error> + Send + 'static,
) -> Result<T, StepError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StepError::retryable("making a certificate was interrupted").caused_by(error))?
        .map_err(|error| StepError::fatal("a certificate cannot be made").caused_by(error))
}

fn bundle(certificate: String, key: &PrivateKey) -> Result<CertificateBundle, magnum_x509::Error> {
    let passphrase = token::random_token()?;
    Ok(CertificateBundle {
        certificate,
        private_key: key.to_encrypted_pem(&passphrase)?.into(),
        passphrase,
        intermediates: None,
    })
}

async fn find(world: &World, cluster: &Cluster, purpose: Purpose) -> Result<Option<String>, StepError> {
    world.certificates.find(&bundle_name(cluster, purpose)).await.map_err(failure::certificates)
}

fn reference(cluster: &Cluster, purpose: Purpose, reference: String) -> Effect<Change> {
    let patch = match purpose {
        Purpose::ClusterCa => ClusterPatch { ca_cert_ref: Some(Some(reference)), ..Default::default() },
        Purpose::MagnumClient => {
            ClusterPatch { magnum_cert_ref: Some(Some(reference)), ..Default::default() }
        }
    };
    Effect::nothing().with([Change::Cluster(cluster.uuid, Box::new(patch))])
}

async fn look(
    world: &World,
    cx: &StepContext,
    step: &str,
    purpose: Purpose,
) -> Result<Look<Change>, StepError> {
    // The store is asked only after a crash: on the usual way nothing can be there.
    if !cx.has_begun(step) {
        return Ok(Look::Absent);
    }
    let cluster = world.cluster(cx).await?.cluster;
    let found = find(world, &cluster, purpose).await?;
    Ok(found.map_or(Look::Absent, |found| Look::Done(reference(&cluster, purpose, found))))
}

async fn undo(world: &World, cx: &StepContext, purpose: Purpose) -> Result<Undo, StepError> {
    let cluster = world.cluster(cx).await?.cluster;
    let known = match purpose {
        Purpose::ClusterCa => cluster.ca_cert_ref.as_deref(),
        Purpose::MagnumClient => cluster.magnum_cert_ref.as_deref(),
    };
    let name = bundle_name(&cluster, purpose);
    world.certificates.delete(&name, known).await.map_err(failure::certificates)?;
    Ok(Undo::Done)
}

#[async_trait]
impl Step<Change> for ClusterCa {
    fn name(&self) -> &'static str {
        "cluster_ca"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        look(&self.0, cx, self.name(), Purpose::ClusterCa).await
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let cluster = self.0.cluster(cx).await?.cluster;
        let (name, now) = (cluster.name.clone(), cx.now);
        let (algorithm, days) = (self.0.settings.key_algorithm, self.0.settings.certificate_days);
        let bundle = blocking(move || {
            let key = PrivateKey::generate(algorithm)?;
            let authority = CertificateAuthority::create(&name, key, Validity::starting(now, days)?)?;
            bundle(authority.certificate_pem().to_owned(), authority.key())
        })
        .await?;
        let name = bundle_name(&cluster, Purpose::ClusterCa);
        let stored = self.0.certificates.store(&name, &bundle).await.map_err(failure::certificates)?;
        Ok(Progress::Done(reference(&cluster, Purpose::ClusterCa, stored)))
    }

    async fn undo(&self, cx: &StepContext) -> Result<Undo, StepError> {
        undo(&self.0, cx, Purpose::ClusterCa).await
    }
}

#[async_trait]
impl Step<Change> for MagnumClient {
    fn name(&self) -> &'static str {
        "magnum_client"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        look(&self.0, cx, self.name(), Purpose::MagnumClient).await
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let cluster = self.0.cluster(cx).await?.cluster;
        let ca = cluster
            .ca_cert_ref
            .as_deref()
            .ok_or_else(|| StepError::fatal("the cluster has no certificate authority"))?;
        let ca = self.0.certificates.load(ca).await.map_err(failure::certificates)?;
        let now = cx.now;
        let (algorithm, days) = (self.0.settings.key_algorithm, self.0.settings.certificate_days);
        let bundle = blocking(move || {
            use secrecy::ExposeSecret;
            let ca_key = PrivateKey::from_pem(ca.private_key.expose_secret(), Some(&ca.passphrase))?;
            let authority = CertificateAuthority::load(&ca.certificate, ca_key)?;
            let key = PrivateKey::generate(algorithm)?;
            let subject =
                [(NameAttribute::CommonName, "admin"), (NameAttribute::Organisation, "system:masters")];
            let request = CertificateRequest::create(&key, &subject, &[])?;
            bundle(authority.sign(&request, &Profile::Admin, now, days)?, &key)
        })
        .await?;
        let name = bundle_name(&cluster, Purpose::MagnumClient);
        let stored = self.0.certificates.store(&name, &bundle).await.map_err(failure::certificates)?;
        Ok(Progress::Done(reference(&cluster, Purpose::MagnumClient, stored)))
    }

    async fn undo(&self, cx: &StepContext) -> Result<Undo, StepError> {
        undo(&self.0, cx, Purpose::MagnumClient).await
    }
}
