//! The steps of `credential_rotate` up to the nodes: another trustee, the caller's trust in it, and the switch from the
//! old credential to the new one. A new trustee rather than a new password: an account has one password at a time, and
//! nodes that have not followed yet need the old one.

use super::{followed::followed, nodes::LOOK, trustee_user::trustee_name};
use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_openstack::{CloudError, CloudErrorKind, Session, keystone::TrustRequest};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError, Undo};
use magnum_types::{
    Change, ClusterPatch, CredentialKind, FormerCredentials, FormerTrust, HandlePatch,
    accept::CredentialRotateParams, places,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// `credential_begun`
pub struct CredentialBegun(pub Arc<World>);
/// `credential_trustee`
pub struct CredentialTrustee(pub Arc<World>);
/// `credential_trust`
pub struct CredentialTrust(pub Arc<World>);
/// `credential_switch`
pub struct CredentialSwitch(pub Arc<World>);
/// `credential_followed`: until nobody needs the old one.
pub struct CredentialFollowed(pub Arc<World>);

/// What `credential_begun` found.
#[derive(Serialize, Deserialize)]
struct Begun {
    /// An earlier try came beyond the switch: nothing is to be made.
    resumed: bool,
    /// In the new trustee's name.
    generation: u32,
    old: FormerTrust,
}

impl Begun {
    fn of(cx: &StepContext) -> Result<Self, StepError> {
        cx.output("credential_begun")?.ok_or_else(|| StepError::fatal("the rotation never began"))
    }
}

/// What `credential_trustee` made.
#[derive(Serialize, Deserialize)]
struct Trustee {
    id: String,
    name: String,
    /// For the cluster's row, where it goes next.
    sealed_password: String,
}

impl Trustee {
    fn of(cx: &StepContext) -> Result<Self, StepError> {
        cx.output("credential_trustee")?.ok_or_else(|| StepError::fatal("the new trustee was never made"))
    }
}

/// Whether the new credential is in the cluster's row, so that nodes may have it.
fn switched(cx: &StepContext) -> bool {
    cx.output::<Value>("credential_switch").is_ok_and(|done| done.is_some())
}

/// Says who has to do what: Keystone's own text does not.
fn refused(error: CloudError) -> StepError {
    let public = match error.kind {
        CloudErrorKind::Unauthorized => {
            "Keystone no longer accepts the token by which the rotation was asked for: ask again with a new login"
        }
        CloudErrorKind::Forbidden => {
            "Keystone refuses the caller a trust for the cluster: ask with a password or token login of a user who has \
             the roles by direct assignment"
        }
        _ => return failure::cloud("making the cluster's new trust")(error),
    };
    StepError::fatal(public).caused_by(error)
}

#[async_trait]
impl Step<Change> for CredentialBegun {
    fn name(&self) -> &'static str {
        "credential_begun"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let (cluster, driver) = (&view.cluster, self.0.driver(&view)?);
        let handle = self.0.handle(cx).await?;
        if !driver.rotates_credentials() {
            let words = format!("the driver {} gives living clusters no new credential", driver.name());
            return Err(StepError::fatal(words));
        }
        let generation = handle.former_credentials.generation.saturating_add(1);
        if let Some(old) = handle.former_credentials.replaced {
            // A node that failed tries again with a new generation.
            let change = Change::raise_plans(cluster.uuid);
            let begun = Begun { resumed: true, generation, old };
            return Ok(Progress::Done(Effect::of(begun)?.with([change])));
        }
        let (Some(CredentialKind::Trust), Some(trustee), Some(trust)) =
            (handle.credential, &cluster.trustee_user_id, &cluster.trust_id)
        else {
            return Err(StepError::fatal("the cluster does not act by a trust that Magnum made for it"));
        };
        if driver.hands_credentials_on() {
            let nodes = self.0.store.nodes_of(cluster.uuid).await.map_err(failure::database)?;
            if nodes.is_empty() {
                return Err(StepError::fatal("no node of the cluster has registered, so none could follow"));
            }
        }
        let old = FormerTrust { trustee_user_id: trustee.clone(), trust_id: trust.clone() };
        Ok(Progress::Done(Effect::of(Begun { resumed: false, generation, old })?))
    }
}

#[async_trait]
impl Step<Change> for CredentialTrustee {
    fn name(&self) -> &'static str {
        "credential_trustee"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(if Begun::of(cx)?.resumed { Look::Done(Effect::nothing()) } else { Look::Absent })
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let generation = Begun::of(cx)?.generation;
        let cluster = self.0.cluster(cx).await?.cluster;
        // One of that name was left by a try whose password nobody knows any more.
        self.0.trustee_forget(&cluster, generation).await?;
        let (keystone, domain) = self.0.trustee_keystone().await?;
        let (name, password) = (trustee_name(&cluster, generation), self.0.draw_password());
        let made = keystone.user_create(&domain, &name, &password).await;
        let id = made.map_err(failure::cloud("making the cluster's new trustee user"))?.id;
        let place = places::trustee_password(cluster.uuid);
        let sealed_password = self.0.seal(&place, password.expose_secret())?;
        Ok(Progress::Done(Effect::of(Trustee { id, name, sealed_password })?))
    }

    async fn undo(&self, cx: &StepContext) -> Result<Undo<Change>, StepError> {
        let begun = Begun::of(cx)?;
        if !begun.resumed && !switched(cx) {
            let cluster = self.0.cluster(cx).await?.cluster;
            self.0.trustee_forget(&cluster, begun.generation).await?;
        }
        Ok(Undo::Done)
    }
}

