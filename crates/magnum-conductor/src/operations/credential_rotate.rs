//! `credential_rotate`: a new credential by which a living cluster acts on the cloud, before the old one ends. Until it is
//! in the cluster's row it can be undone; from then on both are good, and it only goes forward: asking again resumes it.

use super::{cluster_reason, cluster_status, event, with_left};
use crate::{steps, world::World};
use async_trait::async_trait;
use magnum_operations::{OperationKind, Step, StepContext, StepError};
use magnum_types::{
    CREDENTIAL_ROTATE, Change, Status,
    change::{EventAction, EventOutcome},
};
use std::sync::Arc;

/// The operation.
pub struct CredentialRotate {
    steps: Vec<Box<dyn Step<Change>>>,
}

impl CredentialRotate {
    /// The operation over `world`.
    pub fn new(world: &Arc<World>) -> Self {
        let steps: Vec<Box<dyn Step<Change>>> = vec![
            // What is replaced; or what is left to do of a rotation that did not end.
            Box::new(steps::CredentialBegun(world.clone())),
            // Another user of the cluster's own, and the caller's trust in it, beside the old ones.
            Box::new(steps::CredentialTrustee(world.clone())),
            Box::new(steps::CredentialTrust(world.clone())),
            // Once Keystone takes it, Magnum acts by it and plans hand it to the nodes. No way back from here.
            Box::new(steps::CredentialSwitch(world.clone())),
            Box::new(steps::CredentialFollowed(world.clone())),
            // While the rotation is on record, so that what cannot be taken away now is known when it is asked again.
            Box::new(steps::CredentialOldEnd(world.clone())),
        ];
        Self { steps }
    }
}

#[async_trait]
impl OperationKind<Change> for CredentialRotate {
    fn name(&self) -> &'static str {
        CREDENTIAL_ROTATE
    }

    fn steps(&self) -> &[Box<dyn Step<Change>>] {
        &self.steps
    }

    async fn succeeded(&self, cx: &StepContext) -> Result<Vec<Change>, StepError> {
        Ok(vec![
            cluster_status(cx, Status::UpdateComplete, None),
            event(cx, EventAction::Update, EventOutcome::Success),
        ])
    }

    fn failing(&self, cx: &StepContext, cause: &str) -> Vec<Change> {
        vec![cluster_reason(cx, cause)]
    }

    fn failed(&self, cx: &StepContext, cause: &str, left: Option<&str>) -> Vec<Change> {
        let reason = with_left(cause, left);
        vec![
            cluster_status(cx, Status::UpdateFailed, Some(&reason)),
            event(cx, EventAction::Update, EventOutcome::Failure),
        ]
    }
}
