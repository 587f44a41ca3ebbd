//! A local Kubernetes cluster: the plans of [`crate::kubernetes`], with the programs that the nodes' image brings.
//!
//! What a cloud would give is away before a plan is made: volumes, load balancers and a credential. The pods' network is
//! what the template says; `bridge`, which standalone mode has by default, needs no image, and its routes between nodes
//! lie in the network that Docker Engine gives the cluster.

use super::{
    OS_DISTRO,
    document::{Group, Shape},
    image, labels, parameters, validate,
};
use crate::{
    driver::{
        ClusterOutputs, Driver, Identity, MemberGroup, NodePlan, Provides, ScaleUpdate, SharedSecret, Stack,
    },
    error::DriverError,
    inputs::{
        ClusterSpecView, GroupInputs, GroupStackInputs, ImageView, PlanInputs, ReleaseInputs, ScaleInputs,
        StackInputs, UpgradeInputs,
    },
    kubernetes::{GROUPS, KubernetesDriver, KubernetesSettings},
    labels::{LabelSpec, Warning},
};
use magnum_types::{
    Authority, Cluster, ClusterTemplate, Coe, Labels, NodeGroup, NodeRegistration, Role, ServerType,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const PROVIDES: &[Provides] =
    &[Provides { server_type: ServerType::Vm, os_distro: OS_DISTRO, coe: Coe::Kubernetes }];

/// The disk is the machine's, and how full others have made it says nothing of this cluster: by a kubelet's own defaults, a
/// tenth or a seventh of it, pods would be driven out and images deleted that cannot be fetched again.
const KUBELET_OPTIONS: &str = "--eviction-hard=memory.available<100Mi,nodefs.available<1Gi,imagefs.available<1Gi \
                               --image-gc-high-threshold=100 --image-gc-low-threshold=99";

const SHAPE: Shape = {
    let [masters, minions] = GROUPS;
    Shape {
        groups: &[
            Group {
                member: *masters,
                word: "master",
                count: Some("number_of_masters"),
                remove: Some("masters_to_remove"),
            },
            Group {
                member: *minions,
                word: "node",
                count: Some("number_of_minions"),
                remove: Some("minions_to_remove"),
            },
        ],
        first: masters.resource,
        worker: "minion",
        masters: "number_of_masters",
        workers: "number_of_minions",
    }
};

/// The driver of Kubernetes clusters in the local cloud.
#[derive(Clone, Debug, Default)]
pub struct LocalKubernetesDriver {
    settings: KubernetesSettings,
    kubernetes: KubernetesDriver,
}

impl LocalKubernetesDriver {
    /// A driver with the operator's settings.
    pub fn new(settings: &KubernetesSettings) -> Self {
        // Pods cannot reach the services of this process, so a credential for them would only be one more to lose.
        let settings = KubernetesSettings { cluster_user_trust: false, ..settings.clone() };
        Self { kubernetes: KubernetesDriver::new(settings.clone()), settings }
    }

    /// Asks the engine's own driver about a cluster without what a machine does not have.
    fn seen<T>(
        &self,
        inputs: &PlanInputs<'_>,
        ask: impl FnOnce(&KubernetesDriver, &PlanInputs<'_>) -> T,
    ) -> T {
        let mut labels = labels::effective(&inputs.cluster.labels);
        // The tenant's own come last, and win.
        let own = labels.0.get("kubelet_options").map(String::as_str).unwrap_or_default();
        let options = format!("{KUBELET_OPTIONS} {own}").trim_end().to_owned();
        labels.0.insert("kubelet_options".to_owned(), options);
        let cluster = Cluster { docker_volume_size: None, labels, ..inputs.cluster.clone() };
        let without = |group: &NodeGroup| NodeGroup { docker_volume_size: None, ..group.clone() };
        let nodegroups: Vec<NodeGroup> = inputs.nodegroups.iter().map(without).collect();
        ask(
            &self.kubernetes,
            &PlanInputs { cluster: &cluster, nodegroups: &nodegroups, cloud: None, ..*inputs },
        )
    }
}

impl Driver for LocalKubernetesDriver {
    fn name(&self) -> &'static str {
        "local_kubernetes"
    }

    fn provides(&self) -> &'static [Provides] {
        PROVIDES
    }

    fn labels(&self) -> &'static [LabelSpec] {
        &labels::KUBERNETES
    }

    fn validate(&self, spec: &ClusterSpecView<'_>) -> Result<Vec<Warning>, DriverError> {
        validate::kubernetes(spec, &self.kubernetes)
    }

    fn image(&self, image: &ImageView<'_>, labels: &mut Labels) -> Result<(), DriverError> {
        image::kubernetes(image, labels, &self.settings)
    }

    fn stack(&self, inputs: &StackInputs<'_>) -> Stack {
        parameters::cluster(&SHAPE, inputs)
    }

    fn nodegroup_stack(&self, inputs: &GroupStackInputs<'_>) -> Result<Stack, DriverError> {
        parameters::nodegroup(&SHAPE, inputs)
    }

    fn nodegroup(&self, inputs: &GroupInputs<'_>) -> Result<(), DriverError> {
        self.kubernetes.nodegroup(inputs)
    }

    fn labels_nodes(&self) -> bool {
        self.kubernetes.labels_nodes()
    }

    fn scale(&self, inputs: &ScaleInputs<'_>) -> ScaleUpdate {
        self.kubernetes.scale(inputs)
    }

    fn member_groups(&self) -> &'static [MemberGroup] {
        self.kubernetes.member_groups()
    }

    fn outputs(
        &self,
        cluster: &Cluster,
        template: &ClusterTemplate,
        outputs: &Map<String, Value>,
        facts: &BTreeMap<String, String>,
    ) -> ClusterOutputs {
        self.kubernetes.outputs(cluster, template, outputs, facts)
    }

    fn plan(&self, inputs: &PlanInputs<'_>) -> Option<NodePlan> {
        self.seen(inputs, |kubernetes, inputs| kubernetes.plan(inputs))
    }

    fn allot(&self, inputs: &PlanInputs<'_>) -> Result<Option<BTreeMap<String, String>>, DriverError> {
        self.seen(inputs, |kubernetes, inputs| kubernetes.allot(inputs))
    }

    fn authorities(&self) -> &'static [Authority] {
        self.kubernetes.authorities()
    }

    fn shared_secrets(&self) -> &'static [SharedSecret] {
        self.kubernetes.shared_secrets()
    }

    fn identity(&self, inputs: &PlanInputs<'_>, name: &str) -> Option<Identity> {
        self.seen(inputs, |kubernetes, inputs| kubernetes.identity(inputs, name))
    }

    fn node_subject(&self, name: &str) -> (String, String) {
        self.kubernetes.node_subject(name)
    }

    fn release(&self, inputs: &ReleaseInputs<'_>) -> Option<String> {
        self.kubernetes.release(inputs)
    }

    fn upgrades(&self) -> bool {
        self.kubernetes.upgrades()
    }

    fn upgrade(&self, inputs: &UpgradeInputs<'_>) -> Result<String, DriverError> {
        if !inputs.image_groups().is_empty() {
            return Err(DriverError::Field {
                field: "cluster_template",
                problem: "it names another image, and a local node is never made anew from one: make a node group of \
                          that image, or a new cluster"
                    .to_owned(),
            });
        }
        self.kubernetes.upgrade(inputs)
    }

    fn rotates_credentials(&self) -> bool {
        self.kubernetes.rotates_credentials()
    }

    fn takes_in_masters(&self) -> bool {
        self.kubernetes.takes_in_masters()
    }

    fn facts_wanted(&self) -> &'static [&'static str] {
        self.kubernetes.facts_wanted()
    }

    fn believes(&self, role: Role, fact: &str) -> bool {
        self.kubernetes.believes(role, fact)
    }

    fn drains<'a>(&self, nodes: &'a [NodeRegistration]) -> Option<&'a NodeRegistration> {
        self.kubernetes.drains(nodes)
    }

    fn must_leave(&self, cluster: &Cluster, node: &NodeRegistration) -> bool {
        self.kubernetes.must_leave(cluster, node)
    }

    fn has_left(&self, facts: &BTreeMap<String, String>, node: &NodeRegistration) -> bool {
        self.kubernetes.has_left(facts, node)
    }

    fn refuses_master_resize(&self) -> bool {
        self.kubernetes.refuses_master_resize()
    }
}
