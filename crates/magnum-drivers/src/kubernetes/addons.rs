//! The add-ons of a cluster: which are wanted, and their manifests.
//!
//! A manifest is a file in `assets/kubernetes/addons` with placeholders. `__NAME__` inside a line is replaced by a
//! value, and a line that is nothing but a placeholder by as many lines as the value has, or none. Nothing is escaped:
//! the kinds of the labels, and base64 for whole files, see to it that no value needs it.
//!
//! An add-on that a label turned off leaves the names of its objects, so that they can be deleted; these are read from
//! the same file. The network driver of a cluster never changes, so the other two drivers leave nothing.
//!
//! What is proven: every manifest is YAML of known kinds (tests here), and a real API server of release 1.20 admits
//! each (`scripts/check-manifests`). What is not: that the images run with them, and releases from 1.33, whose API
//! servers nobody here has. The fields used are those of stable APIs, which these releases still serve.

use super::{
    cloud_conf, images,
    labels::{on, value},
    versions::Minor,
};
use magnum_types::Labels;
use std::collections::BTreeMap;

/// One set of objects.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Addon {
    /// Its name, for the node that applies it.
    pub set: &'static str,
    /// What to apply, as YAML documents; empty where the add-on is off.
    pub manifest: String,
    /// What to delete: arguments that name one object each.
    pub absent: Vec<Vec<String>>,
    /// It holds or uses the cluster's credential for the cloud.
    pub needs_cloud: bool,
    /// Those of its workloads that act by the credential: namespace, and `kind/name`. Their pods carry its id, so that
    /// another credential makes them anew, and nothing else.
    pub acting: Vec<(String, String)>,
    /// To be applied by the client: the API server of this release breaks down over a server-side apply of it.
    pub client_side: bool,
}

impl std::fmt::Debug for Addon {
    /// Without the manifest, which may hold a credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Addon").field("set", &self.set).field("absent", &self.absent).finish_non_exhaustive()
    }
}

/// How a cluster speaks to the cloud that it runs on.
#[derive(Clone, Copy)]
pub(super) enum CloudCredential<'a> {
    /// The trustee's name, password and trust.
    Trust { user_id: &'a str, password: &'a str, trust_id: &'a str },
    /// An application credential.
    Application { id: &'a str, secret: &'a str },
}

/// What the manifests depend on.
#[derive(Clone, Copy)]
pub(super) struct AddonInputs<'a> {
    /// The cluster's labels.
    pub labels: &'a Labels,
    /// The cluster's release.
    pub minor: &'static Minor,
    /// `flannel`, `calico` or `cilium`; any other needs no manifest.
    pub network_driver: &'a str,
    /// The template's `volume_driver` is `cinder`.
    pub cinder: bool,
    /// The cluster's id.
    pub cluster_uuid: &'a str,
    /// Addresses of pods.
    pub pod_cidr: &'a str,
    /// Prefix length of each node's share of it.
    pub node_cidr_length: u32,
    /// The name server's address, among those of the services.
    pub dns_ip: &'a str,
    /// Domain of the services' names.
    pub cluster_domain: &'a str,
    /// The API inside the cluster's network: address and port, without a scheme.
    pub api_host: &'a str,
    #[allow(missing_docs, reason = "see above")]
    pub api_port: u16,
    /// Keystone as nodes reach it, ending in `/v3`.
    pub keystone_url: &'a str,
    /// The cloud's certificate authorities, PEM; empty for the images' own.
    pub openstack_ca: &'a str,
    /// The cloud's region; empty for the only one.
    pub region: &'a str,
    /// The cluster's project.
    pub project_id: &'a str,
    /// The network of floating addresses; empty for none.
    pub external_network_id: &'a str,
    /// The subnet of the nodes; empty while it is not known.
    pub subnet_id: &'a str,
    /// Number of workers of the default group.
    pub node_count: i32,
    /// `max_node_count` of the default group in Magnum. With it, the autoscaler looks after every group of workers that
    /// has one, within the bounds that Magnum shows; without, after the default group within those of the labels.
    pub max_node_count: Option<i32>,
    /// `None` where the cluster may have none.
    pub cloud: Option<CloudCredential<'a>>,
}

/// The annotation of pods that act by the cluster's credential. A running program never reads its file again.
const CREDENTIAL_MARK: &str = "magnum.openstack.org/credential";

/// Directory on masters with `server.crt` and `server.key`, with which the Keystone webhook serves 127.0.0.1:8443.
pub(super) const KEYSTONE_AUTH_DIRECTORY: &str = "/etc/kubernetes/keystone-auth";

struct Source {
    set: &'static str,
    text: &'static str,
    needs_cloud: bool,
}

macro_rules! source {
    ($set:literal, $needs_cloud:literal) => {
        Source {
            set: $set,
            text: include_str!(concat!("../../assets/kubernetes/addons/", $set, ".yaml")),
            needs_cloud: $needs_cloud,
        }
    };
}

