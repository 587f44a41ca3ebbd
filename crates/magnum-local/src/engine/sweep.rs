//! What nobody knows any more is found by its labels, and taken away.

use super::{
    Engine,
    labels::{self, NAME, OWNER, STACK},
};
use crate::machines::MachinesError;
use std::collections::BTreeSet;
use uuid::Uuid;

impl Engine {
    /// All stacks of which anything is on the machine: a node, a disk or a network.
    pub async fn stacks(&self) -> Result<BTreeSet<Uuid>, MachinesError> {
        let mut stacks: BTreeSet<Uuid> =
            self.found_nodes(None).await?.iter().flat_map(labels::stacks).collect();
        for volume in self.found_volumes(None).await? {
            stacks.extend([OWNER, STACK].iter().filter_map(|name| labels::id(Some(&volume.labels), name)));
        }
        let networks = self.found_networks(None).await?;
        stacks.extend(networks.iter().filter_map(|network| labels::id(network.labels.as_ref(), STACK)));
        Ok(stacks)
    }

    /// What is on the machine of stacks that are not among the known ones. Nothing is changed.
    ///
    /// Stacks that are made while this runs may be missing from a list that was read before: ask when nothing else is
    /// at work, as at the start, or read the list of known ones after [`Engine::stacks`].
    pub async fn leftovers(&self, known: &[Uuid]) -> Result<Vec<Uuid>, MachinesError> {
        Ok(self.stacks().await?.into_iter().filter(|stack| !known.contains(stack)).collect())
    }

    /// Takes away all that [`Engine::leftovers`] finds, and returns it. Of a stack that is known nothing is taken but
    /// the nodes that another stack, an unknown one, has in its network.
    pub async fn sweep(&self, keep: &[Uuid]) -> Result<Vec<Uuid>, MachinesError> {
        let leftovers = self.leftovers(keep).await?;
        for stack in &leftovers {
            self.remove_stack(*stack).await?;
        }
        Ok(leftovers)
    }

    /// Takes away all that belongs to a stack: its nodes, those of others in its network, their disks, its network.
    async fn remove_stack(&self, stack: Uuid) -> Result<(), MachinesError> {
        for node in self.found_nodes(None).await? {
            if labels::stacks(&node).any(|its| its == stack) {
                let name = labels::text(node.labels.as_ref(), NAME);
                self.drop_container(node.id.as_deref().unwrap_or_default(), &name).await?;
            }
        }
        for volume in self.found_volumes(None).await? {
            let of_stack = |name: &&str| labels::id(Some(&volume.labels), name) == Some(stack);
            if [OWNER, STACK].iter().any(of_stack) {
                self.drop_volume(&volume.name).await?;
            }
        }
        self.remove_networks(stack).await
    }

    /// Takes away every node, disk and network of this installation. Images stay: see [`Engine::image_remove`].
    pub async fn remove_all(&self) -> Result<(), MachinesError> {
        for node in self.found_nodes(None).await? {
            let name = labels::text(node.labels.as_ref(), NAME);
            self.drop_container(node.id.as_deref().unwrap_or_default(), &name).await?;
        }
        for volume in self.found_volumes(None).await? {
            self.drop_volume(&volume.name).await?;
        }
        for network in self.found_networks(None).await? {
            self.drop_network(&network).await?;
        }
        Ok(())
    }
}
