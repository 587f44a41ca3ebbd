//! [`Machines`] over a Docker Engine on this machine.
//!
//! A node is a container whose pid 1 is the distribution's own systemd and inside which a further engine runs. It is not
//! a *privileged* container: see `capabilities.rs`. Its image is made by `image_build`, or is a published one.
//!
//! Nothing is remembered but labels (`labels.rs`). What a crash leaves behind is found by them and removed by
//! [`Engine::sweep`].

mod address;
mod build;
mod capabilities;
mod error;
mod files;
mod image;
mod labels;
mod network;
mod node;
mod place;
mod program;
mod programs;
mod recipe;
mod spec;
mod sweep;

pub use build::{ImageSettings, Progress};
pub use programs::Programs;

use crate::machines::{Machines, MachinesError, Network, NetworkSpec, Node, NodeImage, NodeSpec};
use async_trait::async_trait;
use bollard::{API_DEFAULT_VERSION, Docker};
use capabilities::Capabilities;
use error::refused;
use place::Place;
use std::{collections::BTreeMap, path::Path};
use uuid::Uuid;

/// The oldest engine whose API has all that is used: namespaces of control groups came with it (Docker 20.10).
const NEEDED: (usize, usize) = (1, 41);
/// Seconds for one call; the slowest are those that make or start a container on a busy machine.
const PATIENCE: u64 = 120;
/// Bytes below which the engine's disk counts as full: a node writes about half of that before it has any load.
const ROOM: u64 = 1 << 30;

/// Which engine, and for whom.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// `DOCKER_HOST`'s value: `unix:///path` or `tcp://host:port` of this machine. None is `/var/run/docker.sock`.
    pub host: Option<String>,
    /// The id of this standalone installation, a label's value: several may share an engine.
    pub installation: String,
}

/// A Docker Engine that answers, and is new enough.
pub struct Engine {
    docker: Docker,
    place: Place,
    installation: String,
    facts: Facts,
    /// What nodes may be given; shrinks when the engine refuses one.
    capabilities: std::sync::Mutex<Capabilities>,
    /// Held while something is looked for and made, so that two calls do not make it twice.
    making: tokio::sync::Mutex<()>,
}

/// What the engine tells about its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Facts {
    /// Processors.
    cpus: u32,
    /// Whether containers' processors can be bounded.
    bounds_cpus: bool,
    /// Whether containers' memory can be bounded.
    bounds_memory: bool,
    /// Whether the kernel's modules are there for nodes to load.
    has_modules: bool,
}

impl Engine {
    /// Looks whether an engine answers that can run nodes. Fails with the remedy when none does, it lets us not in, is
    /// too old or rootless, or its disk is full.
    pub async fn connect(settings: EngineSettings) -> Result<Self, MachinesError> {
        let place = Place::parse(settings.host.as_deref())?;
        place.reach().await?;
        let unusable = |error| refused(format!("asking the Docker Engine at {}", place.url()), error);
        let url = place.url();
        let docker = match &place {
            Place::Unix(_) => Docker::connect_with_unix(&url, PATIENCE, API_DEFAULT_VERSION),
            Place::Tcp(_) => Docker::connect_with_http(&url, PATIENCE, API_DEFAULT_VERSION),
        };
        let docker = docker.map_err(unusable)?.negotiate_version().await.map_err(unusable)?;
        let found = docker.client_version();
        if (found.major_version, found.minor_version) < NEEDED {
            return Err(MachinesError::TooOld {
                place: url,
                found: format!("{}.{}", found.major_version, found.minor_version),
                needed: format!("{}.{} (Docker 20.10)", NEEDED.0, NEEDED.1),
            });
        }
        let info = docker.info().await.map_err(unusable)?;
        if info.security_options.iter().flatten().any(|option| option.contains("name=rootless")) {
            return Err(cannot(
                "using this Docker Engine",
                "it is rootless, and nodes need control groups and mounts that it cannot give. Use the machine's own: \
                 unset DOCKER_HOST",
            ));
        }
        if let Some(root) = &info.docker_root_dir {
            room(
                Path::new(root),
                ROOM,
                "the disk of the Docker Engine",
                "for example with: docker system prune",
            )?;
        }
        let facts = Facts {
            cpus: info.ncpu.and_then(|cpus| u32::try_from(cpus).ok()).unwrap_or(0),
            bounds_cpus: info.cpu_cfs_quota == Some(true) && info.cpu_cfs_period == Some(true),
            bounds_memory: info.memory_limit == Some(true),
            has_modules: Path::new("/lib/modules").is_dir(),
        };
        let status = tokio::fs::read_to_string("/proc/self/status").await.ok();
        Ok(Self {
            docker,
            place,
            installation: settings.installation,
            facts,
            capabilities: std::sync::Mutex::new(capabilities::wanted(status.as_deref())),
            making: tokio::sync::Mutex::new(()),
        })
    }

