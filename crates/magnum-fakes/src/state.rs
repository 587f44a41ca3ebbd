//! Everything the fake cloud knows, and the way from a request to the service that answers it.
//!
//! One lock guards it all, so that each call is served whole: a crash lies between calls or between an effect and its
//! answer, never inside a service. Objects are kept in the order they were made; listings show them so.

use crate::{
    barbican::Vault,
    cinder::Volume,
    exchange::{Ask, Reply, Spoken},
    heat::Heat,
    keystone::{Caller, Identity},
    neutron::Fabric,
    nova::{Flavor, KeyPair, Server},
    octavia::LoadBalancer,
    seed,
};
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use magnum_types::{Clock, Entropy, SeededEntropy};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

pub(crate) struct State {
    pub base_url: String,
    pub clock: Arc<dyn Clock>,
    pub entropy: SeededEntropy,
    pub identity: Identity,
    pub images: IndexMap<String, Value>,
    pub flavors: Vec<Flavor>,
    pub key_pairs: Vec<KeyPair>,
    pub servers: IndexMap<String, Server>,
    pub fabric: Fabric,
    pub volumes: IndexMap<String, Volume>,
    pub balancers: IndexMap<String, LoadBalancer>,
    pub vault: Vault,
    pub heat: Heat,
    /// Ids of what was there from the start: never a leftover.
    pub seeded: BTreeSet<String>,
}

impl State {
    pub fn new(base_url: String, clock: Arc<dyn Clock>, seed: u64) -> Self {
        let mut state = Self {
            base_url,
            clock,
            entropy: SeededEntropy::new(seed),
            identity: Identity::default(),
            images: IndexMap::new(),
            flavors: Vec::new(),
            key_pairs: Vec::new(),
            servers: IndexMap::new(),
            fabric: Fabric::default(),
            volumes: IndexMap::new(),
            balancers: IndexMap::new(),
            vault: Vault::default(),
            heat: Heat::default(),
            seeded: BTreeSet::new(),
        };
        seed::plant(&mut state);
        state.seeded = state.owned_ids();
        state
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn after(&self, seconds: u32) -> Timestamp {
        self.now().checked_add(SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MAX)
    }

    /// A fresh UUID with dashes.
    pub fn uuid(&self) -> String {
        self.entropy.uuid().to_string()
    }

    /// A fresh UUID as Keystone writes it.
    pub fn hex(&self) -> String {
        self.entropy.uuid().simple().to_string()
    }

    /// Serves one call: effect and answer.
    pub fn serve(&mut self, ask: &Ask) -> Reply {
        self.settle_stacks();
        self.settle_balancers();
        let parts = ask.parts();
        let (spoken, rest) = match parts.as_slice() {
            ["identity", "v3", rest @ ..] => return self.keystone(ask, rest),
            ["compute", "v2.1", rest @ ..] => (Spoken::Nova, rest),
            ["network", "v2.0", rest @ ..] => (Spoken::Neutron, rest),
            ["image", "v2", rest @ ..] => (Spoken::Glance, rest),
            ["orchestration", "v1", rest @ ..] => (Spoken::Heat, rest),
            ["key-manager", "v1", rest @ ..] => (Spoken::Barbican, rest),
            ["volume", "v3", rest @ ..] => (Spoken::Nova, rest),
            ["load-balancer", "v2.0", rest @ ..] => (Spoken::Octavia, rest),
            _ => return Reply::text(404, "no service lives here"),
        };
        let Some(caller) = self.caller(ask) else {
            return Reply::refusal(spoken, 401, "The request you have made requires authentication.");
        };
        match (spoken, parts.first()) {
            (Spoken::Nova, Some(&"compute")) => self.nova(ask, rest, &caller),
            (Spoken::Nova, _) => self.cinder(ask, rest, &caller),
            (Spoken::Neutron, _) => self.neutron(ask, rest, &caller),
            (Spoken::Glance, _) => self.glance(ask, rest, &caller),
            (Spoken::Heat, _) => self.orchestrate(ask, rest, &caller),
            (Spoken::Barbican, _) => self.barbican(ask, rest, &caller),
            (Spoken::Octavia, _) => self.octavia(ask, rest, &caller),
            (Spoken::Keystone, _) => Reply::empty(404),
        }
    }

    /// Ids of everything that a cluster can own.
    fn owned_ids(&self) -> BTreeSet<String> {
        self.owned().into_iter().map(|(_, id, _)| id).collect()
    }

    /// Kind, id and a few words of everything that a cluster can own.
    pub fn owned(&self) -> Vec<(&'static str, String, String)> {
        let mut owned = Vec::new();
        let mut note = |kind, id: &str, words: String| owned.push((kind, id.to_owned(), words));
        for stack in self.heat.stacks.values().filter(|stack| stack.is_live()) {
            note("stack", &stack.id, format!("{} {}", stack.name, stack.status_line()));
        }
        for trust in self.identity.trusts.values() {
            note("trust", &trust.id, format!("{} trusts {}", trust.trustor, trust.trustee));
        }
        for user in self.identity.users.values() {
            note("user", &user.id, user.name.clone());
        }
        for credential in self.identity.credentials.values() {
            note("application credential", &credential.id, credential.name.clone());
        }
        for (id, secret) in &self.vault.secrets {
            note("secret", id, secret.name.clone());
        }
        for (id, container) in &self.vault.containers {
            note("container", id, container.name.clone());
        }
        for server in self.servers.values() {
            note("server", &server.id, server.name.clone());
        }
        for (id, network) in &self.fabric.networks {
            note("network", id, network.name.clone());
        }
        for port in self.fabric.ports.values() {
            note("port", &port.id, port.address.clone());
        }
        for floating in self.fabric.floating_ips.values() {
            note("floating ip", &floating.id, floating.address.clone());
        }
        for (id, group) in &self.fabric.security_groups {
            note("security group", id, group.name.clone());
        }
        for balancer in self.balancers.values() {
            note("load balancer", &balancer.id, balancer.name.clone());
        }
        for volume in self.volumes.values() {
            note("volume", &volume.id, volume.name.clone());
        }
        owned
    }

    /// What is there now and was not at the start.
    pub fn leftovers(&self) -> Vec<String> {
        let new = self.owned().into_iter().filter(|(_, id, _)| !self.seeded.contains(id));
        new.map(|(kind, id, words)| format!("{kind} {id} ({words})")).collect()
    }

    /// True for the caller's own project, and for admins always.
    pub fn may_see(caller: &Caller, project: &str) -> bool {
        caller.is_admin() || caller.project.as_deref() == Some(project)
    }
}

/// A timestamp as OpenStack's services write it: whole seconds, with `Z`.
pub(crate) fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
