//! `trustee_user`: the cluster's own user in the trustee domain, without any role (spec section 7). Keystone knows it
//! by a name made of the cluster's and the project's ids, so a repetition finds it and sets a new password.
//!
//! A caller who came by an application credential gets none: Keystone refuses it trusts, see [`super::Trust`].

use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_openstack::keystone::Keystone;
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError, Undo};
use magnum_types::places;
use magnum_types::{Change, Cluster, ClusterPatch, CredentialKind, HandlePatch, accept::ClusterCreateParams};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// Characters of a trustee's password where `[DEFAULT] password_symbols` is empty: none that look alike.
const SYMBOLS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Characters of a password; more than upstream's 18, since no person types it.
const PASSWORD_LENGTH: usize = 32;

/// The step.
pub struct TrusteeUser(pub Arc<World>);

/// The name of a cluster's trustee: the first one's is upstream's, those of later credentials carry their number.
pub(super) fn trustee_name(cluster: &Cluster, generation: u32) -> String {
    let first = format!("{}_{}", cluster.uuid, cluster.project_id);
    if generation == 0 { first } else { format!("{first}_{generation}") }
}

impl World {
    /// A password for an account that no person uses: long, with a character of each class for domains that demand it.
    pub(super) fn draw_password(&self) -> SecretString {
        let symbols: Vec<u8> = self.settings.trust.password_symbols.iter().flat_map(|s| s.bytes()).collect();
        let symbols = if symbols.is_empty() { SYMBOLS } else { &symbols };
        let classes =
            [b"23456789".as_slice(), b"ABCDEFGH", b"abcdefgh"].map(|class| self.entropy.text(1, class));
        SecretString::from(self.entropy.text(PASSWORD_LENGTH, symbols) + &classes.concat())
    }

    /// Keystone as the trustee domain's administrator, and that domain's id.
    pub(super) async fn trustee_keystone(&self) -> Result<(Keystone, String), StepError> {
        let session = self.cloud.trustee_admin_session().ok_or_else(|| {
            StepError::fatal(
                "no trustee domain is configured: [trust] trustee_domain_admin_name and trustee_domain_admin_password \
                 are needed to give a cluster its own user",
            )
        })?;
        let domain = match &self.settings.trust.trustee_domain_id {
            Some(id) => id.clone(),
            None => {
                let facts = session.facts().await;
                facts
                    .map_err(failure::cloud("authenticating as the trustee domain's administrator"))?
                    .domain_id
                    .clone()
                    .unwrap_or_default()
            }
        };
        Ok((self.cloud.keystone(session), domain))
    }
}

#[async_trait]
impl Step<Change> for TrusteeUser {
    fn name(&self) -> &'static str {
        "trustee_user"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let params: ClusterCreateParams = cx.params()?;
        if params.application_credential {
            return Ok(Look::Done(Effect::nothing()));
        }
        // A user without a recorded password is of no use: apply sets a new one.
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let cluster = self.0.cluster(cx).await?.cluster;
        let doing = failure::cloud("making the cluster's trustee user");
        let (keystone, domain) = self.0.trustee_keystone().await?;
        let name = trustee_name(&cluster, 0);
        let password = self.0.draw_password();
        let id = match keystone.user_find(&domain, &name).await.map_err(&doing)? {
            Some(user) => {
                keystone.user_set_password(&user.id, &password).await.map_err(&doing)?;
                user.id
            }
            None => keystone.user_create(&domain, &name, &password).await.map_err(&doing)?.id,
        };
        let patch = ClusterPatch {
            trustee_username: Some(Some(name)),
            trustee_user_id: Some(Some(id)),
            trustee_password: Some(Some(
                self.0.seal(&places::trustee_password(cluster.uuid), password.expose_secret())?,
            )),
            ..Default::default()
        };
        let handle = HandlePatch { credential: Some(Some(CredentialKind::Trust)), ..Default::default() };
        Ok(Progress::Done(Effect::nothing().with([
            Change::Cluster(cluster.uuid, Box::new(patch)),
            Change::Handle(cluster.uuid, Box::new(handle)),
        ])))
    }

    async fn undo(&self, cx: &StepContext) -> Result<Undo<Change>, StepError> {
        let cluster = self.0.cluster(cx).await?.cluster;
        self.0.trustee_user_delete(&cluster, 0).await?;
        Ok(Undo::Done)
    }
}

impl World {
    /// Takes the cluster's trustee of that generation away, if there is one.
    pub(super) async fn trustee_user_delete(
        &self,
        cluster: &Cluster,
        generation: u32,
    ) -> Result<(), StepError> {
        let doing = failure::cloud("deleting the cluster's trustee user");
        let (keystone, domain) = self.trustee_keystone().await?;
        let name = trustee_name(cluster, generation);
        if let Some(user) = keystone.user_find(&domain, &name).await.map_err(&doing)? {
            keystone.user_delete(&user.id).await.map_err(&doing)?;
        }
        Ok(())
    }
}
