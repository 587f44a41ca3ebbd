//! The stack that an operation works on: the cluster's own, or that of one of its further node groups. Steps that look
//! at stacks and nodes serve both, and ask here.

use crate::{failure, world::World};
use magnum_db::ClusterView;
use magnum_openstack::{
    CloudError,
    heat::{Heat, Stack, StackList},
};
use magnum_operations::{StepContext, StepError};
use magnum_types::{Cluster, ClusterHandle, NodeGroup, NodeGroupId, NodeRegistration};
use serde::Deserialize;

/// A stack and the node groups that live in it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Heat's id, once it is recorded.
    pub stack_id: Option<String>,
    /// The name that was drawn for it; empty where upstream drew it.
    pub stack_name: String,
    /// The one group of a stack of its own; `None` for the cluster's stack.
    pub group: Option<NodeGroupId>,
}

/// The part of an operation's parameters that names a group.
#[derive(Deserialize)]
struct Named {
    nodegroup: Option<NodeGroupId>,
}

/// Whether a group lives in a stack of its own.
fn is_apart(group: &NodeGroup, cluster: &Cluster) -> bool {
    !group.is_default && (group.stack_id.is_none() || group.stack_id != cluster.stack_id)
}

impl Target {
    pub(super) fn cluster(cluster: &Cluster, handle: &ClusterHandle) -> Self {
        Self { stack_id: cluster.stack_id.clone(), stack_name: handle.stack_name.clone(), group: None }
    }

    /// The groups that live in the stack.
    pub(super) fn groups<'a>(&'a self, view: &'a ClusterView) -> impl Iterator<Item = &'a NodeGroup> {
        view.nodegroups.iter().filter(|group| match self.group {
            Some(own) => group.uuid == own,
            None => !is_apart(group, &view.cluster),
        })
    }

    /// The registered nodes that live in the stack.
    pub(super) fn nodes(&self, view: &ClusterView, nodes: Vec<NodeRegistration>) -> Vec<NodeRegistration> {
        let ours: Vec<NodeGroupId> = self.groups(view).map(|group| group.uuid).collect();
        nodes.into_iter().filter(|node| ours.contains(&node.nodegroup)).collect()
    }

    /// The stack in Heat: by its id, or by its name when the id was never recorded. A deleted one is absent.
    pub(super) async fn find(&self, heat: &Heat) -> Result<Option<Stack>, CloudError> {
        let found = match &self.stack_id {
            Some(id) => {
                let list = StackList { ids: std::slice::from_ref(id), ..Default::default() };
                heat.stack_list(&list).await?.into_iter().next()
            }
            None if self.stack_name.is_empty() => None,
            None => heat.stack_find(&self.stack_name).await?,
        };
        Ok(found.filter(|stack| stack.stack_status != "DELETE_COMPLETE"))
    }
}

impl World {
    /// The stack that the operation works on, by the group that its parameters name.
    pub(super) async fn target(
        &self,
        cx: &StepContext,
        view: &ClusterView,
        handle: &ClusterHandle,
    ) -> Result<Target, StepError> {
        let Named { nodegroup } = cx.params()?;
        match view.nodegroups.iter().find(|group| Some(group.uuid) == nodegroup) {
            Some(group) if is_apart(group, &view.cluster) => self.target_of(group).await,
            _ => Ok(Target::cluster(&view.cluster, handle)),
        }
    }

    async fn target_of(&self, group: &NodeGroup) -> Result<Target, StepError> {
        let handle = self.store.nodegroup_handle(group.uuid).await.map_err(failure::database)?;
        let stack_name = handle.map(|handle| handle.stack_name).unwrap_or_default();
        Ok(Target { stack_id: group.stack_id.clone(), stack_name, group: Some(group.uuid) })
    }

    /// The stacks of all further node groups.
    pub(super) async fn targets_apart(&self, view: &ClusterView) -> Result<Vec<Target>, StepError> {
        let mut targets = Vec::new();
        for group in view.nodegroups.iter().filter(|group| is_apart(group, &view.cluster)) {
            targets.push(self.target_of(group).await?);
        }
        Ok(targets)
    }

    /// The group that the operation is about.
    pub(super) fn group<'a>(
        &self,
        cx: &StepContext,
        view: &'a ClusterView,
    ) -> Result<&'a NodeGroup, StepError> {
        let Named { nodegroup } = cx.params()?;
        let found = view.nodegroups.iter().find(|group| Some(group.uuid) == nodegroup);
        found.ok_or_else(|| StepError::fatal("the node group is gone"))
    }
}
