//! What the local cloud refuses, and what it accepts with a word about it. Refused is what a user would miss (a network
//! that was chosen); what a tutorial's template has by habit (a volume's size, an outer network) only gets a word.

use super::labels;
use crate::{
    driver::Driver as _,
    error::DriverError,
    inputs::ClusterSpecView,
    kubernetes::KubernetesDriver,
    labels::{Warning, validate as check_labels},
    swarm::SwarmDriver,
};
use magnum_types::Labels;

fn given(value: Option<&str>) -> bool {
    value.is_some_and(|text| !text.is_empty())
}

pub(super) fn swarm(spec: &ClusterSpecView<'_>) -> Result<Vec<Warning>, DriverError> {
    networks(spec)?;
    let mut warnings = check_labels(spec.labels, labels::SWARM)?;
    warnings.extend(SwarmDriver.validate(&bare(spec, &Labels::default()))?);
    warnings.extend(habits(spec, "manager"));
    Ok(warnings)
}

pub(super) fn kubernetes(
    spec: &ClusterSpecView<'_>,
    driver: &KubernetesDriver,
) -> Result<Vec<Warning>, DriverError> {
    networks(spec)?;
    if given(spec.volume_driver) {
        let problem = "a local cluster has no volumes to claim; leave it out".to_owned();
        return Err(DriverError::Field { field: "volume_driver", problem });
    }
    let mut warnings = check_labels(spec.labels, &labels::KUBERNETES)?;
    labels::refused(spec.labels)?;
    warnings.extend(driver.validate(&bare(spec, &labels::effective(spec.labels)))?);
    warnings.extend(habits(spec, "master"));
    Ok(warnings)
}

/// What the engine's own rules are about: what is left when all that a cloud gives is away. `floating_ip_enabled` is on
/// unless somebody turns it off: not worth a word.
fn bare<'a>(spec: &ClusterSpecView<'a>, labels: &'a Labels) -> ClusterSpecView<'a> {
    ClusterSpecView {
        labels,
        external_network_id: Some("none"),
        floating_ip_enabled: false,
        master_lb_enabled: false,
        ..*spec
    }
}

fn networks(spec: &ClusterSpecView<'_>) -> Result<(), DriverError> {
    for (field, value) in [("fixed_network", spec.fixed_network), ("fixed_subnet", spec.fixed_subnet)] {
        if given(value) {
            let problem =
                "the nodes of a local cluster are in a network of their own on this machine; leave it out";
            return Err(DriverError::Field { field, problem: problem.to_owned() });
        }
    }
    Ok(())
}

