//! The part of a plan that makes a Docker engine: its certificate, its options, its volume, its unit. Options stand in
//! one file, `daemon.json`; the unit's own command line is emptied so that the two cannot contradict each other.
//!
//! Files come before packages, because a package starts its service while it is being installed.

use crate::{
    inputs::PlanInputs,
    plan_steps::{MINUTE, file, programs, proxies, step},
    swarm::port,
};
use magnum_types::{
    Authority, ClusterTemplate, Labels,
    plan::{Action, PlanStep},
};
use serde_json::{Map, Value, json};

const CA: &str = "/etc/docker/tls/ca.pem";
const CERTIFICATE: &str = "/etc/docker/tls/cert.pem";
const KEY: &str = "/etc/docker/tls/key.pem";

pub(super) fn steps(inputs: &PlanInputs<'_>) -> Vec<PlanStep> {
    let template = inputs.template;
    let mut steps = Vec::new();
    if !template.tls_disabled {
        steps.push(file("engine ca", CA, 0o644, inputs.authorities.trusted(Authority::Cluster).to_owned()));
        steps.push(file("engine certificate", CERTIFICATE, 0o644, inputs.node.certificate.clone()));
        steps.push(step("engine key", MINUTE, Action::NodeKey { path: KEY.to_owned() }));
    }
    let options = options(template, &inputs.cluster.labels);
    steps.push(file("engine options", "/etc/docker/daemon.json", 0o644, options));
    steps.push(file(
        "engine unit",
        "/etc/systemd/system/docker.service.d/magnum.conf",
        0o644,
        unit(template),
    ));
    if inputs.cluster.docker_volume_size.is_some_and(|size| size > 0) {
        // The node knows its volume's id from the stack.
        let action = Action::Volume {
            volume_id: String::new(),
            mount: "/var/lib/docker".to_owned(),
            file_system: "ext4".to_owned(),
        };
        steps.push(step("engine volume", 10 * MINUTE, action));
    }
    let fedora = template.cluster_distro.as_deref().is_some_and(|distro| distro.starts_with("fedora"));
    let engine = if fedora { "moby-engine" } else { "docker.io" };
    let programs = programs(&[("dockerd", engine), ("docker", "docker-cli")]);
    steps.push(step("engine packages", 15 * MINUTE, Action::Packages { programs }));
    steps.push(step(
        "engine service",
        5 * MINUTE,
        Action::Unit { name: "docker.service".to_owned(), watches: Vec::new() },
    ));
    steps
}

/// `daemon.json`
fn options(template: &ClusterTemplate, labels: &Labels) -> String {
    let mut options = Map::new();
    let mut set = |name: &str, value: Value| drop(options.insert(name.to_owned(), value));
    set("hosts", json!(["fd://", format!("tcp://0.0.0.0:{}", port(template))]));
    if !template.tls_disabled {
        set("tlsverify", json!(true));
        set("tlscacert", json!(CA));
        set("tlscert", json!(CERTIFICATE));
        set("tlskey", json!(KEY));
    }
    if template.docker_storage_driver.as_deref() == Some("overlay2") {
        set("storage-driver", json!("overlay2"));
    }
    if let Some(registry) = template.insecure_registry.as_deref().filter(|registry| !registry.is_empty()) {
        set("insecure-registries", json!([registry]));
    }
    if let Some(mirror) = labels.get("registry_mirror").filter(|mirror| !mirror.is_empty()) {
        set("registry-mirrors", json!([mirror]));
    }
    format!("{:#}\n", Value::Object(options))
}

/// The drop-in of `docker.service`.
fn unit(template: &ClusterTemplate) -> String {
    let own = "[Unit]\nRequiresMountsFor=/var/lib/docker\n[Service]\nExecStart=\nExecStart=dockerd\n";
    format!("{own}{}", proxies(template, &[]))
}
