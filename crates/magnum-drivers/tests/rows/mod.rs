//! The rows of a Swarm cluster, as tests of drivers start from them.

use magnum_drivers::DriverSettings;
use magnum_types::{
    Cluster, ClusterTemplate, Coe, Labels, NodeGroup, ServerType, Status,
    ids::{ClusterId, NodeGroupId, TemplateId},
};
use uuid::Uuid;

pub fn template() -> ClusterTemplate {
    ClusterTemplate {
        id: 1,
        uuid: TemplateId(Uuid::from_u128(1)),
        project_id: "p".into(),
        user_id: "u".into(),
        name: "t".into(),
        coe: Coe::SwarmMode,
        image_id: "img".into(),
        flavor_id: Some("m1.small".into()),
        master_flavor_id: Some("m1.medium".into()),
        keypair_id: None,
        external_network_id: Some("public".into()),
        fixed_network: None,
        fixed_subnet: None,
        network_driver: Some("docker".into()),
        volume_driver: None,
        dns_nameserver: Some("192.0.2.53".into()),
        apiserver_port: None,
        docker_volume_size: None,
        docker_storage_driver: Some("overlay2".into()),
        cluster_distro: Some("debian".into()),
        http_proxy: None,
        https_proxy: None,
        no_proxy: None,
        registry_enabled: false,
        insecure_registry: None,
        labels: Labels::default(),
        tls_disabled: false,
        public: false,
        hidden: false,
        server_type: ServerType::Vm,
        master_lb_enabled: false,
        floating_ip_enabled: true,
        tags: None,
        driver: None,
        created_at: None,
        updated_at: None,
    }
}

pub fn cluster() -> Cluster {
    Cluster {
        id: 1,
        uuid: ClusterId(Uuid::from_u128(0xc)),
        project_id: "p".into(),
        user_id: "u".into(),
        name: "c".into(),
        cluster_template_id: Uuid::from_u128(1).to_string(),
        keypair: Some("key".into()),
        docker_volume_size: None,
        labels: Labels::default(),
        master_flavor_id: None,
        flavor_id: None,
        fixed_network: None,
        fixed_subnet: None,
        floating_ip_enabled: true,
        master_lb_enabled: false,
        create_timeout: Some(30),
        discovery_url: None,
        stack_id: None,
        status: Status::CreateInProgress,
        status_reason: None,
        health_status: None,
        health_status_reason: Default::default(),
        api_address: None,
        coe_version: None,
        container_version: None,
        trust_id: None,
        trustee_username: None,
        trustee_user_id: None,
        trustee_password: None,
        ca_cert_ref: None,
        magnum_cert_ref: None,
        etcd_ca_cert_ref: None,
        front_proxy_ca_cert_ref: None,
        created_at: None,
        updated_at: None,
    }
}

pub fn group(role: &str, count: i32, flavor: &str) -> NodeGroup {
    NodeGroup {
        id: 1,
        uuid: NodeGroupId(Uuid::from_u128(2)),
        cluster_id: ClusterId(Uuid::from_u128(0xc)),
        name: format!("default-{role}"),
        project_id: "p".into(),
        docker_volume_size: None,
        labels: Labels::default(),
        flavor_id: Some(flavor.into()),
        image_id: Some("img".into()),
        node_addresses: vec![],
        node_count: count,
        role: role.into(),
        min_node_count: 0,
        max_node_count: None,
        is_default: true,
        stack_id: None,
        status: Status::CreateInProgress,
        status_reason: None,
        version: None,
        node_labels: None,
        node_taints: None,
        created_at: None,
        updated_at: None,
    }
}

pub fn settings() -> DriverSettings {
    DriverSettings {
        magnum_url: "https://magnum.example:9511/".into(),
        auth_url: "https://keystone.example/v3".into(),
        openstack_ca: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into(),
        node_program_sha256: "0f".repeat(32),
        ..DriverSettings::default()
    }
}
