//! Kubernetes on virtual machines with cloud-init or Ignition and systemd.
//!
//! The control plane, etcd and the kubelet are programs of one release run as systemd units, not containers: their
//! certificates come from the cluster's own authorities, one code plans every supported release, and what differs is a
//! table ([`versions`]). Every master runs a member of etcd; the members know each other because masters register
//! before they get a plan, so no discovery service is asked. See `parameters` for the stack, `plan` for the nodes, and
//! `identity` for who they are.

mod addons;
mod cloud_conf;
mod identity;
mod images;
mod labels;
mod outputs;
mod parameters;
mod plan;
mod pod_ranges;
mod settings;
mod shape;
mod upgrade;
mod validate;
pub mod versions;

use crate::{
    driver::{
        ClusterOutputs, Driver, Identity, MemberGroup, NodePlan, Provides, ScaleUpdate, SecretKind,
        SharedSecret, Stack,
    },
    error::DriverError,
    inputs::{
        ClusterSpecView, GroupInputs, GroupStackInputs, ImageInputs, PlanInputs, ReleaseInputs, ScaleInputs,
        StackInputs, UpgradeInputs,
    },
    labels::{LabelSpec, Warning},
};
use indexmap::IndexMap;
use magnum_types::{Authority, Cluster, ClusterTemplate, Coe, Labels, NodeRegistration, Role, ServerType};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub use settings::{Binary, KubernetesSettings};

/// Fact: the members of etcd, `name=peer URL` separated by commas.
pub const ETCD_MEMBERS: &str = "etcd_members";
/// Fact: the names of the members of etcd that have no vote yet, separated by commas.
pub const ETCD_LEARNERS: &str = "etcd_learners";
/// Fact: the release that the newest node runs, as its kubelet says it.
pub const KUBE_VERSION: &str = "kube_version";
/// Fact: the container runtime's version.
pub const CONTAINER_VERSION: &str = "container_version";
/// Facts of this beginning: whether an add-on, whose name follows, is on.
const ADDON: &str = "addon.";
/// Fact: the key that signs the tokens of service accounts.
pub const SERVICE_ACCOUNT_KEY: &str = "kube_service_account_key";
/// Fact: the key that secrets are encrypted with in etcd.
pub const ENCRYPTION_KEY: &str = "kube_encryption_key";

const PROVIDES: &[Provides] = &[
    vm("debian"),
    vm("ubuntu"),
    vm("fedora-coreos"),
    vm("flatcar"),
    // Upstream's word for the images of its first driver; whoever still has one gets the same engine.
    vm("fedora-atomic"),
];

const fn vm(os_distro: &'static str) -> Provides {
    Provides { server_type: ServerType::Vm, os_distro, coe: Coe::Kubernetes }
}

pub(crate) const GROUPS: &[MemberGroup; 2] = &[
    MemberGroup { resource: "kube_masters", server: "kube-master", role: Role::Master, primary: false },
    MemberGroup { resource: "kube_minions", server: "kube-minion", role: Role::Worker, primary: false },
];

/// The labels of a Kubernetes cluster.
pub fn labels() -> &'static [LabelSpec] {
    labels::LABELS
}

/// The Kubernetes driver.
#[derive(Clone, Debug, Default)]
pub struct KubernetesDriver {
    settings: KubernetesSettings,
}

impl KubernetesDriver {
    /// A driver with the operator's settings.
    pub fn new(settings: KubernetesSettings) -> Self {
        Self { settings }
    }
}

