//! The things that a stack is made of: network, load balancer, and per member a server with port, address and volume.
//!
//! As in a ResourceGroup, a group's members are the first free indexes; an index that was removed by name is never
//! used again. Servers are there as soon as the work begins, since nodes report while their stack is in progress;
//! members that leave go when the work ends.

use super::{
    Part,
    stack::{Condition, Group, LAYOUTS, Layout, Member, Stack},
};
use crate::{
    cinder::Volume,
    neutron::{FloatingIp, MONITOR, Network, Port, Subnet},
    nova::Server,
    octavia::LoadBalancer,
    state::State,
};
use serde_json::Map;
use std::collections::BTreeSet;

impl State {
    /// Makes what a stack has once.
    pub(super) fn shared_things(&mut self, stack: &mut Stack) {
        let declares = |name: &str| stack.declared.iter().any(|parameter| parameter.name == name);
        let has = |layout: &&Layout| declares(layout.told_by);
        stack.groups = LAYOUTS
            .iter()
            .filter(has)
            .map(|layout| Group {
                layout: *layout,
                nested: self.uuid(),
                skipped: BTreeSet::new(),
                members: Vec::new(),
            })
            .collect();
        if stack.parameter("fixed_network").is_empty() {
            let (network, subnet) = (self.uuid(), self.uuid());
            let name = format!("{}-private_network", stack.name);
            let made = Network { name, external: false, project: stack.project.clone() };
            self.fabric.networks.insert(network.clone(), made);
            let made = Subnet {
                name: format!("{}-private_subnet", stack.name),
                network: network.clone(),
                cidr: stack.parameter("fixed_subnet_cidr").to_owned(),
            };
            self.fabric.subnets.insert(subnet.clone(), made);
            (stack.network, stack.subnet) = (Some(network), Some(subnet));
        }
        if stack.is_set("master_lb_enabled") {
            let (network, subnet) = self.place_of(stack);
            let port = self.port_make(&stack.project, network, subnet, "Octavia", String::new());
            let address = self.fabric.ports.get(&port).map(|port| port.address.clone()).unwrap_or_default();
            let balancer = LoadBalancer {
                id: self.uuid(),
                name: format!("{}-api_lb", stack.name),
                description: format!("Engine API of cluster {}", stack.parameter("cluster_uuid")),
                project: stack.project.clone(),
                address,
                port: port.clone(),
                status: "ACTIVE",
                gone: None,
            };
            stack.balancer = Some(balancer.id.clone());
            self.balancers.insert(balancer.id.clone(), balancer);
            if stack.is_set("master_lb_floating_ip_enabled") {
                stack.balancer_floating = Some(self.floating_make(&stack.project, Some(port), ""));
            }
        }
    }

    pub(super) fn place_of(&self, stack: &Stack) -> (String, String) {
        let network = match &stack.network {
            Some(own) => own.clone(),
            None => {
                let given = stack.parameter("fixed_network");
                self.fabric.network_id(given).unwrap_or_else(|| given.to_owned())
            }
        };
        let subnet = match stack.parameter("fixed_subnet") {
            "" => self.fabric.subnet_of(&network).unwrap_or_default(),
            given => given.to_owned(),
        };
        (network, subnet)
    }

    pub(crate) fn port_make(
        &mut self,
        project: &str,
        network: String,
        subnet: String,
        device_owner: &'static str,
        device: String,
    ) -> String {
        let port = Port {
            id: self.uuid(),
            network,
            subnet,
            address: self.fabric.address("10.0"),
            device,
            device_owner,
            project: project.to_owned(),
        };
        let id = port.id.clone();
        self.fabric.ports.insert(id.clone(), port);
        id
    }

    pub(crate) fn floating_make(&mut self, project: &str, port: Option<String>, description: &str) -> String {
        let floating = FloatingIp {
            id: self.uuid(),
            address: self.fabric.address("172.24"),
            port,
            project: project.to_owned(),
            description: description.to_owned(),
        };
        let id = floating.id.clone();
        self.fabric.floating_ips.insert(id.clone(), floating);
        id
    }

    /// Starts the work that makes the groups what the parameters say.
    pub(super) fn fit_members(&mut self, stack: &mut Stack) {
        let mut groups = std::mem::take(&mut stack.groups);
        for group in &mut groups {
            if let Some(removes) = group.layout.removes {
                let named = self.named_members(group, stack.parameter(removes));
                group.skipped.extend(named);
            }
            let count = group.layout.count.map_or(1, |parameter| stack.number(parameter));
            let wanted: Vec<u32> =
                (0..).filter(|index| !group.skipped.contains(index)).take(count as usize).collect();
            for member in &mut group.members {
                if !wanted.contains(&member.index) {
                    member.condition = Condition::Leaving;
                }
            }
            // A failed member is made anew, under its own index.
            let failed: Vec<Member> = group
                .members
                .extract_if(.., |member| matches!(member.condition, Condition::Failed(_)))
                .collect();
            for member in &failed {
                self.member_forget(member);
            }
            for index in wanted {
                if !group.members.iter().any(|member| member.index == index) {
                    let member = self.member_make(stack, &group.layout, index);
                    group.members.push(member);
                }
            }
            group.members.sort_by_key(|member| member.index);
            for member in &mut group.members {
                let image = stack.image(&group.layout, member.index);
                let server = member.server.as_ref().and_then(|server| self.servers.get(server));
                if server.is_some_and(|server| server.image != image) {
                    member.rebuilding = Some(image);
                    member.condition = Condition::Building;
                }
            }
        }
        stack.groups = groups;
    }

