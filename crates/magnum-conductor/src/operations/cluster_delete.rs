//! `cluster_delete`: nothing of the cluster stays, from whatever state it is in, whoever made it.

use super::{cluster_reason, cluster_status, event, with_left};
use crate::{steps, world::World};
use async_trait::async_trait;
use magnum_operations::{OperationKind, Step, StepContext, StepError};
use magnum_types::{
    CLUSTER_DELETE, Change, ClusterId, Status,
    change::{EventAction, EventOutcome},
};
use std::sync::Arc;

/// The operation.
pub struct ClusterDelete {
    steps: Vec<Box<dyn Step<Change>>>,
}

impl ClusterDelete {
    /// The operation over `world`.
    pub fn new(world: &Arc<World>) -> Self {
        let steps: Vec<Box<dyn Step<Change>>> = vec![
            // What Kubernetes made outside of the stacks, and keeps their networks from going.
            Box::new(steps::LeavingsDelete(world.clone())),
            // Then the stacks, those that stand on the cluster's before it: what they hold is taken away with the cluster's own right, which goes after it.
            Box::new(steps::GroupStacksDelete(world.clone())),
            Box::new(steps::StackDelete(world.clone())),
            // And what Kubernetes made that the nodes held, until now.
            Box::new(steps::RemainsDelete(world.clone())),
            Box::new(steps::TrustDelete(world.clone())),
            Box::new(steps::TrusteeUserDelete(world.clone())),
            Box::new(steps::CertificatesDelete(world.clone())),
        ];
        Self { steps }
    }
}

#[async_trait]
impl OperationKind<Change> for ClusterDelete {
    fn name(&self) -> &'static str {
        CLUSTER_DELETE
    }

    fn steps(&self) -> &[Box<dyn Step<Change>>] {
        &self.steps
    }

    async fn succeeded(&self, cx: &StepContext) -> Result<Vec<Change>, StepError> {
        let kept: Option<Option<String>> = cx.output("cluster_remains_delete")?;
        // The notification comes first: it takes the row's last words.
        Ok(vec![
            cluster_status(cx, Status::DeleteComplete, kept.flatten().as_deref()),
            event(cx, EventAction::Delete, EventOutcome::Success),
            Change::DeleteCluster(ClusterId(cx.operation.subject)),
        ])
    }

    fn failing(&self, cx: &StepContext, cause: &str) -> Vec<Change> {
        vec![cluster_reason(cx, cause)]
    }

    fn failed(&self, cx: &StepContext, cause: &str, left: Option<&str>) -> Vec<Change> {
        let reason = with_left(cause, left);
        vec![
            cluster_status(cx, Status::DeleteFailed, Some(&reason)),
            Change::NodeGroups(ClusterId(cx.operation.subject), Status::DeleteFailed, Some(reason)),
            event(cx, EventAction::Delete, EventOutcome::Failure),
        ]
    }
}
