//! Who is a member: of a group, as Heat has it, and of what the masters decide together, as they told. Servers go only
//! once the others count on them no more, and whoever registered and is no member any more is forgotten.

use super::nodes::LOOK;
use crate::{failure, world::World};
use magnum_db::ClusterView;
use magnum_drivers::{Driver, Member, MemberGroup};
use magnum_openstack::heat::{Heat, Resource, ResourceFilter, StackRef};
use magnum_operations::{StepContext, StepError, Undo};
use magnum_types::{Change, ClusterHandle, ClusterId, NodeRegistration, NodeState, Role};
use std::time::Duration;

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

/// The members of a role that a stack has now.
pub(super) async fn members(
    heat: &Heat,
    stack: &StackRef,
    driver: &dyn Driver,
    role: Role,
) -> Result<Vec<Member>, StepError> {
    let filter = ResourceFilter { nested_depth: 2, ..Default::default() };
    let doing = failure::cloud("asking Heat for the cluster's nodes");
    let resources = heat.resource_list(stack, &filter).await.map_err(doing)?;
    let groups = driver.member_groups().iter().filter(|group| group.role == role);
    Ok(groups.flat_map(|group| members_of(&resources, group)).collect())
}

/// Nodes of the role that registered and are no members any more: made by a change that failed and was undone. What they
/// said must not fail the next change.
pub(super) fn lost_nodes<'a>(
    nodes: &'a [NodeRegistration],
    role: Role,
    members: &[Member],
) -> Vec<&'a NodeRegistration> {
    let is_member = |id: &str| members.iter().any(|member| member.server_id.as_deref() == Some(id));
    nodes.iter().filter(|node| node.role == role && !is_member(&node.instance_id)).collect()
}

/// The nodes of these servers.
pub(super) fn nodes_with<'a>(nodes: &'a [NodeRegistration], ids: &[String]) -> Vec<&'a NodeRegistration> {
    nodes.iter().filter(|node| ids.contains(&node.instance_id)).collect()
}

pub(super) fn ids(nodes: &[&NodeRegistration]) -> Vec<String> {
    nodes.iter().map(|node| node.instance_id.clone()).collect()
}

/// Brings nodes to a state, which changes the managers' plans.
pub fn become_state(cluster: ClusterId, state: NodeState, instances: Vec<String>) -> Vec<Change> {
    if instances.is_empty() {
        return Vec::new();
    }
    vec![Change::raise_plans(cluster), Change::NodesBecome(cluster, state, instances)]
}

impl World {
    /// Whether a manager has done its part for the nodes that leave or are gone, or can't, or had long enough.
    pub(super) async fn manager_has_done(
        &self,
        cx: &StepContext,
        view: &ClusterView,
    ) -> Result<bool, StepError> {
        let nodes = self.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        let handle = self.handle(cx).await?;
        let moving = |node: &&NodeRegistration| matches!(node.state, NodeState::Leaving | NodeState::Gone);
        let Some(since) = nodes.iter().filter(moving).map(|node| node.moved.map(|moved| moved.at)).max()
        else {
            return Ok(true);
        };
        let Some(manager) = self.driver(view)?.drains(&nodes) else { return Ok(true) };
        let waited = since.map_or(i64::MAX, |since| cx.now.as_second() - since.as_second());
        Ok(manager.generation >= handle.plan_generation || waited >= i64::from(self.settings.drain_seconds))
    }

    /// The plan generation that the manager of the others has applied; `None` where none of them can manage.
    pub(super) fn manager_beside(
        &self,
        view: &ClusterView,
        going: &[&NodeRegistration],
        nodes: &[NodeRegistration],
    ) -> Result<Option<i64>, StepError> {
        let others: Vec<NodeRegistration> =
            nodes.iter().filter(|node| !going.contains(node)).cloned().collect();
        Ok(self.driver(view)?.drains(&others).map(|manager| manager.generation))
    }

    /// Whether nobody counts on these any more: masters have left etcd, if they are to. That is waited for without an end
    /// of its own, since a member that goes with the others counting on it, or comes back without its data, harms them.
    pub(super) fn have_left(
        &self,
        view: &ClusterView,
        handle: &ClusterHandle,
        going: &[&NodeRegistration],
        nodes: &[NodeRegistration],
    ) -> Result<bool, StepError> {
        let driver = self.driver(view)?;
        let masters: Vec<_> =
            going.iter().filter(|node| driver.must_leave(&view.cluster, node)).copied().collect();
        if masters.is_empty() {
            return Ok(true);
        }
        // What was told before it was asked for may be of a time when they were not members yet.
        let Some(followed) = self.manager_beside(view, going, nodes)? else { return Ok(false) };
        let facts = self.facts(handle)?;
        let has_left = |node: &NodeRegistration| {
            node.moved.is_some_and(|moved| followed >= moved.generation) && driver.has_left(&facts, node)
        };
        Ok(masters.into_iter().all(has_left))
    }

    /// One move towards nodes without a server being forgotten, by the managers and by us; `None` when none is left.
    pub(super) async fn forget_lost(
        &self,
        cx: &StepContext,
        view: &ClusterView,
        nodes: &[NodeRegistration],
        lost: &[&NodeRegistration],
    ) -> Result<Option<Undo<Change>>, StepError> {
        if lost.is_empty() {
            return Ok(None);
        }
        let still: Vec<_> = lost.iter().filter(|node| node.state != NodeState::Gone).copied().collect();
        if !still.is_empty() {
            return Ok(Some(Undo::Pending(
                Duration::ZERO,
                become_state(view.cluster.uuid, NodeState::Gone, ids(&still)),
            )));
        }
        let handle = self.handle(cx).await?;
        if self.manager_has_done(cx, view).await? && self.have_left(view, &handle, lost, nodes)? {
            let forget = Change::ForgetNodes(view.cluster.uuid, ids(lost));
            return Ok(Some(Undo::Pending(Duration::ZERO, vec![forget])));
        }
        Ok(Some(Undo::pending(LOOK)))
    }
}
