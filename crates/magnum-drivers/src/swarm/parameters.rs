//! The stack of a Swarm: template files as they are, and the parameters computed from the cluster's rows.

use crate::{
    driver::Stack,
    inputs::StackInputs,
    labels,
    stack_values::{Values, label, lb_algorithm, magnum_url, node_rules, timeout_minutes},
    user_data,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use indexmap::IndexMap;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// What workers publish besides the range that orchestrators publish in: web servers.
const PUBLISHED: &[(u16, u16)] = &[(80, 80), (443, 443), (8080, 8080)];

pub(super) fn stack(inputs: &StackInputs<'_>) -> Stack {
    let files = [
        ("swarmmaster.yaml", include_str!("../../assets/swarm/swarmmaster.yaml").to_owned()),
        ("swarmnode.yaml", include_str!("../../assets/swarm/swarmnode.yaml").to_owned()),
        (user_data::FILE, user_data::cloud_init()),
    ];
    Stack {
        template: include_str!("../../assets/swarm/swarmcluster.yaml").to_owned(),
        files: files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
        environment: json!({}),
        parameters: parameters(inputs),
        timeout_minutes: timeout_minutes(inputs.cluster, inputs.settings),
    }
}

/// Names are upstream's where upstream has one; what is not set keeps the template's default.
fn parameters(inputs: &StackInputs<'_>) -> IndexMap<String, Value> {
    let StackInputs { cluster, template, masters, workers, join_secret, settings } = *inputs;
    let labels = &cluster.labels;
    let floating = cluster.floating_ip_enabled;
    let mut values = Values::default();

    values.set("cluster_uuid", cluster.uuid.to_string());
    values.set("magnum_url", magnum_url(settings));
    values.set("auth_url", settings.auth_url.clone());
    values.set("join_secret", join_secret.expose_secret());
    values.set("magnum_node_sha256", settings.node_program_sha256.clone());
    values.set("openstack_ca", STANDARD.encode(&settings.openstack_ca));
    values.set("verify_ca", settings.verify_ca);
    values.set("tls_disabled", template.tls_disabled);
    values.set("swarm_port", super::port(template));
    values.set("wait_condition_timeout", timeout_minutes(inputs.cluster, inputs.settings).saturating_mul(60));

    values.given("ssh_key_name", cluster.keypair.as_deref().or(template.keypair_id.as_deref()));
    values.set("master_image", masters.image_id.as_deref().unwrap_or(&template.image_id));
    values.set("node_image", workers.image_id.as_deref().unwrap_or(&template.image_id));
    let master_flavor = [&masters.flavor_id, &cluster.master_flavor_id, &template.master_flavor_id];
    values.given("master_flavor", master_flavor.into_iter().find_map(|flavor| flavor.as_deref()));
    let node_flavor = [&workers.flavor_id, &cluster.flavor_id, &template.flavor_id];
    values.given("node_flavor", node_flavor.into_iter().find_map(|flavor| flavor.as_deref()));
    values.set("number_of_masters", masters.node_count);
    values.set("number_of_secondary_masters", masters.node_count.saturating_sub(1).max(0));
    values.set("number_of_nodes", workers.node_count);
    values.set("nodes_affinity_policy", settings.nodes_affinity_policy.clone());
    values.given(
        "availability_zone",
        label(labels, "availability_zone").or(Some(&settings.default_availability_zone)),
    );

    if let Some(size) = cluster.docker_volume_size.filter(|size| *size > 0) {
        values.set("docker_volume_size", size);
        let configured = Some(settings.default_docker_volume_type.as_str());
        values.given("docker_volume_type", label(labels, "docker_volume_type").or(configured));
    }
    values.given("docker_storage_driver", template.docker_storage_driver.as_deref());
    values.given("volume_driver", template.volume_driver.as_deref());
    values.given("rexray_preempt", label(labels, "rexray_preempt"));

    values.given("external_network", template.external_network_id.as_deref());
    values.given("fixed_network", cluster.fixed_network.as_deref());
    values.given("fixed_subnet", cluster.fixed_subnet.as_deref());
    values.given("fixed_subnet_cidr", label(labels, "fixed_subnet_cidr"));
    values.given("dns_nameserver", template.dns_nameserver.as_deref());
    values.set("floating_ip_enabled", floating);
    values.set("master_lb_enabled", cluster.master_lb_enabled);
    let asked = label(labels, "master_lb_floating_ip_enabled").and_then(labels::boolean).unwrap_or(false);
    values.set(
        "master_lb_floating_ip_enabled",
        cluster.master_lb_enabled && (asked || floating) && template.external_network_id.is_some(),
    );
    values.given("octavia_provider", label(labels, "octavia_provider"));
    values.given("octavia_lb_algorithm", lb_algorithm(labels));
    values.set("node_rules", node_rules(labels, PUBLISHED));
    values.given("http_proxy", template.http_proxy.as_deref());
    values.given("https_proxy", template.https_proxy.as_deref());
    values.given("no_proxy", template.no_proxy.as_deref());
    values.0
}
