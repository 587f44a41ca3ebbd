//! The members that leave in a resize: chosen once, marked as leaving so that a manager empties them, and forgotten
//! by the engine once their servers are gone.

use crate::{failure, world::World};
use async_trait::async_trait;
use jiff::Timestamp;
use magnum_db::ClusterView;
use magnum_drivers::{Member, MemberGroup, choose_removals};
use magnum_openstack::heat::{Resource, ResourceFilter};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::{Change, HandlePatch, NodeRegistration, NodeState, Role, accept::ClusterResizeParams};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// How soon the managers' progress is looked at again; a report wakes the operation sooner.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// What `nodes_chosen` decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// Indexes of the members that Heat is to remove.
    pub indexes: Vec<u32>,
    /// Their servers.
    pub instances: Vec<String>,
    /// When Heat had last updated the stack, before this operation did.
    pub stack_updated_at: Option<Timestamp>,
}

impl Chosen {
    /// The decision of this operation.
    ///
    /// # Errors
    /// When the log holds something else.
    pub fn of(cx: &StepContext) -> Result<Option<Self>, StepError> {
        cx.output("nodes_chosen")
    }
}

/// `nodes_chosen`
pub struct NodesChosen(pub Arc<World>);
/// `nodes_chosen`, when a whole group goes.
pub struct GroupNodesChosen(pub Arc<World>);
/// `nodes_leave`
pub struct NodesLeave(pub Arc<World>);
/// `nodes_drained`
pub struct NodesDrained(pub Arc<World>);
/// `nodes_gone`
pub struct NodesGone(pub Arc<World>);
/// `nodes_forgotten`
pub struct NodesForgotten(pub Arc<World>);

/// When a change of the nodes' plans was made, so that waiting for its effect has an end.
#[derive(Serialize, Deserialize)]
pub(super) struct Since {
    pub(super) at: Timestamp,
}

#[async_trait]
impl Step<Change> for NodesChosen {
    fn name(&self) -> &'static str {
        "nodes_chosen"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let params: ClusterResizeParams = cx.params()?;
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let heat = self.0.cluster_heat(&view.cluster, &handle)?;
        let doing = failure::cloud("asking Heat for the cluster's nodes");
        let target = self.0.target(cx, &view, &handle).await?;
        let stack = target
            .find(&heat)
            .await
            .map_err(&doing)?
            .ok_or_else(|| StepError::fatal("the stack was not found in Heat"))?;
        if stack.is_in_progress() {
            return Err(StepError::retryable("Heat is busy with the stack"));
        }
        let driver = self.0.driver(&view)?;
        let filter = ResourceFilter { nested_depth: 2, ..Default::default() };
        let resources = heat.resource_list(&stack.reference(), &filter).await.map_err(&doing)?;
        let role = self.0.group(cx, &view)?.kind();
        let groups = driver.member_groups().iter().filter(|group| group.role == role);
        let mut members: Vec<Member> = groups.flat_map(|group| members_of(&resources, group)).collect();
        let nodes = self.0.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        let nodes = target.nodes(&view, nodes);
        for member in &mut members {
            if let Some(node) = nodes.iter().find(|node| Some(&node.instance_id) == member.server_id.as_ref())
            {
                member.name = Some(node.name.clone());
                member.addresses =
                    std::iter::once(node.address.clone()).chain(node.public_address.clone()).collect();
            }
        }
        let indexes = choose_removals(&members, &params.nodes_to_remove, params.node_count)
            .map_err(|error| StepError::fatal(error.to_string()).caused_by(error))?;
        let instances = members
            .iter()
            .filter(|member| indexes.contains(&member.index))
            .filter_map(|member| member.server_id.clone())
            .collect();
        let lost = lost_nodes(&nodes, role, &members);
        let forget = (!lost.is_empty()).then(|| Change::ForgetNodes(view.cluster.uuid, lost));
        let chosen = Chosen { indexes, instances, stack_updated_at: stack.updated_time };
        Ok(Progress::Done(Effect::of(chosen)?.with(forget)))
    }
}

/// Nodes of the role that registered and are no members any more: made by a change that failed and was undone. What they
/// said must not fail the next change.
fn lost_nodes(nodes: &[NodeRegistration], role: Role, members: &[Member]) -> Vec<String> {
    let is_member = |id: &str| members.iter().any(|member| member.server_id.as_deref() == Some(id));
    let ours = nodes.iter().filter(|node| node.role == role);
    ours.map(|node| node.instance_id.clone()).filter(|id| !is_member(id)).collect()
}

