//! `stack_wait`: until Heat says that the stack is complete, which it is when every member has signalled. Meanwhile
//! the cluster's `status_reason` shows how far each node is, and a node's failure ends the wait at once: its step and
//! error are the first cause, long before Heat would say "timed out".

use super::target::Target;
use crate::{failure, world::World};
use async_trait::async_trait;
use jiff::Timestamp;
use magnum_db::ClusterView;
use magnum_openstack::heat::{Heat, StackRef};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError};
use magnum_types::places;
use magnum_types::{Change, ClusterHandle, ClusterPatch, NodeGroupPatch, NodeRegistration, NodeState, Role};
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How soon the stack is looked at again. A node's report wakes the operation sooner.
const LOOK: Duration = Duration::from_secs(1);
/// The same once every node is ready: Heat only has to notice, which takes it a second or two, and somebody waits. A project's
/// clusters share each look.
const LAST_LOOK: Duration = Duration::from_millis(100);

/// What Heat said may be almost as old as the pause between two looks: clusters of a project share one listing.
fn tolerated(pause: Duration) -> Duration {
    pause.mul_f32(0.9)
}

/// The step.
pub struct StackWait {
    world: Arc<World>,
    complete: &'static [&'static str],
    /// Names what is waited for.
    verb: &'static str,
    /// The step before, whose output holds the time stamp that a new update must differ from.
    update: bool,
}

impl StackWait {
    /// Waits for a new stack.
    pub fn create(world: Arc<World>) -> Self {
        Self { world, complete: &["CREATE_COMPLETE"], verb: "create", update: false }
    }

    /// Waits for an updated stack.
    pub fn update(world: Arc<World>) -> Self {
        Self { world, complete: &["UPDATE_COMPLETE"], verb: "update", update: true }
    }

    async fn failed(
        &self,
        heat: &Heat,
        stack: &StackRef,
        nodes: &[NodeRegistration],
        begun: Option<Timestamp>,
        reason: Option<&str>,
    ) -> StepError {
        if let Some(cause) = node_failure(nodes, begun) {
            return StepError::fatal(cause);
        }
        match first_cause(heat, stack, reason).await {
            Ok(cause) => StepError::fatal(format!("the stack's {} failed: {cause}", self.verb)),
            Err(error) => error,
        }
    }

    async fn finished(
        &self,
        heat: &Heat,
        view: &ClusterView,
        handle: &ClusterHandle,
        target: &Target,
        stack: &StackRef,
    ) -> Result<Effect<Change>, StepError> {
        let stack =
            heat.stack_get(stack, true).await.map_err(failure::cloud("reading the stack's outputs"))?;
        let stack = stack.ok_or_else(|| StepError::fatal("the stack was not found in Heat"))?;
        let outputs = stack.outputs.iter().map(|o| (o.output_key.clone(), o.output_value.clone())).collect();
        let facts = self.world.facts(handle)?;
        let driver = self.world.driver(view)?;
        let template =
            view.template.as_ref().ok_or_else(|| StepError::fatal("the cluster's template is gone"))?;
        let outputs = driver.outputs(&view.cluster, template, &outputs, &facts);
        let groups = target.groups(view).map(|group| {
            let addresses = match group.kind() {
                Role::Master => outputs.master_addresses.clone(),
                Role::Worker => outputs.node_addresses.clone(),
            };
            let version = Some(outputs.coe_version.clone());
            let patch = NodeGroupPatch { node_addresses: Some(addresses), version, ..Default::default() };
            Change::NodeGroup(group.uuid, Box::new(patch))
        });
        let effect = Effect::nothing().with(groups);
        if target.group.is_some() {
            return Ok(effect);
        }
        let patch = ClusterPatch {
            api_address: Some(outputs.api_address),
            coe_version: Some(outputs.coe_version),
            container_version: Some(outputs.container_version),
            ..Default::default()
        };
        Ok(effect.with([Change::Cluster(view.cluster.uuid, Box::new(patch))]))
    }
}

/// Why a stack failed. The deepest failed resource says what really happened; the stack's own reason wraps it. What is
/// part of a member is named by the member's server too: that is the name that people know.
pub(super) async fn first_cause(
    heat: &Heat,
    stack: &StackRef,
    reason: Option<&str>,
) -> Result<String, StepError> {
    let doing = failure::cloud("asking Heat why the stack failed");
    let Some(failed) = heat.failures(stack).await.map_err(&doing)?.into_iter().next() else {
        return Ok(reason.unwrap_or("Heat gives no reason").to_owned());
    };
    let words = format!("{} ({}): {}", failed.path, failed.resource_type, failed.reason);
    let Some(member) = failed.stack.filter(|member| member.id != stack.id) else { return Ok(words) };
    let member = match heat.stack_get(&member, false).await {
        Err(error) if error.is_retryable() => return Err(doing(error)),
        other => other.ok().flatten(),
    };
    let name = member.and_then(|member| Some(member.parameters.get("name")?.as_str()?.to_owned()));
    Ok(match name {
        Some(name) => format!("node {name}: {words}"),
        None => words,
    })
}

