//! Objects to be stored, with values in the fields that matter and nothing in the others.

use crate::ground::{Ground, MINUTE};
use magnum_db::{AcceptCreate, AcceptOperation, ClusterView, GroupChange, Mode, NewOperation};
use magnum_types::{
    CLUSTER_CREATE, CLUSTER_DELETE, CLUSTER_RESIZE, Cluster, ClusterHandle, ClusterId, ClusterTemplate, Coe,
    Labels, NodeGroup, NodeGroupId, NodeRegistration, NodeState, OperationId, OperationState, OperationStore,
    Role, ServerType, Status, TemplateId,
    change::{ClusterEvent, EventAction, EventInitiator, EventOutcome},
    operation::{Claim, Fence},
};
use serde_json::json;
use std::time::Duration;

pub fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub fn template(ground: &Ground, project: &str, name: &str) -> ClusterTemplate {
    ClusterTemplate {
        id: 0,
        uuid: TemplateId(ground.uuid()),
        project_id: project.to_owned(),
        user_id: "alice".to_owned(),
        name: name.to_owned(),
        coe: Coe::Kubernetes,
        image_id: "fedora-coreos".to_owned(),
        flavor_id: Some("m1.small".to_owned()),
        master_flavor_id: None,
        keypair_id: Some("key".to_owned()),
        external_network_id: Some("public".to_owned()),
        fixed_network: None,
        fixed_subnet: None,
        network_driver: Some("calico".to_owned()),
        volume_driver: None,
        dns_nameserver: Some("8.8.8.8".to_owned()),
        apiserver_port: Some(6443),
        docker_volume_size: Some(20),
        docker_storage_driver: None,
        cluster_distro: Some("fedora-coreos".to_owned()),
        http_proxy: None,
        https_proxy: None,
        no_proxy: None,
        registry_enabled: false,
        insecure_registry: None,
        labels: labels(&[("kube_tag", "v1.33"), ("a", "1")]),
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

pub fn cluster(ground: &Ground, project: &str, name: &str, template: TemplateId) -> Cluster {
    Cluster {
        id: 0,
        uuid: ClusterId(ground.uuid()),
        project_id: project.to_owned(),
        user_id: "alice".to_owned(),
        name: name.to_owned(),
        cluster_template_id: template.to_string(),
        keypair: Some("key".to_owned()),
        docker_volume_size: None,
        labels: labels(&[("z", "1"), ("a", "2")]),
        master_flavor_id: None,
        flavor_id: Some("m1.small".to_owned()),
        fixed_network: None,
        fixed_subnet: None,
        floating_ip_enabled: false,
        master_lb_enabled: true,
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
        trust_id: Some("trust-1".to_owned()),
        trustee_username: None,
        trustee_user_id: None,
        trustee_password: Some("magnum:v1:sealed".to_owned()),
        ca_cert_ref: None,
        magnum_cert_ref: None,
        etcd_ca_cert_ref: None,
        front_proxy_ca_cert_ref: None,
        created_at: None,
        updated_at: None,
    }
}

pub fn group(ground: &Ground, cluster: &Cluster, name: &str, role: &str, node_count: i32) -> NodeGroup {
    NodeGroup {
        id: 0,
        uuid: NodeGroupId(ground.uuid()),
        cluster_id: cluster.uuid,
        name: name.to_owned(),
        project_id: cluster.project_id.clone(),
        docker_volume_size: None,
        labels: cluster.labels.clone(),
        flavor_id: None,
        image_id: Some("fedora-coreos".to_owned()),
        node_addresses: vec!["10.0.0.5".to_owned()],
        node_count,
        role: role.to_owned(),
        min_node_count: 0,
        max_node_count: Some(9),
        is_default: true,
        stack_id: None,
        status: Status::CreateInProgress,
        status_reason: None,
        version: None,
        node_labels: None,
        node_taints: Some(json!([{"key": "gpu", "effect": "NoSchedule"}])),
        created_at: None,
        updated_at: None,
    }
}

pub fn operation(ground: &Ground, kind: &'static str, timeout: Duration) -> NewOperation {
    NewOperation {
        id: OperationId(ground.uuid()),
        kind,
        params: json!({"node_count": 3}),
        timeout,
        request_id: "req-1".to_owned(),
        project_id: "p1".to_owned(),
        user_id: "alice".to_owned(),
    }
}

pub fn event(
    cluster: ClusterId,
    operation: OperationId,
    action: EventAction,
    outcome: EventOutcome,
) -> ClusterEvent {
    ClusterEvent { cluster, operation, action, outcome, initiator: EventInitiator::default() }
}

pub fn create(ground: &Ground, project: &str, name: &str, template: TemplateId) -> AcceptCreate {
    let cluster = cluster(ground, project, name, template);
    let operation = operation(ground, CLUSTER_CREATE, MINUTE);
    AcceptCreate {
        nodegroups: vec![
            group(ground, &cluster, "default-master", "master", 1),
            group(ground, &cluster, "default-worker", "worker", 2),
        ],
        handle: ClusterHandle {
            cluster: cluster.uuid,
            stack_name: format!("{name}-abcdef"),
            credential: None,
            application_credential_id: None,
            join_secret_hash: None,
            plan_generation: 1,
            facts: None,
            rotation: None,
            certificate_generation: 0,
            former_credentials: Default::default(),
        },
        event: event(cluster.uuid, operation.id, EventAction::Create, EventOutcome::Pending),
        operation,
        quota: 100,
        cluster,
    }
}

fn change(
    ground: &Ground,
    cluster: ClusterId,
    kind: &'static str,
    new_status: Status,
    mode: Mode,
) -> AcceptOperation {
    let operation = operation(ground, kind, MINUTE);
    let event = event(cluster, operation.id, EventAction::Update, EventOutcome::Pending);
    AcceptOperation {
        cluster,
        allowed: |_| true,
        new_status,
        nodegroup: GroupChange::None,
        operation,
        mode,
        event,
    }
}

pub fn resize(ground: &Ground, cluster: ClusterId, mode: Mode) -> AcceptOperation {
    AcceptOperation {
        allowed: Status::admits_resize,
        ..change(ground, cluster, CLUSTER_RESIZE, Status::UpdateInProgress, mode)
    }
}

pub fn delete(ground: &Ground, cluster: ClusterId) -> AcceptOperation {
    change(ground, cluster, CLUSTER_DELETE, Status::DeleteInProgress, Mode::Supersede)
}

/// A template, and an accepted cluster of it.
pub async fn accepted(ground: &Ground, project: &str, name: &str) -> (ClusterView, OperationId) {
    let template = ground.store.template_create(&template(ground, project, "t")).await.unwrap();
    let accept = create(ground, project, name, template.uuid);
    let (cluster, operation) = (accept.cluster.uuid, accept.operation.id);
    ground.store.accept_cluster_create(accept).await.unwrap();
    (ground.store.cluster_by_id(cluster).await.unwrap(), operation)
}

/// A cluster whose create has ended well.
pub async fn complete(ground: &Ground, project: &str, name: &str) -> ClusterView {
    let (view, operation) = accepted(ground, project, name).await;
    let claim = claim(ground, operation).await;
    let patch = magnum_types::ClusterPatch { status: Some(Status::CreateComplete), ..Default::default() };
    let changes = vec![
        magnum_types::Change::Cluster(view.cluster.uuid, Box::new(patch)),
        magnum_types::Change::NodeGroups(view.cluster.uuid, Status::CreateComplete, None),
    ];
    ground.store.finish(fence(&claim), OperationState::Done, changes).await.unwrap();
    ground.store.cluster_by_id(view.cluster.uuid).await.unwrap()
}

pub async fn claim(ground: &Ground, operation: OperationId) -> Claim {
    ground.store.claim(operation, "conductor-1", MINUTE).await.unwrap().expect("the operation can be claimed")
}

pub fn fence(claim: &Claim) -> Fence {
    Fence { operation: claim.operation.id, epoch: claim.operation.epoch }
}

pub fn node(ground: &Ground, view: &ClusterView, name: &str) -> NodeRegistration {
    NodeRegistration {
        instance_id: ground.uuid().to_string(),
        cluster: view.cluster.uuid,
        nodegroup: view.nodegroups[0].uuid,
        role: Role::Master,
        primary: true,
        name: name.to_owned(),
        address: "10.0.0.5".to_owned(),
        public_address: None,
        certificate: "-----BEGIN CERTIFICATE-----".to_owned(),
        token_hash: format!("hash-of-{name}"),
        state: NodeState::Registered,
        wanted_release: None,
        wanted_image: None,
        generation: 0,
        step: None,
        error: None,
        moved: None,
        last_seen: None,
        created_at: None,
    }
}
