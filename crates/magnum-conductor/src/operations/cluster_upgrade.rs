//! `cluster_upgrade`: a living cluster, or one of its groups, comes to another template's release, node by node.
//! Nothing is rolled back: a node that fails stops it, the others stay up, and asking again goes on.

use super::{cluster_reason, cluster_status, event, group_status};
use crate::{steps, world::World};
use async_trait::async_trait;
use magnum_operations::{OperationKind, Step, StepContext, StepError};
use magnum_types::{
    CLUSTER_UPGRADE, Change, ClusterId, ClusterPatch, Labels, NodeGroup, NodeGroupPatch, Role, Status,
    accept::ClusterUpgradeParams,
    change::{EventAction, EventOutcome},
};
use std::sync::Arc;

/// The operation.
pub struct ClusterUpgrade {
    world: Arc<World>,
    steps: Vec<Box<dyn Step<Change>>>,
}

impl ClusterUpgrade {
    /// The operation over `world`.
    pub fn new(world: &Arc<World>) -> Self {
        let steps: Vec<Box<dyn Step<Change>>> = vec![
            // When it began, so that what failed before is no failure of it.
            Box::new(steps::UpgradeBegun(world.clone())),
            // Masters one by one, then workers in batches; each is emptied first, and its server made anew where the
            // image is another one.
            Box::new(steps::NodesUpgrade(world.clone())),
            // Nodes to come have the new image as well.
            Box::new(steps::ImagesSettled(world.clone())),
        ];
        Self { world: world.clone(), steps }
    }
}

/// The image that a group has in the end, if it is another one.
fn image(params: &ClusterUpgradeParams, group: &NodeGroup) -> Option<Option<String>> {
    let image = params.image.as_ref().filter(|image| image.nodegroups.contains(&group.uuid))?;
    Some(Some(image.id.clone()))
}

/// The labels of a group once the cluster's have changed: what it had from the cluster follows, what is its own stays.
fn followed(group: &Labels, before: &Labels, after: &Labels) -> Labels {
    let mut labels = group.clone();
    for (name, value) in &after.0 {
        if before.get(name) != Some(value.as_str()) {
            labels.0.insert(name.clone(), value.clone());
        }
    }
    let gone = |name: &str| before.get(name).is_some() && after.get(name).is_none();
    labels.0.retain(|name, value| !(gone(name) && before.get(name) == Some(value.as_str())));
    labels
}

#[async_trait]
impl OperationKind<Change> for ClusterUpgrade {
    fn name(&self) -> &'static str {
        CLUSTER_UPGRADE
    }

    fn steps(&self) -> &[Box<dyn Step<Change>>] {
        &self.steps
    }

    async fn succeeded(&self, cx: &StepContext) -> Result<Vec<Change>, StepError> {
        let params: ClusterUpgradeParams = cx.params()?;
        let view = self.world.cluster(cx).await?;
        let cluster = &view.cluster;
        let asked = |group: &&NodeGroup| params.nodegroup.is_none_or(|asked| group.uuid == asked);
        // A group whose own making or going failed is not healed by this.
        let lives = |group: &&NodeGroup| !matches!(group.status, Status::CreateFailed | Status::DeleteFailed);
        let mut changes =
            vec![Change::raise_plans(cluster.uuid), cluster_status(cx, Status::UpdateComplete, None)];
        for group in view.nodegroups.iter().filter(asked).filter(lives) {
            let patch = NodeGroupPatch {
                version: Some(Some(params.release.clone())),
                labels: Some(followed(&group.labels, &cluster.labels, &params.labels)),
                image_id: image(&params, group),
                ..Default::default()
            };
            changes.push(group_status(group.uuid, Status::UpdateComplete, None));
            changes.push(Change::NodeGroup(group.uuid, Box::new(patch)));
        }
        // The cluster is where its masters are: a group of workers only follows.
        if view.nodegroups.iter().filter(asked).any(|group| group.kind() == Role::Master) {
            let patch = ClusterPatch {
                cluster_template_id: Some(params.template.clone()),
                labels: Some(params.labels.clone()),
                coe_version: Some(Some(params.release.clone())),
                ..Default::default()
            };
            changes.push(Change::Cluster(cluster.uuid, Box::new(patch)));
        }
        changes.push(event(cx, EventAction::Update, EventOutcome::Success));
        Ok(changes)
    }

    fn failing(&self, cx: &StepContext, cause: &str) -> Vec<Change> {
        vec![cluster_reason(cx, cause)]
    }

    fn failed(&self, cx: &StepContext, cause: &str, _left: Option<&str>) -> Vec<Change> {
        let cluster = ClusterId(cx.operation.subject);
        let reason = Some(cause.to_owned());
        let mut changes = vec![cluster_status(cx, Status::UpdateFailed, Some(cause))];
        changes.push(match cx.params::<ClusterUpgradeParams>().ok().and_then(|params| params.nodegroup) {
            Some(group) => group_status(group, Status::UpdateFailed, Some(cause)),
            None => Change::NodeGroups(cluster, Status::UpdateFailed, reason),
        });
        // Who was emptied for it gets work again.
        changes.extend([Change::raise_plans(cluster), Change::NodesResume(cluster)]);
        changes.push(event(cx, EventAction::Update, EventOutcome::Failure));
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_group_follows_the_cluster_and_keeps_its_own_labels() {
        let before = labels(&[("kube_tag", "v1"), ("old", "x"), ("zone", "a")]);
        let after = labels(&[("kube_tag", "v2"), ("zone", "a"), ("new", "y")]);
        let group = labels(&[("kube_tag", "v1"), ("old", "x"), ("zone", "b")]);
        let wanted = labels(&[("kube_tag", "v2"), ("zone", "b"), ("new", "y")]);
        let got = followed(&group, &before, &after);
        assert_eq!(got.difference_from(&wanted), Labels::default().difference_from(&Labels::default()));
        let own = labels(&[("old", "mine")]);
        assert_eq!(followed(&own, &before, &after).get("old"), Some("mine"));
    }
}
