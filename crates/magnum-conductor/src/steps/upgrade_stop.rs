//! The steps of `upgrade_stop`: an upgrade that is going on comes to rest where it stands, with every node at work.

use super::{
    images::{Made, Telling, Told},
    nodes::LOOK,
    upgrade::{made, news},
};
use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::{Change, NodeGroupId, NodeRegistration, NodeState, accept::UpgradeStopParams};
use std::sync::Arc;

/// `upgrade_stopped`: nobody is empty any more; its output says how far the upgrade came.
pub struct UpgradeStopped(pub Arc<World>);
/// `rebuilds_settled`: no server is about to be made anew any more.
pub struct RebuildsSettled(pub Arc<World>);

#[async_trait]
impl Step<Change> for UpgradeStopped {
    fn name(&self) -> &'static str {
        "upgrade_stopped"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let params: UpgradeStopParams = cx.params()?;
        let cluster = self.0.cluster(cx).await?.cluster;
        let nodes = self.0.store.nodes_of(cluster.uuid).await.map_err(failure::database)?;
        let scope = nodes.iter().filter(|node| params.nodegroup.is_none_or(|group| node.nodegroup == group));
        let runs = |node: &&NodeRegistration| node.wanted_release.as_deref() == Some(params.release.as_str());
        let (total, done) = (scope.clone().count(), scope.filter(runs).count());
        let stood = format!(
            "the upgrade to {} was stopped as asked, with {done} of {total} nodes brought to it; upgrade again to go on",
            params.release
        );
        let changes = [Change::raise_plans(cluster.uuid), Change::NodesResume(cluster.uuid)];
        Ok(Progress::Done(Effect::of(stood)?.with(changes)))
    }
}

/// The nodes whose servers are to be made anew and that have not registered since.
fn rebuilding(nodes: &[NodeRegistration]) -> Vec<&NodeRegistration> {
    nodes.iter().filter(|node| node.state == NodeState::Rebuilding).collect()
}

/// Their groups, each once.
fn groups_of(batch: &[&NodeRegistration]) -> Vec<NodeGroupId> {
    let mut groups: Vec<NodeGroupId> = batch.iter().map(|node| node.nodegroup).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

#[async_trait]
impl Step<Change> for RebuildsSettled {
    fn name(&self) -> &'static str {
        "rebuilds_settled"
    }

    /// What a node is known by is void from the moment that its server is to be made anew, so there is no way back: those
    /// few are made anew, be it that Heat is told only now. A master's member leaves etcd before, as in an upgrade.
    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let params: UpgradeStopParams = cx.params()?;
        let view = self.0.cluster(cx).await?;
        let cluster = &view.cluster;
        let nodes = self.0.store.nodes_of(cluster.uuid).await.map_err(failure::database)?;
        let batch = rebuilding(&nodes);
        if batch.is_empty() {
            return Ok(Look::Done(Effect::nothing()));
        }
        let handle = self.0.handle(cx).await?;
        if self.0.have_left(&view, &handle, &batch, &nodes)? {
            let telling = Telling { release: &params.release, told: Told::ByAnybody };
            match self.0.images_look(cx, &view, &nodes, &groups_of(&batch), &telling).await? {
                Made::Untold => return Ok(Look::Absent),
                Made::Making => {}
                // They register again, and come up by themselves.
                Made::All(lost) => {
                    return Ok(Look::Done(Effect::nothing().with(made(
                        cluster,
                        &params.release,
                        &batch,
                        lost,
                    ))));
                }
            }
        }
        let names: Vec<&str> = batch.iter().map(|node| node.name.as_str()).collect();
        let text = format!(
            "the upgrade to {} is stopped; servers that are still made anew: {}",
            params.release,
            names.join(", ")
        );
        Ok(Look::Pending(LOOK, news(cluster, text).into_iter().collect()))
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let nodes = self.0.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        self.0.images_tell(cx, &view, &nodes, &groups_of(&rebuilding(&nodes))).await?;
        Ok(Progress::Pending(LOOK))
    }
}
