//! The steps of `cluster_delete` and `nodegroup_delete`. Each takes away one kind of thing, by its recorded reference and by its name, and
//! is content when there is none.

use super::certificates::recorded;
use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::{Authority, Change};
use std::sync::Arc;

/// `group_stacks_delete`: the stacks of further node groups, which stand on the cluster's own.
pub struct GroupStacksDelete(pub Arc<World>);
/// `stack_delete`: the stack and everything in it.
pub struct StackDelete(pub Arc<World>);
/// `trust_delete`: the creator's trust, or the application credential in its place, and what is left of earlier ones.
pub struct TrustDelete(pub Arc<World>);
/// `trustee_user_delete`: the cluster's own user.
pub struct TrusteeUserDelete(pub Arc<World>);
/// `certificates_delete`: every bundle in the certificate store.
pub struct CertificatesDelete(pub Arc<World>);

#[async_trait]
impl Step<Change> for StackDelete {
    fn name(&self) -> &'static str {
        "stack_delete"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        // Apply looks itself before each move: a deletion is sent again when it has failed.
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let target = self.0.target(cx, &view, &handle).await?;
        Ok(match self.0.stack_taken_away(&view.cluster, &handle, &target).await? {
            None => Progress::Done(Effect::nothing()),
            Some(after) => Progress::Pending(after),
        })
    }
}

#[async_trait]
impl Step<Change> for GroupStacksDelete {
    fn name(&self) -> &'static str {
        "group_stacks_delete"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let mut pending = None;
        // Heat works on all of them at the same time.
        for target in self.0.targets_apart(&view).await? {
            if let Some(after) = self.0.stack_taken_away(&view.cluster, &handle, &target).await? {
                pending = Some(after);
            }
        }
        Ok(pending.map_or_else(|| Progress::Done(Effect::nothing()), Progress::Pending))
    }
}

#[async_trait]
impl Step<Change> for TrustDelete {
    fn name(&self) -> &'static str {
        "trust_delete"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let cluster = self.0.cluster(cx).await?.cluster;
        let handle = self.0.handle(cx).await?;
        if let Some(trust) = cluster.trust_id.as_deref() {
            self.0.trust_delete(&cluster, &handle, trust).await?;
        } else if let Some(trustee) = cluster.trustee_user_id.as_deref() {
            // A create that was given up between making a trust and recording it: the service finds it by its pair.
            let keystone = self.0.cloud.keystone(self.0.cloud.service_session());
            let found = keystone.trusts_of_trustee(trustee).await;
            for trust in found.map_err(failure::cloud("looking for the cluster's trust"))? {
                self.0.trust_delete(&cluster, &handle, &trust.id).await?;
            }
        }
        self.0.application_credential_delete(&cluster, &handle).await?;
        // The stacks are gone, and with them what Heat had been handed on from earlier ones.
        let former = &handle.former_credentials;
        for trust in former.replaced.iter().chain(&former.kept) {
            self.0.former_trust_end(trust).await?;
        }
        // And one that a rotation had begun to make.
        self.0.trustee_forget(&cluster, former.generation.saturating_add(1)).await?;
        Ok(Progress::Done(Effect::nothing()))
    }
}

#[async_trait]
impl Step<Change> for TrusteeUserDelete {
    fn name(&self) -> &'static str {
        "trustee_user_delete"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let cluster = self.0.cluster(cx).await?.cluster;
        let generation = self.0.handle(cx).await?.former_credentials.generation;
        self.0.trustee_user_delete(&cluster, generation).await?;
        Ok(Progress::Done(Effect::nothing()))
    }
}

#[async_trait]
impl Step<Change> for CertificatesDelete {
    fn name(&self) -> &'static str {
        "certificates_delete"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let cluster = &view.cluster;
        let handle = self.0.handle(cx).await?;
        // A cluster whose template is gone may have had any of them; one of a driver that has no others costs nothing.
        let of_driver = match self.0.driver(&view) {
            Ok(driver) => driver.authorities(),
            Err(_) => Authority::ALL,
        };
        // Upstream leaves those beside the cluster's own behind (faults 3.6).
        let is_there =
            |authority: &Authority| of_driver.contains(authority) || recorded(cluster, *authority).is_some();
        let authorities: Vec<Authority> = Authority::ALL.iter().copied().filter(is_there).collect();
        // A rotation that did not end has two sets, and one that could not be undone may have left a third.
        let rotation = handle.rotation.as_ref();
        for refs in rotation.into_iter().flat_map(|rotation| [&rotation.old, &rotation.new]) {
            let client = rotation.and_then(|rotation| rotation.old_client.as_deref());
            self.0.generation_delete(cluster, 0, &authorities, refs, client).await?;
        }
        let known = authorities.iter().filter_map(|authority| {
            recorded(cluster, *authority).map(|reference| (*authority, reference.to_owned()))
        });
        let known = known.collect();
        for generation in 0..=handle.certificate_generation {
            let client = cluster.magnum_cert_ref.as_deref();
            self.0.generation_delete(cluster, generation, &authorities, &known, client).await?;
        }
        Ok(Progress::Done(Effect::nothing()))
    }
}
