//! Files of three upstream releases load as they are, and their values arrive where they belong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use magnum_config::{MagnumConfig, Sources, Warning};
use secrecy::ExposeSecret;

/// Loads a file of `tests/data` and gives the old names it uses; any other warning about a name fails the test.
fn load(name: &str) -> (MagnumConfig, Vec<String>) {
    let mut sources = Sources::new("magnum-conductor", "box");
    sources.files.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name));
    let (config, warnings) = MagnumConfig::load(&sources).unwrap();
    let mut old_names = Vec::new();
    for warning in warnings {
        match warning {
            Warning::Deprecated { old, .. } => old_names.push(old),
            Warning::ReadableSecret { .. } => {}
            unknown => panic!("{unknown}"),
        }
    }
    (config, old_names)
}

#[test]
fn a_pike_file_loads_with_its_old_names() {
    let (config, old_names) = load("pike.conf");
    assert_eq!(
        config.database.connection.unwrap().expose_secret(),
        r"mysql+pymysql://magnum:p%40ss\x41#;100%$@db.example.net/magnum?charset=utf8"
    );
    assert_eq!(config.database.connection_recycle_time, 1800);
    assert_eq!(config.cluster_heat.create_timeout, 90);
    assert_eq!(config.cluster_template.swarm_allowed_network_drivers, ["docker", "flannel"]);
    assert_eq!(config.log.log_file.as_deref(), Some("magnum-api.log"));
    assert_eq!(config.log.default_log_levels.len(), 3);
    assert_eq!(config.trust.trustee_domain_admin_password.unwrap().expose_secret(), "it''s $ecret");
    assert_eq!(config.trust.roles, ["member", "heat_stack_owner"]);
    assert_eq!(config.oslo_messaging_notifications.driver.0, ["messagingv2"]);
    assert_eq!(config.oslo_messaging_notifications.topics, ["notifications", "billing"]);
    assert!(config.oslo_messaging_rabbit.ssl);
    assert_eq!(
        config.messaging.transport_url.expose_secret(),
        "rabbit://magnum:bus%2Fpass@10.0.0.5:5672,magnum:bus%2Fpass@10.0.0.6:5672/cloud"
    );

    let auth = &config.keystone_authtoken.auth;
    assert_eq!(auth.method(), Some("password"));
    assert_eq!(auth.auth_url.as_deref(), Some("http://keystone.example.net:35357"));
    assert_eq!(auth.password.as_ref().unwrap().expose_secret(), "legacy pass");
    assert_eq!(auth.project_name.as_deref(), Some("service"));
    assert_eq!(config.keystone_authtoken.middleware.memcached_servers, ["10.0.0.5:11211"]);

    for old in [
        "[bay_heat] bay_create_timeout",
        "[database] sql_connection",
        "[keystone_authtoken] auth_uri",
        "[DEFAULT] notification_driver",
    ] {
        assert_eq!(old_names.iter().filter(|name| *name == old).count(), 1, "{old} in {old_names:?}");
    }
}

#[test]
fn a_zed_file_loads_without_a_word() {
    let (config, old_names) = load("zed.conf");
    assert!(old_names.is_empty(), "{old_names:?}");
    assert_eq!(config.cluster.temp_cache_dir, "/var/lib/magnum/certificate-cache");
    assert_eq!(config.cinder.default_boot_volume_size, 20);
    assert_eq!(config.database.max_retries, -1);
    assert_eq!(config.oslo_messaging_notifications.driver.0, ["messagingv2", "log"]);
    assert_eq!(config.keystone_authtoken.auth.username.as_deref(), Some("magnum"), "through auth_section");
    assert_eq!(config.keystone_authtoken.auth.cafile.as_deref(), Some("/etc/ssl/ca.pem"));
    assert_eq!(config.octavia_client.endpoint_type, "internalURL");
    assert_eq!(config.drivers.disabled_drivers.len(), 2);
}

#[test]
fn a_22_file_loads_without_a_word() {
    let (config, old_names) = load("v22.conf");
    assert!(old_names.is_empty(), "{old_names:?}");
    assert_eq!(config.service_auth().method(), Some("v3applicationcredential"));
    assert_eq!(config.keystone_auth.timeout, Some(20));
    assert!(config.oslo_messaging_rabbit.rabbit_quorum_queue);
    assert_eq!(config.oslo_policy.policy_dirs.0, ["policy.d", "/etc/magnum/more.d"]);
    assert_eq!(config.healthcheck.disable_by_file_path.as_deref(), Some("/etc/magnum/down"));
    assert_eq!(config.drivers.default_driver.as_deref(), Some("k8s_fedora_coreos_v1"));
}
