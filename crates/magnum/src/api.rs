//! The API's state, as `magnum.conf` describes it.

use crate::{Arguments, cloud, foundation::Foundation, storage};
use anyhow::{Context, Result};
use magnum_api::{
    AppState,
    nodes::{held::Held, membership::StackMembership, program::NodeProgram},
    settings::{ApiSettings, CorsSettings, NetworkDrivers, TlsFiles},
    v1::certificates::authority,
};
use magnum_config::MagnumConfig;
use magnum_policy::{Enforcer, PolicySettings};
use magnum_x509::ExtensionPolicy;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Everything that a request is answered from. Policy files are looked for in `policies`, in order.
///
/// # Errors
/// Whatever of the configuration cannot be used, by its section and option.
pub async fn state(
    foundation: &Foundation,
    policies: &[PathBuf],
    stop: &CancellationToken,
) -> Result<AppState> {
    let Foundation { config, clock, entropy, store, cloud, sealing, registry, bus } = foundation.clone();
    let registry = Arc::new(registry);
    Ok(AppState {
        secrets: storage::certificates(&config, &store, &cloud, &sealing)?,
        store,
        enforcer: policy(&config, policies)?,
        validator: Arc::new(cloud.token_validator(cloud::validator(&config))),
        membership: Arc::new(StackMembership::new(cloud.clone(), registry.clone(), sealing.clone())),
        cloud,
        registry,
        authorities: authority::cache(),
        sealing,
        bus,
        held: Held::until(stop.clone()),
        program: program(&config).await?,
        clock,
        entropy,
        settings: Arc::new(settings(&config)?),
    })
}

/// Where policy files are looked for: beside the configuration files and in /etc/magnum, as oslo.policy does.
pub fn policies(arguments: &Arguments) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = Vec::new();
    places.extend(arguments.config_files.iter().filter_map(|file| file.parent()).map(Path::to_path_buf));
    places.extend(arguments.config_dirs.iter().cloned());
    places.push("/etc/magnum".into());
    places
}

async fn program(config: &MagnumConfig) -> Result<Option<Arc<NodeProgram>>> {
    let Some(path) = storage::node_program(config) else {
        warn!("no node program is found ([node] program): only images that bring magnum-node will work");
        return Ok(None);
    };
    let program =
        NodeProgram::load(&path).await.with_context(|| format!("the node program {}", path.display()))?;
    Ok(Some(Arc::new(program)))
}

fn policy(config: &MagnumConfig, places: &[PathBuf]) -> Result<Enforcer> {
    let section = &config.oslo_policy;
    let find = |name: &str| {
        places
            .iter()
            .map(|place| place.join(name))
            .find(|path| path.exists())
            .unwrap_or_else(|| PathBuf::from(name))
    };
    let mut file = find(&section.policy_file);
    // An operator of an old release has policy.json.
    if !file.exists() && section.policy_file == "policy.yaml" && find("policy.json").exists() {
        file = find("policy.json");
    }
    let (enforcer, warnings) = Enforcer::new(PolicySettings {
        files: vec![file],
        dirs: section.policy_dirs.0.iter().map(|dir| find(dir)).collect(),
        default_rule: section.policy_default_rule.clone(),
        enforce_new_defaults: section.enforce_new_defaults,
        enforce_scope: section.enforce_scope,
    })
    .context("[oslo_policy]: the policy cannot be used")?;
    for warning in warnings {
        warn!("policy: {warning}");
    }
    Ok(enforcer)
}

fn settings(config: &MagnumConfig) -> Result<ApiSettings> {
    let tls = match (&config.api.ssl_cert_file, &config.api.ssl_key_file, config.api.enabled_ssl) {
        (_, _, false) => None,
        (Some(certificate), Some(key), true) => {
            Some(TlsFiles { certificate: certificate.into(), key: key.into() })
        }
        _ => anyhow::bail!("[api] enabled_ssl needs ssl_cert_file and ssl_key_file"),
    };
    let minor = config.api.max_microversion.strip_prefix("1.").and_then(|minor| minor.parse::<u16>().ok());
    let minor = minor.filter(|minor| (1..=14).contains(minor));
    let auth_token = &config.keystone_authtoken;
    let networks = &config.cluster_template;
    Ok(ApiSettings {
        host: config.api.host.clone(),
        port: config.api.port,
        tls,
        max_limit: i64::try_from(config.api.max_limit).unwrap_or(1000),
        max_microversion: minor.with_context(|| {
            format!("[api] max_microversion = {}: it must be 1.1 to 1.14", config.api.max_microversion)
        })?,
        max_body_size: usize::try_from(config.oslo_middleware.max_request_body_size).unwrap_or(114_688),
        www_authenticate_uri: auth_token
            .middleware
            .www_authenticate_uri
            .clone()
            .or_else(|| auth_token.auth.auth_url.clone())
            .unwrap_or_default(),
        proxy_headers: config.oslo_middleware.enable_proxy_headers_parsing,
        healthcheck_disable_file: config.healthcheck.disable_by_file_path.as_ref().map(PathBuf::from),
        cors: (!config.cors.allowed_origin.is_empty()).then(|| CorsSettings {
            allowed_origins: config.cors.allowed_origin.clone(),
            allow_credentials: config.cors.allow_credentials,
            expose_headers: config.cors.expose_headers.clone(),
            max_age: Duration::from_secs(config.cors.max_age),
            allow_methods: config.cors.allow_methods.clone(),
            allow_headers: config.cors.allow_headers.clone(),
        }),
        // -1 means no limit.
        max_clusters_per_project: u32::try_from(config.quotas.max_clusters_per_project)
            .map_or(i32::MAX, |limit| i32::try_from(limit).unwrap_or(i32::MAX)),
        create_timeout: i32::try_from(config.cluster_heat.create_timeout).unwrap_or(60),
        service_down_time: Duration::from_secs(config.default.service_down_time),
        // Nodes' held questions for a plan would use up any time that they are given: they ask again elsewhere.
        stop_deadline: Duration::from_secs(config.default.graceful_shutdown_timeout.min(10)),
        plan_hold: Duration::from_secs(config.node.plan_hold_seconds),
        certificate_days: config.x509.term_of_validity,
        extension_policy: ExtensionPolicy::from_names(
            &config.x509.allowed_extensions,
            &config.x509.allowed_key_usage,
            config.x509.allow_ca,
        )
        .context("[x509] allowed_extensions or allowed_key_usage")?,
        trustee_domain_id: config.trust.trustee_domain_id.clone(),
        cluster_user_trust: config.trust.cluster_user_trust,
        network_drivers: NetworkDrivers {
            kubernetes_allowed: networks.kubernetes_allowed_network_drivers.clone(),
            kubernetes_default: networks.kubernetes_default_network_driver.clone(),
            swarm_allowed: networks.swarm_allowed_network_drivers.clone(),
            swarm_default: networks.swarm_default_network_driver.clone(),
            mesos_allowed: networks.mesos_allowed_network_drivers.clone(),
            mesos_default: networks.mesos_default_network_driver.clone(),
        },
        ..ApiSettings::default()
    })
}
