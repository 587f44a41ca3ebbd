//! Neutron: the stacks' networks, the nodes' ports in them, and an outer network that stands for the machine itself. There
//! is nothing to make here: networks come and go with stacks.

use super::{
    exchange::{Answer, Ask, Refusal, Reply},
    services::{Caller, Services},
    stack::{Stack, network_id},
};
use crate::machines::{Network, Node};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// The outer network, named `public`.
const PUBLIC: Uuid = Uuid::from_u128(0x6d61_676e_756d_4c6f_8a6c_7075_626c_6963);

fn subnet_id(stack: Uuid) -> Uuid {
    Uuid::new_v5(&stack, b"subnet")
}

fn port_id(server: Uuid) -> Uuid {
    Uuid::new_v5(&server, b"port")
}

fn family(address: std::net::IpAddr) -> u8 {
    if address.is_ipv4() { 4 } else { 6 }
}

/// A stack's network as it is on the machine.
struct Seen<'a> {
    stack: &'a Stack,
    network: &'a Network,
}

impl Seen<'_> {
    fn shown(&self) -> Value {
        network_json(
            network_id(self.stack.id),
            &self.network.name,
            &self.stack.project,
            Some(subnet_id(self.stack.id)),
        )
    }

    fn subnet(&self) -> Value {
        let project = &self.stack.project;
        json!({
            "id": subnet_id(self.stack.id), "name": self.network.name, "network_id": network_id(self.stack.id),
            "cidr": self.network.subnet, "gateway_ip": self.network.gateway.to_string(),
            "ip_version": family(self.network.gateway), "enable_dhcp": false, "allocation_pools": [],
            "dns_nameservers": [], "host_routes": [], "tags": [], "project_id": project, "tenant_id": project,
        })
    }
}

fn network_json(id: Uuid, name: &str, project: &str, subnet: Option<Uuid>) -> Value {
    let outer = subnet.is_none();
    json!({
        "id": id, "name": name, "status": "ACTIVE", "admin_state_up": true, "router:external": outer,
        "shared": outer, "subnets": subnet.into_iter().collect::<Vec<_>>(), "project_id": project,
        "tenant_id": project, "mtu": 1500, "tags": [], "availability_zones": [], "port_security_enabled": false,
    })
}

fn port_json(stack: &Stack, node: &Node) -> Value {
    let ips: Vec<Value> = node
        .address
        .map(|address| json!({ "subnet_id": subnet_id(stack.network.of), "ip_address": address.to_string() }))
        .into_iter()
        .collect();
    json!({
        "id": port_id(node.server), "name": node.name, "network_id": network_id(stack.network.of), "device_id": node.server,
        "device_owner": "compute:local", "fixed_ips": ips, "status": "ACTIVE", "admin_state_up": true,
        "mac_address": "", "security_groups": [], "project_id": stack.project, "tenant_id": stack.project,
    })
}

/// Whether an object's field is one of those asked for.
fn fits(ask: &Ask, object: &Value, fields: &[&str]) -> bool {
    fields.iter().all(|field| match object.get(*field) {
        Some(Value::String(text)) => ask.admits(field, text),
        Some(Value::Bool(is)) => ask.param(field).is_none() || ask.flag(field) == *is,
        _ => ask.param(field).is_none(),
    })
}

/// The list, or the one object that the path names.
fn told(ask: &Ask, rest: &[&str], plural: &str, singular: &str, fields: &[&str], all: Vec<Value>) -> Answer {
    match rest {
        [] => {
            let wanted: Vec<Value> = all.into_iter().filter(|object| fits(ask, object, fields)).collect();
            Reply::ok(json!({ plural: wanted }))
        }
        [id] => {
            let found = all.into_iter().find(|object| object.get("id").and_then(Value::as_str) == Some(*id));
            let none = || Refusal::not_found(format!("{singular} {id} could not be found."));
            Reply::ok(json!({ singular: found.ok_or_else(none)? }))
        }
        _ => Err(Refusal::no_such_path()),
    }
}

impl Services {
    pub(super) async fn neutron(&self, ask: &Ask, rest: &[&str], caller: &Caller) -> Answer {
        let ["v2.0", kind, rest @ ..] = rest else { return Err(Refusal::no_such_path()) };
        if ask.verb() != "GET" {
            return match (ask.verb(), rest) {
                ("DELETE", [id]) => Err(Refusal::not_found(format!("{kind} {id} could not be found."))),
                _ => Err(Refusal::new(405, "Networks of the local cloud come and go with the stacks")),
            };
        }
        match *kind {
            "networks" => {
                let (stacks, networks) = self.networks(caller).await?;
                let mut all = vec![network_json(PUBLIC, "public", "", None)];
                all.extend(seen(&stacks, &networks).map(|seen| seen.shown()));
                let fields = ["id", "name", "router:external", "project_id", "tenant_id", "status", "shared"];
                told(ask, rest, "networks", "network", &fields, all)
            }
            "subnets" => {
                let (stacks, networks) = self.networks(caller).await?;
                let all = seen(&stacks, &networks).map(|seen| seen.subnet()).collect();
                told(ask, rest, "subnets", "subnet", &["id", "name", "network_id", "cidr", "project_id"], all)
            }
            "ports" => {
                let nodes = self.machines.nodes().await?;
                let stacks = self.visible(caller).await;
                let members = stacks.iter().flat_map(|stack| stack.members.iter().map(move |m| (stack, m)));
                let ports = members
                    .filter_map(|(stack, member)| Some(port_json(stack, nodes.get(&member.server)?)))
                    .collect();
                let fields =
                    ["id", "name", "network_id", "device_id", "device_owner", "project_id", "status"];
                told(ask, rest, "ports", "port", &fields, ports)
            }
            "floatingips" => told(ask, rest, "floatingips", "floatingip", &[], Vec::new()),
            "security-groups" => told(ask, rest, "security_groups", "security_group", &[], Vec::new()),
            "routers" => told(ask, rest, "routers", "router", &[], Vec::new()),
            "extensions" => told(ask, rest, "extensions", "extension", &[], Vec::new()),
            _ => Err(Refusal::no_such_path()),
        }
    }

    async fn networks(&self, caller: &Caller) -> Result<(Vec<Arc<Stack>>, BTreeMap<Uuid, Network>), Refusal> {
        let networks = self.machines.networks().await?;
        let networks = networks.into_iter().map(|network| (network.stack, network)).collect();
        Ok((self.visible(caller).await, networks))
    }
}

fn seen<'a>(
    stacks: &'a [Arc<Stack>],
    networks: &'a BTreeMap<Uuid, Network>,
) -> impl Iterator<Item = Seen<'a>> {
    let own = stacks.iter().filter(|stack| stack.holds_network());
    own.filter_map(|stack| Some(Seen { stack, network: networks.get(&stack.id)? }))
}
