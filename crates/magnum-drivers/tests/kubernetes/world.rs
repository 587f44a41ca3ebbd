//! A Kubernetes cluster with its nodes, as the driver is told of it.

use magnum_drivers::{
    Authorities, CloudCredential, Driver as _, DriverSettings, GroupStackInputs, Identity, PlanInputs, Stack,
    StackInputs,
    kubernetes::{ENCRYPTION_KEY, ETCD_MEMBERS, KubernetesDriver, KubernetesSettings, SERVICE_ACCOUNT_KEY},
};
use magnum_types::{
    Authority, Cluster, ClusterTemplate, Coe, Labels, NodeGroup, NodeRegistration, NodeState, Role,
    ServerType, Status,
    ids::{ClusterId, NodeGroupId, TemplateId},
    plan::PlanStep,
};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

const RELEASE: &str = "v1.36.0";

pub struct World {
    pub driver: KubernetesDriver,
    pub cluster: Cluster,
    pub template: ClusterTemplate,
    pub masters: NodeGroup,
    pub workers: NodeGroup,
    pub nodes: Vec<NodeRegistration>,
    pub facts: BTreeMap<String, String>,
    pub authorities: Authorities,
    pub settings: DriverSettings,
    pub cloud: Option<CloudCredential>,
}

impl World {
    /// All nodes have registered, and nothing else has happened.
    pub fn new(masters: i32, workers: i32) -> Self {
        let mut nodes: Vec<_> = (0..masters).map(|index| node(Role::Master, index as u8)).collect();
        nodes.extend((0..workers).map(|index| node(Role::Worker, index as u8)));
        let names = |what: &str| Authority::ALL.iter().map(|a| (*a, format!("{what} {a:?}"))).collect();
        Self {
            driver: KubernetesDriver::default(),
            cluster: cluster(),
            template: template(),
            masters: group(1, "default-master", "master", masters),
            workers: group(2, "default-worker", "worker", workers),
            nodes,
            facts: BTreeMap::from([
                (SERVICE_ACCOUNT_KEY.to_owned(), "the service account key".to_owned()),
                (ENCRYPTION_KEY.to_owned(), "the encryption key".to_owned()),
            ]),
            authorities: Authorities {
                trusted: names("certificate of"),
                for_clients: names("reference of"),
                for_servers: names("reference of"),
            },
            settings: settings(),
            cloud: None,
        }
    }

    /// The cluster lives: its masters are ready, and etcd's members are known.
    pub fn founded(masters: i32, workers: i32) -> Self {
        let mut world = Self::new(masters, workers);
        let members: Vec<String> = world
            .nodes
            .iter()
            .filter(|node| node.role == Role::Master)
            .map(|node| format!("{}=https://{}:2380", node.name, node.address))
            .collect();
        world.facts.insert(ETCD_MEMBERS.to_owned(), members.join(","));
        for node in &mut world.nodes {
            node.state = NodeState::Ready;
        }
        world
    }

    /// The cloud lets masters hold a credential, and they do.
    pub fn trust(&mut self) {
        self.driver = KubernetesDriver::new(KubernetesSettings {
            cluster_user_trust: true,
            keystone_url: "https://keystone/v3".into(),
            ..KubernetesSettings::default()
        });
        self.cloud = Some(CloudCredential::Trust {
            user_id: "trustee".into(),
            password: "password".to_owned().into(),
            trust_id: "trust".to_owned().into(),
        });
    }

    pub fn add_master(&mut self, index: u8) {
        self.nodes.insert(usize::from(index), node(Role::Master, index));
        self.masters.node_count += 1;
    }

    /// Sets a label of the cluster, and so of its groups; one that names a release is also what the nodes are to run.
    pub fn set(&mut self, label: &str, value: &str) {
        for labels in [&mut self.cluster.labels, &mut self.masters.labels, &mut self.workers.labels] {
            labels.0.insert(label.to_owned(), value.to_owned());
        }
        if label == "kube_tag" {
            for node in &mut self.nodes {
                node.wanted_release = Some(value.to_owned());
            }
        }
    }

