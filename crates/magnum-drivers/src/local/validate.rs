//! What the local cloud refuses, and what it accepts with a word about it. Refused is what a user would miss (a network
//! that was chosen); what a tutorial's template has by habit (a volume's size, an outer network) only gets a word.

use crate::{
    driver::Driver as _,
    error::DriverError,
    inputs::ClusterSpecView,
    labels::{self, Warning},
    swarm::SwarmDriver,
};
use magnum_types::Labels;

pub(super) fn validate(spec: &ClusterSpecView<'_>) -> Result<Vec<Warning>, DriverError> {
    let given = |value: Option<&str>| value.is_some_and(|text| !text.is_empty());
    for (field, value) in [("fixed_network", spec.fixed_network), ("fixed_subnet", spec.fixed_subnet)] {
        if given(value) {
            let problem =
                "the nodes of a local cluster are in a network of their own on this machine; leave it out";
            return Err(DriverError::Field { field, problem: problem.to_owned() });
        }
    }
    let mut warnings = labels::validate(spec.labels, super::labels::LABELS)?;
    // The engine's own rules, about what is left when all that a cloud gives is away. `floating_ip_enabled` is on unless
    // somebody turns it off: not worth a word.
    let engine = ClusterSpecView {
        labels: &Labels::default(),
        external_network_id: Some("none"),
        floating_ip_enabled: false,
        master_lb_enabled: false,
        ..*spec
    };
    warnings.extend(SwarmDriver.validate(&engine)?);
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
        warnings.push(Warning(
            "master_lb_enabled has no effect: there is no load balancer on this machine; api_address is the first \
             manager's, and every other manager answers as well"
                .into(),
        ));
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut ClusterSpecView<'_>)) -> Result<Vec<String>, String> {
        let labels = Labels::from_iter([("open_ports".to_owned(), String::new())]);
        let mut spec = ClusterSpecView {
            labels: &labels,
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
            master_count: Some(3),
        };
        change(&mut spec);
        let warnings = validate(&spec).map_err(|error| error.to_string())?;
        Ok(warnings.into_iter().map(|Warning(text)| text).collect())
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
        let spec = ClusterSpecView { labels: &labels, ..view_of(&labels) };
        let warnings = validate(&spec).unwrap();
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
