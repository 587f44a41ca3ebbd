//! `cluster_resize` and `cluster_update`: another number of workers. The two differ only in the request that leads
//! here (an action that may name nodes to remove, or a patch of `node_count`).

use super::{cluster_reason, cluster_status, event, group_status, with_left};
use crate::{steps, world::World};
use async_trait::async_trait;
use magnum_operations::{OperationKind, Step, StepContext, StepError};
use magnum_types::{
    CLUSTER_RESIZE, CLUSTER_UPDATE, Change, ClusterId, NodeGroupPatch, NodeState, Status,
    accept::ClusterResizeParams,
    change::{EventAction, EventOutcome},
};
use std::sync::Arc;

/// The operation.
pub struct ClusterResize {
    name: &'static str,
    steps: Vec<Box<dyn Step<Change>>>,
}

impl ClusterResize {
    /// The action `resize`.
    pub fn for_resize(world: &Arc<World>) -> Self {
        Self::named(CLUSTER_RESIZE, world)
    }

    /// A patch of `node_count`.
    pub fn for_update(world: &Arc<World>) -> Self {
        Self::named(CLUSTER_UPDATE, world)
    }

    fn named(name: &'static str, world: &Arc<World>) -> Self {
        let steps: Vec<Box<dyn Step<Change>>> = vec![
            // Which members go is decided once, so that a repetition removes no others.
            Box::new(steps::NodesChosen(world.clone())),
            // A manager empties them while they still run.
            Box::new(steps::NodesLeave(world.clone())),
            Box::new(steps::NodesDrained(world.clone())),
            Box::new(steps::StackScale(world.clone())),
            Box::new(steps::StackWait::update(world.clone())),
            Box::new(steps::NodesMarked(world.clone())),
            // And forgets them once they are gone, so that no node is listed as down.
            Box::new(steps::NodesGone(world.clone())),
            Box::new(steps::NodesForgotten(world.clone())),
        ];
        Self { name, steps }
    }
}

#[async_trait]
impl OperationKind<Change> for ClusterResize {
    fn name(&self) -> &'static str {
        self.name
    }

    fn steps(&self) -> &[Box<dyn Step<Change>>] {
        &self.steps
    }

    async fn succeeded(&self, cx: &StepContext) -> Result<Vec<Change>, StepError> {
        let params: ClusterResizeParams = cx.params()?;
        // One that failed before this one, which waited behind it, has put the count back.
        let count = NodeGroupPatch { node_count: Some(params.node_count), ..Default::default() };
        Ok(vec![
            cluster_status(cx, Status::UpdateComplete, None),
            group_status(params.nodegroup, Status::UpdateComplete, None),
            Change::NodeGroup(params.nodegroup, Box::new(count)),
            event(cx, EventAction::Update, EventOutcome::Success),
        ])
    }

    fn failing(&self, cx: &StepContext, cause: &str) -> Vec<Change> {
        vec![cluster_reason(cx, cause)]
    }

    fn failed(&self, cx: &StepContext, cause: &str, left: Option<&str>) -> Vec<Change> {
        let mut reason = with_left(cause, left);
        let chosen = steps::Chosen::of(cx).ok().flatten().unwrap_or_default();
        let are_masters = !chosen.masters.is_empty();
        if are_masters && cx.has_begun("nodes_leave") {
            let masters = chosen.masters.join(", ");
            reason =
                format!("{reason}. Still to be removed: {masters}; the same resize, asked again, goes on");
        }
        let mut changes = vec![cluster_status(cx, Status::UpdateFailed, Some(&reason))];
        if let Ok(params) = cx.params::<ClusterResizeParams>() {
            changes.push(group_status(params.nodegroup, Status::UpdateFailed, Some(&reason)));
            // The count that clients see is again what it was.
            let count = NodeGroupPatch { node_count: Some(params.previous_count), ..Default::default() };
            changes.push(Change::NodeGroup(params.nodegroup, Box::new(count)));
        }
        // Who was about to leave stays, and a manager gives them work again. But for masters: etcd takes nobody in with the
        // data of an earlier membership (ADR 7).
        if !are_masters {
            let cluster = ClusterId(cx.operation.subject);
            changes.extend(steps::become_state(cluster, NodeState::Ready, chosen.instances));
        }
        changes.push(event(cx, EventAction::Update, EventOutcome::Failure));
        changes
    }
}