#[async_trait]
impl Step<Change> for GroupNodesChosen {
    fn name(&self) -> &'static str {
        "nodes_chosen"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let group = self.0.group(cx, &view)?.uuid;
        let nodes = self.0.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        let of_group = nodes.into_iter().filter(|node| node.nodegroup == group);
        let instances = of_group.map(|node| node.instance_id).collect();
        Ok(Progress::Done(Effect::of(Chosen { instances, ..Chosen::default() })?))
    }
}

/// The members of a group, from the stack's resources down to the members' own.
pub(super) fn members_of(resources: &[Resource], group: &MemberGroup) -> Vec<Member> {
    let inside = |outer: &Resource| {
        let stack = outer.physical_resource_id.clone();
        resources.iter().filter(move |r| stack.is_some() && r.stack().map(|stack| stack.id) == stack)
    };
    let groups = resources.iter().filter(|resource| resource.resource_name == group.resource);
    groups
        .flat_map(inside)
        .filter_map(|member| {
            let index = member.resource_name.parse().ok()?;
            let server = inside(member).find(|resource| resource.resource_name == group.server);
            let server_id =
                server.and_then(|server| server.physical_resource_id.clone()).filter(|id| !id.is_empty());
            Some(Member { index, server_id, ..Default::default() })
        })
        .collect()
}

/// Moves the leaving nodes to `state`, which changes the managers' plans.
fn become_state(cx: &StepContext, view: &ClusterView, state: NodeState) -> Result<Effect<Change>, StepError> {
    let instances = Chosen::of(cx)?.unwrap_or_default().instances;
    let effect = Effect::of(Since { at: cx.now })?;
    if instances.is_empty() {
        return Ok(effect);
    }
    let raise = HandlePatch { raise_plan_generation: true, ..Default::default() };
    Ok(effect.with([
        Change::Handle(view.cluster.uuid, Box::new(raise)),
        Change::NodesBecome(view.cluster.uuid, state, instances),
    ]))
}

impl World {
    /// Whether a manager has done its part for the nodes in `state`, or can't, or had long enough.
    async fn manager_has_done(
        &self,
        cx: &StepContext,
        view: &ClusterView,
        before: &str,
    ) -> Result<bool, StepError> {
        let nodes = self.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        let handle = self.handle(cx).await?;
        let moving = |node: &&NodeRegistration| matches!(node.state, NodeState::Leaving | NodeState::Gone);
        if !nodes.iter().any(|node| moving(&node)) {
            return Ok(true);
        }
        let Some(manager) = self.driver(view)?.drains(&nodes) else { return Ok(true) };
        let waited =
            cx.output::<Since>(before)?.map_or(i64::MAX, |since| cx.now.as_second() - since.at.as_second());
        Ok(manager.generation >= handle.plan_generation || waited >= i64::from(self.settings.drain_seconds))
    }
}

#[async_trait]
impl Step<Change> for NodesLeave {
    fn name(&self) -> &'static str {
        "nodes_leave"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        become_state(cx, &view, NodeState::Leaving).map(Progress::Done)
    }
}

#[async_trait]
impl Step<Change> for NodesDrained {
    fn name(&self) -> &'static str {
        "nodes_drained"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        Ok(match self.0.manager_has_done(cx, &view, "nodes_leave").await? {
            true => Look::Done(Effect::nothing()),
            false => Look::Pending(LOOK, Vec::new()),
        })
    }

    async fn apply(&self, _cx: &StepContext) -> Result<Progress<Change>, StepError> {
        Ok(Progress::Pending(LOOK))
    }
}

#[async_trait]
impl Step<Change> for NodesGone {
    fn name(&self) -> &'static str {
        "nodes_gone"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        become_state(cx, &view, NodeState::Gone).map(Progress::Done)
    }
}

#[async_trait]
impl Step<Change> for NodesForgotten {
    fn name(&self) -> &'static str {
        "nodes_forgotten"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        if !self.0.manager_has_done(cx, &view, "nodes_gone").await? {
            return Ok(Look::Pending(LOOK, Vec::new()));
        }
        let instances = Chosen::of(cx)?.unwrap_or_default().instances;
        let forget = (!instances.is_empty()).then(|| Change::ForgetNodes(view.cluster.uuid, instances));
        Ok(Look::Done(Effect::nothing().with(forget)))
    }

    async fn apply(&self, _cx: &StepContext) -> Result<Progress<Change>, StepError> {
        Ok(Progress::Pending(LOOK))
    }
}
