//! `nodegroup_create`: from an accepted row to a group of workers in the cluster, in a stack of its own.

use super::{cluster_reason, cluster_status, event, group_status, with_left};
use crate::{steps, world::World};
use async_trait::async_trait;
use magnum_operations::{OperationKind, Step, StepContext, StepError};
use magnum_types::{
    Change, NODEGROUP_CREATE, Status,
    accept::NodeGroupParams,
    change::{EventAction, EventOutcome},
};
use std::sync::Arc;

/// The operation.
pub struct NodeGroupCreate {
    steps: Vec<Box<dyn Step<Change>>>,
}

impl NodeGroupCreate {
    /// The operation over `world`.
    pub fn new(world: &Arc<World>) -> Self {
        let steps: Vec<Box<dyn Step<Change>>> = vec![
            // Of the group's own, so that who holds it makes no node of another group.
            Box::new(steps::GroupJoinSecret(world.clone())),
            Box::new(steps::GroupStackCreate(world.clone())),
            Box::new(steps::StackWait::create(world.clone())),
            Box::new(steps::NodesMarked(world.clone())),
        ];
        Self { steps }
    }
}

#[async_trait]
impl OperationKind<Change> for NodeGroupCreate {
    fn name(&self) -> &'static str {
        NODEGROUP_CREATE
    }

    fn steps(&self) -> &[Box<dyn Step<Change>>] {
        &self.steps
    }

    async fn succeeded(&self, cx: &StepContext) -> Result<Vec<Change>, StepError> {
        let params: NodeGroupParams = cx.params()?;
        Ok(vec![
            cluster_status(cx, Status::UpdateComplete, None),
            group_status(params.nodegroup, Status::CreateComplete, None),
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
            // The row stays, to say why; a delete takes it away, and its nodes' names from the engine.
            changes.push(group_status(params.nodegroup, Status::CreateFailed, Some(&reason)));
        }
        changes.push(event(cx, EventAction::Update, EventOutcome::Failure));
        changes
    }
}
