//! What a Kubernetes cluster refuses, and what it accepts with a word about it.

use super::{KubernetesSettings, pod_ranges, shape, versions};
use crate::{
    error::DriverError,
    heat_stack,
    inputs::ClusterSpecView,
    labels::{self, Warning},
    stack_values::label,
};

/// The network drivers that there are.
const NETWORKS: &[&str] = &["flannel", "calico", "cilium", "bridge"];

pub(super) fn validate(
    spec: &ClusterSpecView<'_>,
    settings: &KubernetesSettings,
) -> Result<Vec<Warning>, DriverError> {
    let mut warnings = labels::validate(spec.labels, super::labels::LABELS)?;
    versions::check(shape::value(spec.labels, "kube_tag"))?;
    let field =
        |field: &'static str, problem: &str| DriverError::Field { field, problem: problem.to_owned() };
    let given = |value: Option<&str>| value.is_some_and(|text| !text.is_empty());

    if let Some(driver) = spec.network_driver.filter(|name| !name.is_empty() && !NETWORKS.contains(name)) {
        return Err(DriverError::Field {
            field: "network_driver",
            problem: format!("{driver:?} is not known; use one of {}", NETWORKS.join(", ")),
        });
    }
    if spec.network_driver == Some("bridge") {
        pod_ranges::check(spec.labels)?;
    }
    if given(spec.volume_driver) && spec.volume_driver != Some("cinder") {
        return Err(field("volume_driver", "Kubernetes offers cinder or nothing"));
    }
    match spec.docker_storage_driver {
        None | Some("" | "overlay2") => {}
        Some(name @ ("devicemapper" | "overlay" | "aufs")) => warnings
            .push(Warning(format!("docker_storage_driver {name} has no effect: containerd uses overlayfs"))),
        Some(_) => return Err(field("docker_storage_driver", "must be overlay2 or not given")),
    }
    if spec.tls_disabled {
        return Err(field("tls_disabled", "Kubernetes has no API without TLS any more"));
    }
    if spec.registry_enabled {
        warnings.push(Warning("registry_enabled has no effect: run a registry in the cluster".into()));
    }
    warnings.extend(heat_stack::check(spec)?);
    cloud(spec, settings, &mut warnings)?;
    tarball(spec)?;
    Ok(warnings)
}

/// What needs a credential for the cloud in the cluster. Only who asks for the cloud's controller outright is refused, as
/// upstream does: the others stand in public templates and in what Horizon's form sends, where who makes a cluster
/// cannot take them away; he is told.
fn cloud(
    spec: &ClusterSpecView<'_>,
    settings: &KubernetesSettings,
    warnings: &mut Vec<Warning>,
) -> Result<(), DriverError> {
    if settings.cluster_user_trust {
        return Ok(());
    }
    if super::labels::on(spec.labels, "cloud_provider_enabled") == Some(true) {
        return Err(DriverError::LabelValue {
            label: "cloud_provider_enabled".to_owned(),
            value: "true".to_owned(),
            allowed: "false or absent in this cloud, whose clusters hold no credential for it ([trust] \
                      cluster_user_trust)"
                .to_owned(),
        });
    }
    let idle = |what: &str| {
        Warning(format!(
            "{what} has no effect in this cloud, whose clusters hold no credential for it ([trust] cluster_user_trust)"
        ))
    };
    if spec.volume_driver == Some("cinder") {
        warnings.push(idle("volume_driver cinder"));
    }
    let asked = |name: &&str| super::labels::on(spec.labels, name) == Some(true);
    let switches = ["auto_scaling_enabled", "auto_healing_enabled"].into_iter().filter(asked);
    warnings.extend(switches.map(|name| idle(&format!("label {name}"))));
    Ok(())
}