/// In the order in which they are applied.
const SOURCES: &[Source] = &[
    source!("rbac", false),
    source!("flannel", false),
    source!("calico", false),
    source!("cilium", false),
    source!("openstack-ca", false),
    source!("cloud-config", true),
    source!("cloud-controller-manager", true),
    source!("coredns", false),
    source!("metrics-server", false),
    source!("metrics-api", false),
    source!("cinder-csi", true),
    source!("keystone-auth", false),
    source!("cluster-autoscaler", true),
    source!("magnum-auto-healer", true),
    source!("node-problem-detector", false),
    source!("dashboard", false),
];

/// The sets of a cluster, in the order in which they are to be applied.
pub(super) fn addons(inputs: &AddonInputs<'_>) -> Vec<Addon> {
    let values = values(inputs);
    let addon = |source: &Source| {
        let Source { set, text, needs_cloud } = *source;
        let (manifest, absent) = match wanted(set, inputs)? {
            true => (render(text, &values), vec![]),
            false => (String::new(), objects(text)),
        };
        let client_side = set == "metrics-api" && inputs.minor.applies_by_client;
        let acting = acting(&manifest);
        Some(Addon { set, manifest, absent, needs_cloud, acting, client_side })
    };
    SOURCES.iter().filter_map(addon).collect()
}

/// Whether the cluster has the set; `None` where it cannot have had it either.
fn wanted(set: &str, inputs: &AddonInputs<'_>) -> Option<bool> {
    let asked = |label: &str| on(inputs.labels, label);
    let cloud = inputs.cloud.is_some();
    let healing = asked("auto_healing_enabled").unwrap_or(false);
    Some(match set {
        "flannel" | "calico" | "cilium" => return (set == inputs.network_driver).then_some(true),
        "openstack-ca" => !inputs.openstack_ca.is_empty(),
        "cloud-config" => cloud,
        "cloud-controller-manager" => cloud && asked("cloud_provider_enabled").unwrap_or(true),
        "coredns" => asked("coredns_enabled").unwrap_or(true),
        "metrics-server" | "metrics-api" => asked("metrics_server_enabled").unwrap_or(true),
        "cinder-csi" => cloud && inputs.cinder && asked("cinder_csi_enabled").unwrap_or(true),
        "keystone-auth" => asked("keystone_auth_enabled").unwrap_or(false),
        "cluster-autoscaler" => cloud && asked("auto_scaling_enabled").unwrap_or(false),
        "magnum-auto-healer" => cloud && healing,
        "node-problem-detector" => asked("npd_enabled").unwrap_or(healing),
        "dashboard" => asked("kube_dashboard_enabled").unwrap_or(false),
        _ => true,
    })
}

fn values(inputs: &AddonInputs<'_>) -> BTreeMap<String, String> {
    let labels = inputs.labels;
    let label = |name: &str| value(labels, name).to_owned();
    let switch = |name: &str| on(labels, name).unwrap_or(true).to_string();
    let minor = inputs.minor;
    let old = |one: &str, other: &str| if minor.old_addons { one.to_owned() } else { other.to_owned() };
    let mut values: BTreeMap<String, String> = images::references(labels, minor.minor).into_iter().collect();
    let mut set = |name: &str, value: String| drop(values.insert(name.to_owned(), value));

    set("API_HOST", inputs.api_host.to_owned());
    set("API_PORT", inputs.api_port.to_string());
    set("CLUSTER_DOMAIN", inputs.cluster_domain.to_owned());
    set("CLUSTER_UUID", inputs.cluster_uuid.to_owned());
    set("DNS_IP", inputs.dns_ip.to_owned());
    set("INITIAL_DELAY", label("system_pods_initial_delay"));
    set("NODE_CIDR_LENGTH", inputs.node_cidr_length.to_string());
    set("POD_CIDR", inputs.pod_cidr.to_owned());
    set("TIMEOUT", label("system_pods_timeout"));
    set("PDB_API", minor.disruption_api.to_owned());
    set("KUBELET_METRICS", minor.kubelet_metrics.to_owned());
    let toleration = |role: &&str| {
        format!("- key: node-role.kubernetes.io/{role}\n  operator: Exists\n  effect: NoSchedule")
    };
    set("MASTER_TOLERATIONS", minor.master_roles.iter().map(toleration).collect::<Vec<_>>().join("\n"));

    set("FLANNEL_BACKEND", label("flannel_backend").replace("udp", "vxlan"));
    set("CALICO_IPIP", label("calico_ipv4pool_ipip").replace("Off", "Never"));
    let tunnel = label("cilium_tunnel");
    set(
        "CILIUM_ROUTING",
        old(&format!("tunnel: {tunnel}"), &format!("routing-mode: tunnel\ntunnel-protocol: {tunnel}")),
    );
    set("CILIUM_PROXY", old("kube-proxy-replacement: disabled", "kube-proxy-replacement: \"false\""));

    let id = match inputs.cloud {
        Some(CloudCredential::Trust { user_id, .. }) => user_id,
        Some(CloudCredential::Application { id, .. }) => id,
        None => "",
    };
    set("CREDENTIAL", id.to_owned());
    set("CLOUD_CONF", cloud_conf::for_controllers(inputs));
    set("CLOUD_CONF_NODES", cloud_conf::for_nodes());
    set("AUTO_HEALER_CONFIG", cloud_conf::for_auto_healer(inputs));
    set("OPENSTACK_CA", cloud_conf::base64(inputs.openstack_ca));
    // The old one asks the cloud from every node, and knows neither flag.
    set("CSI_CONTROLLER_ARGS", old("- --nodeid=$(NODE_NAME)", "- --provide-node-service=false"));
    set(
        "CSI_NODE_ARGS",
        old(
            "- --nodeid=$(NODE_NAME)",
            "- --provide-controller-service=false\n- --node-service-no-os-client=true",
        ),
    );
    set(
        "CSI_NODE_CONFIG",
        old("secret:\n  secretName: cloud-config", "configMap:\n  name: cloud-config-nodes"),
    );
    set("CSI_NODE_MARK", old(&format!("annotations:\n  {CREDENTIAL_MARK}: \"{id}\""), ""));
    set("CSI_FEATURES", old("- --feature-gates=Topology=true", ""));
    set("CSI_FSTYPE", label("csi_cinder_fstype"));
    set("CSI_RECLAIM_POLICY", label("csi_cinder_reclaim_policy"));
    set("CSI_BINDING_MODE", label("csi_cinder_volume_binding_mode"));
    set("CSI_EXPANSION", switch("csi_cinder_allow_volume_expansion"));
    let zone = label("csi_cinder_availability_zone");
    set("CSI_ZONE", if zone.is_empty() { zone } else { format!("availability: \"{zone}\"") });

    set("KEYSTONE_URL", inputs.keystone_url.to_owned());
    set("KEYSTONE_AUTH_DIRECTORY", KEYSTONE_AUTH_DIRECTORY.to_owned());
    set("PROJECT_ID", inputs.project_id.to_owned());
    let ca =
        if inputs.openstack_ca.is_empty() { "" } else { "- --keystone-ca-file=/etc/openstack-ca/ca.crt" };
    set("KEYSTONE_CA_ARG", ca.to_owned());

    set("AUTOSCALER_GROUPS", autoscaler_groups(inputs));
    values
}

