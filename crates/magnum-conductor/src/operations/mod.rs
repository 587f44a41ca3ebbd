//! The operations, one file each. A file is the list of its steps and what its end means.

mod ca_rotate;
mod cluster_create;
mod cluster_delete;
mod cluster_resize;
mod cluster_upgrade;
mod credential_rotate;
mod nodegroup_create;
mod nodegroup_delete;
mod upgrade_stop;

use crate::world::World;
use magnum_operations::{OperationKind, StepContext};
use magnum_types::{
    Change, ClusterId, ClusterPatch, NodeGroupId, NodeGroupPatch, Status,
    change::{ClusterEvent, EventAction, EventInitiator, EventOutcome},
};
use std::sync::Arc;

pub use ca_rotate::CaRotate;
pub use cluster_create::ClusterCreate;
pub use cluster_delete::ClusterDelete;
pub use cluster_resize::ClusterResize;
pub use cluster_upgrade::ClusterUpgrade;
pub use credential_rotate::CredentialRotate;
pub use nodegroup_create::NodeGroupCreate;
pub use nodegroup_delete::NodeGroupDelete;
pub use upgrade_stop::UpgradeStop;

/// Every kind of operation that this conductor can do.
pub fn all(world: &Arc<World>) -> Vec<Arc<dyn OperationKind<Change>>> {
    vec![
        Arc::new(ClusterCreate::new(world)),
        Arc::new(ClusterResize::for_update(world)),
        Arc::new(ClusterResize::for_resize(world)),
        Arc::new(ClusterUpgrade::new(world)),
        Arc::new(UpgradeStop::new(world)),
        Arc::new(CaRotate::new(world)),
        Arc::new(CredentialRotate::new(world)),
        Arc::new(ClusterDelete::new(world)),
        Arc::new(NodeGroupCreate::new(world)),
        Arc::new(NodeGroupDelete::new(world)),
    ]
}

/// The notification of an operation's end.
fn event(cx: &StepContext, action: EventAction, outcome: EventOutcome) -> Change {
    Change::Notify(ClusterEvent {
        cluster: ClusterId(cx.operation.subject),
        operation: cx.operation.id,
        action,
        outcome,
        initiator: EventInitiator {
            user_id: cx.operation.user_id.clone(),
            project_id: cx.operation.project_id.clone(),
            domain_id: None,
            request_id: cx.operation.request_id.clone(),
        },
    })
}

fn cluster_status(cx: &StepContext, status: Status, reason: Option<&str>) -> Change {
    Change::Cluster(
        ClusterId(cx.operation.subject),
        Box::new(ClusterPatch {
            status: Some(status),
            status_reason: Some(reason.map(str::to_owned)),
            ..Default::default()
        }),
    )
}

/// The reason alone: the status still says that work is going on.
fn cluster_reason(cx: &StepContext, reason: &str) -> Change {
    Change::Cluster(
        ClusterId(cx.operation.subject),
        Box::new(ClusterPatch { status_reason: Some(Some(reason.to_owned())), ..Default::default() }),
    )
}

fn group_status(group: NodeGroupId, status: Status, reason: Option<&str>) -> Change {
    Change::NodeGroup(
        group,
        Box::new(NodeGroupPatch {
            status: Some(status),
            status_reason: Some(reason.map(str::to_owned)),
            ..Default::default()
        }),
    )
}

/// The cause, and what could not be undone.
fn with_left(cause: &str, left: Option<&str>) -> String {
    match left {
        None => cause.to_owned(),
        Some(left) => format!("{cause}; could not be undone: {left}"),
    }
}
