//! The labels of a local Kubernetes cluster: those of [`crate::kubernetes`], without what only a cloud gives.

use super::{DISK, ENGINES_CHOICE, NO_BALANCER, NO_ZONES, OPEN};
use crate::{
    error::DriverError,
    kubernetes,
    labels::{LabelKind, LabelSpec, boolean},
    stack_values::label,
};
use magnum_types::Labels;
use std::sync::LazyLock;

const NO_CLOUD: &str = "the pods of one machine have no cloud to speak to";
const NO_VOLUMES: &str = "there are no volumes on one machine";

/// What has no effect here though it has one in a cloud, and why.
const IDLE: &[(&str, &str)] = &[
    ("availability_zone", NO_ZONES),
    ("volumes_on_delete", NO_VOLUMES),
    ("fixed_subnet_cidr", ENGINES_CHOICE),
    ("open_ports", OPEN),
    ("master_lb_floating_ip_enabled", NO_BALANCER),
    ("master_lb_allowed_cidrs", NO_BALANCER),
    ("octavia_provider", NO_BALANCER),
    ("octavia_lb_algorithm", NO_BALANCER),
    ("octavia_lb_healthcheck", NO_BALANCER),
    ("etcd_lb_enabled", NO_BALANCER),
    ("boot_volume_size", DISK),
    ("boot_volume_type", DISK),
    ("etcd_volume_size", DISK),
    ("etcd_volume_type", DISK),
    ("docker_volume_type", DISK),
    ("cloud_provider_tag", NO_CLOUD),
    ("cinder_csi_enabled", NO_VOLUMES),
    ("cinder_csi_plugin_tag", NO_VOLUMES),
    ("csi_attacher_tag", NO_VOLUMES),
    ("csi_provisioner_tag", NO_VOLUMES),
    ("csi_resizer_tag", NO_VOLUMES),
    ("csi_node_driver_registrar_tag", NO_VOLUMES),
    ("csi_liveness_probe_tag", NO_VOLUMES),
    ("csi_cinder_availability_zone", NO_VOLUMES),
    ("csi_cinder_reclaim_policy", NO_VOLUMES),
    ("csi_cinder_volume_binding_mode", NO_VOLUMES),
    ("csi_cinder_fstype", NO_VOLUMES),
    ("csi_cinder_allow_volume_expansion", NO_VOLUMES),
    ("k8s_keystone_auth_tag", NO_CLOUD),
    ("auto_scaling_enabled", NO_CLOUD),
    ("autoscaler_tag", NO_CLOUD),
    ("auto_healing_enabled", NO_CLOUD),
    ("auto_healing_controller", NO_CLOUD),
    ("magnum_auto_healer_tag", NO_CLOUD),
];

/// What its owner would miss: a switch, and why it cannot be on.
const REFUSED: &[(&str, &str)] = &[("cloud_provider_enabled", NO_CLOUD), ("keystone_auth_enabled", NO_CLOUD)];

fn reason(name: &str) -> Option<&'static str> {
    IDLE.iter().find(|(idle, _)| *idle == name).map(|(_, reason)| *reason)
}

/// All of them.
pub(in crate::local) static LABELS: LazyLock<Vec<LabelSpec>> = LazyLock::new(|| {
    let here = |spec: &LabelSpec| match reason(spec.name) {
        // As every idle label, it takes whatever an old template says.
        Some(reason) => LabelSpec { kind: LabelKind::Any, default: "", help: reason, idle: true, ..*spec },
        None => *spec,
    };
    kubernetes::labels().iter().map(here).collect()
});

/// Fails for a switch that cannot be on.
pub(in crate::local) fn refused(labels: &Labels) -> Result<(), DriverError> {
    for (name, reason) in REFUSED {
        let given = label(labels, name).unwrap_or_default();
        if boolean(given) == Some(true) {
            return Err(DriverError::LabelValue {
                label: (*name).to_owned(),
                value: given.to_owned(),
                allowed: format!("false or absent: {reason}"),
            });
        }
    }
    Ok(())
}

/// The labels that have an effect.
pub(in crate::local) fn effective(labels: &Labels) -> Labels {
    let known = |name: &str| LABELS.iter().any(|spec| spec.name == name && !spec.idle);
    let kept = labels.0.iter().filter(|(name, _)| known(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_idle_or_refused_here_is_a_label_with_an_effect_in_a_cloud() {
        for (name, reason) in IDLE.iter().chain(REFUSED) {
            assert!(kubernetes::labels().iter().any(|spec| spec.name == *name && !spec.idle), "{name}");
            assert!(!reason.ends_with('.'), "{name}");
        }
        assert_eq!(LABELS.len(), kubernetes::labels().len());
    }

    #[test]
    fn only_what_has_an_effect_is_kept() {
        let labels = Labels::from_iter(
            [
                ("kube_tag", "v1.20.2"),
                ("etcd_volume_size", "5"),
                ("ingress_controller", "nginx"),
                ("own", "x"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        assert_eq!(effective(&labels).0.keys().collect::<Vec<_>>(), ["kube_tag"]);
    }
}
