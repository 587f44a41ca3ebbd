//! The stack of a further group of workers: the member file of the cluster's own stack, in the cluster's network and
//! behind its workers' security groups.

use crate::{
    driver::Stack,
    error::DriverError,
    inputs::GroupStackInputs,
    stack_values::{Values, comma_separated, label, magnum_url, timeout_minutes},
    user_data,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret as _;
use serde_json::json;

pub(super) fn stack(inputs: &GroupStackInputs<'_>) -> Result<Stack, DriverError> {
    let GroupStackInputs { cluster, template, group, join_secret, settings, cluster_outputs } = *inputs;
    let offered = |name: &str| {
        let value = cluster_outputs.get(name).filter(|value| !value.is_null());
        value.cloned().ok_or_else(|| DriverError::no_output(name))
    };
    let minutes = timeout_minutes(cluster, settings);
    let labels = &group.labels;
    let mut values = Values::default();

    values.set("cluster_uuid", cluster.uuid.to_string());
    values.set("magnum_url", magnum_url(settings));
    values.set("join_secret", join_secret.expose_secret());
    values.set("magnum_node_sha256", settings.node_program_sha256.clone());
    values.set("openstack_ca", STANDARD.encode(&settings.openstack_ca));
    values.set("verify_ca", settings.verify_ca);
    values.set("wait_condition_timeout", minutes.saturating_mul(60));

    values.given("ssh_key_name", cluster.keypair.as_deref().or(template.keypair_id.as_deref()));
    values.set("node_image", group.image_id.as_deref().unwrap_or(&template.image_id));
    let flavor = [&group.flavor_id, &cluster.flavor_id, &template.flavor_id];
    values.given("node_flavor", flavor.into_iter().find_map(|flavor| flavor.as_deref()));
    values.set("number_of_nodes", group.node_count);
    values.set("nodes_affinity_policy", settings.nodes_affinity_policy.clone());
    values.given(
        "availability_zone",
        label(labels, "availability_zone").or(Some(&settings.default_availability_zone)),
    );
    if let Some(size) = group.docker_volume_size.filter(|size| *size > 0) {
        values.set("docker_volume_size", size);
        let configured = Some(settings.default_docker_volume_type.as_str());
        values.given("docker_volume_type", label(labels, "docker_volume_type").or(configured));
    }

    values.given("external_network", template.external_network_id.as_deref());
    values.set("fixed_network", offered("node_network")?);
    values.set("fixed_subnet", offered("node_subnet")?);
    values.set("security_groups", comma_separated(offered("node_security_groups")?));
    values.set("floating_ip_enabled", cluster.floating_ip_enabled);

    let files = [
        ("swarmnode.yaml", include_str!("../../assets/swarm/swarmnode.yaml").to_owned()),
        (user_data::FILE, user_data::cloud_init()),
    ];
    Ok(Stack {
        template: include_str!("../../assets/swarm/swarmnodegroup.yaml").to_owned(),
        files: files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
        environment: json!({}),
        parameters: values.0,
        timeout_minutes: minutes,
    })
}
