//! `authorities` and `magnum_client`: the authorities that sign for a cluster's users and nodes, as many as its driver
//! has, and the certificate with which Magnum itself speaks to the cluster (spec section 6). A rotation makes both
//! anew, under the names of the next generation.

use crate::{failure, world::World};
use async_trait::async_trait;
use jiff::Timestamp;
use magnum_drivers::Driver;
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError, Undo};
use magnum_secrets::{BundleName, CertificateBundle, Purpose};
use magnum_types::{Authority, Change, Cluster, ClusterPatch};
use magnum_x509::{
    CertificateAuthority, CertificateRequest, NameAttribute, PrivateKey, Profile, Validity, token,
};
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, sync::Arc};

/// The step `authorities`.
pub struct Authorities(pub Arc<World>);

/// The step `magnum_client`.
pub struct MagnumClient(pub Arc<World>);

/// The name of one of a cluster's bundles in the store.
pub(super) fn bundle_name(cluster: &Cluster, purpose: impl Into<Purpose>, generation: u32) -> BundleName {
    BundleName {
        cluster: cluster.uuid,
        purpose: purpose.into(),
        generation,
        project_id: cluster.project_id.clone(),
        user_id: cluster.user_id.clone(),
    }
}

/// The reference of one of the cluster's authorities, as its row has it.
pub(super) fn recorded(cluster: &Cluster, authority: Authority) -> Option<&str> {
    let reference = match authority {
        Authority::Cluster => &cluster.ca_cert_ref,
        Authority::Etcd => &cluster.etcd_ca_cert_ref,
        Authority::FrontProxy => &cluster.front_proxy_ca_cert_ref,
    };
    reference.as_deref()
}

/// The patch that makes these the cluster's authorities.
pub(super) fn references(made: &BTreeMap<Authority, String>) -> ClusterPatch {
    let given = |authority| made.get(&authority).cloned().map(Some);
    ClusterPatch {
        ca_cert_ref: given(Authority::Cluster),
        etcd_ca_cert_ref: given(Authority::Etcd),
        front_proxy_ca_cert_ref: given(Authority::FrontProxy),
        ..Default::default()
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

impl World {
    async fn bundle_find(&self, name: &BundleName) -> Result<Option<String>, StepError> {
        self.certificates.find(name).await.map_err(failure::certificates)
    }

    async fn authority_make(
        &self,
        cluster: &Cluster,
        authority: Authority,
        generation: u32,
        now: Timestamp,
    ) -> Result<String, StepError> {
        let name = bundle_name(cluster, authority, generation);
        let (common_name, days) = (cluster.name.clone(), self.settings.certificate_days);
        let algorithm = self.settings.key_algorithm;
        let bundle = blocking(move || {
            let key = PrivateKey::generate(algorithm)?;
            let authority = CertificateAuthority::create(&common_name, key, Validity::starting(now, days)?)?;
            bundle(authority.certificate_pem().to_owned(), authority.key())
        })
        .await?;
        self.certificates.store(&name, &bundle).await.map_err(failure::certificates)
    }

    /// Makes all authorities of a driver, of that generation, in place of what an earlier try left half-made.
    pub(super) async fn authorities_make(
        &self,
        cluster: &Cluster,
        driver: &dyn Driver,
        generation: u32,
        now: Timestamp,
    ) -> Result<BTreeMap<Authority, String>, StepError> {
        let mut made = BTreeMap::new();
        for authority in driver.authorities().iter().copied() {
            made.insert(authority, self.authority_make(cluster, authority, generation, now).await?);
        }
        Ok(made)
    }

    /// The authorities of that generation that a step made whose record was lost; `None` if one is missing.
    pub(super) async fn authorities_find(
        &self,
        cluster: &Cluster,
        driver: &dyn Driver,
        generation: u32,
    ) -> Result<Option<BTreeMap<Authority, String>>, StepError> {
        let mut all = BTreeMap::new();
        for authority in driver.authorities().iter().copied() {
            let found = self.bundle_find(&bundle_name(cluster, authority, generation)).await?;
            let Some(found) = found else { return Ok(None) };
            all.insert(authority, found);
        }
        Ok(Some(all))
    }

    /// Magnum's own certificate of that generation, if a step made it whose record was lost.
    pub(super) async fn client_find(
        &self,
        cluster: &Cluster,
        generation: u32,
    ) -> Result<Option<String>, StepError> {
        self.bundle_find(&bundle_name(cluster, Purpose::MagnumClient, generation)).await
    }

    /// Makes Magnum's own certificate, signed by the authority behind `ca`.
    pub(super) async fn client_make(
        &self,
        cluster: &Cluster,
        ca: &str,
        generation: u32,
        now: Timestamp,
    ) -> Result<String, StepError> {
        let ca = self.certificates.load(ca).await.map_err(failure::certificates)?;
        let (algorithm, days) = (self.settings.key_algorithm, self.settings.certificate_days);
        let bundle = blocking(move || {
            let ca_key = PrivateKey::from_pem(ca.private_key.expose_secret(), Some(&ca.passphrase))?;
            let authority = CertificateAuthority::load(&ca.certificate, ca_key)?;
            let key = PrivateKey::generate(algorithm)?;
            let subject =
                [(NameAttribute::CommonName, "admin"), (NameAttribute::Organisation, "system:masters")];
            let request = CertificateRequest::create(&key, &subject, &[])?;
            bundle(authority.sign(&request, &Profile::Admin, now, days)?, &key)
        })
        .await?;
        let name = bundle_name(cluster, Purpose::MagnumClient, generation);
        self.certificates.store(&name, &bundle).await.map_err(failure::certificates)
    }

    /// Takes the bundles of one generation away, and those behind the known references. What is not there is no error.
    pub(super) async fn generation_delete(
        &self,
        cluster: &Cluster,
        generation: u32,
        authorities: &[Authority],
        known: &BTreeMap<Authority, String>,
        client: Option<&str>,
    ) -> Result<(), StepError> {
        for authority in authorities.iter().copied() {
            let name = bundle_name(cluster, authority, generation);
            let reference = known.get(&authority).map(String::as_str);
            self.certificates.delete(&name, reference).await.map_err(failure::certificates)?;
        }
        let name = bundle_name(cluster, Purpose::MagnumClient, generation);
        self.certificates.delete(&name, client).await.map_err(failure::certificates)
    }
}

#[async_trait]
impl Step<Change> for Authorities {
    fn name(&self) -> &'static str {
        "authorities"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        // The store is asked only after a crash: on the usual way nothing can be there.
        if !cx.has_begun(self.name()) {
            return Ok(Look::Absent);
        }
        let view = self.0.cluster(cx).await?;
        let driver = self.0.driver(&view)?;
        let found = self.0.authorities_find(&view.cluster, driver.as_ref(), 0).await?;
        Ok(found.map_or(Look::Absent, |found| Look::Done(recorded_authorities(&view.cluster, &found))))
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let driver = self.0.driver(&view)?;
        let made = self.0.authorities_make(&view.cluster, driver.as_ref(), 0, cx.now).await?;
        Ok(Progress::Done(recorded_authorities(&view.cluster, &made)))
    }

    async fn undo(&self, cx: &StepContext) -> Result<Undo<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        for authority in self.0.driver(&view)?.authorities().iter().copied() {
            let name = bundle_name(&view.cluster, authority, 0);
            let known = recorded(&view.cluster, authority);
            self.0.certificates.delete(&name, known).await.map_err(failure::certificates)?;
        }
        Ok(Undo::Done)
    }
}

