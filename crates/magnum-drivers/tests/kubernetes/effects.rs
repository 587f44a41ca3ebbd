//! Each label that is honoured, and the text that it causes in the stack, in a node's plan or in an add-on's manifest. A
//! label of the table without a row here fails, and so does one whose text is there without it.

use crate::world::World;
use magnum_drivers::{LabelSpec, kubernetes};
use magnum_types::plan::Action;
use std::collections::BTreeSet;

/// What a value must do.
enum Effect {
    /// This text appears.
    Appears(&'static str),
    /// This text, which is there without the label, is gone.
    Goes(&'static str),
    /// It is not the driver's to cause: who does it.
    Elsewhere(&'static str),
}
use Effect::{Appears, Elsewhere, Goes};

/// A label, its value, other labels that it needs, and the effect.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], Effect);

const DASHBOARD: &[(&str, &str)] = &[("kube_dashboard_enabled", "true")];
const KEYSTONE: &[(&str, &str)] = &[("keystone_auth_enabled", "true")];
const SCALING: &[(&str, &str)] = &[("auto_scaling_enabled", "true")];
const HEALING: &[(&str, &str)] = &[("auto_healing_enabled", "true")];
const CALICO: &[(&str, &str)] = &[("network_driver", "calico")];
const CILIUM: &[(&str, &str)] = &[("network_driver", "cilium")];
const BRIDGE: &[(&str, &str)] = &[("network_driver", "bridge")];
const DIGEST: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("kube_tag", "v1.35.3", &[], Appears("/opt/kubernetes/v1.35.3/bin/kubelet")),
    ("availability_zone", "az1", &[], Appears("\"availability_zone\":\"az1\"")),
    ("container_infra_prefix", "registry.example/k8s/", &[], Appears("sandbox_image = \"registry.example/k8s/pause:")),
    ("min_node_count", "3", SCALING, Appears("--nodes=3:3:default-worker")),
    ("max_node_count", "7", SCALING, Appears("--nodes=0:7:default-worker")),
    ("volumes_on_delete", "delete", &[], Elsewhere("the conductor, when it deletes the cluster")),

    ("fixed_subnet_cidr", "10.9.0.0/24", &[], Appears("\"fixed_subnet_cidr\":\"10.9.0.0/24\"")),
    ("service_cluster_ip_range", "10.9.0.0/16", &[], Appears("--service-cluster-ip-range=10.9.0.0/16")),
    ("portal_network_cidr", "10.9.0.0/16", &[], Appears("--service-cluster-ip-range=10.9.0.0/16")),
    ("dns_service_ip", "10.254.0.99", &[], Appears("10.254.0.99")),
    ("dns_cluster_domain", "example.internal", &[], Appears("\"clusterDomain\": \"example.internal\"")),
    ("pods_network_cidr", "10.9.0.0/16", BRIDGE, Appears("\"subnet\": \"10.9.0.0/24\"")),
    ("flannel_network_cidr", "10.9.0.0/16", &[], Appears("--cluster-cidr=10.9.0.0/16")),
    ("flannel_network_subnetlen", "25", &[], Appears("--node-cidr-mask-size=25")),
    ("flannel_backend", "host-gw", &[], Appears("host-gw")),
    ("flannel_tag", "v9.9.9", &[], Appears("/flannel:v9.9.9")),
    ("flannel_cni_tag", "v9.9.9", &[], Appears("/flannel-cni-plugin:v9.9.9")),
    ("calico_ipv4pool", "10.9.0.0/16", CALICO, Appears("--cluster-cidr=10.9.0.0/16")),
    ("calico_ipv4pool_ipip", "CrossSubnet", CALICO, Appears("CrossSubnet")),
    ("calico_tag", "v9.9.9", CALICO, Appears("/node:v9.9.9")),
    ("calico_kube_controllers_tag", "v9.9.9", CALICO, Appears("/kube-controllers:v9.9.9")),
    ("cilium_ipv4pool", "10.9.0.0/16", CILIUM, Appears("--cluster-cidr=10.9.0.0/16")),
    ("cilium_tunnel", "geneve", CILIUM, Appears("tunnel-protocol: geneve")),
    ("cilium_tag", "v9.9.9", CILIUM, Appears("/cilium:v9.9.9")),
    ("open_ports", "9000-9100", &[], Appears("\"port_range_max\":9100")),
    ("master_lb_floating_ip_enabled", "true", &[], Appears("\"master_lb_floating_ip_enabled\":true")),
    ("master_lb_allowed_cidrs", "192.0.2.0/24", &[], Appears("\"master_lb_allowed_cidrs\":\"192.0.2.0/24,10.0.0.0/24\"")),
    ("octavia_provider", "amphora", &[], Appears("\"octavia_provider\":\"amphora\"")),
    ("octavia_lb_algorithm", "LEAST_CONNECTIONS", &[], Appears("\"octavia_lb_algorithm\":\"LEAST_CONNECTIONS\"")),
    ("octavia_lb_healthcheck", "false", &[], Appears("\"octavia_lb_healthcheck\":false")),

    ("boot_volume_size", "11", &[], Appears("\"boot_volume_size\":11")),
    ("boot_volume_type", "fast", &[("boot_volume_size", "11")], Appears("\"boot_volume_type\":\"fast\"")),
    ("etcd_volume_size", "12", &[], Appears("\"etcd_volume_size\":12")),
    ("etcd_volume_type", "fast", &[("etcd_volume_size", "12")], Appears("\"etcd_volume_type\":\"fast\"")),
    ("docker_volume_type", "fast", &[], Appears("\"docker_volume_type\":\"fast\"")),

    ("containerd_tarball_url", "https://a.example/c.tgz", &[("containerd_tarball_sha256", DIGEST)], Appears("https://a.example/c.tgz")),
    ("containerd_tarball_sha256", DIGEST, &[("containerd_tarball_url", "https://a.example/c.tgz")], Appears(DIGEST)),
    ("kubelet_options", "--x-kubelet=1", &[], Appears("--x-kubelet=1")),
    ("kubeproxy_options", "--x-proxy=1", &[], Appears("--x-proxy=1")),
    ("cgroup_driver", "cgroupfs", &[], Appears("\"cgroupDriver\": \"cgroupfs\"")),
    ("pause_tag", "9.9", &[], Appears("/pause:9.9\"")),

    ("kubeapi_options", "--x-api=1", &[], Appears("--x-api=1")),
    ("kubecontroller_options", "--x-controllers=1", &[], Appears("--x-controllers=1")),
    ("kubescheduler_options", "--x-scheduler=1", &[], Appears("--x-scheduler=1")),
    ("admission_control_list", "AlwaysPullImages", &[], Appears("--enable-admission-plugins=NodeRestriction,AlwaysPullImages")),
    ("api_server_cert_sans", "api.example.org", &[], Appears("api.example.org")),
    ("audit_log_enabled", "false", &[], Goes("--audit-policy-file=")),
    ("audit_log_maxage", "77", &[], Appears("--audit-log-maxage=77")),
    ("audit_log_maxbackup", "77", &[], Appears("--audit-log-maxbackup=77")),
    ("audit_log_maxsize", "77", &[], Appears("--audit-log-maxsize=77")),
    ("etcd_tag", "v3.5.9", &[], Appears("/opt/etcd/3.5.9/bin/etcd")),
    ("etcd_lb_enabled", "true", &[], Appears("\"etcd_lb_enabled\":true")),

    ("system_pods_initial_delay", "77", &[], Appears("initialDelaySeconds: 77")),
    ("system_pods_timeout", "17", &[], Appears("timeoutSeconds: 17")),
    ("coredns_enabled", "false", &[], Goes("/coredns:")),
    ("coredns_tag", "v9.9.9", &[], Appears("/coredns:v9.9.9")),
    ("metrics_server_enabled", "false", &[], Goes("/metrics-server:")),
    ("metrics_server_tag", "v9.9.9", &[], Appears("/metrics-server:v9.9.9")),
    ("kube_dashboard_enabled", "true", &[], Appears("kubernetesui/dashboard:")),
    ("kube_dashboard_version", "v9.9.9", DASHBOARD, Appears("kubernetesui/dashboard:v9.9.9")),
    ("metrics_scraper_tag", "v9.9.9", DASHBOARD, Appears("kubernetesui/metrics-scraper:v9.9.9")),
    ("cloud_provider_enabled", "false", &[], Goes("/openstack-cloud-controller-manager:")),
    ("cloud_provider_tag", "v9.9.9", &[], Appears("/openstack-cloud-controller-manager:v9.9.9")),
    ("cinder_csi_enabled", "false", &[], Goes("/cinder-csi-plugin:")),
    ("cinder_csi_plugin_tag", "v9.9.9", &[], Appears("/cinder-csi-plugin:v9.9.9")),
    ("csi_attacher_tag", "v9.9.9", &[], Appears("/csi-attacher:v9.9.9")),
    ("csi_provisioner_tag", "v9.9.9", &[], Appears("/csi-provisioner:v9.9.9")),
    ("csi_resizer_tag", "v9.9.9", &[], Appears("/csi-resizer:v9.9.9")),
    ("csi_node_driver_registrar_tag", "v9.9.9", &[], Appears("/csi-node-driver-registrar:v9.9.9")),
    ("csi_liveness_probe_tag", "v9.9.9", &[], Appears("/livenessprobe:v9.9.9")),
    ("csi_cinder_availability_zone", "az7", &[], Appears("availability: \"az7\"")),
    ("csi_cinder_reclaim_policy", "Retain", &[], Appears("reclaimPolicy: Retain")),
    ("csi_cinder_volume_binding_mode", "Immediate", &[], Appears("volumeBindingMode: Immediate")),
    ("csi_cinder_fstype", "xfs", &[], Appears("xfs")),
    ("csi_cinder_allow_volume_expansion", "false", &[], Appears("allowVolumeExpansion: false")),
    ("keystone_auth_enabled", "true", &[], Appears("--authorization-mode=Node,RBAC,Webhook")),
    ("k8s_keystone_auth_tag", "v9.9.9", KEYSTONE, Appears("/k8s-keystone-auth:v9.9.9")),
    ("auto_scaling_enabled", "true", &[], Appears("/cluster-autoscaler:")),
    ("autoscaler_tag", "v9.9.9", SCALING, Appears("/cluster-autoscaler:v9.9.9")),
    ("auto_healing_enabled", "true", &[], Appears("/magnum-auto-healer:")),
    ("auto_healing_controller", "draino", HEALING, Elsewhere("nobody: both words mean the same program")),
    ("magnum_auto_healer_tag", "v9.9.9", HEALING, Appears("/magnum-auto-healer:v9.9.9")),
    ("npd_enabled", "true", &[], Appears("/node-problem-detector:")),
    ("node_problem_detector_tag", "v9.9.9", HEALING, Appears("/node-problem-detector:v9.9.9")),
];

/// All that the driver says of a cluster with these labels: the stack's parameters, the plans of a master and of a
/// worker with their manifests, and the names in the API's certificate.
fn everything(labels: &[(&str, &str)]) -> String {
    let mut world = World::founded(1, 1);
    world.trust();
    world.template.volume_driver = Some("cinder".into());
    world.cluster.docker_volume_size = Some(20);
    world.cluster.floating_ip_enabled = false;
    for (name, value) in labels {
        match *name {
            "network_driver" => world.template.network_driver = Some((*value).to_owned()),
            label => world.set(label, value),
        }
    }
    let mut text = serde_json::to_string(&world.stack().parameters).unwrap();
    for step in [0, 1].into_iter().flat_map(|node| world.plan(node).unwrap()) {
        text.push('\n');
        match step.action {
            Action::File { content, .. } => text.push_str(&content.0),
            Action::KubeApply { manifest, .. } => text.push_str(&manifest.0),
            other => text.push_str(&serde_json::to_string(&other).unwrap()),
        }
    }
    text + &world.identity(0, "kube-apiserver").unwrap().names.join("\n")
}

#[test]
fn each_honoured_label_has_a_row() {
    let honoured: BTreeSet<_> =
        kubernetes::labels().iter().filter(|spec| !spec.idle).map(|spec| spec.name).collect();
    let rows: BTreeSet<_> = ROWS.iter().map(|row| row.0).collect();
    assert_eq!(honoured, rows);
    assert_eq!(rows.len(), ROWS.len(), "one row each");
    let known = |name: &str| kubernetes::labels().iter().find(|spec: &&LabelSpec| spec.name == name).unwrap();
    for (name, value, ..) in ROWS {
        assert_ne!(known(name).default, *value, "{name}: the default shows nothing");
    }
}

#[test]
fn each_honoured_label_does_what_its_row_says() {
    let mut wrong = Vec::new();
    for (name, value, needs, effect) in ROWS {
        let without = everything(needs);
        let with = everything(&[*needs, &[(*name, *value)]].concat());
        let there = |text: &str| (without.contains(text), with.contains(text));
        let (seen, expected) = match effect {
            Appears(text) => (there(text), (false, true)),
            Goes(text) => (there(text), (true, false)),
            Elsewhere(who) => ((false, without == with), (false, !who.is_empty())),
        };
        if seen != expected {
            wrong.push(format!("{name}={value}: in the text without and with it: {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
