//! `stack_scale`: sends Heat the wanted number of workers and the members to remove, everything else as it is.

use super::Chosen;
use crate::{failure, world::World};
use async_trait::async_trait;
use magnum_db::ClusterView;
use magnum_drivers::ScaleInputs;
use magnum_openstack::{CloudErrorKind, heat::StackUpdate};
use magnum_operations::{Effect, Look, Progress, Step, StepContext, StepError, Undo};
use magnum_types::{Change, Role, accept::ClusterResizeParams};
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
        self.send(cx, params.node_count, &chosen.indexes, params.rollback).await?;
        Ok(Progress::Done(Effect::nothing()))
    }

    /// Asks Heat for the number of nodes that there was, so that half-made ones go.
    async fn undo(&self, cx: &StepContext) -> Result<Undo, StepError> {
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
            return Ok(Undo::Pending(Duration::from_secs(1)));
        }
        let inputs =
            ScaleInputs { role: role(&self.0, cx, &view)?, node_count: params.previous_count, remove: &[] };
        let previous = self.0.driver(&view)?.scale(&inputs);
        let Some(now) = heat.stack_get(&stack.reference(), false).await.map_err(&doing)? else {
            return Ok(Undo::Done);
        };
        let restored = previous.parameters.iter().all(|(name, wanted)| {
            // Heat gives numbers back as text; a list to remove is not state.
            !wanted.is_number() || now.parameters.get(name).is_some_and(|held| text(held) == text(wanted))
        });
        if restored {
            return Ok(Undo::Done);
        }
        self.send(cx, params.previous_count, &[], false).await?;
        Ok(Undo::Pending(Duration::from_secs(1)))
    }
}

/// Whether masters or workers are scaled.
fn role(world: &World, cx: &StepContext, view: &ClusterView) -> Result<Role, StepError> {
    world.group(cx, view).map(|group| group.kind())
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