    fn inputs<T>(&self, index: usize, ask: impl FnOnce(&PlanInputs<'_>) -> T) -> T {
        let groups = [self.masters.clone(), self.workers.clone()];
        ask(&PlanInputs {
            cluster: &self.cluster,
            template: &self.template,
            node: &self.nodes[index],
            nodes: &self.nodes,
            nodegroups: &groups,
            facts: &self.facts,
            authorities: &self.authorities,
            cloud: self.cloud.as_ref(),
        })
    }

    pub fn plan(&self, index: usize) -> Option<Vec<PlanStep>> {
        self.inputs(index, |inputs| self.driver.plan(inputs)).map(|plan| plan.steps)
    }

    pub fn stack(&self) -> Stack {
        self.driver.stack(&StackInputs {
            cluster: &self.cluster,
            template: &self.template,
            masters: &self.masters,
            workers: &self.workers,
            join_secret: &"join-secret".to_owned().into(),
            settings: &self.settings,
        })
    }

    /// The stack of a further group, in a cluster whose stack says this.
    pub fn group_stack(&self, group: &NodeGroup) -> Stack {
        let outputs = json!({"node_network": "n", "node_subnet": "s", "node_security_groups": ["a", "b"]});
        let stack = self.driver.nodegroup_stack(&GroupStackInputs {
            cluster: &self.cluster,
            template: &self.template,
            group,
            join_secret: &"join-secret".to_owned().into(),
            settings: &self.settings,
            cluster_outputs: outputs.as_object().unwrap(),
        });
        stack.unwrap()
    }

    pub fn identity(&self, index: usize, name: &str) -> Option<Identity> {
        self.inputs(index, |inputs| self.driver.identity(inputs, name))
    }
}

pub fn settings() -> DriverSettings {
    DriverSettings {
        magnum_url: "https://magnum:9511".into(),
        auth_url: "https://keystone/v3".into(),
        ..DriverSettings::default()
    }
}

fn node(role: Role, index: u8) -> NodeRegistration {
    let (word, octet, group) = match role {
        Role::Master => ("master", 10 + index, 1),
        Role::Worker => ("node", 20 + index, 2),
    };
    NodeRegistration {
        instance_id: format!("id-{word}-{index}"),
        cluster: ClusterId(Uuid::from_u128(0xc)),
        nodegroup: NodeGroupId(Uuid::from_u128(group)),
        role,
        primary: false,
        name: format!("c-{word}-{index}"),
        address: format!("10.0.0.{octet}"),
        public_address: Some(format!("172.24.4.{octet}")),
        certificate: String::new(),
        token_hash: String::new(),
        state: NodeState::Registered,
        wanted_release: Some(RELEASE.to_owned()),
        wanted_image: None,
        generation: 0,
        step: None,
        error: None,
        moved: None,
        last_seen: None,
        created_at: None,
    }
}

fn group(id: u128, name: &str, role: &str, count: i32) -> NodeGroup {
    NodeGroup {
        id: 1,
        uuid: NodeGroupId(Uuid::from_u128(id)),
        cluster_id: ClusterId(Uuid::from_u128(0xc)),
        name: name.into(),
        project_id: "p".into(),
        docker_volume_size: None,
        labels: Labels::default(),
        flavor_id: None,
        image_id: None,
        node_addresses: Vec::new(),
        node_count: count,
        role: role.into(),
        min_node_count: 0,
        max_node_count: None,
        is_default: true,
        stack_id: None,
        status: Status::CreateComplete,
        status_reason: None,
        version: None,
        node_labels: None,
        node_taints: None,
        created_at: None,
        updated_at: None,
    }
}

fn template() -> ClusterTemplate {
    ClusterTemplate {
        id: 1,
        uuid: TemplateId(Uuid::from_u128(0x7)),
        project_id: "p".into(),
        user_id: "u".into(),
        name: "k8s".into(),
        coe: Coe::Kubernetes,
        image_id: "image".into(),
        flavor_id: Some("m1.small".into()),
        master_flavor_id: None,
        keypair_id: None,
        external_network_id: Some("public".into()),
        fixed_network: None,
        fixed_subnet: None,
        network_driver: Some("flannel".into()),
        volume_driver: None,
        dns_nameserver: Some("8.8.8.8".into()),
        apiserver_port: None,
        docker_volume_size: None,
        docker_storage_driver: None,
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
        master_lb_enabled: true,
        floating_ip_enabled: true,
        tags: None,
        driver: None,
        created_at: None,
        updated_at: None,
    }
}

fn cluster() -> Cluster {
    Cluster {
        id: 1,
        uuid: ClusterId(Uuid::from_u128(0xc)),
        project_id: "p".into(),
        user_id: "u".into(),
        name: "c".into(),
        cluster_template_id: Uuid::from_u128(0x7).to_string(),
        keypair: None,
        docker_volume_size: None,
        labels: Labels::default(),
        master_flavor_id: None,
        flavor_id: None,
        fixed_network: None,
        fixed_subnet: None,
        floating_ip_enabled: true,
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
