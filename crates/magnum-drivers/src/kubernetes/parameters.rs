//! The stack of a Kubernetes cluster: template files as they are, and the parameters computed from the cluster's rows.

use super::shape::{is_on, pods_range, port, release_of, value};
use crate::{
    driver::Stack,
    error::DriverError,
    inputs::{DriverSettings, GroupStackInputs, StackInputs},
    labels,
    stack_values::{
        Values, comma_separated, label, lb_algorithm, magnum_url, node_rules, rule, timeout_minutes,
    },
    user_data,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use indexmap::IndexMap;
use magnum_types::{Cluster, ClusterTemplate, Labels, NodeGroup};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

const MINION: (&str, &str) = ("kubeminion.yaml", include_str!("../../assets/kubernetes/kubeminion.yaml"));

fn files(files: &[(&str, &str)], template: &ClusterTemplate) -> IndexMap<String, String> {
    let user_data = user_data::for_distribution(template.cluster_distro.as_deref());
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    files.chain([(user_data::FILE.to_owned(), user_data)]).collect()
}

pub(super) fn stack(inputs: &StackInputs<'_>) -> Stack {
    let master = ("kubemaster.yaml", include_str!("../../assets/kubernetes/kubemaster.yaml"));
    Stack {
        template: include_str!("../../assets/kubernetes/kubecluster.yaml").to_owned(),
        files: files(&[master, MINION], inputs.template),
        environment: json!({}),
        parameters: parameters(inputs),
        timeout_minutes: timeout_minutes(inputs.cluster, inputs.settings),
    }
}

/// Names are upstream's where upstream has one; what is not set keeps the template's default.
fn parameters(inputs: &StackInputs<'_>) -> IndexMap<String, Value> {
    let StackInputs { cluster, template, masters, workers, join_secret, settings } = *inputs;
    let labels = &cluster.labels;
    let mut values = Values::default();
    shared(&mut values, cluster, template, join_secret, settings);
    worker(&mut values, cluster, template, workers, settings);

    values.set("auth_url", settings.auth_url.clone());
    values.set("kubernetes_port", port(template));
    values.set("kube_tag", release_of(cluster, masters));
    values.set("master_image", masters.image_id.as_deref().unwrap_or(&template.image_id));
    let master_flavor = [&masters.flavor_id, &cluster.master_flavor_id, &template.master_flavor_id];
    values.given("master_flavor", master_flavor.into_iter().find_map(|flavor| flavor.as_deref()));
    values.set("number_of_masters", masters.node_count);
    if let Some(size) = gigabytes(labels, "etcd_volume_size") {
        values.set("etcd_volume_size", size);
        let configured = Some(settings.default_etcd_volume_type.as_str());
        values.given("etcd_volume_type", label(labels, "etcd_volume_type").or(configured));
    }

    values.given("fixed_network", cluster.fixed_network.as_deref());
    values.given("fixed_subnet", cluster.fixed_subnet.as_deref());
    values.given("fixed_subnet_cidr", label(labels, "fixed_subnet_cidr"));
    values.given("dns_nameserver", template.dns_nameserver.as_deref());
    values.set("master_lb_enabled", cluster.master_lb_enabled);
    let asked = label(labels, "master_lb_floating_ip_enabled").and_then(labels::boolean);
    values.set(
        "master_lb_floating_ip_enabled",
        cluster.master_lb_enabled
            && (asked.unwrap_or(false) || cluster.floating_ip_enabled)
            && template.external_network_id.is_some(),
    );
    // The cluster's own nodes come through it too; the range of a given subnet is not known here.
    let own = cluster.fixed_network.is_none().then(|| value(labels, "fixed_subnet_cidr"));
    let allowed = label(labels, "master_lb_allowed_cidrs");
    let allowed =
        allowed.map(|allowed| [Some(allowed), own].into_iter().flatten().collect::<Vec<_>>().join(","));
    let has_etcd_balancer = cluster.master_lb_enabled && is_on(labels, "etcd_lb_enabled");
    // Masters must not be a way around the load balancer.
    let everywhere = allowed.as_deref().filter(|_| cluster.master_lb_enabled);
    let mut rules = master_rules(port(template), everywhere);
    if has_etcd_balancer {
        rules.extend(own.map(|own| from_range(2379, own)));
    }
    values.set("master_rules", rules);
    values.given("master_lb_allowed_cidrs", allowed.as_deref());
    values.set("etcd_lb_enabled", has_etcd_balancer);
    values.given("octavia_provider", label(labels, "octavia_provider"));
    values.given("octavia_lb_algorithm", lb_algorithm(labels));
    values.set("octavia_lb_healthcheck", is_on(labels, "octavia_lb_healthcheck"));
    values.set("node_rules", node_rules(labels, &[]));
    values.given("http_proxy", template.http_proxy.as_deref());
    values.given("https_proxy", template.https_proxy.as_deref());
    values.given("no_proxy", template.no_proxy.as_deref());
    values.0
}

/// Security group rules of the masters for everybody outside: ping, SSH, and the API, which only these ranges may call if
/// there are any.
fn master_rules(api: u16, ranges: Option<&str>) -> Vec<Value> {
    let mut rules = vec![json!({"protocol": "icmp"}), rule("tcp", (22, 22))];
    match ranges {
        None => rules.push(rule("tcp", (api, api))),
        Some(ranges) => {
            let mut ranges: Vec<&str> =
                ranges.split(',').map(str::trim).filter(|range| !range.is_empty()).collect();
            // Neutron refuses the same rule twice.
            ranges.sort_unstable();
            ranges.dedup();
            rules.extend(ranges.into_iter().map(|range| from_range(api, range)));
        }
    }
    rules
}

fn from_range(port: u16, range: &str) -> Value {
    let ether = if range.contains(':') { "IPv6" } else { "IPv4" };
    json!({"protocol": "tcp", "port_range_min": port, "port_range_max": port, "ethertype": ether, "remote_ip_prefix": range})
}

/// What the cluster's stack and those of further groups have alike.
fn shared(
    values: &mut Values,
    cluster: &Cluster,
    template: &ClusterTemplate,
    join_secret: &SecretString,
    settings: &DriverSettings,
) {
    values.set("cluster_uuid", cluster.uuid.to_string());
    values.set("magnum_url", magnum_url(settings));
    values.set("join_secret", join_secret.expose_secret());
    values.set("magnum_node_sha256", settings.node_program_sha256.clone());
    values.set("openstack_ca", STANDARD.encode(&settings.openstack_ca));
    values.set("verify_ca", settings.verify_ca);
    values.set("wait_condition_timeout", timeout_minutes(cluster, settings).saturating_mul(60));
    values.given("ssh_key_name", cluster.keypair.as_deref().or(template.keypair_id.as_deref()));
    values.set("nodes_affinity_policy", settings.nodes_affinity_policy.clone());
    values.set("pods_network_cidr", pods_range(&cluster.labels, template));
    values.given("external_network", template.external_network_id.as_deref());
    values.set("floating_ip_enabled", cluster.floating_ip_enabled);
}

/// A group of workers.
fn worker(
    values: &mut Values,
    cluster: &Cluster,
    template: &ClusterTemplate,
    group: &NodeGroup,
    settings: &DriverSettings,
) {
    let labels = &group.labels;
    values.set("minion_image", group.image_id.as_deref().unwrap_or(&template.image_id));
    let flavor = [&group.flavor_id, &cluster.flavor_id, &template.flavor_id];
    values.given("minion_flavor", flavor.into_iter().find_map(|flavor| flavor.as_deref()));
    values.set("number_of_minions", group.node_count);
    let zone = label(labels, "availability_zone").or(Some(&settings.default_availability_zone));
    values.given("availability_zone", zone);
    let boot = gigabytes(labels, "boot_volume_size").unwrap_or(settings.default_boot_volume_size);
    if boot > 0 {
        values.set("boot_volume_size", boot);
        let configured = Some(settings.default_boot_volume_type.as_str());
        values.given("boot_volume_type", label(labels, "boot_volume_type").or(configured));
    }
    let size = group.docker_volume_size.or(cluster.docker_volume_size.filter(|_| group.is_default));
    if let Some(size) = size.filter(|size| *size > 0) {
        values.set("docker_volume_size", size);
        let configured = Some(settings.default_docker_volume_type.as_str());
        values.given("docker_volume_type", label(labels, "docker_volume_type").or(configured));
    }
}

/// The size that a label gives, when it is more than none.
fn gigabytes(labels: &Labels, name: &str) -> Option<i32> {
    value(labels, name).parse().ok().filter(|size| *size > 0)
}

/// The stack of a further group of workers.
pub(super) fn nodegroup_stack(inputs: &GroupStackInputs<'_>) -> Result<Stack, DriverError> {
    let GroupStackInputs { cluster, template, group, join_secret, settings, cluster_outputs } = *inputs;
    let offered = |name: &str| {
        let value = cluster_outputs.get(name).filter(|value| !value.is_null());
        value.cloned().ok_or_else(|| DriverError::no_output(name))
    };
    let mut values = Values::default();
    shared(&mut values, cluster, template, join_secret, settings);
    worker(&mut values, cluster, template, group, settings);
    values.set("kube_tag", release_of(cluster, group));
    values.set("fixed_network", offered("node_network")?);
    values.set("fixed_subnet", offered("node_subnet")?);
    values.set("security_groups", comma_separated(offered("node_security_groups")?));
    Ok(Stack {
        template: include_str!("../../assets/kubernetes/kubenodegroup.yaml").to_owned(),
        files: files(&[MINION], template),
        environment: json!({}),
        parameters: values.0,
        timeout_minutes: timeout_minutes(cluster, settings),
    })
}
