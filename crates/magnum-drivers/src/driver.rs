//! The driver: what one engine on one kind of image needs, as pure functions.

use crate::{
    error::DriverError,
    inputs::{
        ClusterSpecView, GroupInputs, GroupStackInputs, ImageInputs, ImageView, PlanInputs, ReleaseInputs,
        ScaleInputs, StackInputs, UpgradeInputs,
    },
    labels::{LabelSpec, Warning},
};
use indexmap::IndexMap;
use magnum_types::{
    Authority, Coe, Labels, NodeRegistration, Role, ServerType,
    plan::{HealthCheck, PlanStep},
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};

/// Fact: the address of the masters' load balancer for clients.
pub const API_ADDRESS: &str = "api_address";
/// Fact: the address of the masters' load balancer in the cluster's network.
pub const API_PRIVATE_ADDRESS: &str = "api_private_address";

/// One combination that a driver serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Provides {
    /// Virtual or bare metal.
    pub server_type: ServerType,
    /// The image's `os_distro`.
    pub os_distro: &'static str,
    /// The engine's word.
    pub coe: Coe,
}

/// One group of members in the stack: where servers of a role are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemberGroup {
    /// Name of the group's resource in the stack (an `OS::Heat::ResourceGroup`).
    pub resource: &'static str,
    /// Name of the server's resource inside a member.
    pub server: &'static str,
    /// What its members do.
    pub role: Role,
    /// Its first member founds the cluster.
    pub primary: bool,
}

/// What Heat is given at creation. Debug shows names only, since parameters hold secrets.
#[derive(Clone, PartialEq)]
pub struct Stack {
    /// The top template, as it stands in the asset file.
    pub template: String,
    /// Name in the templates → contents.
    pub files: IndexMap<String, String>,
    /// Heat's environment.
    pub environment: Value,
    /// Values of the template's parameters.
    pub parameters: IndexMap<String, Value>,
    /// Minutes until Heat gives up.
    pub timeout_minutes: i32,
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("files", &self.files.keys().collect::<Vec<_>>())
            .field("parameters", &self.parameters.keys().collect::<Vec<_>>())
            .field("timeout_minutes", &self.timeout_minutes)
            .finish_non_exhaustive()
    }
}

/// A partial update of a stack: `PATCH` with `existing: true` and these parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaleUpdate {
    /// Only the parameters that change.
    pub parameters: IndexMap<String, Value>,
}

/// What a stack's outputs and the nodes' facts say about a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterOutputs {
    /// URL of the engine's API.
    pub api_address: Option<String>,
    /// Addresses of the masters, the founder first; public ones where there are any.
    pub master_addresses: Vec<String>,
    /// Addresses of the workers; public ones where there are any.
    pub node_addresses: Vec<String>,
    /// The engine's version, as the engine said it.
    pub coe_version: Option<String>,
    /// The container runtime's version.
    pub container_version: Option<String>,
}

/// What one node is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePlan {
    /// Its steps, in order.
    pub steps: Vec<PlanStep>,
    /// What it looks at between plans.
    pub health: Option<HealthCheck>,
}

impl From<Vec<PlanStep>> for NodePlan {
    fn from(steps: Vec<PlanStep>) -> Self {
        Self { steps, health: None }
    }
}

/// A secret that is drawn once for a cluster and kept among its facts, because several nodes must have the same one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SharedSecret {
    /// Name of the fact.
    pub fact: &'static str,
    /// What is drawn.
    pub kind: SecretKind,
}

/// What a shared secret is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecretKind {
    /// An RSA private key of 2048 bits, PKCS#8 PEM.
    RsaPrivateKey,
    /// 32 random bytes, base64.
    Bytes32,
}

/// Who a node, or one of its services, is: what the server writes into a certificate for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Who signs.
    pub authority: Authority,
    /// It is shown to clients, rather than to servers; a rotation treats the two apart.
    pub serves: bool,
    /// The subject's `CN`.
    pub common_name: String,
    /// The subject's `O`.
    pub organisation: Option<String>,
    /// Alternative names: host names and addresses.
    pub names: Vec<String>,
}

/// What one engine needs.
pub trait Driver: Send + Sync {
    /// Name in a template's `driver` and in the configuration.
    fn name(&self) -> &'static str;

