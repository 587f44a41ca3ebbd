//! `stack_scale`: sends Heat the wanted number of workers and the members to remove, everything else as it is.

use super::{
    Chosen,
    membership::{become_state, ids, lost_nodes, members, nodes_with},
    nodes::LOOK,
};
use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_db::ClusterView;
use magnum_drivers::{Member, ScaleInputs, choose_removals};
use magnum_openstack::{CloudErrorKind, heat::StackUpdate};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError, Undo};
use magnum_types::{Change, ClusterHandle, NodeRegistration, NodeState, Role, accept::ClusterResizeParams};
use std::{sync::Arc, time::Duration};

/// The step.
pub struct StackScale(pub Arc<World>);

impl StackScale {
    async fn send(
        &self,
        cx: &StepContext,
        node_count: i32,
        remove: &[u32],
        rollback: bool,
    ) -> Result<(), StepError> {
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let driver = self.0.driver(&view)?;
        let heat = self.0.cluster_heat(&view.cluster, &handle)?;
        let target = self.0.target(cx, &view, &handle).await?;
        let stack = target
            .find(&heat)
            .await
            .map_err(failure::cloud("asking Heat for the stack"))?
            .ok_or_else(|| StepError::fatal("the stack was not found in Heat"))?;
        let update = driver.scale(&ScaleInputs { role: role(&self.0, cx, &view)?, node_count, remove });
        let parameters = update.parameters.into_iter().collect();
        let uuid = view.cluster.uuid.to_string();
        let change = StackUpdate {
            parameters: Some(&parameters),
            disable_rollback: Some(!rollback),
            tags: &["magnum", &uuid],
            ..Default::default()
        };
        match heat.stack_patch(&stack.reference(), &change).await {
            Err(error) if error.kind == CloudErrorKind::Conflict => {
                Err(StepError::retryable("Heat is busy with the stack").caused_by(error))
            }
            other => other.map_err(failure::cloud("updating the stack")),
        }?;
        self.0.stacks.forget(&view.cluster.project_id).await;
        Ok(())
    }
}

#[async_trait]
impl Step<Change> for StackScale {
    fn name(&self) -> &'static str {
        "stack_scale"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        if !cx.has_begun(self.name()) {
            return Ok(Look::Absent);
        }
        // Heat stamps a stack when an update begins: another stamp than the chosen one means that ours went out.
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let heat = self.0.cluster_heat(&view.cluster, &handle)?;
        let stack = self.0.target(cx, &view, &handle).await?.find(&heat).await;
        let stack = stack.map_err(failure::cloud("asking Heat for the stack"))?;
        let before = Chosen::of(cx)?.and_then(|chosen| chosen.stack_updated_at);
        Ok(match stack {
            Some(stack) if stack.updated_time != before => Look::Done(Effect::nothing()),
            _ => Look::Absent,
        })
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let params: ClusterResizeParams = cx.params()?;
        let chosen = Chosen::of(cx)?.unwrap_or_default();
        let view = self.0.cluster(cx).await?;
        // Heat takes back what it made without a word to the others, who may count on a new master by then: that is ours.
        let rollback = params.rollback && role(&self.0, cx, &view)? == Role::Worker;
        self.send(cx, params.node_count, &chosen.indexes, rollback).await?;
        Ok(Progress::Done(Effect::nothing()))
    }

    /// Asks Heat for the number of nodes that there was, so that half-made ones go. Those that registered leave first, as
    /// nodes do that are not wanted any more: a new master may be a member of etcd already.
    async fn undo(&self, cx: &StepContext) -> Result<Undo<Change>, StepError> {
        let params: ClusterResizeParams = cx.params()?;
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let heat = self.0.cluster_heat(&view.cluster, &handle)?;
        let doing = failure::cloud("asking Heat for the stack");
        let target = self.0.target(cx, &view, &handle).await?;
        let Some(stack) = target.find(&heat).await.map_err(&doing)? else {
            return Ok(Undo::Done);
        };
        if stack.is_in_progress() {
            return Ok(Undo::pending(Duration::from_secs(1)));
        }
        let role = role(&self.0, cx, &view)?;
        let driver = self.0.driver(&view)?;
        let members = members(&heat, &stack.reference(), driver.as_ref(), role).await?;
        let nodes = self.0.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        if params.node_count > params.previous_count
            && let Some(undo) =
                self.newcomers_leave(&view, &handle, &members, &nodes, params.previous_count)?
        {
            return Ok(undo);
        }
        let inputs = ScaleInputs { role, node_count: params.previous_count, remove: &[] };
        let previous = driver.scale(&inputs);
        let Some(now) = heat.stack_get(&stack.reference(), false).await.map_err(&doing)? else {
            return Ok(Undo::Done);
        };
        let restored = previous.parameters.iter().all(|(name, wanted)| {
            // Heat gives numbers back as text; a list to remove is not state.
            !wanted.is_number() || now.parameters.get(name).is_some_and(|held| text(held) == text(wanted))
        });
        if !restored {
            self.send(cx, params.previous_count, &[], false).await?;
            return Ok(Undo::pending(Duration::from_secs(1)));
        }
        let ours = target.nodes(&view, nodes.clone());
        let lost = lost_nodes(&ours, role, &members);
        Ok(self.0.forget_lost(cx, &view, &nodes, &lost).await?.unwrap_or(Undo::Done))
    }
}

impl StackScale {
    /// One move towards nobody counting on the members that Heat will take away again; `None` when nobody does.
    fn newcomers_leave(
        &self,
        view: &ClusterView,
        handle: &ClusterHandle,
        members: &[Member],
        nodes: &[NodeRegistration],
        count: i32,
    ) -> Result<Option<Undo<Change>>, StepError> {
        let indexes = choose_removals(members, &[], count)
            .map_err(|error| StepError::fatal(error.to_string()).caused_by(error))?;
        let going = members.iter().filter(|member| indexes.contains(&member.index));
        let servers: Vec<String> = going.filter_map(|member| member.server_id.clone()).collect();
        let newcomers = nodes_with(nodes, &servers);
        let staying = |node: &&&NodeRegistration| !matches!(node.state, NodeState::Leaving | NodeState::Gone);
        let staying: Vec<&NodeRegistration> = newcomers.iter().filter(staying).copied().collect();
        if !staying.is_empty() {
            let changes = become_state(view.cluster.uuid, NodeState::Leaving, ids(&staying));
            return Ok(Some(Undo::Pending(Duration::ZERO, changes)));
        }
        let has_left = self.0.have_left(view, handle, &newcomers, nodes)?;
        Ok((!has_left).then(|| Undo::pending(LOOK)))
    }
}

/// Whether masters or workers are scaled.
fn role(world: &World, cx: &StepContext, view: &ClusterView) -> Result<Role, StepError> {
    world.group(cx, view).map(|group| group.kind())
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
