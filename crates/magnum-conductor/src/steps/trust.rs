//! `trust`: the creator's trust in the cluster's trustee, made with the creator's own token. It may be handed on
//! once, to Heat (docs/adr/0002). Where Keystone refuses trusts, since the caller came by an application credential,
//! the cluster gets an application credential of the caller instead.

use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_openstack::{
    CloudError, CloudErrorKind, Session,
    keystone::{ApplicationCredentialRequest, TrustRequest},
};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError, Undo};
use magnum_types::places;
use magnum_types::{
    Change, Cluster, ClusterHandle, ClusterPatch, CredentialKind, HandlePatch, accept::ClusterCreateParams,
};
use secrecy::ExposeSecret;
use std::sync::Arc;

/// The step.
pub struct Trust(pub Arc<World>);

impl Trust {
    fn caller(&self, cx: &StepContext, params: &ClusterCreateParams) -> Result<Session, StepError> {
        let token = self.0.open(&places::operation_token(cx.operation.id), &params.sealed_token)?;
        Ok(self.0.cloud.user_session(token, None))
    }

    async fn application_credential(
        &self,
        caller: &Session,
        cluster: &Cluster,
    ) -> Result<Effect<Change>, StepError> {
        let keystone = self.0.cloud.keystone(caller);
        let name = credential_name(cluster);
        // One of that name has a secret that nobody knows any more.
        if let Some(old) =
            keystone.application_credential_find(&cluster.user_id, &name).await.map_err(refused)?
        {
            keystone.application_credential_delete(&cluster.user_id, &old.id).await.map_err(refused)?;
        }
        let request = ApplicationCredentialRequest {
            name: &name,
            description: "made by Magnum for a cluster",
            roles: &self.0.settings.trust.roles,
            // Heat makes credentials of its own from it for its deferred work.
            unrestricted: true,
            expires_at: None,
        };
        let made =
            keystone.application_credential_create(&cluster.user_id, &request).await.map_err(refused)?;
        let secret = made
            .secret
            .ok_or_else(|| StepError::fatal("Keystone gave an application credential without its secret"))?;
        let sealed = self.0.seal(&places::trustee_password(cluster.uuid), secret.expose_secret())?;
        let patch = ClusterPatch { trustee_password: Some(Some(sealed)), ..Default::default() };
        let handle = HandlePatch {
            credential: Some(Some(CredentialKind::ApplicationCredential)),
            application_credential_id: Some(Some(made.id)),
            ..Default::default()
        };
        Ok(Effect::nothing().with([
            Change::Cluster(cluster.uuid, Box::new(patch)),
            Change::Handle(cluster.uuid, Box::new(handle)),
        ]))
    }
}

fn credential_name(cluster: &Cluster) -> String {
    format!("magnum-{}", cluster.uuid)
}

/// Says which right is missing: Keystone's own text does not.
fn refused(error: CloudError) -> StepError {
    if matches!(error.kind, CloudErrorKind::Forbidden | CloudErrorKind::Unauthorized) {
        let public = "Keystone refuses the caller a credential for the cluster: create it with a password or token \
                      login of a user who has the roles by direct assignment, or with an application credential \
                      that is unrestricted";
        return StepError::fatal(public).caused_by(error);
    }
    failure::cloud("making the cluster's trust")(error)
}

fn recorded(cluster: &Cluster, trust: String) -> Effect<Change> {
    let patch = ClusterPatch { trust_id: Some(Some(trust)), ..Default::default() };
    Effect::nothing().with([Change::Cluster(cluster.uuid, Box::new(patch))])
}

