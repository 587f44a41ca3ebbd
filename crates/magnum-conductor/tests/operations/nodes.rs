//! The nodes of a cluster, as far as an operation sees them: each applies the plan of the newest generation and reports
//! it, unless it has none because it is being emptied, or a test wants it to fail or to be silent.

use magnum_db::{NodeReport, Store};
use magnum_drivers::kubernetes::{ETCD_MEMBERS, SERVICE_ACCOUNT_KEY};
use magnum_fakes::FakeCloud;
use magnum_types::{ClusterId, NodeRegistration, NodeState, Role, places};
use magnum_x509::SealingKeys;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// When a node fails, once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fails {
    /// At the next plan of a new release.
    Upgrading,
    /// At the next but so many plans.
    After(u32),
}

pub struct Nodes {
    cloud: FakeCloud,
    store: Store,
    cluster: ClusterId,
    /// Part of a name, and when that node fails.
    failing: Mutex<Option<(String, Fails)>>,
    /// Part of the names of those that say nothing.
    silent: Mutex<Option<String>>,
    /// Opens and seals the cluster's facts.
    keys: Arc<SealingKeys>,
}

impl Nodes {
    pub fn new(cloud: FakeCloud, store: Store, cluster: ClusterId, keys: Arc<SealingKeys>) -> Self {
        Self { cloud, store, cluster, failing: Mutex::default(), silent: Mutex::default(), keys }
    }

    /// The members of etcd, as they last told.
    pub async fn etcd_members(&self) -> Vec<String> {
        let facts = self.facts().await.unwrap_or_default();
        let told = facts.get(ETCD_MEMBERS).map_or("", String::as_str);
        told.split(',').filter_map(|member| member.split_once('=')).map(|(name, _)| name.to_owned()).collect()
    }

    async fn facts(&self) -> Option<BTreeMap<String, String>> {
        let sealed = self.store.handle_get(self.cluster).await.unwrap().facts?;
        let opened = self.keys.open(&places::facts(self.cluster), &sealed).unwrap();
        Some(serde_json::from_slice(&opened).unwrap())
    }

    /// What the acting master of a Kubernetes does when it has a newer plan: etcd has the masters that stay as its members.
    async fn etcd(&self, nodes: &[NodeRegistration], generation: i64, silent: Option<&str>) {
        let Some(mut facts) = self.facts().await.filter(|facts| facts.contains_key(SERVICE_ACCOUNT_KEY))
        else {
            return;
        };
        let masters = || nodes.iter().filter(|node| node.role == Role::Master);
        let ready = masters().filter(|node| node.state == NodeState::Ready);
        let Some(acting) = ready.min_by_key(|node| &node.name) else { return };
        if acting.generation >= generation || silent.is_some_and(|name| acting.name.contains(name)) {
            return;
        }
        let stays = |node: &&NodeRegistration| {
            !matches!(node.state, NodeState::Leaving | NodeState::Gone | NodeState::Rebuilding)
        };
        let mut members: Vec<String> = masters()
            .filter(stays)
            .map(|node| format!("{}=https://{}:2380", node.name, node.address))
            .collect();
        members.sort();
        if facts.insert(ETCD_MEMBERS.to_owned(), members.join(",")) != Some(members.join(",")) {
            let before = self.store.handle_get(self.cluster).await.unwrap().facts;
            let text = serde_json::to_vec(&facts).unwrap();
            let sealed = self.keys.seal(&places::facts(self.cluster), &text).unwrap();
            self.store.handle_set_facts(self.cluster, &sealed, before.as_deref()).await.unwrap();
        }
    }

    /// The node with this in its name fails once.
    pub fn fail(&self, name: &str, when: Fails) {
        *self.failing.lock().unwrap() = Some((name.to_owned(), when));
    }

    /// Nodes with this in their names say nothing from now on; `None`: all speak.
    pub fn silence(&self, name: Option<&str>) {
        *self.silent.lock().unwrap() = name.map(str::to_owned);
    }

    fn fails(&self, node: &NodeRegistration) -> bool {
        let mut failing = self.failing.lock().unwrap();
        let now = match &mut *failing {
            Some((name, _)) if !node.name.contains(name.as_str()) => false,
            Some((_, Fails::Upgrading)) => node.state == NodeState::Upgrading,
            Some((_, Fails::After(0))) => true,
            Some((_, Fails::After(left))) => {
                *left -= 1;
                false
            }
            None => false,
        };
        if now {
            *failing = None;
        }
        now
    }

    /// Nodes whose servers were made anew register again: under the same id, or under another one where Heat had to
    /// make another server.
    async fn register(&self) {
        let nodes = self.store.nodes_of(self.cluster).await.unwrap();
        for (id, name, _) in self.cloud.servers() {
            let known = nodes.iter().find(|node| node.instance_id == id);
            let image = self.cloud.server_image(&id);
            match known {
                Some(node) if node.is_awaited() && image == node.wanted_image => {
                    self.store.node_register_again(&id, "anew", &format!("anew {id}")).await.unwrap();
                }
                Some(_) => {}
                None => {
                    let Some(lost) = nodes.iter().find(|node| node.name == name) else { continue };
                    let node = NodeRegistration {
                        instance_id: id.clone(),
                        token_hash: format!("hash of {id}"),
                        state: NodeState::Registered,
                        generation: 0,
                        wanted_image: None,
                        moved: None,
                        ..lost.clone()
                    };
                    self.store.node_register(node).await.unwrap();
                }
            }
        }
    }

    /// Every node that has a newer plan applies it.
    pub async fn report(&self) {
        self.register().await;
        let generation = self.store.plan_generation(self.cluster).await.unwrap();
        let silent = self.silent.lock().unwrap().clone();
        let nodes = self.store.nodes_of(self.cluster).await.unwrap();
        self.etcd(&nodes, generation, silent.as_deref()).await;
        for node in nodes {
            let idle = node.is_awaited()
                || matches!(node.state, NodeState::Leaving | NodeState::Gone | NodeState::Draining);
            let silent = silent.as_deref().is_some_and(|name| node.name.contains(name));
            if idle || silent || node.generation >= generation {
                continue;
            }
            let failed = self.fails(&node);
            let report = NodeReport {
                state: Some(if failed { NodeState::Failed } else { NodeState::Ready }),
                generation,
                step: Some(if failed { "kubelet" } else { "signal" }.to_owned()),
                error: failed.then(|| "port 10250 is taken".to_owned()),
            };
            self.store.node_report(&node.instance_id, report).await.unwrap();
        }
    }
}
