//! `nodes_marked`: a group with labels or taints of its own is there only when they are on its nodes, so that who waits
//! for it can rely on them. The master that acts for the cluster puts them there by the plan that follows the last node's
//! word (the API raises the generation when a node is ready for the first time).

use super::nodes::LOOK;
use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::{Change, NodeGroup, NodeRegistration, NodeState};
use std::sync::Arc;

/// The step.
pub struct NodesMarked(pub Arc<World>);

#[async_trait]
impl Step<Change> for NodesMarked {
    fn name(&self) -> &'static str {
        "nodes_marked"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let group = self.0.group(cx, &view)?;
        let driver = self.0.driver(&view)?;
        if !driver.labels_nodes() || !has_marks(group) {
            return Ok(Look::Done(Effect::nothing()));
        }
        // In this order: a node that is seen ready here has raised the generation that is read after it.
        let nodes = self.0.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        let wanted = self.0.handle(cx).await?.plan_generation;
        let Some(acting) = driver.drains(&nodes) else { return Ok(Look::Done(Effect::nothing())) };
        // Others than those that come are not waited for: they leave, or have failed before.
        let coming =
            nodes.iter().any(|node| node.nodegroup == group.uuid && node.state == NodeState::Registered);
        let marked = !coming && acting.generation >= wanted;
        Ok(match marked || self.is_silent(cx, acting) {
            true => Look::Done(Effect::nothing()),
            false => Look::Pending(LOOK, Vec::new()),
        })
    }

    async fn apply(&self, _cx: &StepContext) -> Result<Progress<Change>, StepError> {
        Ok(Progress::Pending(LOOK))
    }
}

impl NodesMarked {
    /// A master that has said nothing for so long does not keep a group from being there; it marks the nodes when it is
    /// back.
    fn is_silent(&self, cx: &StepContext, acting: &NodeRegistration) -> bool {
        let limit = i64::from(self.0.settings.drain_seconds);
        acting.last_seen.is_none_or(|said| cx.now.as_second() - said.as_second() >= limit)
    }
}

fn has_marks(group: &NodeGroup) -> bool {
    let taints = group.node_taints.as_ref().and_then(serde_json::Value::as_array);
    group.node_labels.as_ref().is_some_and(|labels| !labels.0.is_empty())
        || taints.is_some_and(|taints| !taints.is_empty())
}