impl CredentialTrust {
    fn caller(&self, cx: &StepContext, params: &CredentialRotateParams) -> Result<Session, StepError> {
        let token = self.0.open(&places::operation_token(cx.operation.id), &params.sealed_token)?;
        Ok(self.0.cloud.user_session(token, None))
    }
}

#[async_trait]
impl Step<Change> for CredentialTrust {
    fn name(&self) -> &'static str {
        "credential_trust"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        if Begun::of(cx)?.resumed {
            return Ok(Look::Done(Effect::nothing()));
        }
        if !cx.has_begun(self.name()) {
            return Ok(Look::Absent);
        }
        // A trust has no name: the pair of trustor and trustee is its key, and the trustee is this rotation's alone.
        let trustee = Trustee::of(cx)?.id;
        let keystone = self.0.cloud.keystone(&self.caller(cx, &cx.params()?)?);
        let found = keystone.trusts_of_trustor(&cx.operation.user_id).await.map_err(refused)?;
        let found = found.into_iter().find(|trust| trust.trustee_user_id == trustee);
        found.map_or(Ok(Look::Absent), |trust| Ok(Look::Done(Effect::of(trust.id)?)))
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let params: CredentialRotateParams = cx.params()?;
        let cluster = self.0.cluster(cx).await?.cluster;
        let configured = &self.0.settings.trust.roles;
        let trust = TrustRequest {
            // Whoever asks vouches for the cluster from now on; its creator may be gone.
            trustor_user_id: &cx.operation.user_id,
            trustee_user_id: &Trustee::of(cx)?.id,
            project_id: &cluster.project_id,
            roles: if configured.is_empty() { &params.roles } else { configured },
            impersonation: true,
            redelegation_count: Some(1),
        };
        let keystone = self.0.cloud.keystone(&self.caller(cx, &params)?);
        let made = keystone.trust_create(&trust).await.map_err(refused)?;
        Ok(Progress::Done(Effect::of(made.id)?))
    }

    // The trustee's undo takes it away with its trustee.
}

#[async_trait]
impl Step<Change> for CredentialSwitch {
    fn name(&self) -> &'static str {
        "credential_switch"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(if Begun::of(cx)?.resumed { Look::Done(Effect::nothing()) } else { Look::Absent })
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let (begun, trustee) = (Begun::of(cx)?, Trustee::of(cx)?);
        let trust: Option<String> = cx.output("credential_trust")?;
        let trust = trust.ok_or_else(|| StepError::fatal("the new trust was never made"))?;
        let view = self.0.cluster(cx).await?;
        let cluster = &view.cluster;
        let password = self.0.open(&places::trustee_password(cluster.uuid), &trustee.sealed_password)?;
        // Nobody is given what does not open the cloud.
        let session = self.0.cloud.trust_session(&trustee.id, password, trust.clone().into());
        session.token().await.map_err(failure::cloud("authenticating by the cluster's new credential"))?;
        let patch = ClusterPatch {
            trustee_user_id: Some(Some(trustee.id)),
            trustee_username: Some(Some(trustee.name)),
            trustee_password: Some(Some(trustee.sealed_password)),
            trust_id: Some(Some(trust)),
            ..Default::default()
        };
        let former = FormerCredentials {
            generation: begun.generation,
            replaced: Some(begun.old),
            kept: self.0.handle(cx).await?.former_credentials.kept,
        };
        let handle = HandlePatch {
            former_credentials: Some(former),
            raise_plan_generation: self.0.driver(&view)?.hands_credentials_on(),
            ..Default::default()
        };
        Ok(Progress::Done(Effect::of(true)?.with([
            Change::Cluster(cluster.uuid, Box::new(patch)),
            Change::Handle(cluster.uuid, Box::new(handle)),
        ])))
    }
}

#[async_trait]
impl Step<Change> for CredentialFollowed {
    fn name(&self) -> &'static str {
        "credential_followed"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        if !self.0.driver(&view)?.hands_credentials_on() {
            return Ok(Look::Done(Effect::nothing()));
        }
        followed(&self.0, cx, "the credential", "all nodes act by the new credential").await
    }

    async fn apply(&self, _cx: &StepContext) -> Result<Progress<Change>, StepError> {
        Ok(Progress::Pending(LOOK))
    }
}
