//! Who a node and its services are (RFC 5280 names as Kubernetes reads them): the server's answer to a node that asks
//! for a certificate. A worker is a kubelet and a proxy, nothing else.

use super::shape::{address_in, service_range, value};
use crate::{
    driver::{API_ADDRESS, API_PRIVATE_ADDRESS, Identity},
    inputs::PlanInputs,
    stack_values::label,
};
use magnum_types::{Authority, NodeRegistration, Role};

/// Identities of every node.
pub(super) const KUBELET: &str = "kubelet";
pub(super) const KUBELET_SERVER: &str = "kubelet-server";
pub(super) const KUBE_PROXY: &str = "kube-proxy";
/// Identities of masters.
pub(super) const API_SERVER: &str = "kube-apiserver";
pub(super) const API_SERVER_KUBELET: &str = "kube-apiserver-kubelet-client";
pub(super) const API_SERVER_ETCD: &str = "kube-apiserver-etcd-client";
pub(super) const CONTROLLERS: &str = "kube-controller-manager";
pub(super) const SCHEDULER: &str = "kube-scheduler";
pub(super) const ADMIN: &str = "magnum-node";
pub(super) const FRONT_PROXY: &str = "front-proxy-client";
pub(super) const KEYSTONE_AUTH: &str = "keystone-auth";
pub(super) const ETCD_SERVER: &str = "etcd-server";
pub(super) const ETCD_PEER: &str = "etcd-peer";

pub(super) fn identity(inputs: &PlanInputs<'_>, name: &str) -> Option<Identity> {
    let node = inputs.node;
    let client = |authority, common_name: &str, organisation: Option<&str>| Identity {
        authority,
        serves: false,
        common_name: common_name.to_owned(),
        organisation: organisation.map(str::to_owned),
        names: Vec::new(),
    };
    let server = |authority, common_name: &str, names| Identity {
        serves: true,
        names,
        ..client(authority, common_name, None)
    };
    let kubelet = format!("system:node:{}", node.name);
    let of_every_node = match name {
        KUBELET => Some(client(Authority::Cluster, &kubelet, Some("system:nodes"))),
        KUBELET_SERVER => Some(Identity {
            organisation: Some("system:nodes".to_owned()),
            ..server(Authority::Cluster, &kubelet, own_names(node))
        }),
        KUBE_PROXY => Some(client(Authority::Cluster, "system:kube-proxy", Some("system:node-proxier"))),
        _ => None,
    };
    if of_every_node.is_some() || node.role != Role::Master {
        return of_every_node;
    }
    match name {
        API_SERVER => Some(server(Authority::Cluster, "kube-apiserver", api_names(inputs))),
        API_SERVER_KUBELET => Some(client(Authority::Cluster, API_SERVER_KUBELET, None)),
        API_SERVER_ETCD => Some(client(Authority::Etcd, API_SERVER_ETCD, None)),
        CONTROLLERS => Some(client(Authority::Cluster, "system:kube-controller-manager", None)),
        SCHEDULER => Some(client(Authority::Cluster, "system:kube-scheduler", None)),
        // The node program applies manifests and marks nodes.
        ADMIN => Some(client(Authority::Cluster, &format!("magnum:{}", node.name), Some("system:masters"))),
        // The webhook on the master itself.
        KEYSTONE_AUTH => {
            let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
            Some(server(Authority::Cluster, KEYSTONE_AUTH, names))
        }
        FRONT_PROXY => Some(client(Authority::FrontProxy, FRONT_PROXY, None)),
        ETCD_SERVER => Some(server(Authority::Etcd, &node.name, own_names(node))),
        ETCD_PEER => Some(server(Authority::Etcd, &node.name, own_names(node))),
        _ => None,
    }
}

/// What changes when a certificate must be made anew: who signs, and what it says.
pub(super) fn revision(inputs: &PlanInputs<'_>, identity: &Identity) -> String {
    format!(
        "{} CN={} O={} {}",
        inputs.authorities.issuer(identity.authority, identity.serves),
        identity.common_name,
        identity.organisation.as_deref().unwrap_or_default(),
        identity.names.join(",")
    )
}

fn own_names(node: &NodeRegistration) -> Vec<String> {
    let mut names =
        vec![node.name.clone(), "localhost".to_owned(), "127.0.0.1".to_owned(), node.address.clone()];
    names.extend(node.public_address.clone());
    names
}

/// Under which names the API is spoken to: by its service inside, by the node's and the load balancer's addresses
/// outside.
fn api_names(inputs: &PlanInputs<'_>) -> Vec<String> {
    let labels = &inputs.cluster.labels;
    let domain = value(labels, "dns_cluster_domain");
    let mut names = own_names(inputs.node);
    let service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
    names.extend(service.map(str::to_owned));
    names.push(format!("kubernetes.default.svc.{domain}"));
    names.push(address_in(service_range(labels), 1));
    names.extend(
        [API_ADDRESS, API_PRIVATE_ADDRESS].iter().filter_map(|fact| inputs.facts.get(*fact).cloned()),
    );
    let asked = label(labels, "api_server_cert_sans").unwrap_or_default();
    names.extend(asked.split(',').map(|name| name.trim().to_owned()));
    let mut once = Vec::new();
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}
