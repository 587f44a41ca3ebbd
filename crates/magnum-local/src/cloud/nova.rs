//! Nova: flavors, key pairs, and the nodes as servers. Servers are made and removed by stacks alone.

use super::{
    exchange::{Answer, Ask, Refusal, Reply},
    flavors::{self, FLAVORS},
    services::{Caller, Services, stamp},
    stack::{Member, Phase, Stack},
};
use crate::machines::{Node, NodeState};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// A node as users see it.
fn status(member: &Member, node: Option<&Node>) -> (&'static str, Option<String>) {
    match (&member.phase, node) {
        (_, Some(node)) if node.state == NodeState::Running => ("ACTIVE", None),
        (_, Some(_)) => ("SHUTOFF", None),
        (Phase::Wanted, None) => ("BUILD", None),
        (Phase::Failed { reason, made: false }, None) => ("ERROR", Some(reason.clone())),
        (_, None) => ("ERROR", Some("its container is gone from the machine".to_owned())),
    }
}

/// Whether a name has what a pattern asks for. Nova's patterns are regular expressions; here it is literal text with `^`,
/// `$` and `.*`, which is what clients make of names.
fn fits(name: &str, pattern: &str) -> bool {
    let plain = pattern.replace('\\', "");
    let from_start = plain.starts_with('^');
    let to_end = plain.ends_with('$');
    let body = plain.trim_start_matches('^').trim_end_matches('$');
    let parts: Vec<&str> = body.split(".*").collect();
    let mut rest = name;
    for (at, part) in parts.iter().enumerate() {
        let is_last = at + 1 == parts.len();
        if is_last && to_end && (at > 0 || !from_start) {
            return rest.ends_with(part);
        }
        let Some(found) = rest.find(part).filter(|found| *found == 0 || at > 0 || !from_start) else {
            return false;
        };
        rest = rest.get(found + part.len()..).unwrap_or_default();
    }
    !to_end || rest.is_empty()
}

impl Services {
    pub(super) async fn nova(&self, ask: &Ask, rest: &[&str], caller: &Caller) -> Answer {
        let ["v2.1", rest @ ..] = rest else { return Err(Refusal::no_such_path()) };
        match (ask.verb(), rest) {
            ("GET", ["flavors"]) => {
                let all: Vec<Value> = FLAVORS.iter().map(|flavor| flavor.listed(self.base_url())).collect();
                Reply::ok(json!({ "flavors": all }))
            }
            ("GET", ["flavors", "detail"]) => {
                let all: Vec<Value> = FLAVORS.iter().map(|flavor| flavor.shown(self.base_url())).collect();
                Reply::ok(json!({ "flavors": all }))
            }
            ("GET", ["flavors", id]) => match flavors::find(id) {
                Some(flavor) => Reply::ok(json!({ "flavor": flavor.shown(self.base_url()) })),
                None => Err(Refusal::not_found(format!("Flavor {id} could not be found."))),
            },
            ("GET", ["flavors", id, "os-extra_specs"]) if flavors::find(id).is_some() => {
                Reply::ok(json!({ "extra_specs": {} }))
            }
            (_, ["os-keypairs", rest @ ..]) => self.keypairs.serve(ask, rest, caller).await,
            ("GET", ["servers"]) => {
                let servers = self.servers(ask, caller).await?;
                let short = servers.iter().map(|server| {
                    let field = |name: &str| server.get(name).cloned().unwrap_or_default();
                    json!({ "id": field("id"), "name": field("name"), "links": field("links") })
                });
                Reply::ok(json!({ "servers": short.collect::<Vec<_>>() }))
            }
            ("GET", ["servers", "detail"]) => {
                Reply::ok(json!({ "servers": self.servers(ask, caller).await? }))
            }
            ("GET", ["servers", id]) => self.server(id, caller).await,
            (_, ["servers", ..]) => Err(Refusal::new(
                403,
                "Servers of the local cloud are made and removed with their stack, by resizing its cluster",
            )),
            ("GET", ["limits"]) => {
                let stacks = self.visible(caller).await;
                let own = stacks.iter().filter(|stack| Some(&stack.project) == caller.project_id.as_ref());
                let flavors: Vec<_> = own
                    .flat_map(|stack| &stack.members)
                    .filter_map(|member| flavors::find(&member.flavor))
                    .collect();
                let cores: u32 = flavors.iter().map(|flavor| flavor.cpus).sum();
                let memory: u32 = flavors.iter().map(|flavor| flavor.memory_mib).sum();
                Reply::ok(json!({ "limits": { "rate": [], "absolute": {
                    "maxTotalInstances": -1, "totalInstancesUsed": flavors.len(), "maxTotalCores": -1,
                    "totalCoresUsed": cores, "maxTotalRAMSize": -1, "totalRAMUsed": memory,
                    "maxTotalKeypairs": 100,
                }}}))
            }
            _ => Err(Refusal::no_such_path()),
        }
    }

