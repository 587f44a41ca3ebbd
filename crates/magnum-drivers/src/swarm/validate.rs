//! What a Swarm refuses, and what it accepts with a word about it.

use crate::{
    error::DriverError,
    heat_stack,
    inputs::ClusterSpecView,
    labels::{self, Warning},
};

pub(super) fn validate(spec: &ClusterSpecView<'_>) -> Result<Vec<Warning>, DriverError> {
    let mut warnings = labels::validate(spec.labels, super::labels::LABELS)?;
    let field =
        |field: &'static str, problem: &str| DriverError::Field { field, problem: problem.to_owned() };
    let given = |value: Option<&str>| value.is_some_and(|text| !text.is_empty());

    if let Some(driver) = spec.network_driver.filter(|name| !name.is_empty() && *name != "docker") {
        if driver != "flannel" {
            return Err(field("network_driver", "a Swarm has its own network; name docker or nothing"));
        }
        warnings.push(Warning(
            "network_driver flannel has no effect: Swarm mode has its own overlay networks".into(),
        ));
    }
    if given(spec.volume_driver) {
        if spec.volume_driver != Some("rexray") {
            return Err(field("volume_driver", "a Swarm offers rexray (without effect) or nothing"));
        }
        warnings.push(Warning("volume_driver rexray has no effect: REX-Ray is no longer maintained".into()));
    }
    match spec.docker_storage_driver {
        None | Some("" | "overlay2") => {}
        Some(name @ ("devicemapper" | "overlay" | "aufs")) => warnings.push(Warning(format!(
            "docker_storage_driver {name} is gone from the engine; its default is used instead"
        ))),
        Some(_) => {
            return Err(field(
                "docker_storage_driver",
                "must be overlay2, or one of devicemapper, overlay and aufs, which mean the engine's default",
            ));
        }
    }
    if spec.registry_enabled {
        warnings
            .push(Warning("registry_enabled has no effect on a Swarm: run a registry as a service".into()));
    }
    warnings.extend(heat_stack::check(spec)?);
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use magnum_types::Labels;

    fn check(change: impl FnOnce(&mut ClusterSpecView<'_>)) -> Result<usize, String> {
        let labels = Labels::default();
        let mut spec = ClusterSpecView {
            labels: &labels,
            network_driver: Some("docker"),
            volume_driver: None,
            docker_storage_driver: None,
            docker_volume_size: Some(5),
            external_network_id: Some("public"),
            fixed_network: None,
            fixed_subnet: None,
            floating_ip_enabled: true,
            master_lb_enabled: false,
            registry_enabled: false,
            tls_disabled: false,
            master_count: Some(3),
        };
        change(&mut spec);
        validate(&spec).map(|warnings| warnings.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_usual_template_passes_without_a_word() {
        assert_eq!(check(|_| ()), Ok(0));
        assert_eq!(check(|s| s.master_count = None), Ok(0));
    }

    #[test]
    fn old_words_pass_with_a_warning() {
        assert_eq!(check(|s| s.network_driver = Some("flannel")), Ok(1));
        assert_eq!(check(|s| s.volume_driver = Some("rexray")), Ok(1));
        assert_eq!(check(|s| s.docker_storage_driver = Some("devicemapper")), Ok(1));
        assert_eq!(check(|s| s.registry_enabled = true), Ok(1));
    }

    #[test]
    fn what_cannot_be_served_is_refused_by_the_fields_name() {
        let refused = [
            (check(|s| s.network_driver = Some("calico")), "network_driver"),
            (check(|s| s.volume_driver = Some("cinder")), "volume_driver"),
            (check(|s| s.docker_storage_driver = Some("floppy")), "docker_storage_driver"),
            (check(|s| s.docker_volume_size = Some(0)), "docker_volume_size"),
            (check(|s| s.external_network_id = None), "external_network_id"),
            (
                check(|s| (s.external_network_id, s.floating_ip_enabled) = (None, false)),
                "external_network_id",
            ),
            (check(|s| s.fixed_subnet = Some("s")), "fixed_network"),
            (check(|s| (s.fixed_network, s.master_lb_enabled) = (Some("n"), true)), "fixed_subnet"),
            (check(|s| s.master_count = Some(2)), "master_count"),
            (check(|s| s.master_count = Some(0)), "master_count"),
        ];
        for (answer, field) in refused {
            let text = answer.unwrap_err();
            assert!(text.starts_with(&format!("{field}: ")), "{text}");
        }
    }
}