/// The first node that failed, as `status_reason` says it; of those that registered since, if a time is told.
fn node_failure(nodes: &[NodeRegistration], since: Option<Timestamp>) -> Option<String> {
    let failed = |node: &&NodeRegistration| {
        node.state == NodeState::Failed && since.is_none_or(|since| node.created_at >= Some(since))
    };
    nodes.iter().find(failed).map(NodeRegistration::failure)
}

/// As many nodes are ready as the stack is to have.
fn all_ready(wanted: i32, nodes: &[NodeRegistration]) -> bool {
    let ready = nodes.iter().filter(|node| node.state == NodeState::Ready).count();
    usize::try_from(wanted).is_ok_and(|wanted| ready >= wanted)
}

/// How far the nodes are: "2 of 3 nodes ready; s1-node-1: swarm_join".
fn progress(wanted: i32, nodes: &[NodeRegistration]) -> String {
    let staying = nodes.iter().filter(|node| !matches!(node.state, NodeState::Leaving | NodeState::Gone));
    let (ready, others): (Vec<_>, Vec<_>) = staying.partition(|node| node.state == NodeState::Ready);
    let mut text = format!("{} of {wanted} nodes ready", ready.len());
    for node in others {
        text.push_str(&format!("; {}: {}", node.name, node.step.as_deref().unwrap_or("registered")));
    }
    let missing = usize::try_from(wanted).unwrap_or(0).saturating_sub(nodes.len());
    if missing > 0 {
        text.push_str(&format!("; {missing} not registered yet"));
    }
    text
}

impl World {
    /// What nodes told us that others need, opened.
    ///
    /// # Errors
    /// When they cannot be opened or read.
    pub fn facts(&self, handle: &magnum_types::ClusterHandle) -> Result<BTreeMap<String, String>, StepError> {
        let Some(sealed) = &handle.facts else { return Ok(BTreeMap::new()) };
        let opened = self.open(&places::facts(handle.cluster), sealed)?;
        serde_json::from_str(opened.expose_secret())
            .map_err(|error| StepError::fatal("the cluster's facts cannot be read").caused_by(error))
    }
}

#[async_trait]
impl Step<Change> for StackWait {
    fn name(&self) -> &'static str {
        "stack_wait"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let view = self.world.cluster(cx).await?;
        let cluster = &view.cluster;
        let handle = self.world.handle(cx).await?;
        let target = self.world.target(cx, &view, &handle).await?;
        let nodes = self.world.store.nodes_of(cluster.uuid).await.map_err(failure::database)?;
        let nodes = target.nodes(&view, nodes);
        // Who is there already is not what an update waits for, and may have failed long ago.
        let begun = self.update.then_some(cx.operation.created_at);
        if let Some(cause) = node_failure(&nodes, begun) {
            return Err(StepError::fatal(cause));
        }
        let wanted = target.groups(&view).map(|group| group.node_count).sum();
        let pause = if all_ready(wanted, &nodes) { LAST_LOOK } else { LOOK };
        let heat = self.world.cluster_heat(cluster, &handle)?;
        let stack_id =
            target.stack_id.as_deref().ok_or_else(|| StepError::fatal("the stack was never recorded"))?;
        let listed = self.world.stacks.stack(&heat, &cluster.project_id, stack_id, tolerated(pause)).await;
        let Some(stack) = listed.map_err(failure::cloud("asking Heat for the stack"))? else {
            return Err(StepError::fatal(format!("the stack {stack_id} was not found in Heat")));
        };
        // Heat may still show the end of the update before this one.
        let stale = self.update
            && super::Chosen::of(cx)?.is_some_and(|chosen| chosen.stack_updated_at == stack.updated_time);
        if !stale && self.complete.contains(&stack.stack_status.as_str()) {
            return self.finished(&heat, &view, &handle, &target, &stack.reference()).await.map(Look::Done);
        }
        if !stale && !stack.is_in_progress() {
            return Err(self
                .failed(&heat, &stack.reference(), &nodes, begun, stack.stack_status_reason.as_deref())
                .await);
        }
        let text = progress(wanted, &nodes);
        let news = (cluster.status_reason.as_deref() != Some(text.as_str())).then(|| {
            let patch = ClusterPatch { status_reason: Some(Some(text)), ..Default::default() };
            Change::Cluster(cluster.uuid, Box::new(patch))
        });
        Ok(Look::Pending(pause, news.into_iter().collect()))
    }

    async fn apply(&self, _cx: &StepContext) -> Result<Progress<Change>, StepError> {
        // Looking is all there is to do.
        Ok(Progress::Pending(LOOK))
    }
}
