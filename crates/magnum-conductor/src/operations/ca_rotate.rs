//! `ca_rotate`: new certificate authorities for a living cluster, in phases, each of which every node has followed
//! before the next one begins, so that nobody ever meets a certificate that it does not trust. Until clients show new
//! certificates it can be undone; from then on it only goes forward, and asking again resumes it.

use super::{cluster_reason, cluster_status, event, with_left};
use crate::{steps, world::World};
use async_trait::async_trait;
use magnum_operations::{OperationKind, Step, StepContext, StepError};
use magnum_types::{
    CA_ROTATE, Change, ClusterId, HandlePatch, RotationPhase, Status,
    change::{EventAction, EventOutcome},
};
use std::sync::Arc;

/// The operation.
pub struct CaRotate {
    steps: Vec<Box<dyn Step<Change>>>,
}

impl CaRotate {
    /// The operation over `world`.
    pub fn new(world: &Arc<World>) -> Self {
        let phase = |name, to| Box::new(steps::RotationPhaseBegun { world: world.clone(), name, to });
        let followed = |name, doing| Box::new(steps::RotationFollowed { world: world.clone(), name, doing });
        let steps: Vec<Box<dyn Step<Change>>> = vec![
            // Which names the new ones have; or what is left to do of one that did not end.
            Box::new(steps::RotationBegun(world.clone())),
            // The new authorities and Magnum's own certificate, beside the old ones.
            Box::new(steps::RotationBundles(world.clone())),
            phase("rotation_trust", RotationPhase::Trust),
            followed("rotation_trusted", "all nodes trust both authorities"),
            // From here on there is no way back.
            phase("rotation_clients", RotationPhase::Clients),
            followed("rotation_clients_followed", "clients show new certificates"),
            phase("rotation_servers", RotationPhase::Servers),
            followed("rotation_servers_followed", "servers show new certificates"),
            phase("rotation_drop", RotationPhase::Dropped),
            followed("rotation_dropped", "all nodes have dropped the old authorities"),
            // While the rotation is on record, so that what cannot be taken away now is known when it is asked again.
            Box::new(steps::RotationOldDelete(world.clone())),
            Box::new(steps::RotationEnded(world.clone())),
        ];
        Self { steps }
    }
}

#[async_trait]
impl OperationKind<Change> for CaRotate {
    fn name(&self) -> &'static str {
        CA_ROTATE
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
        let mut changes = vec![cluster_reason(cx, cause)];
        if steps::rotation_can_be_undone(cx) {
            // Before the new bundles go: no plan may still name them.
            let patch =
                HandlePatch { rotation: Some(None), raise_plan_generation: true, ..Default::default() };
            changes.push(Change::Handle(ClusterId(cx.operation.subject), Box::new(patch)));
        }
        changes
    }

    fn failed(&self, cx: &StepContext, cause: &str, left: Option<&str>) -> Vec<Change> {
        let reason = with_left(cause, left);
        vec![
            cluster_status(cx, Status::UpdateFailed, Some(&reason)),
            event(cx, EventAction::Update, EventOutcome::Failure),
        ]
    }
}