    async fn servers(&self, ask: &Ask, caller: &Caller) -> Result<Vec<Value>, Refusal> {
        let stacks = self.visible(caller).await;
        let nodes = self.machines.nodes().await?;
        let all = caller.is_admin() && ask.flag("all_tenants");
        let own = |stack: &&Arc<Stack>| all || Some(&stack.project) == caller.project_id.as_ref();
        let members =
            stacks.iter().filter(own).flat_map(|stack| stack.members.iter().map(move |m| (stack, m)));
        let shown = members
            .filter(|(_, member)| ask.param("name").is_none_or(|pattern| fits(&member.name, pattern)))
            .map(|(stack, member)| self.server_json(stack, member, &stacks, &nodes))
            .filter(|server| {
                let status = server.get("status").and_then(Value::as_str).unwrap_or_default();
                ask.param("status").is_none_or(|wanted| wanted.eq_ignore_ascii_case(status))
            });
        Ok(shown.collect())
    }

    async fn server(&self, id: &str, caller: &Caller) -> Answer {
        let stacks = self.visible(caller).await;
        let nodes = self.machines.nodes().await?;
        let mut members = stacks.iter().flat_map(|stack| stack.members.iter().map(move |m| (stack, m)));
        let found = members.find(|(_, member)| member.server.to_string() == id);
        let (stack, member) =
            found.ok_or_else(|| Refusal::not_found(format!("Instance {id} could not be found.")))?;
        Reply::ok(json!({ "server": self.server_json(stack, member, &stacks, &nodes) }))
    }

    fn server_json(
        &self,
        stack: &Stack,
        member: &Member,
        stacks: &[Arc<Stack>],
        nodes: &BTreeMap<Uuid, Node>,
    ) -> Value {
        let node = nodes.get(&member.server);
        let (status, fault) = status(member, node);
        let mut addresses = Map::new();
        if let Some(address) = node.and_then(|node| node.address) {
            let network = stacks.iter().find(|other| other.id == stack.network.of);
            let name =
                network.map_or_else(|| stack.network.of.to_string(), |of| format!("magnum-{}", of.name));
            let version = if address.is_ipv4() { 4 } else { 6 };
            let one = json!({ "addr": address.to_string(), "version": version, "OS-EXT-IPS:type": "fixed" });
            addresses.insert(name, json!([one]));
        }
        let flavor = flavors::find(&member.flavor).map_or(member.flavor.as_str(), |flavor| flavor.name);
        let image = member.image_id.map_or_else(|| member.image.clone(), |id| id.to_string());
        let href = format!("{}/compute/v2.1/servers/{}", self.base_url(), member.server);
        let mut shown = json!({
            "id": member.server, "name": member.name, "status": status, "tenant_id": stack.project,
            "user_id": stack.user, "metadata": {}, "addresses": addresses, "created": stamp(member.created),
            "updated": stamp(member.created), "image": { "id": image }, "flavor": { "id": flavor },
            "OS-EXT-STS:vm_state": status.to_ascii_lowercase(), "OS-EXT-STS:task_state": null,
            "key_name": null, "security_groups": [], "os-extended-volumes:volumes_attached": [],
            "links": [{ "rel": "self", "href": href }],
        });
        if let (Some(message), Some(fields)) = (fault, shown.as_object_mut()) {
            fields.insert(
                "fault".to_owned(),
                json!({ "code": 500, "message": message, "created": stamp(member.created) }),
            );
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_pattern_is_anchored_where_it_says_so() {
        for (pattern, expected) in [
            ("^c1\\-node", true),
            ("node-0$", true),
            ("^c1-node-0$", true),
            ("c1.*0", true),
            ("^c1.*-0$", true),
            ("0$", true),
            ("^c1.*", true),
            ("^node", false),
            ("^c1$", false),
            ("c2", false),
        ] {
            assert_eq!(fits("c1-node-0", pattern), expected, "{pattern}");
        }
        assert!(fits("c1-0-0", "0$") && !fits("c1-0-1", "0$"));
    }
}
