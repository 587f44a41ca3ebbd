//! The steps of `cluster_upgrade`. The nodes do the work; the conductor says whose turn it is ([`crate::rollout`]) and
//! waits for their reports. All progress is in the nodes' rows.

use super::{
    images::{Made, Telling, groups_made_anew},
    membership::{become_state, ids},
    nodes::{LOOK, Since, is_last},
};
use crate::{
    failure,
    rollout::{Rollout, Turn},
    world::World,
};
use async_trait::async_trait;
use magnum_db::ClusterView;
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::{
    Change, Cluster, ClusterPatch, NodeRegistration, NodeState, Role, accept::ClusterUpgradeParams,
};
use std::sync::Arc;

/// `upgrade_begun`: when it began, after a last look at whether it can be done.
pub struct UpgradeBegun(pub Arc<World>);
/// `nodes_upgrade`: batch after batch.
pub struct NodesUpgrade(pub Arc<World>);

#[async_trait]
impl Step<Change> for UpgradeBegun {
    fn name(&self) -> &'static str {
        "upgrade_begun"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let driver = self.0.driver(&view)?;
        if !driver.upgrades() {
            let words = format!("the driver {} upgrades no clusters", driver.name());
            return Err(StepError::fatal(words));
        }
        let nodes = self.0.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        // Nobody could follow: the nodes of a cluster that upstream made know no plan.
        if !nodes.iter().any(|node| node.role == Role::Master) {
            return Err(StepError::fatal("no master of the cluster has registered, so none can be upgraded"));
        }
        Ok(Progress::Done(Effect::of(Since { at: cx.now })?))
    }
}

impl NodesUpgrade {
    /// Whether nobody has to wait for the nodes to be emptied: it is done, or nobody can, or it took long enough.
    async fn are_emptied(
        &self,
        cx: &StepContext,
        view: &ClusterView,
        batch: &[&NodeRegistration],
        nodes: &[NodeRegistration],
    ) -> Result<bool, StepError> {
        let Some(followed) = self.0.manager_beside(view, batch, nodes)? else { return Ok(true) };
        let moves = || batch.iter().filter_map(|node| node.moved);
        let Some(generation) = moves().map(|moved| moved.generation).max() else { return Ok(false) };
        let waited = moves().map(|moved| cx.now.as_second() - moved.at.as_second()).min().unwrap_or(0);
        Ok(followed >= generation || waited >= i64::from(self.0.settings.drain_seconds))
    }

    /// Who takes longer than a node may, if the operation's own time does not end before.
    fn overdue(&self, cx: &StepContext, cluster: &Cluster, batch: &[&NodeRegistration]) -> Option<String> {
        let minutes = cluster.create_timeout.filter(|minutes| *minutes > 0);
        let minutes = i64::from(minutes.unwrap_or(self.0.settings.driver.create_timeout).max(1));
        let too_long = |node: &&&NodeRegistration| {
            node.moved.is_some_and(|moved| cx.now.as_second() - moved.at.as_second() > minutes * 60)
        };
        let late = batch.iter().find(too_long).or_else(|| batch.first().filter(|_| is_last(cx, LOOK)))?;
        let step = late.step.as_deref().unwrap_or("none");
        Some(format!("node {} did not become ready in time; its last step was \"{step}\"", late.name))
    }
}

fn drained(cluster: &Cluster, batch: &[&NodeRegistration]) -> Vec<Change> {
    become_state(cluster.uuid, NodeState::Draining, ids(batch))
}

fn upgraded(cluster: &Cluster, release: &str, batch: &[&NodeRegistration]) -> Vec<Change> {
    vec![
        Change::raise_plans(cluster.uuid),
        Change::NodesRelease(cluster.uuid, release.to_owned(), ids(batch)),
        Change::NodesBecome(cluster.uuid, NodeState::Upgrading, ids(batch)),
    ]
}

/// Each node on the way to its release: some in place, some with a server that is made anew.
fn taken_on(cluster: &Cluster, rollout: &Rollout<'_>, batch: &[&NodeRegistration]) -> Vec<Change> {
    match batch.first().and_then(|node| rollout.image_of(node)) {
        Some(image) => rebuilt(cluster, rollout.release, image, batch),
        None => upgraded(cluster, rollout.release, batch),
    }
}

fn rebuilt(cluster: &Cluster, release: &str, image: &str, batch: &[&NodeRegistration]) -> Vec<Change> {
    vec![
        Change::raise_plans(cluster.uuid),
        Change::NodesRelease(cluster.uuid, release.to_owned(), ids(batch)),
        Change::NodesRebuild(cluster.uuid, image.to_owned(), ids(batch)),
    ]
}

