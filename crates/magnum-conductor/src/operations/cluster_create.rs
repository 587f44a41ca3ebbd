//! `cluster_create`: from an accepted row to a living cluster.

use super::{cluster_reason, cluster_status, event, group_status, with_left};
use crate::{steps, world::World};
use async_trait::async_trait;
use magnum_operations::{OperationKind, Step, StepContext, StepError};
use magnum_types::{
    CLUSTER_CREATE, Change, ClusterId, Status,
    change::{EventAction, EventOutcome},
};
use std::sync::Arc;

/// The operation.
pub struct ClusterCreate {
    world: Arc<World>,
    steps: Vec<Box<dyn Step<Change>>>,
}

impl ClusterCreate {
    /// The operation over `world`.
    pub fn new(world: &Arc<World>) -> Self {
        let steps: Vec<Box<dyn Step<Change>>> = vec![
            // A user of the cluster's own, without roles, and the creator's trust in it.
            Box::new(steps::TrusteeUser(world.clone())),
            Box::new(steps::Trust(world.clone())),
            // What a member of the stack proves itself with when it registers.
            Box::new(steps::JoinSecret(world.clone())),
            // What all masters must have the same of; before any node can report facts of its own.
            Box::new(steps::SharedSecrets(world.clone())),
            Box::new(steps::StackCreate(world.clone())),
            // While Heat builds: the authorities that sign for users and nodes, and Magnum's own key to the cluster. A
            // node that is sooner there is told to ask again.
            Box::new(steps::Authorities(world.clone())),
            Box::new(steps::MagnumClient(world.clone())),
            Box::new(steps::StackWait::create(world.clone())),
        ];
        Self { world: world.clone(), steps }
    }
}

#[async_trait]
impl OperationKind<Change> for ClusterCreate {
    fn name(&self) -> &'static str {
        CLUSTER_CREATE
    }

    fn steps(&self) -> &[Box<dyn Step<Change>>] {
        &self.steps
    }

    async fn succeeded(&self, cx: &StepContext) -> Result<Vec<Change>, StepError> {
        let view = self.world.cluster(cx).await?;
        let mut changes = vec![cluster_status(cx, Status::CreateComplete, None)];
        changes.extend(view.nodegroups.iter().map(|g| group_status(g.uuid, Status::CreateComplete, None)));
        changes.push(event(cx, EventAction::Create, EventOutcome::Success));
        Ok(changes)
    }

    fn failing(&self, cx: &StepContext, cause: &str) -> Vec<Change> {
        vec![cluster_reason(cx, cause)]
    }

    fn failed(&self, cx: &StepContext, cause: &str, left: Option<&str>) -> Vec<Change> {
        let reason = with_left(cause, left);
        vec![
            cluster_status(cx, Status::CreateFailed, Some(&reason)),
            Change::NodeGroups(ClusterId(cx.operation.subject), Status::CreateFailed, Some(reason)),
            event(cx, EventAction::Create, EventOutcome::Failure),
        ]
    }
}
