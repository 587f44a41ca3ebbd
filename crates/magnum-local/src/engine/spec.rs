//! A node as the container that the engine is asked for. Pure: what is decided here is tested here.

use super::{
    Facts,
    capabilities::Capabilities,
    labels::{self, ADDRESS, INSTALLATION, NAME, OWNER, SERVER, STACK},
};
use crate::machines::NodeSpec;
use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, NetworkingConfig, RestartPolicy, RestartPolicyNameEnum, VolumeCreateRequest,
};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};
use uuid::Uuid;

/// The stores of the engines in a node. They cannot lie in the node's own root: an overlay cannot stand on an overlay, and
/// etcd is as fast as the disk under it.
const STORES: &[(&str, &str)] = &[
    ("docker", "/var/lib/docker"),
    ("containerd", "/var/lib/containerd"),
    ("kubelet", "/var/lib/kubelet"),
    ("etcd", "/var/lib/etcd"),
];
/// Seconds that a node has to end its own containers before it is killed.
const GRACE: i64 = 20;

/// Where a node is put.
pub(super) struct Site<'a> {
    pub(super) installation: &'a str,
    pub(super) network: &'a str,
    pub(super) gateway: IpAddr,
    pub(super) address: Ipv4Addr,
    pub(super) capabilities: &'a Capabilities,
    pub(super) facts: Facts,
}

/// The container.
pub(super) fn container(node: &NodeSpec, site: &Site<'_>) -> ContainerCreateBody {
    let mut labels = node_labels(node, site.installation);
    labels.insert(ADDRESS.to_owned(), site.address.to_string());
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(site.address.to_string()),
            ..EndpointIpamConfig::default()
        }),
        aliases: Some(vec![node.name.clone()]),
        ..EndpointSettings::default()
    };
    ContainerCreateBody {
        hostname: Some(node.name.clone()),
        image: Some(node.image.clone()),
        labels: Some(labels),
        // A console, so that systemd's own words are in the engine's log of the container.
        tty: Some(true),
        stop_signal: Some("SIGRTMIN+3".to_owned()),
        stop_timeout: Some(GRACE),
        host_config: Some(host_config(node, site)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(site.network.to_owned(), endpoint)])),
        }),
        ..ContainerCreateBody::default()
    }
}

fn host_config(node: &NodeSpec, site: &Site<'_>) -> HostConfig {
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    let mut binds: Vec<String> =
        STORES.iter().map(|(store, path)| format!("{}:{path}", volume_name(node.server, store))).collect();
    if site.facts.has_modules {
        binds.push("/lib/modules:/lib/modules:ro".to_owned());
    }
    let memory = i64::from(node.memory_mib) << 20;
    HostConfig {
        network_mode: Some(site.network.to_owned()),
        cap_add: Some(site.capabilities.iter().cloned().collect()),
        security_opt: words(&["seccomp=unconfined", "apparmor=unconfined", "label=disable"]),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        // An engine whose containers are other users' could not give a node what it needs.
        userns_mode: Some("host".to_owned()),
        // Containers inside may have any device that is made inside; the machine's own are not put in.
        device_cgroup_rules: words(&["a *:* rwm"]),
        // As the engine has them, but /proc/sys may be written to: networks in the node are made by it.
        masked_paths: words(&[
            "/proc/acpi",
            "/proc/kcore",
            "/proc/keys",
            "/proc/scsi",
            "/proc/timer_list",
            "/sys/firmware",
        ]),
        readonly_paths: words(&["/proc/bus", "/proc/irq", "/proc/sysrq-trigger"]),
        binds: Some(binds),
        tmpfs: Some(HashMap::from([
            ("/run".to_owned(), "exec,mode=755".to_owned()),
            ("/tmp".to_owned(), "exec,mode=1777".to_owned()),
        ])),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
            maximum_retry_count: None,
        }),
        extra_hosts: Some(node.gateway_names.iter().map(|name| format!("{name}:{}", site.gateway)).collect()),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(labels::labels([("max-size", "4m".to_owned()), ("max-file", "2".to_owned())])),
        }),
        // More processors than there are is no bound, and the engine refuses it.
        nano_cpus: (node.cpus > 0 && node.cpus < site.facts.cpus && site.facts.bounds_cpus)
            .then(|| i64::from(node.cpus) * 1_000_000_000),
        memory: (memory > 0 && site.facts.bounds_memory).then_some(memory),
        ..HostConfig::default()
    }
}

/// The volumes that a node's container names.
pub(super) fn volumes(node: &NodeSpec, installation: &str) -> Vec<VolumeCreateRequest> {
    let volume = |(store, _): &(&str, &str)| VolumeCreateRequest {
        name: Some(volume_name(node.server, store)),
        labels: Some(node_labels(node, installation)),
        ..VolumeCreateRequest::default()
    };
    STORES.iter().map(volume).collect()
}

fn volume_name(server: Uuid, store: &str) -> String {
    format!("magnum-{server}-{store}")
}

