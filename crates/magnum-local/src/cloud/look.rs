//! What the machine has, beside what the stacks say: nodes that stopped or are gone, and what belongs to no stack.

use super::{
    converge::Convergence,
    stack::{Action, Member, NetworkPhase, Phase, Stack},
};
use crate::machines::{MachinesError, Node, NodeState};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
};
use tracing::{info, warn};
use uuid::Uuid;

/// The longest pause between two starts of a node that does not stay up, seconds.
const MAX_RESTART_PAUSE: i64 = 300;

/// Whether the stack of this id has a network of its own.
fn holds(stacks: &[Arc<Stack>], id: Uuid) -> bool {
    stacks.iter().any(|stack| stack.id == id && stack.holds_network())
}

impl Convergence {
    /// Looks at the whole machine: starts nodes that stopped, tells of those that are gone, and takes away what belongs to no
    /// stack.
    pub(super) async fn look(&self) {
        // One thing that the machine refuses keeps it from nothing else.
        match self.in_time(self.look_at_machine()).await {
            Ok(()) => self.say(String::new()),
            Err((reason, _)) => self.say(reason),
        }
    }

    fn say(&self, words: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != words {
            if !words.is_empty() {
                warn!("the machine does not do what is asked: {words}");
            }
            *said = words;
        }
    }

    async fn look_at_machine(&self) -> Result<(), MachinesError> {
        // What a stack was before the machine is asked can be missed in its answer; what it is afterwards explains
        // whatever the answer has.
        let before = self.stacks.all().await;
        let nodes = self.machines.nodes().await?;
        let networks = self.machines.networks().await?;
        let after = self.stacks.all().await;

        let listed: BTreeSet<Uuid> = networks.iter().map(|network| network.stack).collect();
        for network in networks.iter().filter(|network| holds(&after, network.stack)) {
            self.gateways.learn(network.stack, network.gateway);
        }
        self.gateways.retain(|stack| holds(&after, *stack));
        let mut first = Ok(());
        for stack in before.iter().filter(|stack| stack.is_live() && stack.action != Action::Delete) {
            let lost = stack.network.phase == NetworkPhase::Made && !listed.contains(&stack.id);
            if lost && holds(&after, stack.id) {
                warn!(stack = stack.name, "the network of a stack is gone and is made anew");
                first = first.and(self.network_known(stack).await);
            }
            for member in stack.staying() {
                first = first.and(self.keep_up(stack, member, nodes.get(&member.server)).await);
            }
        }
        let ours: BTreeSet<Uuid> =
            after.iter().flat_map(|s| &s.members).map(|member| member.server).collect();
        for node in nodes.values().filter(|node| !ours.contains(&node.server)) {
            warn!(node = node.name, "a node that belongs to no stack is taken away");
            first = first.and(self.machines.node_remove(node.server).await);
        }
        let used = |network: Uuid| after.iter().any(|stack| stack.is_live() && stack.network.of == network);
        for network in networks.iter().filter(|network| !holds(&after, network.stack) && !used(network.stack))
        {
            warn!(network = network.name, "a network that belongs to no stack is taken away");
            first = first.and(self.machines.network_remove(network.stack).await);
        }
        first
    }

    async fn keep_up(
        &self,
        stack: &Stack,
        member: &Member,
        node: Option<&Node>,
    ) -> Result<(), MachinesError> {
        match (&member.phase, node) {
            // A ready one that is gone shows as such; Heat does not make it anew by itself either.
            (Phase::Made, None) => {
                let told = self.stacks.change(stack.id, |stack, cx| {
                    let is_still = stack.members.iter().any(|m| m.id == member.id && m.phase == Phase::Made);
                    if is_still {
                        stack.member_failed(member.id, "its server is gone: somebody took it away", cx);
                    }
                    Ok(())
                });
                if let Err(error) = told.await {
                    warn!(node = member.name, error = error.text, "a node is gone, which cannot be noted");
                }
            }
            (Phase::Made | Phase::Ready, Some(node)) if node.state == NodeState::Stopped => {
                if !self.may_restart(member.server) {
                    return Ok(());
                }
                let images = self.machines.images().await?;
                let image = member.image_id.and_then(|id| images.into_iter().find(|image| image.id == id));
                let digest = image.map(|image| image.digest).unwrap_or_default();
                match self.spec(stack, member, &digest) {
                    Ok(spec) => {
                        info!(node = member.name, "a node that stopped is started again");
                        self.machines.node_ensure(&spec).await?;
                    }
                    Err(reason) => warn!(node = member.name, reason, "a node cannot be started again"),
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A node that does not stay up is started less and less often.
    fn may_restart(&self, server: Uuid) -> bool {
        let now = self.stacks.clock.now();
        let mut restarts = self.restarts.lock().unwrap_or_else(PoisonError::into_inner);
        let (times, last) = restarts.get(&server).copied().unwrap_or((0, Timestamp::MIN));
        let rested = now.duration_since(last);
        let pause = 5_i64.saturating_mul(1 << times.min(10)).min(MAX_RESTART_PAUSE);
        if times > 0 && rested < SignedDuration::from_secs(pause) {
            return false;
        }
        // One that stayed up for long begins anew.
        let times = if rested > SignedDuration::from_secs(2 * MAX_RESTART_PAUSE) { 1 } else { times + 1 };
        restarts.insert(server, (times, now));
        true
    }
}
