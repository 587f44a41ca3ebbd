//! The labels of a Swarm. Those of the two old drivers are accepted; what has no meaning in Swarm mode is idle.

use crate::labels::{LabelKind, LabelSpec};

pub(crate) const fn label(
    name: &'static str,
    kind: LabelKind,
    default: &'static str,
    help: &'static str,
) -> LabelSpec {
    LabelSpec { name, kind, default, help, idle: false }
}

pub(crate) const fn idle(
    name: &'static str,
    kind: LabelKind,
    default: &'static str,
    help: &'static str,
) -> LabelSpec {
    LabelSpec { name, kind, default, help, idle: true }
}

pub(crate) const LABELS: &[LabelSpec] = &[
    label("availability_zone", LabelKind::Text, "", "Nova's zone of the nodes"),
    label("docker_volume_type", LabelKind::Text, "", "Cinder type of the volumes for the engine's data"),
    label("fixed_subnet_cidr", LabelKind::Cidr, "10.0.0.0/24", "addresses of the cluster's own network"),
    label(
        "open_ports",
        LabelKind::Ports,
        "",
        "ports of workers, TCP and UDP, open to everybody besides 22, 80, 443, 8080 and 30000-32767",
    ),
    label("registry_mirror", LabelKind::Url, "", "mirror of the public image registry"),
    label(
        "master_lb_floating_ip_enabled",
        LabelKind::Boolean,
        "",
        "public address of the managers' load balancer",
    ),
    label("octavia_provider", LabelKind::Text, "", "Octavia's provider of the load balancer"),
    label(
        "octavia_lb_algorithm",
        LabelKind::OneOf(&["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT"]),
        "ROUND_ROBIN",
        "how the load balancer chooses a manager; the provider ovn has SOURCE_IP_PORT only, which is then the default",
    ),
    idle("rexray_preempt", LabelKind::Boolean, "false", "REX-Ray is no longer maintained"),
    idle(
        "swarm_strategy",
        LabelKind::OneOf(&["spread", "binpack", "random"]),
        "spread",
        "Swarm mode always spreads; use placement constraints",
    ),
    idle("flannel_network_cidr", LabelKind::Cidr, "10.100.0.0/16", "Swarm mode has its own overlay networks"),
    idle(
        "flannel_network_subnetlen",
        LabelKind::Integer { min: 8, max: 30 },
        "24",
        "Swarm mode has its own overlay networks",
    ),
    idle(
        "flannel_backend",
        LabelKind::OneOf(&["udp", "vxlan", "host-gw"]),
        "udp",
        "Swarm mode has its own overlay networks",
    ),
];
