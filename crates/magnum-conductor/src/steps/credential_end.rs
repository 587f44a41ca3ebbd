//! `credential_old_end`: the credential before opens nothing any more, and is taken away.
//!
//! For its deferred work Heat was handed on a trust from the one that a stack was made by (docs/adr/0002). Keystone ends
//! that with its origin, Heat makes no other as long as the trustor is the same, and without it refuses every update of
//! the stack. So a trust that Heat still hangs on is kept, with a trustee whose password nobody knows, until a later
//! rotation finds that nothing hangs on it any more, or the cluster is deleted (docs/adr/0005).

use super::trustee_user::trustee_name;
use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_openstack::{CloudError, CloudErrorKind, keystone::Keystone};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::{Change, Cluster, FormerCredentials, FormerTrust, HandlePatch};
use std::sync::Arc;
use tracing::{info, warn};

/// `credential_old_end`
pub struct CredentialOldEnd(pub Arc<World>);

/// What becomes of a former trust.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It goes, with whatever hangs on it.
    Goes,
    /// It goes unless something hangs on it.
    GoesIfFree,
}

/// Deletes the trust if it may go; whether it is gone.
async fn trust_gone(keystone: &Keystone, id: &str, fate: Fate) -> Result<bool, CloudError> {
    if fate == Fate::GoesIfFree {
        let Some(trust) = keystone.trust_get(id).await? else { return Ok(true) };
        let all = keystone.trusts_of_trustor(&trust.trustor_user_id).await?;
        if all.iter().any(|other| other.redelegated_trust_id.as_deref() == Some(id)) {
            return Ok(false);
        }
    }
    keystone.trust_delete(id).await.map(|()| true)
}

impl World {
    /// Takes a former trust and its trustee away, whatever hangs on it.
    pub(super) async fn former_trust_end(&self, former: &FormerTrust) -> Result<(), StepError> {
        self.former_trust(former, Fate::Goes).await.map(drop)
    }

    /// Whether it is gone. By the service's right, or else as its trustor, whom its trustee may play: trustees are the
    /// service's own, so that it can always have another password.
    async fn former_trust(&self, former: &FormerTrust, fate: Fate) -> Result<bool, StepError> {
        let doing = failure::cloud("deleting the cluster's former trust");
        let FormerTrust { trustee_user_id: trustee, trust_id: trust } = former;
        let (keystone, _) = self.trustee_keystone().await?;
        let service = self.cloud.keystone(self.cloud.service_session());
        let mut gone = trust_gone(&service, trust, fate).await;
        if gone.as_ref().is_err_and(|error| error.kind == CloudErrorKind::Forbidden) {
            let password = self.draw_password();
            match keystone.user_set_password(trustee, &password).await {
                Err(error) if error.kind == CloudErrorKind::NotFound => {
                    warn!(error = %error, "a former trustee is gone, so nobody can delete the trust in it, nor use it");
                    return Ok(true);
                }
                other => other.map_err(&doing)?,
            }
            let session = self.cloud.trust_session(trustee, password, trust.clone().into());
            gone = trust_gone(&self.cloud.keystone(&session), trust, fate).await;
        }
        let gone = gone.map_err(&doing)?;
        if gone {
            keystone.user_delete(trustee).await.map_err(&doing)?;
        }
        Ok(gone)
    }

    /// Ends whatever the password of this trustee opened, at once.
    async fn former_password_end(&self, former: &FormerTrust) -> Result<(), StepError> {
        let (keystone, _) = self.trustee_keystone().await?;
        match keystone.user_lose_password(&former.trustee_user_id, &self.draw_password()).await {
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(()),
            other => other.map_err(failure::cloud("ending the cluster's former password")),
        }
    }

    /// Takes a trustee away that never came into the cluster's row, with the trusts in it.
    pub(super) async fn trustee_forget(&self, cluster: &Cluster, generation: u32) -> Result<(), StepError> {
        let doing = failure::cloud("deleting a trustee user that is not used");
        let (keystone, domain) = self.trustee_keystone().await?;
        let name = trustee_name(cluster, generation);
        let Some(user) = keystone.user_find(&domain, &name).await.map_err(&doing)? else { return Ok(()) };
        let service = self.cloud.keystone(self.cloud.service_session());
        for trust in service.trusts_of_trustee(&user.id).await.map_err(&doing)? {
            let trust = FormerTrust { trustee_user_id: user.id.clone(), trust_id: trust.id };
            self.former_trust_end(&trust).await?;
        }
        keystone.user_delete(&user.id).await.map_err(&doing)
    }
}

#[async_trait]
impl Step<Change> for CredentialOldEnd {
    fn name(&self) -> &'static str {
        "credential_old_end"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let cluster = self.0.cluster(cx).await?.cluster;
        let FormerCredentials { generation, replaced, kept } = self.0.handle(cx).await?.former_credentials;
        if let Some(old) = &replaced {
            self.0.former_password_end(old).await?;
        }
        let mut still = Vec::new();
        for former in kept.into_iter().chain(replaced) {
            if !self.0.former_trust(&former, Fate::GoesIfFree).await? {
                still.push(former);
            }
        }
        if !still.is_empty() {
            info!(cluster.uuid = %cluster.uuid, kept = still.len(), "Heat's own trusts keep former ones, which open nothing");
        }
        let former = FormerCredentials { generation, replaced: None, kept: still };
        let patch = HandlePatch { former_credentials: Some(former), ..Default::default() };
        let change = Change::Handle(cluster.uuid, Box::new(patch));
        Ok(Progress::Done(Effect::nothing().with([change])))
    }
}
