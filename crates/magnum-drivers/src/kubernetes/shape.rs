//! What a cluster's labels and template mean: addresses, ranges and names that several parts of a plan must agree on.

use super::versions;
use crate::stack_values::label;
use magnum_types::{Cluster, ClusterTemplate, Labels, NodeGroup, NodeRegistration};
use std::net::IpAddr;

pub(super) use super::labels::value;

/// Whether a boolean label is on.
pub(super) fn is_on(labels: &Labels, name: &str) -> bool {
    super::labels::on(labels, name).unwrap_or(false)
}

/// Port of the API.
pub(super) fn port(template: &ClusterTemplate) -> u16 {
    template.apiserver_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0).unwrap_or(6443)
}

/// Addresses of services.
pub(super) fn service_range(labels: &Labels) -> &str {
    let named = label(labels, "service_cluster_ip_range").or_else(|| label(labels, "portal_network_cidr"));
    named.unwrap_or_else(|| value(labels, "service_cluster_ip_range"))
}

/// The `n`th address of a range; empty where the range has none.
pub(super) fn address_in(range: &str, n: u8) -> String {
    let Some(base) = range.split('/').next().and_then(|text| text.parse::<IpAddr>().ok()) else {
        return String::new();
    };
    match base {
        IpAddr::V4(base) => u32::from(base)
            .checked_add(u32::from(n))
            .map_or_else(String::new, |address| std::net::Ipv4Addr::from(address).to_string()),
        IpAddr::V6(base) => u128::from(base)
            .checked_add(u128::from(n))
            .map_or_else(String::new, |address| std::net::Ipv6Addr::from(address).to_string()),
    }
}

/// Address of the cluster's name service: the label's where it was given, else the tenth of the service range.
pub(super) fn dns_address(labels: &Labels) -> String {
    label(labels, "dns_service_ip").map_or_else(|| address_in(service_range(labels), 10), str::to_owned)
}

/// The cluster's network driver.
pub(super) fn network_driver(template: &ClusterTemplate) -> &str {
    template.network_driver.as_deref().filter(|name| !name.is_empty()).unwrap_or("flannel")
}

/// Addresses of pods.
pub(super) fn pods_range<'a>(labels: &'a Labels, template: &ClusterTemplate) -> &'a str {
    match network_driver(template) {
        "calico" => value(labels, "calico_ipv4pool"),
        "cilium" => value(labels, "cilium_ipv4pool"),
        "bridge" => value(labels, "pods_network_cidr"),
        _ => value(labels, "flannel_network_cidr"),
    }
}

/// The release that new nodes of a group run: its own label, the cluster's, what the cluster runs, the default.
pub(super) fn release_of(cluster: &Cluster, group: &NodeGroup) -> String {
    let named = label(&group.labels, "kube_tag").or_else(|| label(&cluster.labels, "kube_tag"));
    let runs = || cluster.coe_version.as_deref().filter(|release| versions::minor_of(release).is_some());
    named.or_else(runs).unwrap_or_else(|| value(&cluster.labels, "kube_tag")).to_owned()
}

/// The release that a node runs.
pub(super) fn release_of_node<'a>(cluster: &'a Cluster, node: &'a NodeRegistration) -> &'a str {
    node.wanted_release.as_deref().unwrap_or_else(|| value(&cluster.labels, "kube_tag"))
}

/// The row of a release; the newest one's for a release that this version does not know any more.
pub(super) fn minor(release: &str) -> &'static versions::Minor {
    const NEWEST: &versions::Minor = match versions::MINORS.last() {
        Some(minor) => minor,
        None => unreachable!(),
    };
    versions::minor_of(release).unwrap_or(NEWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_from_the_beginning_of_a_range() {
        assert_eq!(address_in("10.254.0.0/16", 1), "10.254.0.1");
        assert_eq!(address_in("10.254.0.0/16", 10), "10.254.0.10");
        assert_eq!(address_in("fd00::/108", 1), "fd00::1");
        assert_eq!(address_in("nothing", 1), "");
    }
}