/// Those whose servers were made anew go on; those that Heat could not make anew, and has replaced, are forgotten.
pub(super) fn made(
    cluster: &Cluster,
    release: &str,
    batch: &[&NodeRegistration],
    lost: Vec<String>,
) -> Vec<Change> {
    let there: Vec<&NodeRegistration> =
        batch.iter().copied().filter(|node| !lost.contains(&node.instance_id)).collect();
    let mut changes = upgraded(cluster, release, &there);
    if !lost.is_empty() {
        changes.push(Change::ForgetNodes(cluster.uuid, lost));
    }
    changes
}

#[async_trait]
impl Step<Change> for NodesUpgrade {
    fn name(&self) -> &'static str {
        "nodes_upgrade"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let params: ClusterUpgradeParams = cx.params()?;
        let begun: Since =
            cx.output("upgrade_begun")?.ok_or_else(|| StepError::fatal("the upgrade never began"))?;
        let view = self.0.cluster(cx).await?;
        let cluster = &view.cluster;
        let handle = self.0.handle(cx).await?;
        let nodes = self.0.store.nodes_of(cluster.uuid).await.map_err(failure::database)?;
        let rollout = Rollout {
            release: &params.release,
            image: params.image.as_ref(),
            group: params.nodegroup,
            max_batch_size: usize::try_from(params.max_batch_size).unwrap_or(usize::MAX),
            begun: begun.at,
        };
        let begun_with = |batch: &[&NodeRegistration]| taken_on(cluster, &rollout, batch);
        let why = |cause: String| StepError::fatal(format!("upgrading to {}: {cause}", params.release));
        let (batch, mut changes) = match rollout.turn(&nodes) {
            Turn::Done => return Ok(Look::Done(Effect::nothing())),
            Turn::Failed(node) => return Err(why(node.failure())),
            Turn::Drain(batch) => {
                // With one master there is nobody to do it.
                let changes = match self.0.manager_beside(&view, &batch, &nodes)? {
                    Some(_) => drained(cluster, &batch),
                    None => begun_with(&batch),
                };
                (batch, changes)
            }
            Turn::Draining(batch) => {
                let emptied = self.are_emptied(cx, &view, &batch, &nodes).await?;
                let changes = if emptied { begun_with(&batch) } else { Vec::new() };
                (batch, changes)
            }
            Turn::Upgrade(batch) => {
                let changes = upgraded(cluster, &params.release, &batch);
                (batch, changes)
            }
            Turn::Rebuild(batch) => {
                let changes = begun_with(&batch);
                (batch, changes)
            }
            Turn::Rebuilding(batch) => {
                // Its member of etcd goes first, where the server's disk holds the member's data.
                let changes = if self.0.have_left(&view, &handle, &batch, &nodes)? {
                    let telling = Telling::upgrade(cx, &params, self.name())?;
                    let groups = groups_made_anew(&params)?;
                    match self.0.images_look(cx, &view, &nodes, groups, &telling).await? {
                        Made::Untold => return Ok(Look::Absent),
                        Made::Making => Vec::new(),
                        Made::All(lost) => made(cluster, &params.release, &batch, lost),
                    }
                } else {
                    Vec::new()
                };
                (batch, changes)
            }
            Turn::Upgrading(batch) => (batch, Vec::new()),
        };
        if changes.is_empty()
            && let Some(late) = self.overdue(cx, cluster, &batch)
        {
            return Err(why(late));
        }
        let scope = rollout.scope(&nodes);
        let done = scope.iter().filter(|node| rollout.is_done(node)).count();
        let names: Vec<&str> = batch.iter().map(|node| node.name.as_str()).collect();
        let (release, total, now) = (&params.release, scope.len(), names.join(", "));
        let text = format!("upgrading to {release}: {done} of {total} nodes; now {now}");
        changes.extend(news(cluster, text));
        Ok(Look::Pending(LOOK, changes))
    }

    /// Tells Heat of servers that are to be made anew. Looking is all there is to do else.
    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let params: ClusterUpgradeParams = cx.params()?;
        let view = self.0.cluster(cx).await?;
        let nodes = self.0.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        self.0.images_tell(cx, &view, &nodes, groups_made_anew(&params)?).await?;
        Ok(Progress::Pending(LOOK))
    }
}

/// The change that shows progress, if it says something new.
pub(super) fn news(cluster: &Cluster, text: String) -> Option<Change> {
    (cluster.status_reason.as_deref() != Some(text.as_str())).then(|| {
        let patch = ClusterPatch { status_reason: Some(Some(text)), ..Default::default() };
        Change::Cluster(cluster.uuid, Box::new(patch))
    })
}
