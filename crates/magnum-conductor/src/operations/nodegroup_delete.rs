//! `nodegroup_delete`: a group of workers leaves the cluster, emptied first, and nothing of it stays.

use super::{cluster_reason, cluster_status, event, group_status, with_left};
use crate::{steps, world::World};
use async_trait::async_trait;
use magnum_operations::{OperationKind, Step, StepContext, StepError};
use magnum_types::{
    Change, NODEGROUP_DELETE, Status,
    accept::NodeGroupParams,
    change::{EventAction, EventOutcome},
};
use std::sync::Arc;

/// The operation.
pub struct NodeGroupDelete {
    steps: Vec<Box<dyn Step<Change>>>,
}

impl NodeGroupDelete {
    /// The operation over `world`.
    pub fn new(world: &Arc<World>) -> Self {
        let steps: Vec<Box<dyn Step<Change>>> = vec![
            Box::new(steps::GroupNodesChosen(world.clone())),
            // A manager empties them while they still run.
            Box::new(steps::NodesLeave(world.clone())),
            Box::new(steps::NodesDrained(world.clone())),
            Box::new(steps::StackDelete(world.clone())),
            // And forgets them once they are gone.
            Box::new(steps::NodesGone(world.clone())),
            Box::new(steps::NodesForgotten(world.clone())),
        ];
        Self { steps }
    }
}

#[async_trait]
impl OperationKind<Change> for NodeGroupDelete {
    fn name(&self) -> &'static str {
        NODEGROUP_DELETE
    }

    fn steps(&self) -> &[Box<dyn Step<Change>>] {
        &self.steps
    }

    async fn succeeded(&self, cx: &StepContext) -> Result<Vec<Change>, StepError> {
        let params: NodeGroupParams = cx.params()?;
        Ok(vec![
            Change::DeleteNodeGroup(params.nodegroup),
            cluster_status(cx, Status::UpdateComplete, None),
            event(cx, EventAction::Update, EventOutcome::Success),
        ])
    }

    fn failing(&self, cx: &StepContext, cause: &str) -> Vec<Change> {
        vec![cluster_reason(cx, cause)]
    }

    fn failed(&self, cx: &StepContext, cause: &str, left: Option<&str>) -> Vec<Change> {
        let reason = with_left(cause, left);
        let mut changes = vec![cluster_status(cx, Status::UpdateFailed, Some(&reason))];
        if let Ok(params) = cx.params::<NodeGroupParams>() {
            changes.push(group_status(params.nodegroup, Status::DeleteFailed, Some(&reason)));
        }
        changes.push(event(cx, EventAction::Update, EventOutcome::Failure));
        changes
    }
}
