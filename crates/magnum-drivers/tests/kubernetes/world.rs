//! A Kubernetes cluster with its nodes, as the driver is told of it.

use crate::rows;
use magnum_drivers::{
    Authorities, CloudCredential, Driver as _, DriverError, DriverSettings, GroupStackInputs, Identity,
    PlanInputs, Stack, StackInputs, UpgradeInputs,
    kubernetes::{ENCRYPTION_KEY, ETCD_MEMBERS, KubernetesDriver, KubernetesSettings, SERVICE_ACCOUNT_KEY},
};
use magnum_types::{
    Authority, Cluster, ClusterTemplate, Coe, NodeGroup, NodeRegistration, NodeState, Role, Status,
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
    pub cloud_is_new: bool,
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
            cloud_is_new: false,
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

    /// Another credential takes the first one's place.
    pub fn rotate_credential(&mut self) {
        self.cloud = Some(CloudCredential::Trust {
            user_id: "second trustee".into(),
            password: "second password".to_owned().into(),
            trust_id: "second trust".to_owned().into(),
        });
        self.cloud_is_new = true;
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

    pub fn inputs<T>(&self, index: usize, ask: impl FnOnce(&PlanInputs<'_>) -> T) -> T {
        self.inputs_with(&self.facts, index, ask)
    }

    fn inputs_with<T>(
        &self,
        facts: &BTreeMap<String, String>,
        index: usize,
        ask: impl FnOnce(&PlanInputs<'_>) -> T,
    ) -> T {
        let groups = [self.masters.clone(), self.workers.clone()];
        ask(&PlanInputs {
            cluster: &self.cluster,
            template: &self.template,
            node: &self.nodes[index],
            nodes: &self.nodes,
            nodegroups: &groups,
            facts,
            authorities: &self.authorities,
            cloud: self.cloud.as_ref(),
            cloud_is_new: self.cloud_is_new,
        })
    }

    /// The facts with what the server gives out before the node has a plan.
    pub fn allotted(&self, index: usize) -> Result<BTreeMap<String, String>, String> {
        let new =
            self.inputs(index, |inputs| self.driver.allot(inputs)).map_err(|error| error.to_string())?;
        Ok(new.unwrap_or_else(|| self.facts.clone()))
    }

    pub fn plan(&self, index: usize) -> Option<Vec<PlanStep>> {
        let facts = self.allotted(index).unwrap();
        self.inputs_with(&facts, index, |inputs| self.driver.plan(inputs)).map(|plan| plan.steps)
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

    /// The release that a template with this label leads to, for one group or for all, or why it does not.
    pub fn upgrade(&self, release: &str, group: Option<&NodeGroup>) -> Result<String, String> {
        let mut to = self.template.clone();
        to.labels.0.insert("kube_tag".to_owned(), release.to_owned());
        self.upgrade_to(&to, group, |driver, inputs| driver.upgrade(inputs))
    }

    /// What the driver says of an upgrade to a template.
    pub fn upgrade_to(
        &self,
        to: &ClusterTemplate,
        group: Option<&NodeGroup>,
        ask: impl FnOnce(&KubernetesDriver, &UpgradeInputs<'_>) -> Result<String, DriverError>,
    ) -> Result<String, String> {
        let groups = [self.masters.clone(), self.workers.clone()];
        let inputs = UpgradeInputs {
            cluster: &self.cluster,
            nodegroups: &groups,
            from: &self.template,
            to,
            group,
            nodes: &self.nodes,
        };
        ask(&self.driver, &inputs).map_err(|error| error.to_string())
    }

    pub fn identity(&self, index: usize, name: &str) -> Option<Identity> {
        self.inputs(index, |inputs| self.driver.identity(inputs, name))
    }
}

pub fn settings() -> DriverSettings {
    DriverSettings {
        magnum_url: "https://magnum:9511".into(),
        auth_url: "https://keystone/v3".into(),
        openstack_ca: String::new(),
        node_program_sha256: String::new(),
        ..rows::settings()
    }
}

pub fn node(role: Role, index: u8) -> NodeRegistration {
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
        uuid: NodeGroupId(Uuid::from_u128(id)),
        name: name.into(),
        flavor_id: None,
        image_id: None,
        status: Status::CreateComplete,
        ..rows::group(role, count, "")
    }
}

fn template() -> ClusterTemplate {
    ClusterTemplate {
        uuid: TemplateId(Uuid::from_u128(0x7)),
        name: "k8s".into(),
        coe: Coe::Kubernetes,
        image_id: "image".into(),
        master_flavor_id: None,
        network_driver: Some("flannel".into()),
        dns_nameserver: Some("8.8.8.8".into()),
        docker_storage_driver: None,
        master_lb_enabled: true,
        ..rows::template()
    }
}

fn cluster() -> Cluster {
    Cluster {
        cluster_template_id: Uuid::from_u128(0x7).to_string(),
        keypair: None,
        master_lb_enabled: true,
        create_timeout: Some(60),
        ..rows::cluster()
    }
}
