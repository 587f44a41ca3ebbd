//! A machine in memory: as strict as an engine about names and networks, with every fault that matters.

use async_trait::async_trait;
use magnum_local::machines::{
    FileContent, Machines, MachinesError, Network, NetworkSpec, Node, NodeImage, NodeSpec, NodeState,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard},
};
use uuid::Uuid;

use crate::crash::CrashPoint;

/// A call of the machine that changes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doing {
    NetworkEnsure,
    NetworkRemove,
    NodeEnsure,
    NodeRemove,
}

/// Makes the error of a fault.
pub type Fault = fn() -> MachinesError;

pub struct Held {
    pub spec: NodeSpec,
    pub state: NodeState,
    pub address: IpAddr,
}

#[derive(Default)]
pub struct Inner {
    pub images: Vec<NodeImage>,
    pub networks: BTreeMap<Uuid, (String, IpAddr)>,
    pub nodes: BTreeMap<Uuid, Held>,
    /// Server and name of everything that was ever made.
    pub made: Vec<(Uuid, String)>,
    /// Servers that were started again.
    pub restarted: Vec<Uuid>,
    /// What is refused, part of the name that it is refused for, how often, and how.
    pub faults: Vec<(Doing, String, u32, Fault)>,
    /// Nothing answers.
    pub absent: bool,
    /// Part of the names of nodes whose making never ends.
    pub hangs: Option<String>,
    drawn: u8,
}

pub struct Machine {
    inner: Mutex<Inner>,
    pub point: Arc<CrashPoint>,
}

pub fn busy() -> MachinesError {
    MachinesError::Refused { doing: "the engine".into(), reason: "is busy".into(), again: true }
}

pub fn full() -> MachinesError {
    MachinesError::Refused {
        doing: "making a node".into(),
        reason: "no space left on device".into(),
        again: false,
    }
}

fn absent() -> MachinesError {
    MachinesError::Absent {
        place: "/var/run/docker.sock".into(),
        reason: "connection refused".into(),
        remedy: "Start it.".into(),
    }
}

fn refused(reason: impl Into<String>, again: bool) -> MachinesError {
    MachinesError::Refused { doing: "the test machine".into(), reason: reason.into(), again }
}

impl Machine {
    pub fn new(point: Arc<CrashPoint>) -> Self {
        let image = NodeImage {
            id: Uuid::from_u128(0x1111),
            name: "magnum-node".into(),
            digest: "sha256:00112233445566778899".into(),
            size: 123_456,
            coes: vec!["swarm".into()],
            kube_tag: None,
        };
        let inner = Inner { images: vec![image], ..Inner::default() };
        Self { inner: Mutex::new(inner), point }
    }

    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Refuses a call so many times, for what has this in its name.
    pub fn refuse(&self, doing: Doing, name: &str, times: u32, fault: Fault) {
        self.inner().faults.push((doing, name.to_owned(), times, fault));
    }

