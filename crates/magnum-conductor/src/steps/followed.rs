//! Until every node has applied the newest plan: how rotations go on from one phase to the next.

use super::{nodes::LOOK, upgrade::news};
use crate::{failure, world::World};
use jiff::SignedDuration;
use magnum_operations::{Effect, Look, StepContext, StepError};
use magnum_types::{Change, NodeRegistration, NodeState};

/// A node that goes away need not follow.
fn stays(node: &&NodeRegistration) -> bool {
    !matches!(node.state, NodeState::Leaving | NodeState::Gone)
}

/// Whether all nodes that stay have followed while this is `rotating`, so that what is `doing` holds; a failure when one
/// of them has failed, or is silent until the time is over.
pub(super) async fn followed(
    world: &World,
    cx: &StepContext,
    rotating: &str,
    doing: &str,
) -> Result<Look<Change>, StepError> {
    let cluster = world.cluster(cx).await?.cluster;
    let generation = world.handle(cx).await?.plan_generation;
    let nodes = world.store.nodes_of(cluster.uuid).await.map_err(failure::database)?;
    let staying: Vec<&NodeRegistration> = nodes.iter().filter(stays).collect();
    let tried = |node: &&&NodeRegistration| node.generation >= generation;
    if let Some(node) = staying.iter().filter(tried).find(|node| node.state == NodeState::Failed) {
        let cause = node.failure();
        return Err(StepError::fatal(format!("until {doing}: {cause}")));
    }
    let follows = |node: &&&NodeRegistration| node.generation >= generation && node.state == NodeState::Ready;
    let behind: Vec<&str> =
        staying.iter().filter(|node| !follows(node)).map(|node| node.name.as_str()).collect();
    let Some(first) = behind.first() else { return Ok(Look::Done(Effect::nothing())) };
    let next = SignedDuration::try_from(LOOK).ok().and_then(|look| cx.now.checked_add(look).ok());
    if next.is_none_or(|next| next > cx.operation.deadline) {
        let words = format!("until {doing}: node {first} did not follow in time");
        return Err(StepError::fatal(words));
    }
    let (done, total) = (staying.len() - behind.len(), staying.len());
    let shown = behind.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    let text = format!("rotating {rotating} until {doing}: {done} of {total} nodes; waiting for {shown}");
    Ok(Look::Pending(LOOK, news(&cluster, text).into_iter().collect()))
}
