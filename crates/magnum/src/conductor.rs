//! The conductor, as `magnum.conf` describes it.

use crate::{foundation::Foundation, messaging, storage};
use anyhow::{Context, Result};
use magnum_conductor::{
    ConductorSettings, TrustSettings, World, WorldSettings,
    reach::{
        ReachSettings,
        address::{Network, Places},
    },
    serve,
    stack_board::StackBoard,
};
use magnum_config::MagnumConfig;
use magnum_drivers::DriverSettings;
use magnum_messaging::Notifier;
use magnum_x509::{KeyAlgorithm, token::sha256_hex};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Does the work that the API accepted, until `stop`.
///
/// # Errors
/// Whatever of the configuration cannot be used, by its section and option.
pub async fn conduct(foundation: &Foundation, stop: CancellationToken) -> Result<()> {
    let Foundation { config, clock, entropy, store, cloud, sealing, registry, bus } = foundation.clone();
    let certificates = storage::certificates(&config, &store, &cloud, &sealing)?;
    let notifier = Notifier::new(bus.clone(), messaging::notifications(&config)?);
    let owner = format!("{}:{}:{}", config.default.host, std::process::id(), entropy.uuid());
    let world = World {
        store,
        cloud,
        certificates,
        keys: sealing,
        registry,
        clock: clock.clone(),
        entropy,
        settings: settings(&config)?,
        stacks: StackBoard::new(clock),
        sessions: Default::default(),
    };
    let health = Duration::from_secs(u64::try_from(config.kubernetes.health_polling_interval).unwrap_or(0));
    let process = ConductorSettings {
        host: config.default.host.clone(),
        owner,
        lease: Duration::from_secs(config.conductor.lease_seconds),
        poll: Duration::from_secs(config.conductor.poll_interval),
        health,
        reach: reach(&config, health)?,
        concurrency: usize::try_from(config.conductor.max_concurrent_operations).unwrap_or(64),
    };
    serve(Arc::new(world), bus, notifier, process, stop).await;
    Ok(())
}

/// `[conductor] reach_…`: where clusters are asked whether they answer; none when they are not.
fn reach(config: &MagnumConfig, every: Duration) -> Result<Option<ReachSettings>> {
    let section = &config.conductor;
    let networks = |option: &str, texts: &[String]| {
        let all = texts.iter().map(|text| text.parse()).collect::<Result<Vec<Network>, _>>();
        all.with_context(|| format!("[conductor] {option}"))
    };
    let places = Places {
        refused: networks("reach_refused_networks", &section.reach_refused_networks)?,
        allowed: networks("reach_allowed_networks", &section.reach_allowed_networks)?,
    };
    Ok(section.reach_clusters.then(|| ReachSettings::new(every, places)))
}

fn settings(config: &MagnumConfig) -> Result<WorldSettings> {
    let program = storage::node_program(config);
    let sha256 = match &program {
        Some(path) => {
            sha256_hex(&std::fs::read(path).with_context(|| format!("the node program {}", path.display()))?)
        }
        None => {
            tracing::warn!(
                "no node program is found ([node] program): only images that bring magnum-node will work"
            );
            String::new()
        }
    };
    Ok(WorldSettings {
        trust: TrustSettings {
            trustee_domain_id: config.trust.trustee_domain_id.clone(),
            roles: config.trust.roles.clone(),
            password_symbols: config.default.password_symbols.clone(),
        },
        certificate_days: config.x509.term_of_validity,
        key_algorithm: KeyAlgorithm::Rsa { bits: usize::try_from(config.x509.rsa_key_size).unwrap_or(2048) },
        driver: DriverSettings {
            magnum_url: config.api.node_url.clone().unwrap_or_default(),
            auth_url: String::new(),
            verify_ca: config.drivers.verify_ca,
            openstack_ca: storage::openstack_ca(config)?,
            node_program_sha256: sha256,
            default_docker_volume_type: config.cinder.default_docker_volume_type.clone(),
            default_etcd_volume_type: config.cinder.default_etcd_volume_type.clone(),
            default_boot_volume_type: config.cinder.default_boot_volume_type.clone(),
            default_boot_volume_size: i32::try_from(config.cinder.default_boot_volume_size).unwrap_or(0),
            nodes_affinity_policy: config.cluster.nodes_affinity_policy.clone(),
            create_timeout: i32::try_from(config.cluster_heat.create_timeout).unwrap_or(60),
            ..DriverSettings::default()
        },
        drain_seconds: 60,
    })
}
