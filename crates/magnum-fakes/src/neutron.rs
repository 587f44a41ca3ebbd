//! Neutron: networks, subnets, ports and floating IPs.

use crate::{
    exchange::{Ask, Reply, Spoken},
    keystone::Caller,
    state::State,
};
use indexmap::IndexMap;
use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub name: String,
    pub external: bool,
    pub project: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Subnet {
    pub name: String,
    pub network: String,
    pub cidr: String,
}

/// The owner of ports from which Octavia's provider `ovn` asks its members.
pub(crate) const MONITOR: &str = "ovn-lb-hm:distributed";

#[derive(Debug, Clone)]
pub(crate) struct Port {
    pub id: String,
    pub network: String,
    pub subnet: String,
    pub address: String,
    pub device: String,
    pub device_owner: &'static str,
    pub project: String,
}

#[derive(Debug, Clone)]
pub(crate) struct FloatingIp {
    pub id: String,
    pub address: String,
    pub port: Option<String>,
    pub project: String,
    pub description: String,
}

#[derive(Debug, Clone)]
pub(crate) struct SecurityGroup {
    pub name: String,
    pub description: String,
    pub project: String,
    /// A server whose ports have it; it cannot go while the server is there.
    pub server: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Fabric {
    pub security_groups: IndexMap<String, SecurityGroup>,
    pub networks: IndexMap<String, Network>,
    pub subnets: IndexMap<String, Subnet>,
    pub ports: IndexMap<String, Port>,
    pub floating_ips: IndexMap<String, FloatingIp>,
    addresses: u16,
}

impl Fabric {
    /// An address that nobody had before, behind `prefix` ("10.0", "172.24").
    pub fn address(&mut self, prefix: &str) -> String {
        self.addresses = self.addresses.wrapping_add(1);
        let [high, low] = (self.addresses / 200 * 256 + self.addresses % 200 + 10).to_be_bytes();
        format!("{prefix}.{high}.{low}")
    }

    fn subnets_of<'a>(&'a self, network: &'a str) -> impl Iterator<Item = &'a String> {
        self.subnets.iter().filter(move |(_, subnet)| subnet.network == network).map(|(id, _)| id)
    }

    /// The network that a name or an id means.
    pub fn network_id(&self, name_or_id: &str) -> Option<String> {
        let found =
            self.networks.iter().find(|(id, network)| *id == name_or_id || network.name == name_or_id);
        found.map(|(id, _)| id.clone())
    }

    /// The first subnet of a network.
    pub fn subnet_of(&self, network: &str) -> Option<String> {
        self.subnets_of(network).next().cloned()
    }

