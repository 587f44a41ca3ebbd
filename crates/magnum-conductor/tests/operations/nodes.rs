//! The nodes of a cluster, as far as an operation sees them: each applies the plan of the newest generation and reports
//! it, unless it has none because it is being emptied, or a test wants it to fail or to be silent.

use magnum_db::{NodeReport, Store};
use magnum_fakes::FakeCloud;
use magnum_types::{ClusterId, NodeRegistration, NodeState};
use std::sync::Mutex;

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
}

impl Nodes {
    pub fn new(cloud: FakeCloud, store: Store, cluster: ClusterId) -> Self {
        Self { cloud, store, cluster, failing: Mutex::default(), silent: Mutex::default() }
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
        for node in self.store.nodes_of(self.cluster).await.unwrap() {
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
