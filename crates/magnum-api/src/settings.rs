//! What the API needs to know from the configuration, as plain values: the binary maps `magnum.conf` onto it, tests
//! fill it by hand.

use crate::microversion;
use magnum_x509::ExtensionPolicy;
use std::{path::PathBuf, time::Duration};

/// Settings of the API.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Address to listen on (`[api] host`).
    pub host: String,
    /// TCP port (`[api] port`); 0 lets the system choose.
    pub port: u16,
    /// Serve HTTPS with these files (`[api] enabled_ssl`); plain HTTP without.
    pub tls: Option<TlsFiles>,
    /// Largest page of a list (`[api] max_limit`).
    pub max_limit: i64,
    /// Highest minor microversion to offer, 1 to 14.
    pub max_microversion: u16,
    /// Bytes of a request's body (`[oslo_middleware] max_request_body_size`).
    pub max_body_size: usize,
    /// A request that takes longer is answered with 503.
    pub request_timeout: Duration,
    /// A client that does not send its headers within this is dropped.
    pub header_timeout: Duration,
    /// How long running requests may go on after the stop signal.
    pub stop_deadline: Duration,
    /// Where clients get tokens (`[keystone_authtoken] www_authenticate_uri`), named in every 401.
    pub www_authenticate_uri: String,
    /// Believe `X-Forwarded-Proto`, `-Host` and `-Prefix` (`[oslo_middleware] enable_proxy_headers_parsing`).
    pub proxy_headers: bool,
    /// While this file exists the health check answers 503 (`[healthcheck] disable_by_file_path`).
    pub healthcheck_disable_file: Option<PathBuf>,
    /// Cross-origin rules (`[cors]`); none without an allowed origin.
    pub cors: Option<CorsSettings>,
    /// Clusters a project may have when no quota row says otherwise (`[quotas] max_clusters_per_project`).
    pub max_clusters_per_project: i32,
    /// Minutes that a create may take when the cluster says 0 (`[cluster_heat] create_timeout`).
    pub create_timeout: i32,
    /// A conductor silent for longer is down (`service_down_time`).
    pub service_down_time: Duration,
    /// Longest hold of a node's question for its plan; must be shorter than `request_timeout`.
    pub plan_hold: Duration,
    /// How long signed certificates live, in days (`[x509] term_of_validity`).
    pub certificate_days: u32,
    /// What a signing request may ask for (`[x509] allowed_extensions`, `allowed_key_usage`, `allow_ca`).
    pub extension_policy: ExtensionPolicy,
    /// Domain of the clusters' own users, known to policy expressions (`[trust] trustee_domain_id`).
    pub trustee_domain_id: Option<String>,
    /// Masters may hold the cluster's own credential for the cloud (`[trust] cluster_user_trust`).
    pub cluster_user_trust: bool,
    /// Network drivers per engine (`[cluster_template]`).
    pub network_drivers: NetworkDrivers,
}

/// PEM files of the server's certificate chain and key.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Cross-origin rules, as in oslo.middleware's `[cors]`.
#[derive(Clone, Debug, Default)]
pub struct CorsSettings {
    /// Allowed origins; `*` allows every one.
    pub allowed_origins: Vec<String>,
    /// Let browsers send credentials.
    pub allow_credentials: bool,
    /// Headers a browser may read.
    pub expose_headers: Vec<String>,
    /// How long a browser may keep a preflight's answer.
    pub max_age: Duration,
    /// Methods it may use.
    pub allow_methods: Vec<String>,
    /// Headers it may send.
    pub allow_headers: Vec<String>,
}

/// The network drivers operators allow, and the default of each engine. `all` in a list allows every one.
#[derive(Clone, Debug)]
pub struct NetworkDrivers {
    /// `kubernetes_allowed_network_drivers`
    pub kubernetes_allowed: Vec<String>,
    /// `kubernetes_default_network_driver`
    pub kubernetes_default: String,
    /// `swarm_allowed_network_drivers`
    pub swarm_allowed: Vec<String>,
    /// `swarm_default_network_driver`
    pub swarm_default: String,
    /// `mesos_allowed_network_drivers`
    pub mesos_allowed: Vec<String>,
    /// `mesos_default_network_driver`
    pub mesos_default: String,
}

impl Default for NetworkDrivers {
    fn default() -> Self {
        let all = || vec!["all".to_owned()];
        Self {
            kubernetes_allowed: ["flannel", "calico", "bridge"].map(str::to_owned).to_vec(),
            kubernetes_default: "flannel".to_owned(),
            swarm_allowed: all(),
            swarm_default: "docker".to_owned(),
            mesos_allowed: all(),
            mesos_default: "docker".to_owned(),
        }
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 9511,
            tls: None,
            max_limit: 1000,
            max_microversion: microversion::MAXIMUM,
            max_body_size: 114_688,
            request_timeout: Duration::from_secs(60),
            header_timeout: Duration::from_secs(10),
            stop_deadline: Duration::from_secs(30),
            www_authenticate_uri: "http://127.0.0.1:5000/v3".to_owned(),
            proxy_headers: false,
            healthcheck_disable_file: Some(PathBuf::from("/etc/magnum/healthcheck_disable")),
            cors: None,
            max_clusters_per_project: 20,
            create_timeout: 60,
            service_down_time: Duration::from_secs(180),
            plan_hold: Duration::from_secs(20),
            certificate_days: 1825,
            extension_policy: ExtensionPolicy::default(),
            trustee_domain_id: None,
            cluster_user_trust: false,
            network_drivers: NetworkDrivers::default(),
        }
    }
}
