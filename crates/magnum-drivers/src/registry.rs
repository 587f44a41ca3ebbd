//! The drivers that are there, and which one serves a template: the one it names, else the one for its combination of
//! server type, image distribution and engine.

use crate::{
    driver::Driver,
    error::DriverError,
    kubernetes::{KubernetesDriver, KubernetesSettings},
    local::{LocalDriver, LocalKubernetesDriver},
    swarm::SwarmDriver,
};
use magnum_types::{ClusterTemplate, Coe, ServerType};
use std::sync::Arc;

/// `[drivers]` of the configuration, as far as the choice goes.
#[derive(Clone, Debug, Default)]
pub struct RegistrySettings {
    /// Names of drivers that are not offered. Upstream's names count too.
    pub disabled_drivers: Vec<String>,
    /// Names of unfinished drivers that are offered nevertheless.
    pub enabled_beta_drivers: Vec<String>,
    /// `[kubernetes]`.
    pub kubernetes: KubernetesSettings,
}

/// The enabled drivers.
#[derive(Clone)]
pub struct Registry {
    drivers: Vec<Arc<dyn Driver>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.drivers.iter().map(|driver| driver.name())).finish()
    }
}

impl Registry {
    /// The drivers of this crate that the settings leave.
    pub fn new(settings: &RegistrySettings) -> Self {
        let kubernetes = KubernetesDriver::new(settings.kubernetes.clone());
        Self::of(vec![Arc::new(SwarmDriver), Arc::new(kubernetes)], settings)
    }

    /// The drivers for the local cloud of standalone mode that the settings leave. No other cloud can read their stacks, and
    /// it can read no others, so the two sets are never offered together.
    pub fn local(settings: &RegistrySettings) -> Self {
        let kubernetes = LocalKubernetesDriver::new(&settings.kubernetes);
        Self::of(vec![Arc::new(LocalDriver), Arc::new(kubernetes)], settings)
    }

    /// Those of the given drivers that the settings leave; with one combination in two drivers, the later one has it.
    pub fn of(drivers: Vec<Arc<dyn Driver>>, settings: &RegistrySettings) -> Self {
        let listed =
            |driver: &Arc<dyn Driver>, names: &[String]| names.iter().any(|name| is_called(driver, name));
        let drivers = drivers
            .into_iter()
            .filter(|driver| !listed(driver, &settings.disabled_drivers))
            .filter(|driver| !driver.beta() || listed(driver, &settings.enabled_beta_drivers))
            .collect();
        Self { drivers }
    }

    /// The driver for a combination.
    ///
    /// # Errors
    /// [`DriverError::UnsupportedType`]
    pub fn find(
        &self,
        server_type: ServerType,
        os_distro: &str,
        coe: Coe,
    ) -> Result<Arc<dyn Driver>, DriverError> {
        let serves = |driver: &&Arc<dyn Driver>| {
            driver
                .provides()
                .iter()
                .any(|p| p.server_type == server_type && p.os_distro == os_distro && p.coe == coe)
        };
        self.drivers.iter().rev().find(serves).cloned().ok_or_else(|| DriverError::UnsupportedType {
            server_type: server_type.as_str().to_owned(),
            os_distro: os_distro.to_owned(),
            coe: coe.as_str().to_owned(),
            supported: self.supported(),
        })
    }

    /// The driver of this name.
    ///
    /// # Errors
    /// [`DriverError::UnknownDriver`]
    pub fn named(&self, name: &str) -> Result<Arc<dyn Driver>, DriverError> {
        self.drivers.iter().rev().find(|driver| is_called(driver, name)).cloned().ok_or_else(|| {
            let names: Vec<_> = self.drivers.iter().map(|driver| driver.name()).collect();
            DriverError::UnknownDriver { name: name.to_owned(), available: names.join(", ") }
        })
    }

    /// The driver of a template.
    ///
    /// # Errors
    /// As [`Registry::named`] when the template names one, else as [`Registry::find`].
    pub fn of_template(&self, template: &ClusterTemplate) -> Result<Arc<dyn Driver>, DriverError> {
        match template.driver.as_deref() {
            Some(name) if !name.is_empty() => self.named(name),
            _ => self.find(
                template.server_type,
                template.cluster_distro.as_deref().unwrap_or(""),
                template.coe,
            ),
        }
    }

    fn supported(&self) -> String {
        let mut all: Vec<String> = self
            .drivers
            .iter()
            .flat_map(|driver| driver.provides())
            .map(|p| format!("({}, {}, {})", p.server_type.as_str(), p.os_distro, p.coe))
            .collect();
        all.sort();
        all.dedup();
        all.join(", ")
    }
}

fn is_called(driver: &Arc<dyn Driver>, name: &str) -> bool {
    driver.name() == name || driver.aliases().contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swarm_is_found_by_both_engine_words_and_by_upstreams_names() {
        let registry = Registry::new(&RegistrySettings::default());
        for coe in [Coe::Swarm, Coe::SwarmMode] {
            for distro in ["debian", "ubuntu", "fedora-atomic"] {
                assert_eq!(registry.find(ServerType::Vm, distro, coe).unwrap().name(), "swarm_debian_v1");
            }
        }
        for name in ["swarm_debian_v1", "swarm_fedora_atomic_v2", "swarm_fedora_atomic_v1"] {
            assert_eq!(registry.named(name).unwrap().name(), "swarm_debian_v1");
        }
    }

    #[test]
    fn an_unsupported_combination_is_refused_with_the_supported_ones() {
        let registry = Registry::new(&RegistrySettings::default());
        let Err(error) = registry.find(ServerType::Bm, "plan9", Coe::Mesos) else { panic!("found one") };
        let text = error.to_string();
        assert!(text.starts_with("Cluster type (bm, plan9, mesos) not supported"), "{text}");
        assert!(text.contains("(vm, debian, swarm-mode)"), "{text}");
    }

    #[test]
    fn the_local_drivers_are_offered_by_the_local_registry_alone() {
        let settings = RegistrySettings::default();
        let (local, others) = (Registry::local(&settings), Registry::new(&settings));
        for (coe, name) in
            [(Coe::Swarm, "local"), (Coe::SwarmMode, "local"), (Coe::Kubernetes, "local_kubernetes")]
        {
            assert_eq!(local.find(ServerType::Vm, "magnum-local", coe).unwrap().name(), name);
            assert!(others.find(ServerType::Vm, "magnum-local", coe).is_err());
            assert!(local.find(ServerType::Vm, "debian", coe).is_err());
        }
        assert!(others.named("local").is_err());
    }

    #[test]
    fn a_disabled_driver_is_not_there() {
        let settings = RegistrySettings {
            disabled_drivers: vec!["swarm_fedora_atomic_v2".to_owned()],
            ..Default::default()
        };
        let registry = Registry::new(&settings);
        assert!(registry.find(ServerType::Vm, "debian", Coe::Swarm).is_err());
        let Err(error) = registry.named("swarm_debian_v1") else { panic!("found it") };
        assert!(error.to_string().contains("is not available"));
    }
}