    fn network_json(&self, id: &str, network: &Network) -> Value {
        let subnets: Vec<&String> = self.subnets_of(id).collect();
        json!({
            "id": id, "name": network.name, "router:external": network.external, "subnets": subnets,
            "project_id": network.project, "tenant_id": network.project, "status": "ACTIVE",
            "admin_state_up": true, "shared": false,
        })
    }
}

fn refused(status: u16, message: &str) -> Reply {
    Reply::refusal(Spoken::Neutron, status, message)
}

fn subnet_json(id: &str, subnet: &Subnet) -> Value {
    json!({
        "id": id, "name": subnet.name, "network_id": subnet.network, "cidr": subnet.cidr, "ip_version": 4,
    })
}

fn port_json(port: &Port) -> Value {
    json!({
        "id": port.id, "network_id": port.network, "device_id": port.device, "name": "",
        "device_owner": port.device_owner, "status": "ACTIVE", "project_id": port.project,
        "fixed_ips": [{ "subnet_id": port.subnet, "ip_address": port.address }],
    })
}

fn security_group_json(id: &str, group: &SecurityGroup) -> Value {
    json!({
        "id": id, "name": group.name, "description": group.description, "project_id": group.project,
        "tags": [], "security_group_rules": [],
    })
}

fn floating_json(floating: &FloatingIp) -> Value {
    json!({
        "id": floating.id, "floating_ip_address": floating.address, "port_id": floating.port,
        "description": floating.description, "project_id": floating.project, "status": "ACTIVE",
    })
}

impl State {
    pub fn neutron(&mut self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        let fabric = &mut self.fabric;
        let sees = |network: &Network| network.external || State::may_see(caller, &network.project);
        let sees_id = |fabric: &Fabric, id: &str| fabric.networks.get(id).is_some_and(sees);
        match (ask.verb(), rest) {
            ("GET", ["networks"]) => {
                let shown = fabric.networks.iter().filter(|(_, network)| {
                    let external = if network.external { "true" } else { "false" };
                    sees(network)
                        && ask.admits("name", &network.name)
                        && ask.param("router:external").is_none_or(|v| v.eq_ignore_ascii_case(external))
                });
                let shown: Vec<Value> = shown.map(|(id, network)| fabric.network_json(id, network)).collect();
                Reply::ok(&json!({ "networks": shown }))
            }
            ("GET", ["networks", id]) => match fabric.networks.get(*id).filter(|network| sees(network)) {
                Some(network) => Reply::ok(&json!({ "network": fabric.network_json(id, network) })),
                None => refused(404, &format!("Network {id} could not be found.")),
            },
            ("GET", ["subnets"]) => {
                let shown = fabric.subnets.iter().filter(|(_, subnet)| {
                    sees_id(fabric, &subnet.network) && ask.admits("name", &subnet.name)
                });
                let shown: Vec<Value> = shown.map(|(id, subnet)| subnet_json(id, subnet)).collect();
                Reply::ok(&json!({ "subnets": shown }))
            }
            ("GET", ["subnets", id]) => {
                let found = fabric.subnets.get(*id).filter(|subnet| sees_id(fabric, &subnet.network));
                match found {
                    Some(subnet) => Reply::ok(&json!({ "subnet": subnet_json(id, subnet) })),
                    None => refused(404, &format!("Subnet {id} could not be found.")),
                }
            }
            ("GET", ["ports"]) => {
                let shown = fabric.ports.values().filter(|port| {
                    State::may_see(caller, &port.project)
                        && ask.admits("device_id", &port.device)
                        && ask.admits("network_id", &port.network)
                });
                let shown: Vec<Value> = shown.map(port_json).collect();
                Reply::ok(&json!({ "ports": shown }))
            }
            ("DELETE", ["ports", id]) => {
                if !fabric.ports.get(*id).is_some_and(|port| State::may_see(caller, &port.project)) {
                    return refused(404, &format!("Port {id} could not be found."));
                }
                self.port_forget(id);
                Reply::empty(204)
            }
            ("GET", ["floatingips"]) => {
                let shown = fabric.floating_ips.values().filter(|floating| {
                    State::may_see(caller, &floating.project)
                        && ask.admits("port_id", floating.port.as_deref().unwrap_or_default())
                        && ask.admits("project_id", &floating.project)
                });
                let shown: Vec<Value> = shown.map(floating_json).collect();
                Reply::ok(&json!({ "floatingips": shown }))
            }
            ("DELETE", ["floatingips", id]) => {
                let own = |floating: &FloatingIp| State::may_see(caller, &floating.project);
                if !fabric.floating_ips.get(*id).is_some_and(own) {
                    return refused(404, &format!("Floating IP {id} could not be found"));
                }
                fabric.floating_ips.shift_remove(*id);
                Reply::empty(204)
            }
            ("GET", ["security-groups"]) => {
                let shown = fabric.security_groups.iter().filter(|(_, group)| {
                    State::may_see(caller, &group.project)
                        && ask.admits("name", &group.name)
                        && ask.admits("project_id", &group.project)
                        && ask.param("tags").is_none()
                });
                let shown: Vec<Value> = shown.map(|(id, group)| security_group_json(id, group)).collect();
                Reply::ok(&json!({ "security_groups": shown }))
            }
            ("DELETE", ["security-groups", id]) => {
                let own = |group: &&SecurityGroup| State::may_see(caller, &group.project);
                match fabric.security_groups.get(*id).filter(own) {
                    None => refused(404, &format!("Security group {id} does not exist")),
                    Some(group) if group.server.as_ref().is_some_and(|id| self.servers.contains_key(id)) => {
                        refused(409, &format!("Security Group {id} in use."))
                    }
                    Some(_) => {
                        fabric.security_groups.shift_remove(*id);
                        Reply::empty(204)
                    }
                }
            }
            ("GET", ["extensions"]) => {
                let names = ["router", "security-group", "external-net", "standard-attr-tag"];
                let shown: Vec<Value> =
                    names.iter().map(|alias| json!({ "alias": alias, "name": alias, "links": [] })).collect();
                Reply::ok(&json!({ "extensions": shown }))
            }
            _ => refused(404, "The resource could not be found."),
        }
    }
}
