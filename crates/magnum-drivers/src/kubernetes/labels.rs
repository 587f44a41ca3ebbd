//! The labels of a Kubernetes cluster: every one of upstream's Heat drivers, those of the Cluster API drivers, and
//! ours. What upstream's installed and nobody maintains any more, or what is not ours to install, is idle with the
//! reason, so that an old template still makes a cluster and its owner is told what is missing.
//!
//! Tags whose default is empty follow the release of Kubernetes; see `images`.

use crate::labels::{LabelKind, LabelSpec, boolean};
use magnum_types::Labels;

/// The release of a cluster whose template names none.
pub(super) const DEFAULT_RELEASE: &str = "v1.36.0";

const fn label(name: &'static str, kind: LabelKind, default: &'static str, help: &'static str) -> LabelSpec {
    LabelSpec { name, kind, default, help, idle: false }
}

/// Idle labels take any value: an old template is not refused for what has no effect.
const fn idle(name: &'static str, reason: &'static str) -> LabelSpec {
    LabelSpec { name, kind: LabelKind::Any, default: "", help: reason, idle: true }
}

const fn tag(name: &'static str, default: &'static str, help: &'static str) -> LabelSpec {
    label(name, LabelKind::Tag, default, help)
}

const fn switch(name: &'static str, default: &'static str, help: &'static str) -> LabelSpec {
    label(name, LabelKind::Boolean, default, help)
}

const fn number(
    name: &'static str,
    min: i64,
    max: i64,
    default: &'static str,
    help: &'static str,
) -> LabelSpec {
    label(name, LabelKind::Integer { min, max }, default, help)
}

const GB: i64 = 65_536;
const NODES: i64 = 10_000;

const NO_MONITORING: &str = "Magnum installs no monitoring; install it with its own chart";
const NO_INGRESS: &str = "Magnum installs no ingress controller; install one with its own chart";
const NO_HELM: &str = "add-ons are applied without Helm";
const NO_TILLER: &str = "Helm 2 and its server are gone";
const NO_HEAPSTER: &str = "Heapster is gone; see metrics_server_enabled";
const NO_MANILA: &str = "Magnum installs no Manila driver; install it with its own chart";
const NO_OSTREE: &str = "an upgrade names another image or release";
const OIDC: &str = "say it with kubeapi_options, as --oidc-… flags";
const PROGRAM: &str = "it runs as a program of the node, not from an image";

