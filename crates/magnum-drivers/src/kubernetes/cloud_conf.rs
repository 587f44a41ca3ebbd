//! Configuration files with which add-ons speak to the cloud. They go into manifests as base64.

use super::{
    addons::{AddonInputs, CloudCredential},
    labels::{on, value},
};
use crate::stack_values::lb_algorithm;
use ::base64::{Engine as _, engine::general_purpose::STANDARD};
use std::fmt::Write as _;

/// Where the pods of add-ons find the cloud's certificate authorities.
const CA_FILE: &str = "/etc/openstack-ca/ca.crt";

pub(super) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// `cloud.conf` of the cloud-controller-manager, the Cinder driver's controller and the autoscaler.
pub(super) fn for_controllers(inputs: &AddonInputs<'_>) -> String {
    let mut text = "[Global]\n".to_owned();
    for (name, value) in global(inputs) {
        line(&mut text, name, value);
    }
    text.push_str("\n[LoadBalancer]\n");
    line(&mut text, "floating-network-id", inputs.external_network_id);
    line(&mut text, "subnet-id", inputs.subnet_id);
    line(&mut text, "lb-provider", value(inputs.labels, "octavia_provider"));
    let method = lb_algorithm(inputs.labels).unwrap_or_else(|| value(inputs.labels, "octavia_lb_algorithm"));
    line(&mut text, "lb-method", method);
    line(
        &mut text,
        "create-monitor",
        if on(inputs.labels, "octavia_lb_healthcheck") == Some(false) { "false" } else { "true" },
    );
    text.push('\n');
    text.push_str(NODES);
    base64(&text)
}

const NODES: &str = "[BlockStorage]\nignore-volume-az=\"true\"\n";

/// `cloud.conf` of the Cinder driver on nodes: without any right.
pub(super) fn for_nodes() -> String {
    base64(NODES)
}

/// The auto-healer's own configuration. Workers are its to replace. A master is Magnum's, who knows the members of
/// etcd, so that the checks of masters, which the program has by default, are made to last for ever.
pub(super) fn for_auto_healer(inputs: &AddonInputs<'_>) -> String {
    let mut text = format!(
        "cluster-name: {}\n\
         dry-run: false\n\
         monitor-interval: 30s\n\
         check-delay-after-add: 20m\n\
         leader-elect: true\n\
         healthcheck:\n\
         \x20 master:\n\
         \x20 - {{type: Endpoint, params: {{unhealthy-duration: 87600h, protocol: HTTPS, port: {}, \
                  endpoints: [\"/healthz\"], ok-codes: [200, 401, 403]}}}}\n\
         \x20 - {{type: NodeCondition, params: {{unhealthy-duration: 87600h, types: [Ready], ok-values: [\"True\"]}}}}\n\
         \x20 worker:\n\
         \x20 - {{type: NodeCondition, params: {{unhealthy-duration: 3m, types: [Ready], ok-values: [\"True\"]}}}}\n\
         openstack:\n",
        inputs.cluster_uuid, inputs.api_port
    );
    for (name, value) in global(inputs).into_iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "  {name}: {}", quoted(value));
    }
    base64(&text)
}

fn global<'a>(inputs: &AddonInputs<'a>) -> Vec<(&'static str, &'a str)> {
    let ca_file = if inputs.openstack_ca.is_empty() { "" } else { CA_FILE };
    let mut pairs = vec![("auth-url", inputs.keystone_url), ("region", inputs.region), ("ca-file", ca_file)];
    match inputs.cloud {
        Some(CloudCredential::Trust { user_id, password, trust_id }) => {
            pairs.extend([("user-id", user_id), ("password", password), ("trust-id", trust_id)]);
        }
        Some(CloudCredential::Application { id, secret }) => {
            pairs.extend([("application-credential-id", id), ("application-credential-secret", secret)]);
        }
        None => {}
    }
    pairs
}

fn line(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(text, "{name}={}", quoted(value));
    }
}

/// Both formats quote alike.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_password_with_symbols_stays_one_value() {
        assert_eq!(quoted(r#"a"b\c;#d"#), r#""a\"b\\c;#d""#);
    }
}
