//! The labels of a Swarm, of which a machine of its own needs few: the others are accepted, so that a template serves a
//! real cloud and this one.

use super::{DISK, ENGINES_CHOICE, NO_BALANCER, NO_ZONES, OPEN};
use crate::{
    labels::{LabelKind, LabelSpec},
    swarm::labels::{idle, label},
};

pub(in crate::local) const LABELS: &[LabelSpec] = &[
    label("registry_mirror", LabelKind::Url, "", "mirror of the public image registry"),
    idle("availability_zone", LabelKind::Text, "", NO_ZONES),
    idle("docker_volume_type", LabelKind::Text, "", DISK),
    idle("fixed_subnet_cidr", LabelKind::Cidr, "", ENGINES_CHOICE),
    idle("open_ports", LabelKind::Ports, "", OPEN),
    idle("master_lb_floating_ip_enabled", LabelKind::Boolean, "", NO_BALANCER),
    idle("octavia_provider", LabelKind::Text, "", NO_BALANCER),
    idle("octavia_lb_algorithm", LabelKind::Any, "", NO_BALANCER),
    idle("rexray_preempt", LabelKind::Boolean, "false", "REX-Ray is no longer maintained"),
    idle("swarm_strategy", LabelKind::Any, "spread", "Swarm mode always spreads; use placement constraints"),
    idle("flannel_network_cidr", LabelKind::Cidr, "", "Swarm mode has its own overlay networks"),
    idle("flannel_network_subnetlen", LabelKind::Any, "", "Swarm mode has its own overlay networks"),
    idle("flannel_backend", LabelKind::Any, "", "Swarm mode has its own overlay networks"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_of_a_swarm_is_known_here() {
        for spec in crate::swarm::labels::LABELS {
            assert!(LABELS.iter().any(|known| known.name == spec.name), "{}", spec.name);
        }
    }
}
