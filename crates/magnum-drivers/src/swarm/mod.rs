//! Docker Swarm on images with cloud-init and systemd.
//!
//! Both engine words, `swarm` and `swarm-mode`, give Swarm mode: the classic Swarm container is no longer
//! maintained. One manager founds the Swarm, further managers and the workers join it with tokens that the founder
//! reports over its own authenticated channel, so no token stands in user data. Joining, gossip and overlay traffic
//! are open among the cluster's own nodes only. See `parameters` for the stack and `plan` for the nodes.

pub(crate) mod labels;
mod nodegroup;
mod outputs;
mod parameters;
mod plan;
mod validate;

use crate::{
    driver::{ClusterOutputs, Driver, MemberGroup, NodePlan, Provides, ScaleUpdate, Stack},
    error::DriverError,
    inputs::{ClusterSpecView, GroupStackInputs, PlanInputs, ScaleInputs, StackInputs},
    labels::{LabelSpec, Warning},
};
use indexmap::IndexMap;
use magnum_types::{Cluster, ClusterTemplate, Coe, NodeRegistration, Role, ServerType};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Fact: the token that workers join with.
pub const WORKER_TOKEN: &str = "swarm_worker_token";
/// Fact: the token that managers join with.
pub const MANAGER_TOKEN: &str = "swarm_manager_token";
/// Fact: Nova's id of the server that founded the Swarm.
pub const FOUNDER: &str = "swarm_founder";
/// Fact: the engine's version.
pub const ENGINE_VERSION: &str = "engine_version";

const fn vm(os_distro: &'static str, coe: Coe) -> Provides {
    Provides { server_type: ServerType::Vm, os_distro, coe }
}

const PROVIDES: &[Provides] = &[
    vm("debian", Coe::Swarm),
    vm("debian", Coe::SwarmMode),
    vm("ubuntu", Coe::Swarm),
    vm("ubuntu", Coe::SwarmMode),
    vm("fedora-atomic", Coe::Swarm),
    vm("fedora-atomic", Coe::SwarmMode),
];

pub(crate) const GROUPS: &[MemberGroup; 3] = &[
    MemberGroup {
        resource: "swarm_primary_master",
        server: "swarm-master",
        role: Role::Master,
        primary: true,
    },
    MemberGroup {
        resource: "swarm_secondary_masters",
        server: "swarm-master",
        role: Role::Master,
        primary: false,
    },
    MemberGroup { resource: "swarm_nodes", server: "swarm-node", role: Role::Worker, primary: false },
];

/// The Swarm driver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SwarmDriver;

impl Driver for SwarmDriver {
    fn name(&self) -> &'static str {
        "swarm_debian_v1"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["swarm_fedora_atomic_v2", "swarm_fedora_atomic_v1"]
    }

    fn provides(&self) -> &'static [Provides] {
        PROVIDES
    }

    fn labels(&self) -> &'static [LabelSpec] {
        labels::LABELS
    }

    fn validate(&self, spec: &ClusterSpecView<'_>) -> Result<Vec<Warning>, DriverError> {
        validate::validate(spec)
    }

    fn stack(&self, inputs: &StackInputs<'_>) -> Stack {
        parameters::stack(inputs)
    }

    fn nodegroup_stack(&self, inputs: &GroupStackInputs<'_>) -> Result<Stack, DriverError> {
        nodegroup::stack(inputs)
    }

    fn scale(&self, inputs: &ScaleInputs<'_>) -> ScaleUpdate {
        // The list is always sent: Heat keeps the last one, and an index in it must not go again by accident.
        let remove: Vec<String> = inputs.remove.iter().map(u32::to_string).collect();
        let parameters = IndexMap::from([
            ("number_of_nodes".to_owned(), json!(inputs.node_count)),
            ("nodes_to_remove".to_owned(), json!(remove)),
        ]);
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
        plan::plan(inputs).map(NodePlan::from)
    }

    fn rotates_credentials(&self) -> bool {
        true
    }

    fn node_subject(&self, name: &str) -> (String, String) {
        (name.to_owned(), "swarm".to_owned())
    }

    fn facts_wanted(&self) -> &'static [&'static str] {
        &[WORKER_TOKEN, MANAGER_TOKEN]
    }

    fn believes(&self, role: Role, fact: &str) -> bool {
        let of_managers = matches!(fact, WORKER_TOKEN | MANAGER_TOKEN | FOUNDER);
        fact == ENGINE_VERSION || (role == Role::Master && of_managers)
    }

    fn drains<'a>(&self, nodes: &'a [NodeRegistration]) -> Option<&'a NodeRegistration> {
        plan::acting_manager(nodes)
    }
}

/// The port that the engine listens on.
fn port(template: &ClusterTemplate) -> u16 {
    if template.tls_disabled { 2375 } else { 2376 }
}
