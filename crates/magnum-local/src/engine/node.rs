//! Nodes: made, started, looked at, taken away.
//!
//! A node is made in four acts: volumes, container, files, start. A crash between them leaves a container that was never
//! started, and the next call writes its files (again) and starts it. Once it has run, its files are its own.

use super::{
    Engine, cannot, capabilities,
    error::{gone, message, refused, status},
    files,
    labels::{self, ADDRESS, INSTALLATION, NAME, OWNER, SERVER, STACK},
    spec::{self, Site},
};
use crate::machines::{MachinesError, Node, NodeSpec, NodeState};
use bollard::{
    body_full,
    models::{ContainerSummary, ContainerSummaryStateEnum as State},
    query_parameters::{
        CreateContainerOptions, ListContainersOptions, ListVolumesOptions, LogsOptions,
        RemoveContainerOptions, RemoveVolumeOptions, UploadToContainerOptions,
    },
};
use futures_util::TryStreamExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::PoisonError,
    time::Duration,
};
use uuid::Uuid;

/// A node that cannot run ends within a moment of its start.
const MOMENT: Duration = Duration::from_millis(700);
/// Tries, and the time between them, for what the engine is removing already.
const TRIES: usize = 40;
const BETWEEN: Duration = Duration::from_millis(250);

impl Engine {
    /// Containers of a server, or all of this installation's.
    pub(super) async fn found_nodes(
        &self,
        server: Option<Uuid>,
    ) -> Result<Vec<ContainerSummary>, MachinesError> {
        let filters = match server {
            Some(server) => {
                labels::filter([(INSTALLATION, &self.installation), (SERVER, &server.to_string())])
            }
            None => labels::filter([(INSTALLATION, &self.installation)]),
        };
        let options = ListContainersOptions { all: true, filters, ..ListContainersOptions::default() };
        self.docker.list_containers(Some(options)).await.map_err(|error| refused("listing nodes", error))
    }

    pub(super) async fn list_nodes(&self) -> Result<BTreeMap<Uuid, Node>, MachinesError> {
        let found = self.found_nodes(None).await?;
        Ok(found.iter().filter_map(view).map(|node| (node.server, node)).collect())
    }

    pub(super) async fn make_node(&self, spec: &NodeSpec) -> Result<Node, MachinesError> {
        let archive = files::archive(&spec.files)?;
        let doing = || format!("starting the node {}", spec.name);
        let (id, state) = self.container(spec).await?;
        match state {
            State::RUNNING => return self.node_now(spec).await,
            State::PAUSED => {
                self.docker.unpause_container(&id).await.map_err(|error| refused(doing(), error))?;
                return self.node_now(spec).await;
            }
            State::CREATED => {
                let options = UploadToContainerOptions { path: "/".to_owned(), ..Default::default() };
                let sent =
                    self.docker.upload_to_container(&id, Some(options), body_full(archive.into())).await;
                sent.map_err(|error| refused(format!("writing the files of the node {}", spec.name), error))?;
            }
            State::RESTARTING => return Err(self.why(&id, doing()).await),
            _ => {}
        }
        let before = self.restarts(&id, &doing()).await?;
        let started = self.docker.start_container(&id, None).await;
        let failure = match started {
            Ok(()) => {
                tokio::time::sleep(MOMENT).await;
                // Between two of its restarts it runs, too, so these are what tells.
                if self.restarts(&id, &doing()).await? == before {
                    return self.node_now(spec).await;
                }
                self.why(&id, doing()).await
            }
            Err(error) => refused(doing(), error),
        };
        if state == State::CREATED {
            // With another address or other rights it may start; its volumes are empty and may stay.
            self.drop_container(&id, &spec.name).await?;
        }
        Err(failure)
    }

    /// How often the engine started a container anew because it had ended.
    async fn restarts(&self, id: &str, doing: &str) -> Result<i64, MachinesError> {
        let seen = self.docker.inspect_container(id, None).await.map_err(|error| refused(doing, error))?;
        Ok(seen.restart_count.unwrap_or(0))
    }

    async fn node_now(&self, spec: &NodeSpec) -> Result<Node, MachinesError> {
        let found = self.found_nodes(Some(spec.server)).await?;
        found.iter().find_map(view).ok_or_else(|| MachinesError::Refused {
            doing: format!("starting the node {}", spec.name),
            reason: "somebody removed it meanwhile".to_owned(),
            again: true,
        })
    }

    /// The server's container, made when there is none, and what it is doing.
    async fn container(&self, spec: &NodeSpec) -> Result<(String, State), MachinesError> {
        let _turn = self.making.lock().await;
        for found in self.found_nodes(Some(spec.server)).await? {
            let id = found.id.unwrap_or_default();
            match found.state.unwrap_or(State::EMPTY) {
                State::DEAD | State::REMOVING => self.drop_container(&id, &spec.name).await?,
                state => return Ok((id, state)),
            }
        }
        let ground = self.ground(spec.stack).await?;
        let taken = self.taken(spec.stack, &ground.id).await?;
        let address = ground.subnet.choose(spec.server, &taken);
        let address = address.ok_or_else(|| {
            cannot(format!("making the node {}", spec.name), "its network has no address left")
        })?;
        for volume in spec::volumes(spec, &self.installation) {
            let made = self.docker.create_volume(volume).await;
            made.map_err(|error| refused(format!("making the disks of the node {}", spec.name), error))?;
        }
        let [mut name, other_name] = spec::container_names(spec);
        loop {
            let capabilities = self.capabilities.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let site = Site {
                installation: &self.installation,
                network: &ground.id,
                gateway: ground.gateway,
                address,
                capabilities: &capabilities,
                facts: self.facts,
            };
            let options = CreateContainerOptions { name: Some(name.clone()), ..Default::default() };
            let error = match self.docker.create_container(Some(options), spec::container(spec, &site)).await
            {
                Ok(made) => return Ok((made.id, State::CREATED)),
                Err(error) => error,
            };
            // Each way round the loop takes something away, so it ends.
            if let Some(refused) = capabilities::unknown(message(&error), &capabilities) {
                tracing::debug!(capability = %refused, "the engine does not give this capability to nodes");
                self.capabilities.lock().unwrap_or_else(PoisonError::into_inner).remove(refused);
            } else if status(&error) == Some(409) && name != other_name {
                name.clone_from(&other_name);
            } else if status(&error) == Some(404) && message(&error).contains("image") {
                return Err(MachinesError::NoImage(spec.image.clone()));
            } else {
                return Err(refused(format!("making the node {}", spec.name), error));
            }
        }
    }

