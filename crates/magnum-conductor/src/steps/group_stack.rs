//! The steps of `nodegroup_create`: a join secret of the group's own, and the group's stack, built on what the
//! cluster's stack offers. The stack's name was drawn when the request was accepted, so a repetition finds what an
//! earlier try made.

use super::{stack::StackSent, target::Target};
use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_drivers::GroupStackInputs;
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError, Undo};
use magnum_types::{Change, NodeGroupId, NodeGroupPatch, places};
use magnum_x509::token;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `group_join_secret`
pub struct GroupJoinSecret(pub Arc<World>);
/// `group_stack_create`
pub struct GroupStackCreate(pub Arc<World>);

#[derive(Serialize, Deserialize)]
struct Drawn {
    sealed: String,
}

#[async_trait]
impl Step<Change> for GroupJoinSecret {
    fn name(&self) -> &'static str {
        "group_join_secret"
    }

    async fn look(&self, _cx: &StepContext) -> Result<Look<Change>, StepError> {
        Ok(Look::Absent)
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let group = self.0.group(cx, &view)?.uuid;
        let secret =
            token::random_token().map_err(|error| StepError::fatal("no randomness").caused_by(error))?;
        let sealed = self.0.seal(&places::group_join_secret(group), secret.expose_secret())?;
        let hash = token::sha256_hex(secret.expose_secret().as_bytes());
        Ok(Progress::Done(Effect::of(Drawn { sealed })?.with([Change::NodeGroupSecret(group, hash)])))
    }
}

fn recorded(group: NodeGroupId, stack_id: &str) -> Effect<Change> {
    let patch = NodeGroupPatch { stack_id: Some(Some(stack_id.to_owned())), ..Default::default() };
    Effect::nothing().with([Change::NodeGroup(group, Box::new(patch))])
}

#[async_trait]
impl Step<Change> for GroupStackCreate {
    fn name(&self) -> &'static str {
        "group_stack_create"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        if !cx.has_begun(self.name()) {
            return Ok(Look::Absent);
        }
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let group = self.0.group(cx, &view)?.uuid;
        let target = self.0.target(cx, &view, &handle).await?;
        let heat = self.0.cluster_heat(&view.cluster, &handle)?;
        let found = target.find(&heat).await.map_err(failure::cloud("looking for the node group's stack"))?;
        Ok(found.map_or(Look::Absent, |stack| Look::Done(recorded(group, &stack.id))))
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let group = self.0.group(cx, &view)?;
        let target = self.0.target(cx, &view, &handle).await?;
        let heat = self.0.cluster_heat(&view.cluster, &handle)?;
        let doing = failure::cloud("reading the outputs of the cluster's stack");
        let cluster_target = Target::cluster(&view.cluster, &handle);
        let lost = || StepError::fatal("the cluster's stack was not found in Heat");
        let found = cluster_target.find(&heat).await.map_err(&doing)?.ok_or_else(lost)?;
        let cluster_stack =
            heat.stack_get(&found.reference(), true).await.map_err(&doing)?.ok_or_else(lost)?;
        let cluster_outputs = cluster_stack
            .outputs
            .into_iter()
            .map(|output| (output.output_key, output.output_value))
            .collect();

        let drawn: Drawn = cx
            .output("group_join_secret")?
            .ok_or_else(|| StepError::fatal("the node group has no join secret"))?;
        let join_secret = self.0.open(&places::group_join_secret(group.uuid), &drawn.sealed)?;
        let template =
            view.template.as_ref().ok_or_else(|| StepError::fatal("the cluster's template is gone"))?;
        let settings = self.0.driver_settings(&view.cluster, &handle).await?;
        let stack = self
            .0
            .driver(&view)?
            .nodegroup_stack(&GroupStackInputs {
                cluster: &view.cluster,
                template,
                group,
                join_secret: &join_secret,
                settings: &settings,
                cluster_outputs: &cluster_outputs,
            })
            .map_err(|error| StepError::fatal(error.to_string()).caused_by(error))?;
        let sent =
            StackSent { name: &target.stack_name, cluster: view.cluster.uuid, credential: handle.credential };
        let made = sent.to(&heat, stack).await?;
        Ok(Progress::Done(recorded(group.uuid, &made.id)))
    }

    async fn undo(&self, cx: &StepContext) -> Result<Undo<Change>, StepError> {
        let view = self.0.cluster(cx).await?;
        let handle = self.0.handle(cx).await?;
        let target = self.0.target(cx, &view, &handle).await?;
        if let Some(after) = self.0.stack_taken_away(&view.cluster, &handle, &target).await? {
            return Ok(Undo::pending(after));
        }
        // Those of its nodes that were there already must not be waited for by other changes of the cluster.
        let nodes = self.0.store.nodes_of(view.cluster.uuid).await.map_err(failure::database)?;
        let group = self.0.group(cx, &view)?.uuid;
        let lost: Vec<_> = nodes.iter().filter(|node| node.nodegroup == group).collect();
        Ok(self.0.forget_lost(cx, &view, &nodes, &lost).await?.unwrap_or(Undo::Done))
    }
}