/// The program takes one of the two, and stops over both.
fn autoscaler_groups(inputs: &AddonInputs<'_>) -> String {
    if inputs.max_node_count.is_some() {
        return "- --node-group-auto-discovery=magnum:role=worker".to_owned();
    }
    let bound = |label: &str| value(inputs.labels, label).parse::<i32>().ok();
    let least = bound("min_node_count").unwrap_or(0);
    let greatest = bound("max_node_count").unwrap_or(inputs.node_count.saturating_add(1));
    format!("- --nodes={least}:{}:default-worker", greatest.max(least).max(1))
}

/// A placeholder that no value is there for stays, and a test finds it.
fn render(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut rendered = String::with_capacity(text.len());
    for line in text.lines() {
        let trimmed = line.trim();
        let name = trimmed.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"));
        match name.and_then(|name| values.get(name)) {
            Some(value) => {
                let indent = line.strip_suffix(trimmed).unwrap_or("");
                for part in value.lines() {
                    rendered.push_str(indent);
                    rendered.push_str(part);
                    rendered.push('\n');
                }
            }
            None => {
                inline(line, values, &mut rendered);
                rendered.push('\n');
            }
        }
    }
    rendered
}

fn inline(line: &str, values: &BTreeMap<String, String>, rendered: &mut String) {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("__") {
        rendered.push_str(before);
        match after.split_once("__").and_then(|(name, beyond)| Some((values.get(name)?, beyond))) {
            Some((value, beyond)) => {
                rendered.push_str(value);
                rest = beyond;
            }
            None => {
                rendered.push_str("__");
                rest = after;
            }
        }
    }
    rendered.push_str(rest);
}

/// The objects of a manifest as arguments of `kubectl delete`, the last ones first.
fn objects(text: &str) -> Vec<Vec<String>> {
    let mut objects: Vec<Vec<String>> = text.split("\n---\n").filter_map(object).collect();
    objects.reverse();
    objects
}

/// The workloads of a manifest whose pods carry the credential's mark.
fn acting(manifest: &str) -> Vec<(String, String)> {
    let marked = manifest.split("\n---\n").filter(|document| document.contains(CREDENTIAL_MARK));
    let named = marked.filter_map(|document| match object(document)?.as_slice() {
        [_, namespace, object] => Some((namespace.clone(), object.clone())),
        _ => None,
    });
    named.collect()
}

/// Our own files, so their form is known: keys of the document at the margin, those of its metadata two blanks in.
fn object(document: &str) -> Option<Vec<String>> {
    let kind = document.lines().find_map(|line| line.strip_prefix("kind: "))?.to_ascii_lowercase();
    let metadata = document.lines().skip_while(|line| *line != "metadata:").skip(1);
    let metadata: Vec<&str> = metadata.take_while(|line| line.starts_with(' ')).collect();
    let field = |key: &str| metadata.iter().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
    let object = format!("{kind}/{}", field("  name: ")?);
    Some(match field("  namespace: ") {
        Some(namespace) => vec!["-n".to_owned(), namespace, object],
        None => vec![object],
    })
}

#[cfg(test)]
mod tests;
