//! The plan of one node of a Kubernetes cluster (design section 6): the same steps every time, each of which looks
//! before it acts, so a later plan of the same node changes only what is different: a release, an authority, a label, a
//! member of etcd.
//!
//! One master acts for the cluster: it applies manifests, marks and empties nodes, and changes the members of etcd. It
//! is a ready one; before any is, the first by name.

mod control_plane;
pub(super) mod etcd;
mod installed;
mod kubelet;
mod network;
mod runtime;
mod trust;

use super::{
    KubernetesSettings,
    identity::ADMIN,
    labels,
    shape::{self, release_of_node},
    versions::Minor,
};
use crate::{
    driver::{API_PRIVATE_ADDRESS, NodePlan},
    inputs::PlanInputs,
    plan_steps::{MINUTE, optional, socket_address, step},
};
use magnum_types::{
    Authority, NodeGroup, NodeRegistration, NodeState, Role,
    plan::{Action, HealthCheck, Kubectl, NodeMarks, PlanStep},
};
use std::collections::BTreeMap;

/// Where the cluster's certificates and keys are on a node.
const PKI: &str = "/etc/kubernetes/pki";

/// What the parts of a plan have in common.
struct Planned<'a> {
    inputs: &'a PlanInputs<'a>,
    settings: &'a KubernetesSettings,
    release: &'a str,
    minor: &'static Minor,
    /// Socket address of the API as this node speaks to it.
    api: String,
}

pub(super) fn plan(inputs: &PlanInputs<'_>, settings: &KubernetesSettings) -> Option<NodePlan> {
    let node = inputs.node;
    if !is_planned(node) {
        return None;
    }
    let release = release_of_node(inputs.cluster, node);
    let api = api_of(inputs)?;
    let planned = Planned { inputs, settings, release, minor: shape::minor(release), api };
    let acts = acts(inputs);
    let mut steps = planned.trust();
    steps.extend(planned.volumes());
    if node.role == Role::Master {
        // The members of etcd are a matter of who has registered: until that is known, the node waits.
        steps.extend(planned.etcd()?);
    }
    steps.extend(planned.runtime());
    steps.extend(planned.programs());
    if node.role == Role::Master {
        steps.extend(planned.serve());
    }
    // Before the kubelet, which is ready only with a network, and looks for one again only every ten seconds.
    steps.extend(planned.network()?);
    // Beside the API, since it starts for seconds before it has a word for it, and asks until it is answered.
    steps.extend(planned.kubelet());
    // The others start when it answers: the controllers end where their roles are not there yet.
    steps.push(planned.api_answers());
    if node.role == Role::Master {
        steps.extend(planned.control());
        steps.extend(planned.keystone_webhook_anew());
    }
    steps.extend(planned.proxy());
    if acts {
        steps.extend(planned.rules());
    }
    steps.extend(planned.pod_range());
    let name = node.name.clone();
    let ready =
        Action::KubeReady { kubectl: planned.kubectl(), node: name, kubelet: "kubelet.service".to_owned() };
    steps.push(step("node ready", 15 * MINUTE, ready));
    let kubelet = planned.program("kubelet");
    steps.push(step("versions", 2 * MINUTE, Action::KubeVersion { kubelet }));
    if acts {
        steps.extend(planned.for_others());
        steps.extend(planned.addons());
        // It waits for another master, so that nothing else waits behind it.
        steps.extend(planned.etcd_join());
    }
    steps.push(step("signal", 15 * MINUTE, Action::Signal {}));
    let every = settings.health_seconds;
    let health = (acts && every > 0).then(|| HealthCheck::Kubernetes {
        kubectl: planned.admin(),
        every,
        authorities: Authority::ALL.iter().copied().map(trust::authority).collect(),
    });
    Some(NodePlan { steps, health })
}

/// Whether a node has plans at all: who is about to go, or to be upgraded, must not come back while it is emptied.
pub(super) fn is_planned(node: &NodeRegistration) -> bool {
    !matches!(node.state, NodeState::Leaving | NodeState::Gone | NodeState::Draining | NodeState::Rebuilding)
}

/// The ready master that acts for the cluster.
pub(super) fn acting_master(nodes: &[NodeRegistration]) -> Option<&NodeRegistration> {
    let ready = |node: &&NodeRegistration| node.role == Role::Master && node.state == NodeState::Ready;
    nodes.iter().filter(ready).min_by_key(|node| (&node.name, &node.instance_id))
}

/// Whether the asking node acts for the cluster.
fn acts(inputs: &PlanInputs<'_>) -> bool {
    let staying = |node: &&NodeRegistration| {
        node.role == Role::Master && !matches!(node.state, NodeState::Leaving | NodeState::Gone)
    };
    let first = || inputs.nodes.iter().filter(staying).min_by_key(|node| (&node.name, &node.instance_id));
    let acting = acting_master(inputs.nodes).or_else(first);
    acting.is_some_and(|acting| acting.instance_id == inputs.node.instance_id)
}

/// Where this node speaks to the API: a master to itself, a worker to the load balancer or the one master. `None`
/// while no master has registered.
fn api_of(inputs: &PlanInputs<'_>) -> Option<String> {
    let port = shape::port(inputs.template);
    if inputs.node.role == Role::Master {
        return Some(socket_address("127.0.0.1", port));
    }
    Some(socket_address(inside(inputs)?, port))
}

/// The API's address in the cluster's network.
fn inside<'a>(inputs: &PlanInputs<'a>) -> Option<&'a str> {
    let balancer = inputs.facts.get(API_PRIVATE_ADDRESS).map(String::as_str);
    let masters =
        inputs.nodes.iter().filter(|node| node.role == Role::Master && node.state != NodeState::Gone);
    balancer.or_else(|| masters.min_by_key(|node| &node.name).map(|node| node.address.as_str()))
}