    /// The names of the nodes that are there.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.inner().nodes.values().map(|held| held.spec.name.clone()).collect();
        names.sort();
        names
    }

    pub fn server_of(&self, name: &str) -> Uuid {
        let inner = self.inner();
        let held = inner.nodes.values().find(|held| held.spec.name.ends_with(name));
        held.unwrap_or_else(|| panic!("no node {name}")).spec.server
    }

    /// A file of a node.
    pub fn file(&self, server: Uuid, path: &str) -> String {
        let inner = self.inner();
        let files = &inner.nodes[&server].spec.files;
        match &files.iter().find(|file| file.path == path).unwrap().content {
            FileContent::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            FileContent::Link(target) => target.clone(),
        }
    }

    fn begin(&self, doing: Doing, name: &str) -> Result<(), MachinesError> {
        let mut inner = self.inner();
        if inner.absent {
            return Err(absent());
        }
        let fault = inner
            .faults
            .iter_mut()
            .find(|(of, part, times, _)| *of == doing && *times > 0 && name.contains(part.as_str()));
        match fault {
            Some((_, _, times, fault)) => {
                *times -= 1;
                Err(fault())
            }
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Machines for Machine {
    async fn images(&self) -> Result<Vec<NodeImage>, MachinesError> {
        let inner = self.inner();
        if inner.absent { Err(absent()) } else { Ok(inner.images.clone()) }
    }

    async fn network_ensure(&self, network: &NetworkSpec) -> Result<Network, MachinesError> {
        self.begin(Doing::NetworkEnsure, &network.name)?;
        self.point.before().await;
        let made = {
            let mut inner = self.inner();
            let third = u8::try_from(inner.networks.len()).unwrap() + 20;
            let gateway = IpAddr::from(Ipv4Addr::new(172, third, 0, 1));
            let held = inner.networks.entry(network.stack).or_insert((network.name.clone(), gateway)).clone();
            Network {
                stack: network.stack,
                name: held.0,
                subnet: format!("172.{third}.0.0/16"),
                gateway: held.1,
            }
        };
        self.point.after().await;
        Ok(made)
    }

    async fn network_remove(&self, stack: Uuid) -> Result<(), MachinesError> {
        self.begin(Doing::NetworkRemove, "")?;
        self.point.before().await;
        {
            let mut inner = self.inner();
            if inner.nodes.values().any(|held| held.spec.stack == stack) {
                return Err(refused("the network has endpoints", false));
            }
            inner.networks.remove(&stack);
        }
        self.point.after().await;
        Ok(())
    }

    async fn networks(&self) -> Result<Vec<Network>, MachinesError> {
        let inner = self.inner();
        if inner.absent {
            return Err(absent());
        }
        let networks = inner.networks.iter().map(|(stack, (name, gateway))| Network {
            stack: *stack,
            name: name.clone(),
            subnet: "172.20.0.0/16".into(),
            gateway: *gateway,
        });
        Ok(networks.collect())
    }

    async fn node_ensure(&self, node: &NodeSpec) -> Result<Node, MachinesError> {
        self.begin(Doing::NodeEnsure, &node.name)?;
        let hangs = self.inner().hangs.as_ref().is_some_and(|part| node.name.contains(part.as_str()));
        if hangs {
            std::future::pending::<()>().await;
        }
        self.point.before().await;
        let made = {
            let mut inner = self.inner();
            if let Some(held) = inner.nodes.get_mut(&node.server) {
                if held.state == NodeState::Stopped {
                    held.state = NodeState::Running;
                    inner.restarted.push(node.server);
                }
            } else {
                if !inner.networks.contains_key(&node.stack) {
                    return Err(refused(format!("{}: there is no network", node.name), false));
                }
                if inner.nodes.values().any(|held| held.spec.name == node.name) {
                    return Err(refused(format!("the name {} is taken", node.name), false));
                }
                inner.drawn += 1;
                let address = IpAddr::from(Ipv4Addr::new(172, 20, 0, inner.drawn + 1));
                let held = Held { spec: node.clone(), state: NodeState::Running, address };
                inner.nodes.insert(node.server, held);
                inner.made.push((node.server, node.name.clone()));
            }
            shown(&inner.nodes[&node.server])
        };
        self.point.after().await;
        Ok(made)
    }

    async fn node_remove(&self, server: Uuid) -> Result<(), MachinesError> {
        let name = self.inner().nodes.get(&server).map(|held| held.spec.name.clone()).unwrap_or_default();
        self.begin(Doing::NodeRemove, &name)?;
        self.point.before().await;
        self.inner().nodes.remove(&server);
        self.point.after().await;
        Ok(())
    }

    async fn nodes(&self) -> Result<BTreeMap<Uuid, Node>, MachinesError> {
        let inner = self.inner();
        if inner.absent {
            return Err(absent());
        }
        Ok(inner.nodes.iter().map(|(server, held)| (*server, shown(held))).collect())
    }
}

fn shown(held: &Held) -> Node {
    Node {
        server: held.spec.server,
        owner: held.spec.owner,
        name: held.spec.name.clone(),
        address: (held.state == NodeState::Running).then_some(held.address),
        state: held.state,
    }
}
