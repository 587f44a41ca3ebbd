//! `upgrade_stop`: the upgrade that it supersedes ends where it stands. Nodes that were emptied get work again, those that
//! were begun with come up by themselves, be it with a server that is made anew, the others stay as they are; another
//! upgrade goes on from there.

use super::{cluster_reason, cluster_status, event, group_status};
use crate::{steps, world::World};
use async_trait::async_trait;
use magnum_operations::{OperationKind, Step, StepContext, StepError};
use magnum_types::{
    Change, ClusterId, Status, UPGRADE_STOP,
    accept::UpgradeStopParams,
    change::{EventAction, EventOutcome},
};
use std::sync::Arc;

/// The operation.
pub struct UpgradeStop {
    steps: Vec<Box<dyn Step<Change>>>,
}

impl UpgradeStop {
    /// The operation over `world`.
    pub fn new(world: &Arc<World>) -> Self {
        let steps: Vec<Box<dyn Step<Change>>> = vec![
            // Who was emptied gets work again, and how far it came is written down.
            Box::new(steps::UpgradeStopped(world.clone())),
            // Whose server is about to be made anew is waited for: it has no other way back to work.
            Box::new(steps::RebuildsSettled(world.clone())),
        ];
        Self { steps }
    }
}

#[async_trait]
impl OperationKind<Change> for UpgradeStop {
    fn name(&self) -> &'static str {
        UPGRADE_STOP
    }

    fn steps(&self) -> &[Box<dyn Step<Change>>] {
        &self.steps
    }

    async fn succeeded(&self, cx: &StepContext) -> Result<Vec<Change>, StepError> {
        let stood: String = cx.output("upgrade_stopped")?.unwrap_or_default();
        Ok(ended(cx, &stood))
    }

    fn failing(&self, cx: &StepContext, cause: &str) -> Vec<Change> {
        vec![cluster_reason(cx, cause)]
    }

    fn failed(&self, cx: &StepContext, cause: &str, _left: Option<&str>) -> Vec<Change> {
        ended(cx, cause)
    }
}

/// An upgrade that was stopped has not come to its end: the cluster says so, and why.
fn ended(cx: &StepContext, why: &str) -> Vec<Change> {
    let group = cx.params::<UpgradeStopParams>().ok().and_then(|params| params.nodegroup);
    let groups = match group {
        Some(group) => group_status(group, Status::UpdateFailed, Some(why)),
        None => {
            Change::NodeGroups(ClusterId(cx.operation.subject), Status::UpdateFailed, Some(why.to_owned()))
        }
    };
    vec![
        cluster_status(cx, Status::UpdateFailed, Some(why)),
        groups,
        event(cx, EventAction::Update, EventOutcome::Failure),
    ]
}
