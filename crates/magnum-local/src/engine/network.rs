//! A stack's network: a bridge of its own.
//!
//! Nodes keep fixed addresses, and an engine allows these only in a network whose range was asked for by name. But which
//! ranges are free only the engine knows: it looks at the machine's routes. So a *draft* is made without a range, its
//! range is read, and the network is made with it in the draft's place.

use super::{
    Engine,
    address::Subnet,
    cannot,
    error::{gone, message, refused},
    labels::{self, DRAFT, INSTALLATION, STACK},
};
use crate::machines::{MachinesError, Network, NetworkSpec};
use bollard::{
    models::{Ipam, IpamConfig, Network as Found, NetworkCreateRequest},
    query_parameters::ListNetworksOptions,
};
use std::net::IpAddr;
use uuid::Uuid;

/// Another of the engine's users may take a range between a draft and its network, but hardly so often.
const DRAFTS: usize = 5;

/// A stack's network as nodes need it.
pub(super) struct Ground {
    pub(super) id: String,
    pub(super) subnet: Subnet,
    pub(super) gateway: IpAddr,
}

impl Engine {
    /// The networks of a stack, or all of this installation's, drafts too.
    pub(super) async fn found_networks(&self, stack: Option<Uuid>) -> Result<Vec<Found>, MachinesError> {
        let filters = match stack {
            Some(stack) => labels::filter([(INSTALLATION, &self.installation), (STACK, &stack.to_string())]),
            None => labels::filter([(INSTALLATION, &self.installation)]),
        };
        let found = self.docker.list_networks(Some(ListNetworksOptions { filters })).await;
        found.map_err(|error| refused("listing networks", error))
    }

    pub(super) async fn list_networks(&self) -> Result<Vec<Network>, MachinesError> {
        let found = self.found_networks(None).await?;
        Ok(found.iter().filter(|network| !labels::is_draft(network)).filter_map(view).collect())
    }

    pub(super) async fn make_network(&self, spec: &NetworkSpec) -> Result<Network, MachinesError> {
        let _turn = self.making.lock().await;
        for network in self.found_networks(Some(spec.stack)).await? {
            if labels::is_draft(&network) {
                self.drop_network(&network).await?;
            } else if let Some(network) = view(&network) {
                return Ok(network);
            }
        }
        let doing = format!("making the network {}", spec.name);
        for _ in 0..DRAFTS {
            let config = self.free_range(spec).await?;
            let request = self.request(spec, spec.name.clone(), Some(config));
            match self.docker.create_network(request).await {
                Ok(_) => break,
                Err(error) if message(&error).contains("overlaps") => {}
                Err(error) => return Err(refused(doing, error)),
            }
        }
        let made = self.found_networks(Some(spec.stack)).await?;
        made.iter().filter(|network| !labels::is_draft(network)).find_map(view).ok_or_else(|| {
            MachinesError::Refused {
                doing,
                reason: "every free range of addresses was taken by others meanwhile".to_owned(),
                again: true,
            }
        })
    }

    /// A range that the engine finds free.
    async fn free_range(&self, spec: &NetworkSpec) -> Result<IpamConfig, MachinesError> {
        let doing = format!("finding addresses for the network {}", spec.name);
        let request = self.request(spec, format!("{}-draft", spec.name), None);
        let draft = self.docker.create_network(request).await.map_err(|error| refused(&doing, error))?;
        let seen = self.docker.inspect_network(&draft.id, None).await;
        gone(self.docker.remove_network(&draft.id).await, &doing)?;
        let seen = seen.map_err(|error| refused(&doing, error))?;
        let config = seen.ipam.and_then(|ipam| range(&ipam).cloned());
        config.ok_or_else(|| cannot(doing, "the engine gave it no IPv4 addresses"))
    }

    fn request(&self, spec: &NetworkSpec, name: String, range: Option<IpamConfig>) -> NetworkCreateRequest {
        let mut labels =
            labels::labels([(INSTALLATION, self.installation.clone()), (STACK, spec.stack.to_string())]);
        if range.is_none() {
            labels.insert(DRAFT.to_owned(), "true".to_owned());
        }
        NetworkCreateRequest {
            name,
            driver: Some("bridge".to_owned()),
            ipam: range.map(|range| Ipam { config: Some(vec![range]), ..Ipam::default() }),
            labels: Some(labels),
            ..NetworkCreateRequest::default()
        }
    }

    pub(super) async fn remove_networks(&self, stack: Uuid) -> Result<(), MachinesError> {
        for network in self.found_networks(Some(stack)).await? {
            self.drop_network(&network).await?;
        }
        Ok(())
    }

    pub(super) async fn drop_network(&self, network: &Found) -> Result<(), MachinesError> {
        let name = network.name.as_deref().unwrap_or_default();
        let id = network.id.as_deref().unwrap_or(name);
        gone(self.docker.remove_network(id).await, format!("removing the network {name}"))
    }

    /// The network in which a stack's nodes stand.
    pub(super) async fn ground(&self, stack: Uuid) -> Result<Ground, MachinesError> {
        let found = self.found_networks(Some(stack)).await?;
        let ground = found.into_iter().filter(|network| !labels::is_draft(network)).find_map(|network| {
            let config = range(network.ipam.as_ref()?)?;
            let subnet = Subnet::parse(config.subnet.as_deref()?)?;
            let gateway = config.gateway.as_deref()?.parse().ok()?;
            Some(Ground { id: network.id?, subnet, gateway })
        });
        ground.ok_or_else(|| MachinesError::Refused {
            doing: "making a node".to_owned(),
            reason: format!("the network of its stack {stack} is not there"),
            again: true,
        })
    }
}

/// The IPv4 range of a network.
fn range(ipam: &Ipam) -> Option<&IpamConfig> {
    let is_ipv4 = |config: &&IpamConfig| {
        config.gateway.is_some()
            && config.subnet.as_deref().is_some_and(|subnet| Subnet::parse(subnet).is_some())
    };
    ipam.config.as_ref()?.iter().find(is_ipv4)
}

fn view(network: &Found) -> Option<Network> {
    let range = range(network.ipam.as_ref()?)?;
    let gateway = range.gateway.as_deref()?;
    Some(Network {
        stack: labels::id(network.labels.as_ref(), STACK)?,
        name: network.name.clone()?,
        subnet: range.subnet.clone()?,
        // Engines write `172.18.0.1`, old ones `172.18.0.1/16`.
        gateway: gateway.split('/').next()?.parse().ok()?,
    })
}