    /// The indexes that words mean: an index, a server's id or a member's own stack.
    fn named_members(&self, group: &Group, words: &str) -> Vec<u32> {
        let words = words.trim_matches(['[', ']']);
        let words: Vec<&str> = words.split(',').map(|word| word.trim().trim_matches('"')).collect();
        let is = |member: &Member, word: &str| {
            member.index.to_string() == word
                || member.server.as_deref() == Some(word)
                || member.nested == word
        };
        let named = group.members.iter().filter(|member| words.iter().any(|word| is(member, word)));
        named.map(|member| member.index).collect()
    }

    fn member_make(&mut self, stack: &Stack, layout: &Layout, index: u32) -> Member {
        let (network, subnet) = self.place_of(stack);
        let server = Server {
            id: self.uuid(),
            name: format!("{}-{}-{index}", stack.name, layout.word),
            project: stack.project.clone(),
            status: "ACTIVE",
            image: stack.image(layout, index),
            flavor: stack.parameter(layout.flavor).to_owned(),
            created: self.now(),
        };
        let port = self.port_make(&stack.project, network, subnet, "compute:nova", server.id.clone());
        let floating = stack
            .is_set("floating_ip_enabled")
            .then(|| self.floating_make(&stack.project, Some(port.clone()), ""));
        let size = stack.number("docker_volume_size");
        let volume = (size > 0).then(|| {
            let volume = Volume {
                id: self.uuid(),
                name: format!("{}-docker_volume", server.name),
                project: stack.project.clone(),
                size: u64::from(size),
                server: Some(server.id.clone()),
                metadata: Map::new(),
            };
            let id = volume.id.clone();
            self.volumes.insert(id.clone(), volume);
            id
        });
        let member = Member {
            index,
            nested: self.uuid(),
            server: Some(server.id.clone()),
            port: Some(port),
            floating,
            volume,
            condition: Condition::Building,
            failed_at: Part::Server,
            rebuilding: None,
        };
        self.servers.insert(server.id.clone(), server);
        member
    }

    fn member_forget(&mut self, member: &Member) {
        if let Some(server) = &member.server {
            self.server_forget(server);
        }
        if let Some(port) = &member.port {
            self.port_forget(port);
        }
        if let Some(floating) = &member.floating {
            self.fabric.floating_ips.shift_remove(floating);
        }
        if let Some(volume) = &member.volume {
            self.volumes.shift_remove(volume);
        }
    }

    /// The work has ended well: leaving members are gone, the others complete.
    pub(super) fn members_settled(&mut self, stack: &mut Stack) {
        for group in &mut stack.groups {
            let leaving: Vec<Member> =
                group.members.extract_if(.., |member| member.condition == Condition::Leaving).collect();
            for member in &leaving {
                self.member_forget(member);
            }
            for member in &mut group.members {
                member.condition = Condition::Complete;
                let server = member.server.as_ref().and_then(|server| self.servers.get_mut(server));
                if let (Some(server), Some(image)) = (server, member.rebuilding.take()) {
                    server.image = image;
                }
            }
        }
    }

    /// Takes away everything that the stack made.
    /// Why a stack's own subnet cannot go: somebody else has a port in it.
    pub(super) fn subnet_in_use(&self, stack: &Stack) -> Option<String> {
        let subnet = stack.subnet.as_ref()?;
        let foreign = |port: &Port| port.subnet == *subnet && port.device_owner == MONITOR;
        self.fabric.ports.values().any(foreign).then(|| {
            format!(
                "Resource DELETE failed: Conflict: resources.private_subnet: Unable to complete operation on subnet \
                 {subnet}: One or more ports have an IP allocation from this subnet."
            )
        })
    }

    pub(super) fn all_things_forget(&mut self, stack: &mut Stack) {
        for group in std::mem::take(&mut stack.groups) {
            for member in &group.members {
                self.member_forget(member);
            }
        }
        if let Some(floating) = stack.balancer_floating.take() {
            self.fabric.floating_ips.shift_remove(&floating);
        }
        if let Some(balancer) = stack.balancer.take() {
            self.balancer_forget(&balancer);
        }
        if let Some(subnet) = stack.subnet.take() {
            self.fabric.subnets.shift_remove(&subnet);
        }
        if let Some(network) = stack.network.take() {
            self.fabric.networks.shift_remove(&network);
        }
        if let Some(trust) = stack.trust.take() {
            self.identity.forget_trust(&trust);
        }
    }
}
