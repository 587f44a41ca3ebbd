//! Which network and volume drivers an engine knows, which of them the operator allows, and the default.

use crate::settings::NetworkDrivers;
use magnum_types::{Coe, ServiceError};

/// Fills in the engine's default, or checks what the client chose.
pub fn network_driver(
    settings: &NetworkDrivers,
    coe: Coe,
    asked: Option<String>,
) -> Result<Option<String>, ServiceError> {
    let (known, allowed, default): (&[&str], _, _) = match coe {
        Coe::Kubernetes => (
            &["flannel", "calico", "cilium", "bridge"],
            &settings.kubernetes_allowed,
            &settings.kubernetes_default,
        ),
        Coe::Swarm | Coe::SwarmMode => {
            (&["docker", "flannel"], &settings.swarm_allowed, &settings.swarm_default)
        }
        Coe::Mesos => (&["docker"], &settings.mesos_allowed, &settings.mesos_default),
    };
    let driver = asked.unwrap_or_else(|| default.clone());
    if !known.contains(&driver.as_str()) {
        return Err(ServiceError::invalid(format!(
            "Invalid value for network_driver: {driver:?} is not known for {coe}; use one of {}",
            known.join(", ")
        )));
    }
    if !allowed.iter().any(|word| word == "all" || *word == driver) {
        return Err(ServiceError::invalid(format!(
            "Invalid value for network_driver: {driver:?} is not allowed here; use one of {}",
            allowed.join(", ")
        )));
    }
    Ok(Some(driver))
}

/// Checks the volume driver.
pub fn check_volume_driver(coe: Coe, asked: Option<&str>) -> Result<(), ServiceError> {
    let known = match coe {
        Coe::Kubernetes => "cinder",
        Coe::Swarm | Coe::SwarmMode | Coe::Mesos => "rexray",
    };
    match asked {
        Some(driver) if driver != known => Err(ServiceError::invalid(format!(
            "Invalid value for volume_driver: {driver:?} is not known for {coe}; use {known}"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_has_a_default_that_it_allows() {
        for coe in Coe::ALL {
            assert!(network_driver(&NetworkDrivers::default(), *coe, None).unwrap().is_some(), "{coe}");
        }
    }

    #[test]
    fn an_unknown_or_disallowed_driver_is_refused_by_name() {
        let settings = NetworkDrivers::default();
        for (coe, driver) in [(Coe::Swarm, "calico"), (Coe::Kubernetes, "cilium")] {
            let error = network_driver(&settings, coe, Some(driver.to_owned())).unwrap_err();
            assert!(error.public.contains("network_driver") && error.public.contains(driver));
        }
        assert!(check_volume_driver(Coe::Swarm, Some("cinder")).is_err());
        check_volume_driver(Coe::Kubernetes, Some("cinder")).unwrap();
    }
}