fn node_labels(node: &NodeSpec, installation: &str) -> labels::Labels {
    labels::labels([
        (INSTALLATION, installation.to_owned()),
        (SERVER, node.server.to_string()),
        (STACK, node.stack.to_string()),
        (OWNER, node.owner.to_string()),
        (NAME, node.name.clone()),
    ])
}

/// Names to try for the container, in this order: the node's own, and one that nobody else has.
pub(super) fn container_names(node: &NodeSpec) -> [String; 2] {
    let mut name: String = node
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '-' })
        .collect();
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || name.len() < 2 {
        name = format!("node-{name}");
    }
    let unique = format!("{name}-{}", node.server);
    [name, unique]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::capabilities;

    fn node() -> NodeSpec {
        NodeSpec {
            server: Uuid::from_u128(1),
            stack: Uuid::from_u128(2),
            owner: Uuid::from_u128(3),
            name: "swarm-a-primary-master-0".to_owned(),
            image: "sha256:00".to_owned(),
            cpus: 1,
            memory_mib: 512,
            files: Vec::new(),
            gateway_names: vec!["magnum.internal".to_owned()],
        }
    }

    const FACTS: Facts = Facts { cpus: 2, bounds_cpus: true, bounds_memory: true, has_modules: false };

    fn of(node: &NodeSpec, facts: Facts) -> (ContainerCreateBody, HostConfig) {
        let capabilities = capabilities::wanted(Some("CapBnd: 000001fffeffffff"));
        let site = Site {
            installation: "here",
            network: "net",
            gateway: Ipv4Addr::new(172, 18, 0, 1).into(),
            address: Ipv4Addr::new(172, 18, 0, 9),
            capabilities: &capabilities,
            facts,
        };
        let body = container(node, &site);
        let host = body.host_config.clone().unwrap();
        (body, host)
    }

    #[test]
    fn a_node_is_found_by_its_labels_and_has_its_address_for_ever() {
        let (body, host) = of(&node(), FACTS);
        let labels = body.labels.unwrap();
        assert_eq!(labels[INSTALLATION], "here");
        assert_eq!(labels[SERVER], Uuid::from_u128(1).to_string());
        assert_eq!(labels[STACK], Uuid::from_u128(2).to_string());
        assert_eq!(labels[OWNER], Uuid::from_u128(3).to_string());
        assert_eq!(labels[ADDRESS], "172.18.0.9");
        let endpoints = body.networking_config.unwrap().endpoints_config.unwrap();
        let fixed = endpoints["net"].ipam_config.as_ref().unwrap();
        assert_eq!(fixed.ipv4_address.as_deref(), Some("172.18.0.9"));
        assert_eq!(host.extra_hosts.unwrap(), ["magnum.internal:172.18.0.1"]);
        assert_eq!(host.restart_policy.unwrap().name, Some(RestartPolicyNameEnum::UNLESS_STOPPED));
    }

    #[test]
    fn a_node_is_not_privileged_and_lacks_only_what_the_machine_lacks() {
        let (_, host) = of(&node(), FACTS);
        assert_eq!(host.privileged, None);
        assert_eq!(host.devices, None);
        let added = host.cap_add.unwrap();
        assert!(added.contains(&"CAP_SYS_ADMIN".to_owned()) && added.len() == 40);
        assert!(!host.readonly_paths.unwrap().contains(&"/proc/sys".to_owned()));
    }

    #[test]
    fn bounds_are_set_only_where_they_bind_and_the_engine_can() {
        let (_, host) = of(&node(), FACTS);
        assert_eq!((host.nano_cpus, host.memory), (Some(1_000_000_000), Some(512 << 20)));
        let (_, host) = of(&NodeSpec { cpus: 2, memory_mib: 0, ..node() }, FACTS);
        assert_eq!((host.nano_cpus, host.memory), (None, None));
        let unable = Facts { bounds_cpus: false, bounds_memory: false, ..FACTS };
        let (_, host) = of(&node(), unable);
        assert_eq!((host.nano_cpus, host.memory), (None, None));
    }

    #[test]
    fn the_stores_are_volumes_with_the_nodes_labels() {
        let (_, host) = of(&node(), Facts { has_modules: true, ..FACTS });
        let volumes = volumes(&node(), "here");
        let binds = host.binds.unwrap();
        for (volume, (_, path)) in volumes.iter().zip(STORES) {
            assert!(binds.contains(&format!("{}:{path}", volume.name.clone().unwrap())), "{path}");
            assert_eq!(volume.labels.clone().unwrap()[SERVER], Uuid::from_u128(1).to_string());
        }
        assert!(binds.contains(&"/lib/modules:/lib/modules:ro".to_owned()));
    }

    #[test]
    fn every_name_becomes_one_that_the_engine_takes() {
        let name = |name: &str| container_names(&NodeSpec { name: name.to_owned(), ..node() });
        assert_eq!(name("a-0")[0], "a-0");
        assert_eq!(name("ä b")[0], "node---b");
        assert_eq!(name("")[0], "node-");
        assert_ne!(name("a-0")[0], name("a-0")[1]);
    }
}
