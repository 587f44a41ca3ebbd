//! Clusters whose nodes are containers on one machine, for standalone mode: a Docker Swarm with the node plans of
//! [`crate::swarm`], in stacks that the local cloud (`magnum-local`) reads.
//!
//! Only the stack differs. Heat's templates describe ports, volumes, load balancers and user data, none of which a
//! container has; the local cloud reads a small document instead (`document`), with the same groups, members, parameters
//! and outputs, so everything that looks at a stack sees what it knows.

mod document;
mod labels;
mod parameters;
mod validate;

use crate::{
    driver::{ClusterOutputs, Driver, MemberGroup, NodePlan, Provides, ScaleUpdate, Stack},
    error::DriverError,
    inputs::{ClusterSpecView, GroupStackInputs, PlanInputs, ScaleInputs, StackInputs},
    labels::{LabelSpec, Warning},
    swarm::SwarmDriver,
};
use magnum_types::{Cluster, ClusterTemplate, Coe, NodeRegistration, ServerType};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The `os_distro` of images that nodes of the local cloud start from.
pub const OS_DISTRO: &str = "magnum-local";

const PROVIDES: &[Provides] = &[
    Provides { server_type: ServerType::Vm, os_distro: OS_DISTRO, coe: Coe::Swarm },
    Provides { server_type: ServerType::Vm, os_distro: OS_DISTRO, coe: Coe::SwarmMode },
];

/// The driver of the local cloud.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDriver;

impl Driver for LocalDriver {
    fn name(&self) -> &'static str {
        "local"
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
        parameters::cluster(inputs)
    }

    fn nodegroup_stack(&self, inputs: &GroupStackInputs<'_>) -> Result<Stack, DriverError> {
        parameters::nodegroup(inputs)
    }

    fn scale(&self, inputs: &ScaleInputs<'_>) -> ScaleUpdate {
        SwarmDriver.scale(inputs)
    }

    fn member_groups(&self) -> &'static [MemberGroup] {
        SwarmDriver.member_groups()
    }

    fn outputs(
        &self,
        cluster: &Cluster,
        template: &ClusterTemplate,
        outputs: &Map<String, Value>,
        facts: &BTreeMap<String, String>,
    ) -> ClusterOutputs {
        SwarmDriver.outputs(cluster, template, outputs, facts)
    }

    fn plan(&self, inputs: &PlanInputs<'_>) -> Option<NodePlan> {
        if inputs.cluster.docker_volume_size.is_none() {
            return SwarmDriver.plan(inputs);
        }
        // A node has no volume to wait for, whatever the cluster asks for.
        let cluster = Cluster { docker_volume_size: None, ..inputs.cluster.clone() };
        SwarmDriver.plan(&PlanInputs { cluster: &cluster, ..*inputs })
    }

    fn rotates_credentials(&self) -> bool {
        SwarmDriver.rotates_credentials()
    }

    fn node_subject(&self, name: &str) -> (String, String) {
        SwarmDriver.node_subject(name)
    }

    fn facts_wanted(&self) -> &'static [&'static str] {
        SwarmDriver.facts_wanted()
    }

    fn drains<'a>(&self, nodes: &'a [NodeRegistration]) -> Option<&'a NodeRegistration> {
        SwarmDriver.drains(nodes)
    }
}