/// Nothing is fetched that is not pinned.
fn tarball(spec: &ClusterSpecView<'_>) -> Result<(), DriverError> {
    let url = label(spec.labels, "containerd_tarball_url");
    let sha256 = label(spec.labels, "containerd_tarball_sha256").unwrap_or_default();
    if url.is_some() && (sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(DriverError::LabelValue {
            label: "containerd_tarball_sha256".to_owned(),
            value: sha256.to_owned(),
            allowed: "the SHA-256 of what containerd_tarball_url names, 64 hexadecimal digits".to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use magnum_types::Labels;

    /// The warnings of a template with this change, in a cloud whose clusters do, or do not, hold a credential.
    fn check(
        trust: bool,
        labels: &[(&str, &str)],
        change: impl FnOnce(&mut ClusterSpecView<'_>),
    ) -> Result<Vec<String>, String> {
        let labels = Labels::from_iter(labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let mut spec = ClusterSpecView {
            labels: &labels,
            network_driver: Some("flannel"),
            volume_driver: None,
            docker_storage_driver: None,
            docker_volume_size: None,
            external_network_id: Some("public"),
            fixed_network: None,
            fixed_subnet: None,
            floating_ip_enabled: true,
            master_lb_enabled: true,
            registry_enabled: false,
            tls_disabled: false,
            master_count: Some(3),
        };
        change(&mut spec);
        let settings = KubernetesSettings { cluster_user_trust: trust, ..KubernetesSettings::default() };
        let said = validate(&spec, &settings).map_err(|error| error.to_string())?;
        Ok(said.into_iter().map(|warning| warning.0).collect())
    }

    #[test]
    fn a_usual_template_passes_without_a_word() {
        assert_eq!(check(false, &[], |_| ()), Ok(vec![]));
        assert_eq!(check(false, &[], |s| s.master_count = None), Ok(vec![]));
        let given = |s: &mut ClusterSpecView<'_>| {
            (s.external_network_id, s.floating_ip_enabled) = (None, false);
            (s.fixed_network, s.fixed_subnet) = (Some("n"), Some("s"));
        };
        assert_eq!(check(false, &[], given), Ok(vec![]));
    }

    #[test]
    fn what_cannot_be_served_is_refused_by_the_fields_name() {
        let refused = [
            (check(true, &[], |s| s.network_driver = Some("docker")), "network_driver"),
            (
                check(true, &[("pods_network_cidr", "10.0.0.0/25")], |s| s.network_driver = Some("bridge")),
                "pods_network_cidr",
            ),
            (check(true, &[], |s| s.volume_driver = Some("rexray")), "volume_driver"),
            (check(true, &[], |s| s.docker_storage_driver = Some("floppy")), "docker_storage_driver"),
            (check(true, &[], |s| s.docker_volume_size = Some(0)), "docker_volume_size"),
            (check(true, &[], |s| s.tls_disabled = true), "tls_disabled"),
            (check(true, &[], |s| s.external_network_id = None), "external_network_id"),
            (
                check(true, &[], |s| (s.external_network_id, s.floating_ip_enabled) = (None, false)),
                "external_network_id",
            ),
            (check(true, &[], |s| s.fixed_subnet = Some("s")), "fixed_network"),
            (check(true, &[], |s| s.fixed_network = Some("n")), "fixed_subnet"),
            (check(true, &[], |s| s.master_count = Some(2)), "master_count"),
            (check(true, &[("kube_tag", "v1.19.0")], |_| ()), "kube_tag"),
            (check(true, &[("containerd_tarball_url", "https://a/b")], |_| ()), "containerd_tarball_sha256"),
            (check(false, &[("cloud_provider_enabled", "true")], |_| ()), "cloud_provider_enabled"),
            (
                check(true, &[("octavia_provider", "ovn"), ("octavia_lb_algorithm", "SOURCE_IP")], |_| ()),
                "octavia_lb_algorithm",
            ),
        ];
        for (result, name) in refused {
            assert!(result.as_ref().is_err_and(|text| text.contains(name)), "{name}: {result:?}");
        }
    }

    #[test]
    fn what_has_no_effect_is_told_by_name() {
        let told = [
            (check(true, &[], |s| s.docker_storage_driver = Some("overlay")), "docker_storage_driver"),
            (check(true, &[], |s| s.registry_enabled = true), "registry_enabled"),
            (check(false, &[], |s| s.volume_driver = Some("cinder")), "volume_driver"),
            (check(false, &[("auto_scaling_enabled", "yes")], |_| ()), "auto_scaling_enabled"),
            (check(false, &[("auto_healing_enabled", "true")], |_| ()), "auto_healing_enabled"),
        ];
        for (result, name) in told {
            let said = result.unwrap();
            assert!(said.len() == 1 && said[0].contains(name), "{name}: {said:?}");
        }
        let all = [("auto_scaling_enabled", "true"), ("auto_healing_enabled", "true")];
        assert_eq!(check(true, &all, |s| s.volume_driver = Some("cinder")), Ok(vec![]));
        assert_eq!(check(false, &[("auto_healing_enabled", "false")], |_| ()), Ok(vec![]));
        assert_eq!(check(true, &[("octavia_provider", "ovn")], |_| ()), Ok(vec![]));
    }
}