    /// What a call says; of one that failed since no engine is there any more, that, with the remedy. The client library
    /// has many words for it and none that names a remedy, so the place itself is looked at.
    async fn told<T>(
        &self,
        call: impl Future<Output = Result<T, MachinesError>>,
    ) -> Result<T, MachinesError> {
        match call.await {
            Err(error @ MachinesError::Refused { again: true, .. }) => {
                self.place.reach().await?;
                Err(error)
            }
            said => said,
        }
    }

    /// Where the engine is, as `DOCKER_HOST` has it.
    #[must_use]
    pub fn place(&self) -> String {
        self.place.url()
    }
}

/// Refuses when there is little room where `root` lies. What cannot be looked at (another user's, or not of this
/// machine) is believed to have some: whoever writes there says when it has none.
fn room(root: &Path, needed: u64, what: &str, remedy: &str) -> Result<(), MachinesError> {
    let seen = root.ancestors().find_map(|path| rustix::fs::statvfs(path).ok());
    match seen.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)) {
        Some(free) if free < needed => Err(cannot(
            format!("using {what} at {}", root.display()),
            format!(
                "only {} MiB are free there, and {} are needed: make room, {remedy}",
                free >> 20,
                needed >> 20
            ),
        )),
        _ => Ok(()),
    }
}

/// An error that asking again does not cure.
fn cannot(doing: impl Into<String>, reason: impl Into<String>) -> MachinesError {
    MachinesError::Refused { doing: doing.into(), reason: reason.into(), again: false }
}

#[async_trait]
impl Machines for Engine {
    async fn images(&self) -> Result<Vec<NodeImage>, MachinesError> {
        self.told(self.node_images()).await
    }

    async fn network_ensure(&self, network: &NetworkSpec) -> Result<Network, MachinesError> {
        self.told(self.make_network(network)).await
    }

    async fn network_remove(&self, stack: Uuid) -> Result<(), MachinesError> {
        self.told(self.remove_networks(stack)).await
    }

    async fn networks(&self) -> Result<Vec<Network>, MachinesError> {
        self.told(self.list_networks()).await
    }

    async fn node_ensure(&self, node: &NodeSpec) -> Result<Node, MachinesError> {
        self.told(self.make_node(node)).await
    }

    async fn node_remove(&self, server: Uuid) -> Result<(), MachinesError> {
        self.told(self.remove_node(server)).await
    }

    async fn nodes(&self) -> Result<BTreeMap<Uuid, Node>, MachinesError> {
        self.told(self.list_nodes()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_cannot_be_seen_is_believed() {
        assert!(room(Path::new("/no/such/place/at/all"), 0, "the disk", "").is_ok());
    }

    #[test]
    fn a_disk_without_room_is_named_with_the_remedy() {
        // This file system never has any.
        let error =
            room(Path::new("/proc"), 700 << 20, "the disk", "or give another").unwrap_err().to_string();
        assert_eq!(
            error,
            "using the disk at /proc: only 0 MiB are free there, and 700 are needed: make room, or give another"
        );
    }
}