    /// Addresses of a network that are given to nodes, running or not, or to what others put into it.
    async fn taken(&self, stack: Uuid, network: &str) -> Result<BTreeSet<Ipv4Addr>, MachinesError> {
        let nodes = self.found_nodes(None).await?;
        let nodes = nodes.iter().map(|node| node.labels.as_ref());
        let mut taken: BTreeSet<Ipv4Addr> = nodes
            .filter(|labels| labels::id(*labels, STACK) == Some(stack))
            .filter_map(|labels| labels::text(labels, ADDRESS).parse().ok())
            .collect();
        let seen = self.docker.inspect_network(network, None).await;
        let seen = seen.map_err(|error| refused("looking at the addresses of a network", error))?;
        let others = seen.containers.into_iter().flatten().filter_map(|(_, other)| other.ipv4_address);
        taken.extend(others.filter_map(|address| address.split('/').next()?.parse::<Ipv4Addr>().ok()));
        Ok(taken)
    }

    /// Why a node does not run: its own last words.
    async fn why(&self, id: &str, doing: String) -> MachinesError {
        let options = LogsOptions { stdout: true, stderr: true, tail: "5".to_owned(), ..Default::default() };
        let words = self.docker.logs(id, Some(options)).try_fold(String::new(), |mut all, line| async move {
            all.push_str(&line.to_string());
            Ok(all)
        });
        let words = words.await.unwrap_or_else(|error| format!("(its words cannot be read: {error})"));
        let words: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        MachinesError::Refused {
            doing,
            reason: format!("it ends as soon as it has started: {}", words.join("; ")),
            again: true,
        }
    }

    pub(super) async fn remove_node(&self, server: Uuid) -> Result<(), MachinesError> {
        for node in self.found_nodes(Some(server)).await? {
            let name = labels::text(node.labels.as_ref(), NAME);
            self.drop_container(node.id.as_deref().unwrap_or_default(), &name).await?;
        }
        let server = server.to_string();
        for volume in self.found_volumes(Some(&server)).await? {
            self.drop_volume(&volume.name).await?;
        }
        Ok(())
    }

    pub(super) async fn found_volumes(
        &self,
        server: Option<&str>,
    ) -> Result<Vec<bollard::models::Volume>, MachinesError> {
        let filters = match server {
            Some(server) => labels::filter([(INSTALLATION, &self.installation), (SERVER, server)]),
            None => labels::filter([(INSTALLATION, &self.installation)]),
        };
        let found = self.docker.list_volumes(Some(ListVolumesOptions { filters })).await;
        Ok(found.map_err(|error| refused("listing the disks of nodes", error))?.volumes.unwrap_or_default())
    }

    /// Removed means gone: the engine may be removing it already for somebody else.
    pub(super) async fn drop_container(&self, id: &str, name: &str) -> Result<(), MachinesError> {
        let mut tries = 0;
        loop {
            let options = RemoveContainerOptions { force: true, v: true, ..Default::default() };
            let result = self.docker.remove_container(id, Some(options)).await;
            tries += 1;
            match result {
                Err(error) if status(&error) == Some(409) && tries < TRIES => {
                    tokio::time::sleep(BETWEEN).await;
                }
                result => return gone(result, format!("removing the node {name}")),
            }
        }
    }

    pub(super) async fn drop_volume(&self, name: &str) -> Result<(), MachinesError> {
        let mut tries = 0;
        loop {
            let result = self.docker.remove_volume(name, None::<RemoveVolumeOptions>).await;
            tries += 1;
            match result {
                Err(error) if status(&error) == Some(409) && tries < TRIES => {
                    tokio::time::sleep(BETWEEN).await;
                }
                result => return gone(result, format!("removing the disk {name}")),
            }
        }
    }
}

fn view(container: &ContainerSummary) -> Option<Node> {
    let labels = container.labels.as_ref();
    let runs = container.state == Some(State::RUNNING);
    let networks = container.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let addresses = networks.into_iter().flatten().filter_map(|(_, endpoint)| endpoint.ip_address.as_deref());
    let own = labels::text(labels, ADDRESS);
    Some(Node {
        server: labels::id(labels, SERVER)?,
        owner: labels::id(labels, OWNER)?,
        name: labels::text(labels, NAME),
        address: addresses.filter(|address| runs && *address == own).find_map(|address| address.parse().ok()),
        state: if runs { NodeState::Running } else { NodeState::Stopped },
    })
}
