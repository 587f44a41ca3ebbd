//! The members that leave in a resize: chosen once, marked as leaving so that a manager empties them, and forgotten
//! by the engine once their servers are gone.

use super::{
    membership::{become_state, ids, lost_nodes, members, nodes_with},
    upgrade::news,
};
use crate::{failure, world::World};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use magnum_db::ClusterView;
use magnum_drivers::{Member, choose_removals};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::{Change, NodeState, Role, accept::ClusterResizeParams};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// How soon the managers' progress is looked at again; a report wakes the operation sooner.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// Whether the operation's time ends before the next look after this pause.
pub(super) fn is_last(cx: &StepContext, pause: Duration) -> bool {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    cx.now.checked_add(pause).is_ok_and(|next| next > cx.operation.deadline)
}

/// What `nodes_chosen` decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// Indexes of the members that Heat is to remove.
    pub indexes: Vec<u32>,
    /// Their servers.
    pub instances: Vec<String>,
    /// Their names, where they are masters: those leave for good, whatever becomes of the operation.
    #[serde(default)]
    pub masters: Vec<String>,
    /// Nodes that registered and have no server any more.
    #[serde(default)]
    pub lost: Vec<String>,
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
        let role = self.0.group(cx, &view)?.kind();
        let mut members = members(&heat, &stack.reference(), driver.as_ref(), role).await?;
        let nodes = self.0.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        let nodes = target.nodes(&view, nodes);
        for member in &mut members {
            if let Some(node) = nodes.iter().find(|node| Some(&node.instance_id) == member.server_id.as_ref())
            {
                member.name = Some(node.name.clone());
                member.leaves = node.state == NodeState::Leaving;
                member.addresses =
                    std::iter::once(node.address.clone()).chain(node.public_address.clone()).collect();
            }
        }
        let indexes = choose_removals(&members, &params.nodes_to_remove, params.node_count)
            .map_err(|error| StepError::fatal(error.to_string()).caused_by(error))?;
        let (going, staying): (Vec<&Member>, Vec<&Member>) =
            members.iter().partition(|member| indexes.contains(&member.index));
        if role == Role::Master {
            check_masters(&going, &staying)?;
        }
        let names = |member: &&Member| member.name.clone().filter(|_| role == Role::Master);
        let chosen = Chosen {
            instances: going.iter().filter_map(|member| member.server_id.clone()).collect(),
            masters: going.iter().filter_map(names).collect(),
            lost: ids(&lost_nodes(&nodes, role, &members)),
            stack_updated_at: stack.updated_time,
            indexes,
        };
        Ok(Progress::Done(Effect::of(chosen)?))
    }
}

/// What must not become of the masters, before anything is changed.
fn check_masters(going: &[&Member], staying: &[&Member]) -> Result<(), StepError> {
    let leaves: Vec<&str> =
        staying.iter().filter(|member| member.leaves).filter_map(|member| member.name.as_deref()).collect();
    if !leaves.is_empty() {
        return Err(StepError::fatal(format!(
            "an earlier resize that failed took {} out of the control plane: resize to {} first, which removes them",
            leaves.join(", "),
            staying.len() + going.len() - leaves.len()
        )));
    }
    if staying.is_empty() && !going.is_empty() {
        return Err(StepError::fatal(
            "no master would stay, and with them all that the cluster knows would go",
        ));
    }
    Ok(())
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

/// Moves the leaving nodes to `state`.
fn chosen_become(
    cx: &StepContext,
    view: &ClusterView,
    state: NodeState,
) -> Result<Effect<Change>, StepError> {
    let Chosen { instances, lost, .. } = Chosen::of(cx)?.unwrap_or_default();
    Ok(Effect::nothing().with(become_state(view.cluster.uuid, state, [instances, lost].concat())))
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
        chosen_become(cx, &view, NodeState::Leaving).map(Progress::Done)
    }
}

#[async_trait]
impl Step<Change> for NodesDrained {
    fn name(&self) -> &'static str {
        "nodes_drained"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let nodes = self.0.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        let Chosen { instances, lost, .. } = Chosen::of(cx)?.unwrap_or_default();
        let going = nodes_with(&nodes, &[instances, lost].concat());
        if !self.0.have_left(&view, &handle, &going, &nodes)? {
            // Masters, since workers are members of nothing.
            let who = going.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
            if is_last(cx, LOOK) {
                return Err(StepError::fatal(format!(
                    "no master that is ready could take {who} out of etcd in time, so no server was removed"
                )));
            }
            let text = format!("{who}: taken out of etcd before the servers go");
            return Ok(Look::Pending(LOOK, news(&view.cluster, text).into_iter().collect()));
        }
        Ok(match self.0.manager_has_done(cx, &view).await? {
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
        chosen_become(cx, &view, NodeState::Gone).map(Progress::Done)
    }
}

#[async_trait]
impl Step<Change> for NodesForgotten {
    fn name(&self) -> &'static str {
        "nodes_forgotten"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        if !self.0.manager_has_done(cx, &view).await? {
            return Ok(Look::Pending(LOOK, Vec::new()));
        }
        let Chosen { instances, lost, .. } = Chosen::of(cx)?.unwrap_or_default();
        let gone = [instances, lost].concat();
        let forget = (!gone.is_empty()).then(|| Change::ForgetNodes(view.cluster.uuid, gone));
        Ok(Look::Done(Effect::nothing().with(forget)))
    }

    async fn apply(&self, _cx: &StepContext) -> Result<Progress<Change>, StepError> {
        Ok(Progress::Pending(LOOK))
    }
}