    /// Upstream's names that mean this driver in existing rows.
    fn aliases(&self) -> &'static [&'static str] {
        &[]
    }

    /// Must be enabled by `[drivers] enabled_beta_drivers`.
    fn beta(&self) -> bool {
        false
    }

    /// The combinations it serves.
    fn provides(&self) -> &'static [Provides];

    /// The labels it reads.
    fn labels(&self) -> &'static [LabelSpec];

    /// Checks a template or a cluster before it is accepted; warnings are for whoever asked, and for the log.
    ///
    /// # Errors
    /// A refusal that names the field or label and the remedy.
    fn validate(&self, spec: &ClusterSpecView<'_>) -> Result<Vec<Warning>, DriverError>;

    /// Checks the image of a template, a cluster or a node group, and puts in the labels that it decides and nobody gave.
    ///
    /// # Errors
    /// A refusal that names the field or label and the remedy, when the image does not have what nodes need of it.
    fn image(&self, _image: &ImageView<'_>, _labels: &mut Labels) -> Result<(), DriverError> {
        Ok(())
    }

    /// The stack of a new cluster.
    fn stack(&self, inputs: &StackInputs<'_>) -> Stack;

    /// The stack of a further group of workers. The group's labels and sizes are the group's own, and its network and
    /// security groups those of the cluster's stack.
    ///
    /// # Errors
    /// [`DriverError::Field`] when the cluster's stack does not offer what such a stack is built on, as one that another
    /// release made.
    fn nodegroup_stack(&self, inputs: &GroupStackInputs<'_>) -> Result<Stack, DriverError>;

    /// Checks a further group of workers against the cluster that it is to join, beyond what [`Driver::validate`] says of
    /// its labels.
    ///
    /// # Errors
    /// A refusal that names the field or label and the remedy.
    fn nodegroup(&self, _inputs: &GroupInputs<'_>) -> Result<(), DriverError> {
        Ok(())
    }

    /// Whether a cluster with these labels and a credential for the cloud has a program in it that looks after its
    /// health and reports it, so that its masters need not.
    fn heals_itself(&self, _labels: &Labels) -> bool {
        false
    }

    /// Whether nodes of a group can be given labels and taints of the engine (`node_labels`, `node_taints`).
    fn labels_nodes(&self) -> bool {
        false
    }

    /// The update that gives a stack's group of workers another size.
    fn scale(&self, inputs: &ScaleInputs<'_>) -> ScaleUpdate;

    /// The update that gives members of a stack's group another image; empty where clusters are not upgraded.
    fn images(&self, _inputs: &ImageInputs<'_>) -> ScaleUpdate {
        ScaleUpdate { parameters: IndexMap::new() }
    }

    /// Where the stack keeps its members.
    fn member_groups(&self) -> &'static [MemberGroup];

    /// Reads a stack's outputs (name → value) and the nodes' facts. Missing outputs give missing answers.
    fn outputs(
        &self,
        cluster: &magnum_types::Cluster,
        template: &magnum_types::ClusterTemplate,
        outputs: &Map<String, Value>,
        facts: &BTreeMap<String, String>,
    ) -> ClusterOutputs;

    /// What the server itself gives out to the nodes that have registered, such as each one's share of a range: the facts
    /// as they are to be before the asking node has a plan; `None` when it has all.
    ///
    /// # Errors
    /// [`DriverError::Field`] when nothing is left for the asking node.
    fn allot(&self, _inputs: &PlanInputs<'_>) -> Result<Option<BTreeMap<String, String>>, DriverError> {
        Ok(None)
    }

    /// The plan of one node; `None` while something that it needs is not there yet, or the node is leaving.
    fn plan(&self, inputs: &PlanInputs<'_>) -> Option<NodePlan>;

    /// The authorities of a cluster.
    fn authorities(&self) -> &'static [Authority] {
        &[Authority::Cluster]
    }

    /// What is drawn for a cluster before its nodes are there.
    fn shared_secrets(&self) -> &'static [SharedSecret] {
        &[]
    }

    /// What a certificate for one of a node's identities says; `None` when the node has no such identity.
    fn identity(&self, _inputs: &PlanInputs<'_>, _name: &str) -> Option<Identity> {
        None
    }

    /// The subject (`CN`, `O`) of the certificate that a node gets when it registers.
    fn node_subject(&self, name: &str) -> (String, String);

    /// The release of the engine that a new node of a group is to run; `None` where the image decides.
    fn release(&self, _inputs: &ReleaseInputs<'_>) -> Option<String> {
        None
    }

    /// Whether the engine makes things in the cloud by itself (load balancers, volumes), which a delete must take away.
    fn leaves_resources(&self) -> bool {
        false
    }

    /// Whether a cluster can be brought to another release, and get new authorities, while it lives.
    fn upgrades(&self) -> bool {
        false
    }

    /// Whether a living cluster can be given another credential for the cloud.
    fn rotates_credentials(&self) -> bool {
        false
    }

    /// Whether nodes hold the cluster's credential for the cloud, so that a new one is handed to them before the old one
    /// ends.
    fn hands_credentials_on(&self) -> bool {
        false
    }

    /// Checks an upgrade, and gives the release that its nodes are to run.
    ///
    /// # Errors
    /// A refusal that names what does not fit.
    fn upgrade(&self, _inputs: &UpgradeInputs<'_>) -> Result<String, DriverError> {
        Err(DriverError::Field {
            field: "cluster_template",
            problem: format!("the driver {} upgrades no clusters", self.name()),
        })
    }

    /// A master that registers later is taken in by one that is there, whose plan changes with it.
    fn takes_in_masters(&self) -> bool {
        false
    }

    /// The facts that other nodes' plans wait for; a report that brings one raises the plan generation.
    fn facts_wanted(&self) -> &'static [&'static str];

    /// Whether a node of this role is believed when it tells this fact. A worker that somebody took over must not be able
    /// to tell the others who their masters are, or what their keys are.
    fn believes(&self, role: Role, fact: &str) -> bool;

    /// The node that will empty and forget the leaving ones; `None` when no node can.
    fn drains<'a>(&self, nodes: &'a [NodeRegistration]) -> Option<&'a NodeRegistration>;

    /// Whether the others count on this node until one of them has taken it out of what they decide together (a member of
    /// etcd): in its present state it must have left before its server goes, or they may lose their majority.
    fn must_leave(&self, _cluster: &magnum_types::Cluster, _node: &NodeRegistration) -> bool {
        false
    }

    /// Whether they count on it no more, by what they told last.
    fn has_left(&self, _facts: &BTreeMap<String, String>, _node: &NodeRegistration) -> bool {
        true
    }

    /// The number of masters is fixed at creation.
    fn refuses_master_resize(&self) -> bool {
        true
    }
}
