//! Nova: flavors, key pairs of each user, and the servers that stacks make.

use crate::{
    exchange::{Ask, Reply, Spoken},
    keystone::Caller,
    state::{State, stamp},
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Flavor {
    pub id: &'static str,
    pub name: &'static str,
    pub ram: u32,
    pub vcpus: u32,
    pub disk: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct KeyPair {
    pub user: String,
    pub name: String,
    pub public_key: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub id: String,
    pub name: String,
    pub project: String,
    pub status: &'static str,
    pub image: String,
    pub flavor: String,
    pub created: Timestamp,
}

fn refused(status: u16, message: &str) -> Reply {
    Reply::refusal(Spoken::Nova, status, message)
}

fn flavor_json(flavor: &Flavor) -> Value {
    json!({
        "id": flavor.id, "name": flavor.name, "ram": flavor.ram, "vcpus": flavor.vcpus, "disk": flavor.disk,
        "swap": "", "OS-FLV-EXT-DATA:ephemeral": 0, "os-flavor-access:is_public": true, "links": [],
    })
}

/// Whether a name fits the patterns that are used here: anchored or not, with escaped signs.
fn fits(name: &str, pattern: &str) -> bool {
    let plain = pattern.replace('\\', "");
    let body = plain.trim_start_matches('^').trim_end_matches('$').trim_end_matches(".*");
    let (start, end) = (plain.starts_with('^'), plain.ends_with('$') && !plain.ends_with(".*$"));
    match (start, end) {
        (true, true) => name == body,
        (true, false) => name.starts_with(body),
        (false, true) => name.ends_with(body),
        (false, false) => name.contains(body),
    }
}

impl State {
    pub fn nova(&mut self, ask: &Ask, rest: &[&str], caller: &Caller) -> Reply {
        match (ask.verb(), rest) {
            ("GET", ["flavors", "detail"]) => {
                let shown: Vec<Value> = self.flavors.iter().map(flavor_json).collect();
                Reply::ok(&json!({ "flavors": shown }))
            }
            ("GET", ["flavors", id]) => match self.flavors.iter().find(|flavor| flavor.id == *id) {
                Some(flavor) => Reply::ok(&json!({ "flavor": flavor_json(flavor) })),
                None => refused(404, &format!("Flavor {id} could not be found.")),
            },
            ("GET", ["os-keypairs", name]) => {
                let found = self.key_pairs.iter().find(|key| key.user == caller.user && key.name == *name);
                match found {
                    Some(key) => Reply::ok(&json!({ "keypair": {
                        "name": key.name, "public_key": key.public_key, "user_id": key.user,
                    }})),
                    None => refused(404, &format!("Keypair {name} not found for user {}", caller.user)),
                }
            }
            ("GET", ["servers", "detail"]) => {
                let all = caller.is_admin() && ask.param("all_tenants").is_some();
                let shown = self.servers.values().filter(|server| {
                    (all || server.project == caller.project())
                        && ask.param("name").is_none_or(|pattern| fits(&server.name, pattern))
                });
                let shown: Vec<Value> = shown.map(|server| self.server_json(server)).collect();
                Reply::ok(&json!({ "servers": shown }))
            }
            (verb, ["servers", id]) => {
                let visible = |server: &&Server| State::may_see(caller, &server.project);
                let Some(server) = self.servers.get(*id).filter(visible) else {
                    return refused(404, &format!("Instance {id} could not be found."));
                };
                match verb {
                    "GET" => Reply::ok(&json!({ "server": self.server_json(server) })),
                    "DELETE" => {
                        self.server_forget(id);
                        Reply::empty(204)
                    }
                    _ => refused(405, "The method is not allowed for this resource."),
                }
            }
            ("GET", ["limits"]) => {
                let used = self.servers.values().filter(|server| server.project == caller.project()).count();
                Reply::ok(&json!({ "limits": { "rate": [], "absolute": {
                    "maxTotalInstances": 100, "totalInstancesUsed": used,
                    "maxTotalCores": 200, "totalCoresUsed": used,
                    "maxTotalRAMSize": 512_000, "totalRAMUsed": used * 2048,
                }}}))
            }
            _ => refused(404, "The resource could not be found."),
        }
    }

    /// Takes a server away; its ports stay, as those do that were made by somebody else.
    pub fn server_forget(&mut self, id: &str) -> bool {
        for port in self.fabric.ports.values_mut().filter(|port| port.device == id) {
            port.device.clear();
        }
        for volume in self.volumes.values_mut().filter(|volume| volume.server.as_deref() == Some(id)) {
            volume.server = None;
        }
        self.servers.shift_remove(id).is_some()
    }

    fn server_json(&self, server: &Server) -> Value {
        let mut addresses = Map::new();
        for port in self.fabric.ports.values().filter(|port| port.device == server.id) {
            let network = self.fabric.networks.get(&port.network);
            let name = network.map_or_else(|| port.network.clone(), |network| network.name.clone());
            let mut listed = vec![json!({ "addr": port.address, "version": 4, "OS-EXT-IPS:type": "fixed" })];
            let floating = self.fabric.floating_ips.values();
            for floating in floating.filter(|floating| floating.port.as_deref() == Some(port.id.as_str())) {
                listed.push(json!({ "addr": floating.address, "version": 4, "OS-EXT-IPS:type": "floating" }));
            }
            addresses.insert(name, listed.into());
        }
        json!({
            "id": server.id, "name": server.name, "status": server.status, "tenant_id": server.project,
            "metadata": {}, "addresses": addresses, "created": stamp(server.created),
            "image": { "id": server.image }, "flavor": { "id": server.flavor }, "links": [],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn name_patterns_are_anchored_where_they_say_so() {
        assert!(fits("c1-node-0", "^c1\\-node"));
        assert!(!fits("x-c1-node-0", "^c1-"));
        assert!(fits("x-c1-node-0", "c1"));
        assert!(!fits("c1-node-0", "^c1$"));
    }
}