impl Driver for KubernetesDriver {
    fn name(&self) -> &'static str {
        "k8s_heat_v1"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["k8s_fedora_coreos_v1", "k8s_fedora_atomic_v1", "k8s_coreos_v1"]
    }

    fn provides(&self) -> &'static [Provides] {
        PROVIDES
    }

    fn labels(&self) -> &'static [LabelSpec] {
        labels::LABELS
    }

    fn validate(&self, spec: &ClusterSpecView<'_>) -> Result<Vec<Warning>, DriverError> {
        validate::validate(spec, &self.settings)
    }

    fn stack(&self, inputs: &StackInputs<'_>) -> Stack {
        parameters::stack(inputs)
    }

    fn nodegroup_stack(&self, inputs: &GroupStackInputs<'_>) -> Result<Stack, DriverError> {
        parameters::nodegroup_stack(inputs)
    }

    fn nodegroup(&self, inputs: &GroupInputs<'_>) -> Result<(), DriverError> {
        upgrade::check_group(inputs)
    }

    fn heals_itself(&self, labels: &Labels) -> bool {
        // Whatever auto_healing_controller says: both words mean the same program.
        self.settings.cluster_user_trust && shape::is_on(labels, "auto_healing_enabled")
    }

    fn labels_nodes(&self) -> bool {
        true
    }

    fn scale(&self, inputs: &ScaleInputs<'_>) -> ScaleUpdate {
        let (count, removed) = match inputs.role {
            Role::Master => ("number_of_masters", "masters_to_remove"),
            Role::Worker => ("number_of_minions", "minions_to_remove"),
        };
        // The list is always sent: Heat keeps the last one, and an index in it must not go again by accident.
        let remove: Vec<String> = inputs.remove.iter().map(u32::to_string).collect();
        let parameters = IndexMap::from([
            (count.to_owned(), json!(inputs.node_count)),
            (removed.to_owned(), json!(remove)),
        ]);
        ScaleUpdate { parameters }
    }

    fn images(&self, inputs: &ImageInputs<'_>) -> ScaleUpdate {
        let (image, images) = match inputs.role {
            Role::Master => ("master_image", "master_images"),
            Role::Worker => ("minion_image", "minion_images"),
        };
        let single: Map<String, Value> =
            inputs.single.iter().map(|(index, image)| (index.to_string(), json!(image))).collect();
        let mut parameters = IndexMap::from([(images.to_owned(), Value::Object(single))]);
        parameters.extend(inputs.image.map(|wanted| (image.to_owned(), json!(wanted))));
        ScaleUpdate { parameters }
    }

    fn member_groups(&self) -> &'static [MemberGroup] {
        GROUPS
    }

    fn outputs(
        &self,
        cluster: &Cluster,
        template: &ClusterTemplate,
        outputs: &Map<String, Value>,
        facts: &BTreeMap<String, String>,
    ) -> ClusterOutputs {
        outputs::read(cluster, template, outputs, facts)
    }

    fn plan(&self, inputs: &PlanInputs<'_>) -> Option<NodePlan> {
        plan::plan(inputs, &self.settings)
    }

    fn allot(&self, inputs: &PlanInputs<'_>) -> Result<Option<BTreeMap<String, String>>, DriverError> {
        pod_ranges::allot(inputs)
    }

    fn authorities(&self) -> &'static [Authority] {
        Authority::ALL
    }

    fn shared_secrets(&self) -> &'static [SharedSecret] {
        &[
            SharedSecret { fact: SERVICE_ACCOUNT_KEY, kind: SecretKind::RsaPrivateKey },
            SharedSecret { fact: ENCRYPTION_KEY, kind: SecretKind::Bytes32 },
        ]
    }

    fn identity(&self, inputs: &PlanInputs<'_>, name: &str) -> Option<Identity> {
        identity::identity(inputs, name)
    }

    fn node_subject(&self, name: &str) -> (String, String) {
        // It names the machine to Magnum only; to the cluster a node is what its identities say.
        (name.to_owned(), "magnum:nodes".to_owned())
    }

    fn release(&self, inputs: &ReleaseInputs<'_>) -> Option<String> {
        Some(shape::release_of(inputs.cluster, inputs.group))
    }

    fn upgrades(&self) -> bool {
        true
    }

    fn rotates_credentials(&self) -> bool {
        true
    }

    fn hands_credentials_on(&self) -> bool {
        self.settings.cluster_user_trust
    }

    fn upgrade(&self, inputs: &UpgradeInputs<'_>) -> Result<String, DriverError> {
        upgrade::check(inputs)
    }

    fn takes_in_masters(&self) -> bool {
        true
    }

    fn leaves_resources(&self) -> bool {
        true
    }

    fn facts_wanted(&self) -> &'static [&'static str] {
        &[ETCD_MEMBERS]
    }

    fn believes(&self, role: Role, fact: &str) -> bool {
        let of_masters = [ETCD_MEMBERS, ETCD_LEARNERS].contains(&fact) || fact.starts_with(ADDON);
        matches!(fact, KUBE_VERSION | CONTAINER_VERSION) || (role == Role::Master && of_masters)
    }

    fn drains<'a>(&self, nodes: &'a [NodeRegistration]) -> Option<&'a NodeRegistration> {
        plan::acting_master(nodes)
    }

    fn must_leave(&self, cluster: &Cluster, node: &NodeRegistration) -> bool {
        plan::etcd::must_leave(cluster, node)
    }

    fn has_left(&self, facts: &BTreeMap<String, String>, node: &NodeRegistration) -> bool {
        plan::etcd::has_left(facts, node)
    }

    fn refuses_master_resize(&self) -> bool {
        false
    }
}
