//! A local Docker Swarm: the plans of [`crate::swarm`].

use super::{
    OS_DISTRO,
    document::{Group, Shape},
    image, labels, parameters, validate,
};
use crate::{
    driver::{ClusterOutputs, Driver, MemberGroup, NodePlan, Provides, ScaleUpdate, Stack},
    error::DriverError,
    inputs::{ClusterSpecView, GroupStackInputs, ImageView, PlanInputs, ScaleInputs, StackInputs},
    labels::{LabelSpec, Warning},
    swarm::{GROUPS, SwarmDriver},
};
use magnum_types::{Cluster, ClusterTemplate, Coe, Labels, NodeRegistration, Role, ServerType};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const PROVIDES: &[Provides] = &[
    Provides { server_type: ServerType::Vm, os_distro: OS_DISTRO, coe: Coe::Swarm },
    Provides { server_type: ServerType::Vm, os_distro: OS_DISTRO, coe: Coe::SwarmMode },
];

const SECONDARY: &str = "number_of_secondary_masters";

const SHAPE: Shape = {
    let [primary, secondary, node] = GROUPS;
    Shape {
        groups: &[
            Group { member: *primary, word: "primary-master", count: None, remove: None },
            Group { member: *secondary, word: "secondary-master", count: Some(SECONDARY), remove: None },
            Group {
                member: *node,
                word: "node",
                count: Some("number_of_nodes"),
                remove: Some("nodes_to_remove"),
            },
        ],
        first: primary.resource,
        worker: "node",
        masters: "number_of_masters",
        workers: "number_of_nodes",
    }
};

/// The driver of Swarms in the local cloud.
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
        labels::SWARM
    }

    fn validate(&self, spec: &ClusterSpecView<'_>) -> Result<Vec<Warning>, DriverError> {
        validate::swarm(spec)
    }

    fn image(&self, image: &ImageView<'_>, _labels: &mut Labels) -> Result<(), DriverError> {
        image::swarm(image)
    }

    fn stack(&self, inputs: &StackInputs<'_>) -> Stack {
        let mut stack = parameters::cluster(&SHAPE, inputs);
        let secondary = inputs.masters.node_count.saturating_sub(1).max(0);
        stack.parameters.insert(SECONDARY.to_owned(), json!(secondary));
        stack
    }

    fn nodegroup_stack(&self, inputs: &GroupStackInputs<'_>) -> Result<Stack, DriverError> {
        parameters::nodegroup(&SHAPE, inputs)
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

    fn believes(&self, role: Role, fact: &str) -> bool {
        SwarmDriver.believes(role, fact)
    }

    fn drains<'a>(&self, nodes: &'a [NodeRegistration]) -> Option<&'a NodeRegistration> {
        SwarmDriver.drains(nodes)
    }
}
