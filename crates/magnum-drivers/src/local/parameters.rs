//! The stacks' parameters, computed from the cluster's rows.

use super::document::Shape;
use crate::{
    driver::Stack,
    error::DriverError,
    inputs::{DriverSettings, GroupStackInputs, StackInputs},
    stack_values::{Values, magnum_url, timeout_minutes},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use indexmap::IndexMap;
use magnum_types::{Cluster, ClusterTemplate, NodeGroup};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

pub(super) fn cluster(shape: &Shape, inputs: &StackInputs<'_>) -> Stack {
    let StackInputs { cluster, template, masters, workers, join_secret, settings } = *inputs;
    let mut values = of_node(cluster, join_secret, settings);
    values.set("master_image", masters.image_id.as_deref().unwrap_or(&template.image_id));
    let master_flavor = [&masters.flavor_id, &cluster.master_flavor_id, &template.master_flavor_id];
    values.given("master_flavor", master_flavor.into_iter().find_map(|flavor| flavor.as_deref()));
    values.set(shape.masters, masters.node_count);
    of_workers(&mut values, shape, cluster, template, workers);
    stack(shape.cluster(), values, timeout_minutes(cluster, settings))
}

pub(super) fn nodegroup(shape: &Shape, inputs: &GroupStackInputs<'_>) -> Result<Stack, DriverError> {
    let GroupStackInputs { cluster, template, group, join_secret, settings, cluster_outputs } = *inputs;
    let network = cluster_outputs.get("node_network").filter(|value| !value.is_null());
    let network = network.ok_or_else(|| DriverError::no_output("node_network"))?;
    let mut values = of_node(cluster, join_secret, settings);
    of_workers(&mut values, shape, cluster, template, group);
    values.set("fixed_network", network.clone());
    Ok(stack(shape.nodegroup(), values, timeout_minutes(cluster, settings)))
}

/// What every node is told.
fn of_node(cluster: &Cluster, join_secret: &SecretString, settings: &DriverSettings) -> Values {
    let mut values = Values::default();
    values.set("cluster_uuid", cluster.uuid.to_string());
    values.set("magnum_url", magnum_url(settings));
    values.set("join_secret", join_secret.expose_secret());
    values.set("magnum_node_sha256", settings.node_program_sha256.clone());
    values.set("openstack_ca", STANDARD.encode(&settings.openstack_ca));
    values.set("verify_ca", settings.verify_ca);
    values
}

fn of_workers(
    values: &mut Values,
    shape: &Shape,
    cluster: &Cluster,
    template: &ClusterTemplate,
    group: &NodeGroup,
) {
    let named = |what: &str| format!("{}_{what}", shape.worker);
    values.set(&named("image"), group.image_id.as_deref().unwrap_or(&template.image_id));
    let flavor = [&group.flavor_id, &cluster.flavor_id, &template.flavor_id];
    values.given(&named("flavor"), flavor.into_iter().find_map(|flavor| flavor.as_deref()));
    values.set(shape.workers, group.node_count);
}

fn stack(template: String, values: Values, timeout_minutes: i32) -> Stack {
    Stack { template, files: IndexMap::new(), environment: json!({}), parameters: values.0, timeout_minutes }
}
