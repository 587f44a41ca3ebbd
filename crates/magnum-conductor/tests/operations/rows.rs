//! The rows of an accepted cluster, as the API writes them: one manager, some workers, everything a stack can hold (a
//! load balancer, floating addresses, volumes), so that everything can be left behind.

use magnum_db::{AcceptCreate, GroupChange, NewOperation};
use magnum_fakes::{Account, seed};
use magnum_types::{
    Cluster, ClusterHandle, ClusterId, ClusterTemplate, Coe, Labels, NodeGroup, NodeGroupHandle, NodeGroupId,
    NodeRegistration, NodeState, OperationId, ServerType, Status, TemplateId,
    change::{ClusterEvent, EventAction, EventInitiator, EventOutcome},
    nodegroup::{DEFAULT_MASTER, DEFAULT_WORKER},
};
use uuid::Uuid;

pub fn template(owner: &Account, uuid: Uuid) -> ClusterTemplate {
    ClusterTemplate {
        id: 0,
        uuid: TemplateId(uuid),
        project_id: owner.project_id.clone(),
        user_id: owner.user_id.clone(),
        name: "swarm".to_owned(),
        coe: Coe::SwarmMode,
        image_id: seed::IMAGE.to_owned(),
        flavor_id: Some("m1.small".to_owned()),
        master_flavor_id: Some("m1.small".to_owned()),
        keypair_id: Some(seed::KEY_PAIR.to_owned()),
        external_network_id: Some(seed::PUBLIC_NETWORK.to_owned()),
        fixed_network: None,
        fixed_subnet: None,
        network_driver: None,
        volume_driver: None,
        dns_nameserver: Some("8.8.8.8".to_owned()),
        apiserver_port: None,
        docker_volume_size: Some(5),
        docker_storage_driver: None,
        cluster_distro: Some("debian".to_owned()),
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
        master_lb_enabled: true,
        floating_ip_enabled: true,
        tags: None,
        driver: None,
        created_at: None,
        updated_at: None,
    }
}

/// The release that Kubernetes clusters are made with, and the one that they are upgraded to.
pub const RELEASES: [&str; 2] = ["v1.35.0", "v1.36.0"];

/// A template of Kubernetes, whose clusters leave no volume behind.
pub fn kubernetes(owner: &Account, uuid: Uuid, release: &str) -> ClusterTemplate {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let labels = [label("kube_tag", release), label("volumes_on_delete", "delete")];
    ClusterTemplate {
        name: format!("kubernetes-{release}"),
        coe: Coe::Kubernetes,
        labels: Labels(labels.into_iter().collect()),
        ..template(owner, uuid)
    }
}

/// The same, whose clusters keep volumes, as they do unless they are told otherwise.
pub fn keeping(owner: &Account, uuid: Uuid, release: &str) -> ClusterTemplate {
    let mut template = kubernetes(owner, uuid, release);
    template.labels.0.retain(|name, _| name != "volumes_on_delete");
    template
}

/// The same, whose clusters nobody reaches from outside.
pub fn private(owner: &Account, uuid: Uuid, release: &str) -> ClusterTemplate {
    let template = kubernetes(owner, uuid, release);
    ClusterTemplate { floating_ip_enabled: false, master_lb_enabled: false, ..template }
}

fn cluster(owner: &Account, uuid: ClusterId, template: &ClusterTemplate) -> Cluster {
    Cluster {
        id: 0,
        uuid,
        project_id: owner.project_id.clone(),
        user_id: owner.user_id.clone(),
        name: "c1".to_owned(),
        cluster_template_id: template.uuid.to_string(),
        keypair: template.keypair_id.clone(),
        docker_volume_size: template.docker_volume_size,
        labels: template.labels.clone(),
        master_flavor_id: template.master_flavor_id.clone(),
        flavor_id: template.flavor_id.clone(),
        fixed_network: None,
        fixed_subnet: None,
        floating_ip_enabled: template.floating_ip_enabled,
        master_lb_enabled: template.master_lb_enabled,
        create_timeout: Some(60),
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

fn group(cluster: &Cluster, uuid: Uuid, name: &str, node_count: i32) -> NodeGroup {
    NodeGroup {
        id: 0,
        uuid: NodeGroupId(uuid),
        cluster_id: cluster.uuid,
        name: name.to_owned(),
        project_id: cluster.project_id.clone(),
        docker_volume_size: cluster.docker_volume_size,
        labels: cluster.labels.clone(),
        flavor_id: cluster.flavor_id.clone(),
        image_id: Some(seed::IMAGE.to_owned()),
        node_addresses: Vec::new(),
        node_count,
        role: if name == DEFAULT_MASTER { "master" } else { "worker" }.to_owned(),
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

/// A group beside the default ones, with a stack to come.
pub fn further_group(cluster: &Cluster, uuid: NodeGroupId, node_count: i32) -> GroupChange {
    let group = NodeGroup { is_default: false, ..group(cluster, uuid.0, "further", node_count) };
    let handle = NodeGroupHandle {
        nodegroup: uuid,
        cluster: cluster.uuid,
        stack_name: "c1-further-mnopqrstuvwx".to_owned(),
        join_secret_hash: None,
    };
    GroupChange::New(Box::new(group), handle)
}

/// A server of a group that has registered and is ready.
pub fn node(
    group: &NodeGroup,
    instance_id: String,
    name: &str,
    address: String,
    generation: i64,
) -> NodeRegistration {
    NodeRegistration {
        token_hash: format!("hash of {instance_id}"),
        instance_id,
        cluster: group.cluster_id,
        nodegroup: group.uuid,
        role: group.kind(),
        primary: false,
        name: name.to_owned(),
        address,
        public_address: None,
        certificate: String::new(),
        state: NodeState::Ready,
        wanted_release: Some(RELEASES[0].to_owned()),
        wanted_image: None,
        generation,
        step: Some("signal".to_owned()),
        error: None,
        moved: None,
        last_seen: None,
        created_at: None,
    }
}

pub fn pending(cluster: ClusterId, operation: OperationId, action: EventAction) -> ClusterEvent {
    let initiator = EventInitiator::default();
    ClusterEvent { cluster, operation, action, outcome: EventOutcome::Pending, initiator }
}

pub fn create(
    owner: &Account,
    uuid: ClusterId,
    template: &ClusterTemplate,
    groups: [Uuid; 2],
    [masters, workers]: [i32; 2],
    operation: NewOperation,
) -> AcceptCreate {
    let cluster = cluster(owner, uuid, template);
    AcceptCreate {
        nodegroups: vec![
            group(&cluster, groups[0], DEFAULT_MASTER, masters),
            group(&cluster, groups[1], DEFAULT_WORKER, workers),
        ],
        handle: ClusterHandle {
            cluster: uuid,
            stack_name: "c1-abcdefghijkl".to_owned(),
            credential: None,
            application_credential_id: None,
            join_secret_hash: None,
            plan_generation: 1,
            facts: None,
            rotation: None,
            certificate_generation: 0,
            former_credentials: Default::default(),
        },
        event: pending(uuid, operation.id, EventAction::Create),
        operation,
        quota: 100,
        cluster,
    }
}