#[async_trait]
impl Step<Change> for Trust {
    fn name(&self) -> &'static str {
        "trust"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let params: ClusterCreateParams = cx.params()?;
        let cluster = self.0.cluster(cx).await?.cluster;
        let Some(trustee) = cluster.trustee_user_id.as_deref().filter(|_| cx.has_begun("trust")) else {
            return Ok(Look::Absent);
        };
        // A trust has no name: the pair of trustor and trustee is its key, and the trustee is this cluster's alone.
        let keystone = self.0.cloud.keystone(&self.caller(cx, &params)?);
        let found = keystone.trusts_of_trustor(&cluster.user_id).await.map_err(refused)?;
        let found = found.into_iter().find(|trust| trust.trustee_user_id == trustee);
        Ok(found.map_or(Look::Absent, |trust| Look::Done(recorded(&cluster, trust.id))))
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let params: ClusterCreateParams = cx.params()?;
        let cluster = self.0.cluster(cx).await?.cluster;
        let caller = self.caller(cx, &params)?;
        if params.application_credential {
            return self.application_credential(&caller, &cluster).await.map(Progress::Done);
        }
        let configured = &self.0.settings.trust.roles;
        let trust = TrustRequest {
            trustor_user_id: &cluster.user_id,
            trustee_user_id: cluster.trustee_user_id.as_deref().unwrap_or_default(),
            project_id: &cluster.project_id,
            roles: if configured.is_empty() { &params.roles } else { configured },
            impersonation: true,
            redelegation_count: Some(1),
        };
        let made = self.0.cloud.keystone(&caller).trust_create(&trust).await.map_err(refused)?;
        Ok(Progress::Done(recorded(&cluster, made.id)))
    }

    async fn undo(&self, cx: &StepContext) -> Result<Undo<Change>, StepError> {
        let params: ClusterCreateParams = cx.params()?;
        let cluster = self.0.cluster(cx).await?.cluster;
        let handle = self.0.handle(cx).await?;
        let mut trusts: Vec<String> = cluster.trust_id.iter().cloned().collect();
        // A trust that was made but not recorded is found by its pair, while the caller's token lasts; later it ends
        // with its trustee.
        if let (true, Some(trustee)) = (trusts.is_empty(), cluster.trustee_user_id.as_deref()) {
            let keystone = self.0.cloud.keystone(&self.caller(cx, &params)?);
            match keystone.trusts_of_trustor(&cluster.user_id).await {
                Ok(found) => {
                    let ours = found.into_iter().filter(|trust| trust.trustee_user_id == trustee);
                    trusts.extend(ours.map(|trust| trust.id));
                }
                Err(error) if error.kind == CloudErrorKind::Unauthorized => {}
                Err(error) => return Err(failure::cloud("looking for the cluster's trust")(error)),
            }
        }
        for trust in &trusts {
            self.0.trust_delete(&cluster, &handle, trust).await?;
        }
        self.0.application_credential_delete(&cluster, &handle).await?;
        Ok(Undo::Done)
    }
}

impl World {
    /// Takes a trust away: by the service's right, or else as its trustor, whom the trustee may play.
    pub(super) async fn trust_delete(
        &self,
        cluster: &Cluster,
        handle: &ClusterHandle,
        trust: &str,
    ) -> Result<(), StepError> {
        let doing = failure::cloud("deleting the cluster's trust");
        match self.cloud.keystone(self.cloud.service_session()).trust_delete(trust).await {
            Err(error) if error.kind == CloudErrorKind::Forbidden => {
                let session = self.cluster_session(cluster, handle)?;
                match self.cloud.keystone(&session).trust_delete(trust).await {
                    // Its credential no longer opens anything: the trust has ended already.
                    Err(error) if error.kind == CloudErrorKind::Unauthorized => Ok(()),
                    other => other.map_err(doing),
                }
            }
            other => other.map_err(doing),
        }
    }

    /// Takes the cluster's application credential away, if it has one.
    pub(super) async fn application_credential_delete(
        &self,
        cluster: &Cluster,
        handle: &ClusterHandle,
    ) -> Result<(), StepError> {
        let Some(id) = &handle.application_credential_id else { return Ok(()) };
        let keystone = self.cloud.keystone(self.cloud.service_session());
        let deleted = keystone.application_credential_delete(&cluster.user_id, id).await;
        deleted.map_err(failure::cloud("deleting the cluster's application credential"))
    }
}
