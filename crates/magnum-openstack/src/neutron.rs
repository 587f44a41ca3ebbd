//! Neutron: networks that clusters are put on, and what a node's ports look like.

use crate::{
    client::{Query, ServiceClient},
    error::{CloudError, gone_is_done},
    resolve::resolve,
};
use serde::Deserialize;

/// The Networking API for one session.
#[derive(Clone)]
pub struct Neutron(pub(crate) ServiceClient);

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Network {
    /// Its id.
    pub id: String,
    /// Its name, which several may share.
    pub name: String,
    /// True for networks that floating IPs come from.
    #[serde(rename = "router:external", default)]
    pub external: bool,
    /// Its subnets' ids.
    #[serde(default)]
    pub subnets: Vec<String>,
    /// The owner's project.
    pub project_id: Option<String>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its network's id.
    pub network_id: String,
    /// Its range.
    pub cidr: String,
    /// 4 or 6.
    pub ip_version: u8,
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Port {
    /// Its id.
    pub id: String,
    /// Its network's id.
    pub network_id: String,
    /// The server it belongs to; empty when none.
    #[serde(default)]
    pub device_id: String,
    /// What sort of thing it belongs to.
    #[serde(default)]
    pub device_owner: String,
    /// Its addresses.
    #[serde(default)]
    pub fixed_ips: Vec<FixedIp>,
}

/// An address of a port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FixedIp {
    /// The subnet it is from.
    pub subnet_id: String,
    /// The address.
    pub ip_address: String,
}

/// A floating IP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FloatingIp {
    /// Its id.
    pub id: String,
    /// The outer address.
    pub floating_ip_address: String,
    /// The port it leads to.
    pub port_id: Option<String>,
    /// Words by its maker; Kubernetes' cloud controller names the service and cluster here.
    #[serde(default)]
    pub description: String,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SecurityGroup {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Words by its maker; Kubernetes' cloud controller names the service and cluster here.
    #[serde(default)]
    pub description: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
}

#[derive(Deserialize)]
struct NetworkAnswer {
    network: Network,
}
#[derive(Deserialize)]
struct SubnetAnswer {
    subnet: Subnet,
}
#[derive(Deserialize)]
struct Extension {
    alias: String,
}

impl Neutron {
    /// The network by id or name; with `external` set, only among external or only among internal ones.
    pub async fn network_find(
        &self,
        name_or_id: &str,
        external: Option<bool>,
    ) -> Result<Network, CloudError> {
        let fits = |network: &Network| external.is_none_or(|wanted| network.external == wanted);
        resolve(
            "neutron",
            match external {
                Some(true) => "external network",
                Some(false) => "internal network",
                None => "network",
            },
            name_or_id,
            false,
            async || {
                let network = self.0.get::<NetworkAnswer>(&["networks", name_or_id], &[]).await?.network;
                if fits(&network) {
                    return Ok(network);
                }
                let kind = if network.external { "external" } else { "not external" };
                let text = format!("network {name_or_id} is {kind}");
                Err(CloudError::local("neutron", crate::CloudErrorKind::NotFound, text))
            },
            async || {
                let mut networks: Vec<Network> =
                    self.0.list(&["networks"], "networks", &[("name", name_or_id)]).await?;
                networks.retain(fits);
                Ok(networks)
            },
        )
        .await
    }

    /// The subnet by id or name.
    pub async fn subnet_find(&self, name_or_id: &str) -> Result<Subnet, CloudError> {
        resolve(
            "neutron",
            "subnet",
            name_or_id,
            false,
            async || Ok(self.0.get::<SubnetAnswer>(&["subnets", name_or_id], &[]).await?.subnet),
            async || self.0.list(&["subnets"], "subnets", &[("name", name_or_id)]).await,
        )
        .await
    }

    /// The ports of a server or router.
    pub async fn ports_of_device(&self, device: &str) -> Result<Vec<Port>, CloudError> {
        self.0.list(&["ports"], "ports", &[("device_id", device)]).await
    }

    /// The ports on a network.
    pub async fn ports_of_network(&self, network: &str) -> Result<Vec<Port>, CloudError> {
        self.0.list(&["ports"], "ports", &[("network_id", network)]).await
    }

    /// Deletes a port; done when there is none.
    pub async fn port_delete(&self, id: &str) -> Result<(), CloudError> {
        gone_is_done(self.0.delete(&["ports", id], &[]).await)
    }

    /// The floating IPs that lead to any of these ports; asked in pieces, because URLs are short.
    pub async fn floating_ips_of_ports(&self, ports: &[String]) -> Result<Vec<FloatingIp>, CloudError> {
        let mut found = Vec::new();
        for some in ports.chunks(50) {
            let query: Vec<(&str, &str)> = some.iter().map(|port| ("port_id", port.as_str())).collect();
            found.extend(self.0.list::<FloatingIp>(&["floatingips"], "floatingips", &query).await?);
        }
        Ok(found)
    }

    /// Every floating IP of a project.
    pub async fn floating_ip_list(&self, project_id: &str) -> Result<Vec<FloatingIp>, CloudError> {
        self.0.list(&["floatingips"], "floatingips", &[("project_id", project_id)]).await
    }

    /// Deletes a floating IP; done when there is none.
    pub async fn floating_ip_delete(&self, id: &str) -> Result<(), CloudError> {
        gone_is_done(self.0.delete(&["floatingips", id], &[]).await)
    }

    /// The security groups of a name or a tag.
    pub async fn security_groups(
        &self,
        filter: SecurityGroupFilter<'_>,
    ) -> Result<Vec<SecurityGroup>, CloudError> {
        let query: Query<'_> = match filter {
            SecurityGroupFilter::Name(name) => &[("name", name)],
            SecurityGroupFilter::Tag(tag) => &[("tags", tag)],
            SecurityGroupFilter::Project(id) => &[("project_id", id)],
        };
        self.0.list(&["security-groups"], "security_groups", query).await
    }

    /// Deletes a security group; done when there is none, `Conflict` while a port has it.
    pub async fn security_group_delete(&self, id: &str) -> Result<(), CloudError> {
        gone_is_done(self.0.delete(&["security-groups", id], &[]).await)
    }

    /// The aliases of the extensions that this Neutron has.
    pub async fn extension_list(&self) -> Result<Vec<String>, CloudError> {
        let extensions: Vec<Extension> = self.0.list(&["extensions"], "extensions", &[]).await?;
        Ok(extensions.into_iter().map(|extension| extension.alias).collect())
    }
}

/// Which security groups.
#[derive(Debug, Clone, Copy)]
pub enum SecurityGroupFilter<'a> {
    /// Those of this name.
    Name(&'a str),
    /// Those that bear this tag.
    Tag(&'a str),
    /// All of this project.
    Project(&'a str),
}