impl Planned<'_> {
    fn node(&self) -> &NodeRegistration {
        self.inputs.node
    }

    fn group(&self) -> Option<&NodeGroup> {
        self.inputs.nodegroups.iter().find(|group| group.uuid == self.node().nodegroup)
    }

    /// Path of one of the release's programs.
    fn program(&self, name: &str) -> String {
        format!("/opt/kubernetes/{}/bin/{name}", self.release)
    }

    fn api_answers(&self) -> PlanStep {
        let server = if self.node().role == Role::Master { "kube-apiserver.service" } else { "" };
        let address = self.api.clone();
        let action = Action::KubeApi { kubectl: self.kubectl(), address, server: server.to_owned() };
        step("API answers", 15 * MINUTE, action)
    }

    /// kubectl as the node itself.
    fn kubectl(&self) -> Kubectl {
        Kubectl { program: self.program("kubectl"), kubeconfig: kubeconfig("kubelet") }
    }

    /// kubectl with every right, on masters.
    fn admin(&self) -> Kubectl {
        Kubectl { program: self.program("kubectl"), kubeconfig: kubeconfig(ADMIN) }
    }

    fn api_inside(&self) -> String {
        inside(self.inputs).unwrap_or_default().to_owned()
    }

    /// Masters hold a credential for the cloud, and its controller is wanted: nodes wait for what it says of them.
    fn has_cloud(&self) -> bool {
        let asked = labels::on(&self.inputs.cluster.labels, "cloud_provider_enabled");
        self.settings.cluster_user_trust && asked.unwrap_or(true)
    }

    /// What the acting master does for other nodes.
    fn for_others(&self) -> Vec<PlanStep> {
        let nodes = self.inputs.nodes;
        let names = |states: &[NodeState]| -> Vec<String> {
            let found =
                nodes.iter().filter(|node| states.contains(&node.state)).map(|node| node.name.clone());
            let mut names: Vec<_> = found.collect();
            names.sort();
            names
        };
        let marks = nodes
            .iter()
            .filter(|node| !matches!(node.state, NodeState::Leaving | NodeState::Gone))
            .map(|node| (node.name.clone(), self.marks(node)))
            .collect();
        // Before pods are moved, which may take long: a change of the masters waits for this.
        let mut steps: Vec<PlanStep> = self.etcd_leave().into_iter().collect();
        steps.push(step(
            "node labels",
            5 * MINUTE,
            Action::KubeMarks { kubectl: self.admin(), nodes: marks },
        ));
        let drain = Action::KubeDrain {
            kubectl: self.admin(),
            nodes: names(&[
                NodeState::Leaving,
                NodeState::Draining,
                NodeState::Rebuilding,
                NodeState::Upgrading,
            ]),
            // What is wrong with them is not cured by giving them work, nor by taking it away.
            untouched: names(&[NodeState::Failed, NodeState::Gone]),
        };
        // A pod that will not go must not keep the cluster from its other work: the operation bounds the wait.
        steps.push(optional("drain", 10 * MINUTE, drain));
        let gone = names(&[NodeState::Gone]);
        if !gone.is_empty() {
            let forget = Action::KubeForget { kubectl: self.admin(), nodes: gone };
            steps.push(step("forget nodes", 5 * MINUTE, forget));
        }
        steps
    }

    /// Labels and taints of a node: those of its role and of its group.
    fn marks(&self, node: &NodeRegistration) -> NodeMarks {
        let group = self.inputs.nodegroups.iter().find(|group| group.uuid == node.nodegroup);
        let mut labels = self.group_labels(group);
        if node.role == Role::Master {
            let minor = shape::minor(release_of_node(self.inputs.cluster, node));
            labels.extend(
                minor
                    .master_roles
                    .iter()
                    .map(|role| (format!("node-role.kubernetes.io/{role}"), String::new())),
            );
        }
        let given = group.and_then(|group| group.node_labels.as_ref());
        labels.extend(given.iter().flat_map(|given| given.0.clone()));
        NodeMarks { labels, taints: self.taints(node.role, group) }
    }

    fn group_labels(&self, group: Option<&NodeGroup>) -> BTreeMap<String, String> {
        let labels = group.map(|group| {
            [("magnum.openstack.org/role", &group.role), ("magnum.openstack.org/nodegroup", &group.name)]
                .map(|(name, value)| (name.to_owned(), value.clone()))
        });
        labels.into_iter().flatten().collect()
    }

    fn taints(&self, role: Role, group: Option<&NodeGroup>) -> Vec<String> {
        let master = self.minor.master_roles.iter().take(1);
        let master = master.filter(|_| role == Role::Master);
        let mut taints: Vec<String> =
            master.map(|role| format!("node-role.kubernetes.io/{role}:NoSchedule")).collect();
        let given = group.and_then(|group| group.node_taints.as_ref()).and_then(serde_json::Value::as_array);
        taints.extend(given.into_iter().flatten().filter_map(|taint| {
            let part = |name: &str| taint.get(name).and_then(serde_json::Value::as_str);
            let value = part("value").filter(|value| !value.is_empty());
            let value = value.map(|value| format!("={value}")).unwrap_or_default();
            Some(format!("{}{value}:{}", part("key")?, part("effect")?))
        }));
        taints
    }
}

/// Path of a component's kubeconfig.
fn kubeconfig(component: &str) -> String {
    format!("/etc/kubernetes/{component}.conf")
}