#[async_trait]
impl Step<Change> for MagnumClient {
    fn name(&self) -> &'static str {
        "magnum_client"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        // The store is asked only after a crash: on the usual way nothing can be there.
        if !cx.has_begun(self.name()) {
            return Ok(Look::Absent);
        }
        let cluster = self.0.cluster(cx).await?.cluster;
        let found = self.0.client_find(&cluster, 0).await?;
        Ok(found.map_or(Look::Absent, |found| Look::Done(recorded_client(&cluster, found))))
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let cluster = self.0.cluster(cx).await?.cluster;
        let ca = recorded(&cluster, Authority::Cluster)
            .ok_or_else(|| StepError::fatal("the cluster has no certificate authority"))?;
        let stored = self.0.client_make(&cluster, ca, 0, cx.now).await?;
        Ok(Progress::Done(recorded_client(&cluster, stored)))
    }

    async fn undo(&self, cx: &StepContext) -> Result<Undo<Change>, StepError> {
        let cluster = self.0.cluster(cx).await?.cluster;
        let name = bundle_name(&cluster, Purpose::MagnumClient, 0);
        let known = cluster.magnum_cert_ref.as_deref();
        self.0.certificates.delete(&name, known).await.map_err(failure::certificates)?;
        Ok(Undo::Done)
    }
}

fn recorded_authorities(cluster: &Cluster, made: &BTreeMap<Authority, String>) -> Effect<Change> {
    Effect::nothing().with([Change::Cluster(cluster.uuid, Box::new(references(made)))])
}

fn recorded_client(cluster: &Cluster, reference: String) -> Effect<Change> {
    let patch = ClusterPatch { magnum_cert_ref: Some(Some(reference)), ..Default::default() };
    Effect::nothing().with([Change::Cluster(cluster.uuid, Box::new(patch))])
}