/// In the order of docs/labels.md: the cluster, its network, its volumes, its nodes, its control plane, add-ons.
#[rustfmt::skip]
pub(super) const LABELS: &[LabelSpec] = &[
    label("kube_tag", LabelKind::Version, DEFAULT_RELEASE, "release of Kubernetes; shown as coe_version"),
    label("availability_zone", LabelKind::Text, "", "Nova's zone of the nodes, and Cinder's of their volumes; their own choice by default"),
    label("container_infra_prefix", LabelKind::ImagePrefix, "", "registry, and path in it, that every image of the cluster comes from; only the last part of an image's own name is kept"),
    number("min_node_count", 0, NODES, "0", "least size of the default group of workers, also for the autoscaler"),
    number("max_node_count", 1, NODES, "", "greatest size of the default group of workers for the autoscaler; one more than node_count by default"),
    label("volumes_on_delete", LabelKind::OneOf(&["keep", "delete"]), "keep", "what becomes of Cinder volumes that the cluster's claims made when the cluster is deleted"),
    idle("kube_version", "kube_tag names the release"),
    idle("capi_helm_chart_version", "the cluster is no Helm release"),

    // Network.
    label("fixed_subnet_cidr", LabelKind::Cidr, "10.0.0.0/24", "addresses of the cluster's own network"),
    label("service_cluster_ip_range", LabelKind::Cidr, "10.254.0.0/16", "addresses of services"),
    label("portal_network_cidr", LabelKind::Cidr, "", "another name of service_cluster_ip_range"),
    label("dns_service_ip", LabelKind::Address, "", "address of the cluster's name server; the tenth of the services' range by default"),
    label("dns_cluster_domain", LabelKind::Domain, "cluster.local", "domain of the services' names"),
    label("pods_network_cidr", LabelKind::Cidr, "10.100.0.0/16", "pod range of the built-in network driver"),
    label("flannel_network_cidr", LabelKind::Cidr, "10.100.0.0/16", "pod range of flannel"),
    number("flannel_network_subnetlen", 17, 30, "24", "prefix length of each node's share of the pod range, of every network driver but calico"),
    label("flannel_backend", LabelKind::OneOf(&["vxlan", "host-gw", "udp"]), "vxlan", "how flannel carries packets; udp, meant for kernels without VXLAN, is served as vxlan"),
    tag("flannel_tag", "v0.28.4", "image tag"),
    tag("flannel_cni_tag", "v1.9.1-flannel1", "image tag of flannel's CNI plugin"),
    label("calico_ipv4pool", LabelKind::Cidr, "10.100.0.0/16", "pod range of calico"),
    label("calico_ipv4pool_ipip", LabelKind::OneOf(&["Off", "Never", "CrossSubnet", "Always"]), "Off", "between which nodes calico wraps packets in IP-in-IP; Off is Never"),
    tag("calico_tag", "", "image tag of calico's node, CNI and controllers; follows kube_tag"),
    tag("calico_kube_controllers_tag", "", "image tag of calico's controllers alone; calico_tag by default"),
    label("cilium_ipv4pool", LabelKind::Cidr, "10.100.0.0/16", "pod range of cilium"),
    label("cilium_tunnel", LabelKind::OneOf(&["vxlan", "geneve"]), "vxlan", "how cilium carries packets between nodes"),
    tag("cilium_tag", "", "image tag of cilium's agent and operator, which do without Envoy and so without rules of layer 7; follows kube_tag"),
    idle("cilium_hubble_ui_enabled", "Magnum does not install Hubble"),
    label("open_ports", LabelKind::Ports, "", "ports of workers, TCP and UDP, open to everybody besides 22 and 30000-32767"),
    switch("master_lb_floating_ip_enabled", "", "true gives the API's load balancer a public address where floating_ip_enabled is off; false takes none away where it is on"),
    label("master_lb_allowed_cidrs", LabelKind::Cidrs, "", "who may reach the API, through its load balancer or at a master's own address; everybody by default. The subnet that the cluster makes for itself always may; a given fixed_subnet must be in the list"),
    idle("api_master_lb_allowed_cidrs", "it is called master_lb_allowed_cidrs here"),
    label("octavia_provider", LabelKind::Text, "", "Octavia's provider of all load balancers; Octavia's default by default"),
    label("octavia_lb_algorithm", LabelKind::OneOf(&["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT"]), "ROUND_ROBIN", "how load balancers choose a member; the provider ovn has SOURCE_IP_PORT only, which is then the default"),
    switch("octavia_lb_healthcheck", "true", "load balancers look at their members, and send nobody to one that does not answer"),
    idle("extra_network_names", "nodes have one network"),
    idle("extra_network_name", "nodes have one network"),

    // Volumes.
    number("boot_volume_size", 0, GB, "", "GB of each node's boot volume, 0 boots from the image; the configured size by default"),
    label("boot_volume_type", LabelKind::Text, "", "its Cinder type; the configured one by default"),
    number("etcd_volume_size", 0, GB, "0", "GB of each master's volume for etcd; 0 keeps etcd on the root disk"),
    label("etcd_volume_type", LabelKind::Text, "", "its Cinder type; the configured one by default"),
    label("docker_volume_type", LabelKind::Text, "", "Cinder type of the nodes' volumes for images and containers (docker_volume_size)"),
    idle("etcd_blockdevice_size", "it is called etcd_volume_size here"),
    idle("etcd_blockdevice_type", "etcd_volume_size asks for a volume"),
    idle("etcd_blockdevice_volume_type", "it is called etcd_volume_type here"),
    idle("etcd_blockdevice_volume_az", "volumes are in availability_zone"),

    // Nodes.
    idle("containerd_version", "containerd_tarball_url names the release; else it is the image's own"),
    label("containerd_tarball_url", LabelKind::Url, "", "where it comes from"),
    label("containerd_tarball_sha256", LabelKind::Sha256, "", "its digest"),
    idle("selinux_mode", "SELinux is as the image has it"),
    label("kubelet_options", LabelKind::Flags, "", "further flags of the kubelet"),
    label("kubeproxy_options", LabelKind::Flags, "", "further flags of kube-proxy"),
    idle("kubelet_tls_cipher_suites", "say it with kubelet_options, as --tls-cipher-suites"),
    idle("container_runtime", "containerd is the only one"),
    label("cgroup_driver", LabelKind::OneOf(&["cgroupfs", "systemd"]), "", "of kubelet and containerd; cgroupfs for 1.20, systemd later by default"),
    tag("pause_tag", "", "tag of the image that holds a pod's network; follows kube_tag"),
    idle("use_podman", PROGRAM),
    idle("hyperkube_prefix", PROGRAM),
    idle("kube_image_digest", "the programs of a release are pinned by digest anyway"),
    idle("heat_container_agent_tag", "nodes run no Heat agent"),
    idle("ostree_commit", NO_OSTREE),
    idle("ostree_remote", NO_OSTREE),
    idle("server_group_policies", "the operator configures the policy of server groups"),
    idle("different_failure_domain", "the operator configures the policy of server groups"),

    // Control plane.
    label("kubeapi_options", LabelKind::Flags, "", "further flags of kube-apiserver"),
    label("kubecontroller_options", LabelKind::Flags, "", "further flags of kube-controller-manager"),
    label("kubescheduler_options", LabelKind::Flags, "", "further flags of kube-scheduler"),
    label("admission_control_list", LabelKind::Words, "", "admission plugins besides those that the release enables; plugins that it does not have are left out"),
    label("api_server_cert_sans", LabelKind::Names, "", "further names and addresses in the API's certificate"),
    switch("audit_log_enabled", "true", "the API keeps an audit log on each master"),
    number("audit_log_maxage", 0, 3650, "30", "days kept"),
    number("audit_log_maxbackup", 0, 1000, "10", "files kept"),
    number("audit_log_maxsize", 1, 10_240, "100", "MB of a file"),
    idle("api_server_tls_cipher_suites", "say it with kubeapi_options, as --tls-cipher-suites"),
    idle("oidc_issuer_url", OIDC),
    idle("oidc_client_id", OIDC),
    idle("oidc_username_claim", OIDC),
    idle("oidc_username_prefix", OIDC),
    idle("oidc_groups_claim", OIDC),
    idle("oidc_groups_prefix", OIDC),
    idle("oidc_required_claim", OIDC),
    idle("cert_manager_api", "the authority's key never leaves Magnum; certificates are signed by its API"),
    label("etcd_tag", LabelKind::Version, "", "release of etcd; the line that goes with kube_tag by default"),
    switch("etcd_lb_enabled", "false", "a load balancer for etcd too, where master_lb_enabled is, for who comes from the subnet that the cluster makes for itself; members do without. In a given fixed_subnet, a provider that asks from an address of its own (amphora) needs a rule for port 2379 that is yours to add"),

    // Add-ons.
    number("system_pods_initial_delay", 0, 3600, "30", "seconds until an add-on's pod is looked at"),
    number("system_pods_timeout", 1, 600, "5", "seconds that an add-on's pod may take to answer"),
    switch("coredns_enabled", "true", "install CoreDNS"),
    tag("coredns_tag", "", "image tag; follows kube_tag"),
    switch("metrics_server_enabled", "true", "install metrics-server"),
    tag("metrics_server_tag", "", "image tag; follows kube_tag"),
    idle("metrics_server_chart_tag", "it is not installed from its chart; see metrics_server_tag"),
    switch("kube_dashboard_enabled", "false", "install the dashboard, reachable through the API only and without rights of its own"),
    tag("kube_dashboard_version", "v2.7.0", "image tag"),
    tag("metrics_scraper_tag", "v1.0.8", "image tag of the dashboard's scraper"),
    switch("cloud_provider_enabled", "", "install OpenStack's cloud-controller-manager; by default where the cluster may have a credential for the cloud"),
    tag("cloud_provider_tag", "", "image tag; follows kube_tag"),
    switch("cinder_csi_enabled", "true", "install the Cinder driver where volume_driver is cinder"),
    tag("cinder_csi_plugin_tag", "", "image tag; follows kube_tag"),
    tag("csi_attacher_tag", "", "image tag; follows kube_tag"),
    tag("csi_provisioner_tag", "", "image tag; follows kube_tag"),
    tag("csi_resizer_tag", "", "image tag; follows kube_tag"),
    idle("csi_snapshotter_tag", "snapshots need a controller and definitions that Magnum does not install; install them with their own manifests"),
    tag("csi_node_driver_registrar_tag", "", "image tag; follows kube_tag"),
    tag("csi_liveness_probe_tag", "", "image tag; follows kube_tag"),
    label("csi_cinder_availability_zone", LabelKind::Text, "", "zone of volumes of the default storage class; the node's by default"),
    label("csi_cinder_reclaim_policy", LabelKind::OneOf(&["Delete", "Retain"]), "Delete", "what becomes of a volume of that class when its claim is deleted"),
    label("csi_cinder_volume_binding_mode", LabelKind::OneOf(&["WaitForFirstConsumer", "Immediate"]), "WaitForFirstConsumer", "when a volume of that class is made"),
    label("csi_cinder_fstype", LabelKind::OneOf(&["ext4", "ext3", "xfs"]), "ext4", "file system on volumes of that class"),
    switch("csi_cinder_allow_volume_expansion", "true", "volumes of that class may grow"),
    switch("keystone_auth_enabled", "false", "the API accepts Keystone's tokens"),
    tag("k8s_keystone_auth_tag", "", "image tag of the webhook; follows kube_tag"),
    switch("auto_scaling_enabled", "false", "install the cluster autoscaler, where the cluster may have a credential for the cloud"),
    tag("autoscaler_tag", "", "image tag; follows kube_tag"),
    switch("auto_healing_enabled", "false", "install magnum-auto-healer, which has failed nodes replaced and reports the cluster's health, where the cluster may have a credential for the cloud"),
    label("auto_healing_controller", LabelKind::OneOf(&["magnum-auto-healer", "draino"]), "magnum-auto-healer", "draino is no longer maintained and means magnum-auto-healer"),
    tag("magnum_auto_healer_tag", "", "image tag; follows kube_tag"),
    idle("draino_tag", "draino is no longer maintained; see auto_healing_controller"),
    switch("npd_enabled", "", "install node-problem-detector; by default where auto_healing_enabled is on"),
    tag("node_problem_detector_tag", "v1.35.2", "image tag"),
    idle("ingress_controller", NO_INGRESS),
    idle("ingress_controller_role", NO_INGRESS),
    idle("nginx_ingress_controller_tag", NO_INGRESS),
    idle("nginx_ingress_controller_chart_tag", NO_INGRESS),
    idle("octavia_ingress_controller_tag", NO_INGRESS),
    idle("traefik_ingress_controller_tag", NO_INGRESS),
    idle("cluster_root_domain_name", NO_INGRESS),
    idle("cluster_basic_auth_secret", NO_INGRESS),
    idle("monitoring_enabled", NO_MONITORING),
    idle("monitoring_ingress_enabled", NO_MONITORING),
    idle("monitoring_interval_seconds", NO_MONITORING),
    idle("monitoring_retention_days", NO_MONITORING),
    idle("monitoring_retention_size", NO_MONITORING),
    idle("monitoring_storage_class_name", NO_MONITORING),
    idle("prometheus_monitoring", NO_MONITORING),
    idle("prometheus_tag", NO_MONITORING),
    idle("prometheus_operator_chart_tag", NO_MONITORING),
    idle("prometheus_adapter_enabled", NO_MONITORING),
    idle("prometheus_adapter_chart_tag", NO_MONITORING),
    idle("prometheus_adapter_configmap", NO_MONITORING),
    idle("grafana_tag", NO_MONITORING),
    idle("grafana_admin_passwd", NO_MONITORING),
    idle("heapster_enabled", NO_HEAPSTER),
    idle("influx_grafana_dashboard_enabled", NO_HEAPSTER),
    idle("helm_client_tag", NO_HELM),
    idle("helm_client_url", NO_HELM),
    idle("helm_client_sha256", NO_HELM),
    idle("tiller_enabled", NO_TILLER),
    idle("tiller_namespace", NO_TILLER),
    idle("tiller_tag", NO_TILLER),
    idle("manila_csi_plugin_tag", NO_MANILA),
    idle("manila_csi_share_network_id", NO_MANILA),
];