/// What templates have because clouds need it; masters are called by the engine's `word` for them.
fn habits(spec: &ClusterSpecView<'_>, word: &str) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if spec.docker_volume_size.is_some() {
        warnings.push(Warning(
            "docker_volume_size has no effect: a local node keeps its data on this machine's disk".into(),
        ));
    }
    if given(spec.external_network_id) {
        warnings.push(Warning(
            "external_network_id has no effect: local nodes are reached from this machine, and from nowhere else".into(),
        ));
    }
    if spec.master_lb_enabled {
        warnings.push(Warning(format!(
            "master_lb_enabled has no effect: there is no load balancer on this machine; api_address is the first \
             {word}'s, and every other {word} answers as well"
        )));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = Result<Vec<String>, String>;

    fn texts(result: Result<Vec<Warning>, DriverError>) -> Answer {
        let warnings = result.map_err(|error| error.to_string())?;
        Ok(warnings.into_iter().map(|Warning(text)| text).collect())
    }

    fn check(change: impl FnOnce(&mut ClusterSpecView<'_>)) -> Answer {
        let labels = Labels::from_iter([("open_ports".to_owned(), String::new())]);
        let mut spec = ClusterSpecView { master_count: Some(3), ..view_of(&labels) };
        change(&mut spec);
        texts(swarm(&spec))
    }

    fn check_kubernetes(labels: &[(&str, &str)], change: impl FnOnce(&mut ClusterSpecView<'_>)) -> Answer {
        let labels = Labels::from_iter(labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let mut spec = ClusterSpecView { master_count: Some(1), ..view_of(&labels) };
        change(&mut spec);
        texts(kubernetes(&spec, &KubernetesDriver::default()))
    }

    #[test]
    fn the_smallest_kubernetes_template_passes_without_a_word() {
        assert_eq!(check_kubernetes(&[], |_| ()), Ok(vec![]));
        assert_eq!(check_kubernetes(&[("kube_tag", "v1.20.2"), ("pause_tag", "3.2")], |_| ()), Ok(vec![]));
        assert_eq!(check_kubernetes(&[("cloud_provider_enabled", "false")], |_| ()), Ok(vec![]));
    }

    #[test]
    fn what_a_clouds_kubernetes_template_has_by_habit_passes_with_a_word_that_names_it() {
        let no = |_: &mut ClusterSpecView<'_>| ();
        for (answer, name) in [
            (check_kubernetes(&[("etcd_volume_size", "5")], no), "etcd_volume_size"),
            (check_kubernetes(&[("boot_volume_size", "10")], no), "boot_volume_size"),
            (check_kubernetes(&[("octavia_provider", "ovn")], no), "octavia_provider"),
            (check_kubernetes(&[("octavia_lb_algorithm", "SOURCE_IP")], no), "octavia_lb_algorithm"),
            (check_kubernetes(&[("auto_healing_enabled", "true")], no), "auto_healing_enabled"),
            (check_kubernetes(&[("auto_scaling_enabled", "true")], no), "auto_scaling_enabled"),
            (check_kubernetes(&[("ingress_controller", "nginx")], no), "ingress_controller"),
            (check_kubernetes(&[], |s| s.docker_volume_size = Some(5)), "docker_volume_size"),
            (check_kubernetes(&[], |s| s.external_network_id = Some("public")), "external_network_id"),
            (check_kubernetes(&[], |s| s.master_lb_enabled = true), "master_lb_enabled"),
        ] {
            let warnings = answer.unwrap();
            assert!(warnings.len() == 1 && warnings[0].contains(name), "{name}: {warnings:?}");
        }
    }

    #[test]
    fn what_would_be_missed_of_kubernetes_is_refused_by_name() {
        let no = |_: &mut ClusterSpecView<'_>| ();
        for (answer, name) in [
            (check_kubernetes(&[], |s| s.fixed_network = Some("mine")), "fixed_network"),
            (check_kubernetes(&[], |s| s.volume_driver = Some("cinder")), "volume_driver"),
            (check_kubernetes(&[], |s| s.docker_volume_size = Some(0)), "docker_volume_size"),
            (check_kubernetes(&[], |s| s.network_driver = Some("docker")), "network_driver"),
            (check_kubernetes(&[], |s| s.master_count = Some(2)), "master_count"),
            (check_kubernetes(&[], |s| s.tls_disabled = true), "tls_disabled"),
            (check_kubernetes(&[("kube_tag", "v1.19.0")], no), "kube_tag"),
            (check_kubernetes(&[("cloud_provider_enabled", "yes")], no), "cloud_provider_enabled"),
            (check_kubernetes(&[("keystone_auth_enabled", "true")], no), "keystone_auth_enabled"),
        ] {
            let text = answer.unwrap_err();
            assert!(text.contains(name), "{name}: {text}");
        }
    }

    #[test]
    fn the_smallest_template_passes_without_a_word() {
        assert_eq!(check(|_| ()), Ok(vec![]));
        assert_eq!(check(|s| (s.floating_ip_enabled, s.master_count) = (false, None)), Ok(vec![]));
    }

    #[test]
    fn what_a_clouds_template_has_by_habit_passes_with_a_word_that_names_it() {
        for (answer, field) in [
            (check(|s| s.docker_volume_size = Some(5)), "docker_volume_size"),
            (check(|s| s.external_network_id = Some("public")), "external_network_id"),
            (check(|s| s.master_lb_enabled = true), "master_lb_enabled"),
            (check(|s| s.registry_enabled = true), "registry_enabled"),
        ] {
            let warnings = answer.unwrap();
            assert!(warnings.len() == 1 && warnings[0].starts_with(field), "{warnings:?}");
        }
        let labels = Labels::from_iter([("availability_zone".to_owned(), "nova".to_owned())]);
        let warnings = swarm(&view_of(&labels)).unwrap();
        assert!(warnings.len() == 1 && warnings[0].0.contains("availability_zone"), "{warnings:?}");
    }

    fn view_of(labels: &Labels) -> ClusterSpecView<'_> {
        ClusterSpecView {
            labels,
            network_driver: None,
            volume_driver: None,
            docker_storage_driver: None,
            docker_volume_size: None,
            external_network_id: None,
            fixed_network: None,
            fixed_subnet: None,
            floating_ip_enabled: true,
            master_lb_enabled: false,
            registry_enabled: false,
            tls_disabled: false,
            master_count: None,
        }
    }

    #[test]
    fn what_would_be_missed_is_refused_by_the_fields_name() {
        for (answer, field) in [
            (check(|s| s.fixed_network = Some("mine")), "fixed_network"),
            (check(|s| s.fixed_subnet = Some("mine")), "fixed_subnet"),
            (check(|s| s.network_driver = Some("calico")), "network_driver"),
            (check(|s| s.volume_driver = Some("cinder")), "volume_driver"),
            (check(|s| s.docker_volume_size = Some(0)), "docker_volume_size"),
            (check(|s| s.master_count = Some(2)), "master_count"),
        ] {
            let text = answer.unwrap_err();
            assert!(text.starts_with(&format!("{field}: ")), "{text}");
        }
    }
}
