//! The driver: what one engine on one kind of image needs, as pure functions.

use crate::{
    error::DriverError,
    inputs::{ClusterSpecView, GroupStackInputs, PlanInputs, ScaleInputs, StackInputs},
    labels::{LabelSpec, Warning},
};
use indexmap::IndexMap;
use magnum_types::{Coe, NodeRegistration, Role, ServerType, plan::PlanStep};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};

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

    /// Checks a template or a cluster before it is accepted; warnings are for `status_reason` and the log.
    ///
    /// # Errors
    /// A refusal that names the field or label and the remedy.
    fn validate(&self, spec: &ClusterSpecView<'_>) -> Result<Vec<Warning>, DriverError>;

    /// The stack of a new cluster.
    fn stack(&self, inputs: &StackInputs<'_>) -> Stack;

    /// The stack of a further group of workers. The group's labels and sizes are the group's own, and its network and
    /// security groups those of the cluster's stack.
    ///
    /// # Errors
    /// [`DriverError::Field`] when the cluster's stack does not offer what such a stack is built on, as one that another
    /// release made.
    fn nodegroup_stack(&self, inputs: &GroupStackInputs<'_>) -> Result<Stack, DriverError>;

    /// Whether nodes of a group can be given labels and taints of the engine (`node_labels`, `node_taints`).
    fn labels_nodes(&self) -> bool {
        false
    }

    /// The update that gives a stack's group of workers another size.
    fn scale(&self, inputs: &ScaleInputs<'_>) -> ScaleUpdate;

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

    /// The plan of one node; `None` while something that it needs is not there yet, or the node is leaving.
    fn plan(&self, inputs: &PlanInputs<'_>) -> Option<Vec<PlanStep>>;

    /// The facts that other nodes' plans wait for; a report that brings one raises the plan generation.
    fn facts_wanted(&self) -> &'static [&'static str];

    /// The node that will empty and forget the leaving ones; `None` when no node can.
    fn drains<'a>(&self, nodes: &'a [NodeRegistration]) -> Option<&'a NodeRegistration>;

    /// The number of masters is fixed at creation.
    fn refuses_master_resize(&self) -> bool {
        true
    }
}