/// What a label says, or what its absence means.
pub(super) fn value<'a>(labels: &'a Labels, name: &str) -> &'a str {
    let given = labels.0.get(name).map(String::as_str).filter(|value| !value.is_empty());
    given.unwrap_or_else(|| LABELS.iter().find(|spec| spec.name == name).map_or("", |spec| spec.default))
}

/// What a switch says, or what its absence means; `None` where that depends on other things.
pub(super) fn on(labels: &Labels, name: &str) -> Option<bool> {
    boolean(value(labels, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{driver::Driver as _, labels::validate, swarm::SwarmDriver};

    /// Of the Heat drivers of Pike, Zed and 22.0, also those that are read by name only.
    const HEAT: &str = "\
         admission_control_list auto_healing_controller auto_healing_enabled auto_scaling_enabled \
         autoscaler_tag availability_zone boot_volume_size boot_volume_type calico_ipv4pool \
         calico_ipv4pool_ipip calico_kube_controllers_tag calico_tag cert_manager_api cgroup_driver \
         cinder_csi_enabled cinder_csi_plugin_tag cloud_provider_enabled cloud_provider_tag \
         cluster_basic_auth_secret cluster_root_domain_name container_infra_prefix container_runtime \
         containerd_tarball_sha256 containerd_tarball_url containerd_version coredns_tag \
         csi_attacher_tag csi_liveness_probe_tag csi_node_driver_registrar_tag csi_provisioner_tag \
         csi_resizer_tag csi_snapshotter_tag docker_volume_type draino_tag etcd_tag etcd_volume_size \
         etcd_volume_type fixed_subnet_cidr flannel_backend flannel_cni_tag flannel_network_cidr \
         flannel_network_subnetlen flannel_tag grafana_admin_passwd grafana_tag heapster_enabled \
         heat_container_agent_tag helm_client_sha256 helm_client_tag helm_client_url hyperkube_prefix \
         influx_grafana_dashboard_enabled ingress_controller ingress_controller_role \
         k8s_keystone_auth_tag keystone_auth_enabled kube_dashboard_enabled kube_image_digest kube_tag \
         kubeapi_options kubecontroller_options kubelet_options kubeproxy_options kubescheduler_options \
         magnum_auto_healer_tag master_lb_allowed_cidrs max_node_count metrics_scraper_tag \
         metrics_server_chart_tag metrics_server_enabled min_node_count monitoring_enabled \
         monitoring_ingress_enabled monitoring_interval_seconds monitoring_retention_days \
         monitoring_retention_size monitoring_storage_class_name nginx_ingress_controller_chart_tag \
         nginx_ingress_controller_tag node_problem_detector_tag npd_enabled \
         octavia_ingress_controller_tag octavia_lb_algorithm octavia_lb_healthcheck octavia_provider \
         ostree_commit ostree_remote prometheus_adapter_chart_tag prometheus_adapter_configmap \
         prometheus_adapter_enabled prometheus_monitoring prometheus_operator_chart_tag prometheus_tag \
         selinux_mode service_cluster_ip_range system_pods_initial_delay system_pods_timeout \
         tiller_enabled tiller_namespace tiller_tag traefik_ingress_controller_tag use_podman \
         master_lb_floating_ip_enabled kube_dashboard_version \
         ";

    /// Of the two Cluster API drivers.
    const CLUSTER_API: &str = "\
         availability_zone boot_volume_size boot_volume_type etcd_volume_size etcd_volume_type \
         container_infra_prefix calico_ipv4pool service_cluster_ip_range audit_log_enabled \
         audit_log_maxage audit_log_maxbackup audit_log_maxsize cloud_provider_tag octavia_provider \
         octavia_lb_algorithm octavia_lb_healthcheck calico_tag cilium_hubble_ui_enabled \
         cinder_csi_plugin_tag manila_csi_plugin_tag manila_csi_share_network_id api_server_cert_sans \
         api_server_tls_cipher_suites kubelet_tls_cipher_suites auto_healing_enabled \
         auto_scaling_enabled kube_tag master_lb_floating_ip_enabled oidc_issuer_url oidc_client_id \
         oidc_username_claim oidc_groups_claim fixed_subnet_cidr different_failure_domain \
         server_group_policies capi_helm_chart_version etcd_blockdevice_size etcd_blockdevice_type \
         etcd_blockdevice_volume_type etcd_blockdevice_volume_az monitoring_enabled \
         kube_dashboard_enabled keystone_auth_enabled csi_cinder_availability_zone \
         csi_cinder_reclaim_policy csi_cinder_volume_binding_mode csi_cinder_fstype \
         csi_cinder_allow_volume_expansion api_master_lb_allowed_cidrs extra_network_names \
         ";

    fn one(name: &str, value: &str) -> Labels {
        Labels::from_iter([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn every_label_of_every_kubernetes_driver_is_known() {
        assert_eq!(HEAT.split_whitespace().count(), 104);
        for name in HEAT.split_whitespace().chain(CLUSTER_API.split_whitespace()) {
            assert!(LABELS.iter().any(|spec| spec.name == name), "{name}");
        }
    }

    #[test]
    fn names_are_unique_and_defaults_are_values() {
        for (i, spec) in LABELS.iter().enumerate() {
            assert!(LABELS[i + 1..].iter().all(|other| other.name != spec.name), "{}", spec.name);
            assert!(!spec.help.is_empty() && !spec.help.ends_with('.'), "{}", spec.name);
            if !spec.default.is_empty() {
                assert_eq!(validate(&one(spec.name, spec.default), LABELS).unwrap(), vec![], "{}", spec.name);
            }
        }
    }

    #[test]
    fn an_idle_label_is_never_refused_and_its_reason_is_told() {
        for spec in LABELS.iter().filter(|spec| spec.idle) {
            let said = validate(&one(spec.name, "\"anything\""), LABELS).unwrap();
            assert_eq!(said.len(), 1);
            assert!(said[0].0.contains(spec.help) && !said[0].0.contains("anything"), "{}", said[0].0);
        }
    }

    #[test]
    fn labels_of_the_other_engine_are_kept_with_a_warning() {
        let swarm = SwarmDriver.labels();
        let foreign = |these: &'static [LabelSpec], those: &'static [LabelSpec]| {
            these.iter().filter(|spec| those.iter().all(|other| other.name != spec.name))
        };
        assert!(foreign(LABELS, swarm).count() > 100 && foreign(swarm, LABELS).count() > 1);
        for (labels, known) in [(foreign(LABELS, swarm), swarm), (foreign(swarm, LABELS), LABELS)] {
            for spec in labels {
                let said = validate(&one(spec.name, "x"), known).unwrap();
                assert!(said.len() == 1 && said[0].0.contains("another engine"), "{}: {said:?}", spec.name);
            }
        }
    }

    #[test]
    fn an_empty_value_means_the_default() {
        assert_eq!(value(&one("kube_tag", ""), "kube_tag"), DEFAULT_RELEASE);
        assert_eq!(value(&one("kube_tag", "v1.33.1"), "kube_tag"), "v1.33.1");
        assert_eq!(on(&Labels::default(), "coredns_enabled"), Some(true));
        assert_eq!(on(&one("coredns_enabled", "no"), "coredns_enabled"), Some(false));
        assert_eq!(on(&Labels::default(), "npd_enabled"), None);
    }
}
