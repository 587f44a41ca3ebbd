//! The conductor's own operations against the local cloud: what is done for a cluster on a real cloud is done here by the
//! same code, to the same end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../../magnum-conductor/tests/operations/rows.rs"]
#[allow(dead_code)]
mod cluster_rows;
#[path = "../cloud/crash.rs"]
#[allow(dead_code)]
mod crash;
#[path = "../cloud/machine.rs"]
#[allow(dead_code)]
mod machine;
#[path = "../cloud/rig.rs"]
#[allow(dead_code)]
mod rig;
#[path = "../../../magnum-drivers/tests/rows/mod.rs"]
#[allow(dead_code)]
mod rows;

use magnum_conductor::{TrustSettings, World, WorldSettings, operations, stack_board::StackBoard};
use magnum_db::{AcceptOperation, ClusterView, DatabaseSettings, GroupChange, Mode, NewOperation, Store};
use magnum_drivers::{DriverSettings, Registry, RegistrySettings};
use magnum_operations::{Engine, EngineSettings, Ran};
use magnum_secrets::DatabaseStore;
use magnum_types::{
    CLUSTER_CREATE, CLUSTER_DELETE, CLUSTER_RESIZE, CREDENTIAL_ROTATE, Change, ClusterId, ClusterTemplate,
    Entropy, FormerCredentials, NODEGROUP_CREATE, NODEGROUP_DELETE, NodeGroup, NodeGroupId, NodeGroupPatch,
    OperationId, OperationState, SeededEntropy, Status,
    accept::{
        ClusterCreateParams, ClusterDeleteParams, ClusterResizeParams, CredentialRotateParams,
        NodeGroupParams,
    },
    change::EventAction,
    nodegroup::DEFAULT_WORKER,
    places,
};
use magnum_x509::{KeyAlgorithm, SealingKey, SealingKeys};
use rig::Rig;
use serde::Serialize;
use std::{sync::Arc, time::Duration};

struct Operations {
    rig: Rig,
    store: Store,
    engine: Engine<Store, Change>,
    keys: Arc<SealingKeys>,
    entropy: Arc<SeededEntropy>,
    template: ClusterTemplate,
    cluster: ClusterId,
}

impl Operations {
    async fn new() -> Self {
        let rig = Rig::new().await;
        let entropy = Arc::new(SeededEntropy::new(5));
        let settings = DatabaseSettings::new("sqlite://");
        let store = Store::connect(settings, rig.clock.clone(), entropy.clone()).await.unwrap();
        store.upgrade(None).await.unwrap();
        let owner = rig.keystone.account("demo").unwrap();
        let template = ClusterTemplate {
            image_id: "magnum-node".into(),
            cluster_distro: Some("magnum-local".into()),
            flavor_id: Some("local.small".into()),
            master_flavor_id: None,
            keypair_id: None,
            ..cluster_rows::template(&owner, entropy.uuid())
        };
        let template = store.template_create(&template).await.unwrap();
        let keys = Arc::new(SealingKeys::new(SealingKey::from_bytes([7; 32]).unwrap()));
        let world = Arc::new(World {
            store: store.clone(),
            certificates: Arc::new(DatabaseStore::new(store.clone(), keys.clone())),
            cloud: Arc::new(rig.cloud()),
            keys: keys.clone(),
            registry: Registry::local(&RegistrySettings::default()),
            clock: rig.clock.clone(),
            entropy: entropy.clone(),
            settings: WorldSettings {
                trust: TrustSettings::default(),
                certificate_days: 30,
                key_algorithm: KeyAlgorithm::EcdsaP256,
                driver: DriverSettings {
                    magnum_url: "https://magnum.internal:9511".into(),
                    ..DriverSettings::default()
                },
                drain_seconds: 60,
            },
            stacks: StackBoard::new(rig.clock.clone()),
            sessions: Default::default(),
        });
        let engine = Engine::new(
            Arc::new(store.clone()),
            operations::all(&world),
            EngineSettings::for_owner("conductor-1"),
        );
        let cluster = ClusterId(entropy.uuid());
        Self { rig, store, engine, keys, entropy, template, cluster }
    }

    fn operation(&self, id: OperationId, kind: &'static str, params: &impl Serialize) -> NewOperation {
        let owner = self.rig.keystone.account("demo").unwrap();
        NewOperation {
            id,
            kind,
            params: serde_json::to_value(params).unwrap(),
            timeout: Duration::from_secs(3600),
            request_id: "req-1".to_owned(),
            project_id: owner.project_id,
            user_id: owner.user_id,
        }
    }

    async fn create(&self, masters: i32, workers: i32) {
        let owner = self.rig.keystone.account("demo").unwrap();
        let id = OperationId(self.entropy.uuid());
        let token = self.rig.keystone.login("demo").unwrap();
        let params = ClusterCreateParams {
            sealed_token: self.keys.seal(&places::operation_token(id), token.as_bytes()).unwrap(),
            roles: owner.roles.clone(),
            application_credential: false,
            user_name: owner.user_name.clone(),
        };
        let operation = self.operation(id, CLUSTER_CREATE, &params);
        let groups = [self.entropy.uuid(), self.entropy.uuid()];
        let counts = [masters, workers];
        let mut create =
            cluster_rows::create(&owner, self.cluster, &self.template, groups, counts, operation);
        for group in &mut create.nodegroups {
            group.image_id = None;
            group.flavor_id = None;
        }
        self.store.accept_cluster_create(create).await.unwrap();
        self.finish(id).await;
    }

    async fn accept(&self, operation: NewOperation, nodegroup: GroupChange, mode: Mode) {
        let id = operation.id;
        let accept = AcceptOperation {
            cluster: self.cluster,
            allowed: |_| true,
            new_status: Status::UpdateInProgress,
            nodegroup,
            event: cluster_rows::pending(self.cluster, id, EventAction::Update),
            operation,
            mode,
        };
        self.store.accept_operation(accept).await.unwrap();
        self.finish(id).await;
    }

    async fn resize(&self, group: &NodeGroup, count: i32, remove: &[&str]) {
        let params = ClusterResizeParams {
            nodegroup: group.uuid,
            node_count: count,
            previous_count: group.node_count,
            nodes_to_remove: remove.iter().map(|node| (*node).to_owned()).collect(),
            rollback: false,
        };
        let status = Some(Status::UpdateInProgress);
        let patch = NodeGroupPatch { node_count: Some(count), status, ..Default::default() };
        let operation = self.operation(OperationId(self.entropy.uuid()), CLUSTER_RESIZE, &params);
        self.accept(operation, GroupChange::Patch(group.uuid, Box::new(patch)), Mode::Queue).await;
    }

    async fn rotate_credential(&self) {
        let id = OperationId(self.entropy.uuid());
        let token = self.rig.keystone.login("demo").unwrap();
        let params = CredentialRotateParams {
            sealed_token: self.keys.seal(&places::operation_token(id), token.as_bytes()).unwrap(),
            roles: self.rig.keystone.account("demo").unwrap().roles,
        };
        let operation = self.operation(id, CREDENTIAL_ROTATE, &params);
        self.accept(operation, GroupChange::None, Mode::Exclusive).await;
    }

    /// Drives an operation to its good end.
    async fn finish(&self, operation: OperationId) {
        for _ in 0..2000 {
            match self.engine.run(operation).await.unwrap() {
                Ran::Ended(state) => {
                    let view = self.view().await;
                    let reason = view.and_then(|view| view.cluster.status_reason);
                    assert_eq!(state, OperationState::Done, "{reason:?}");
                    return;
                }
                Ran::Waiting(_) | Ran::NotClaimed => self.rig.turn().await,
            }
        }
        panic!("the operation does not end: {:?}", self.store.operation_get(operation).await.unwrap());
    }

    async fn view(&self) -> Option<ClusterView> {
        self.store.cluster_by_id(self.cluster).await.ok()
    }

    async fn group(&self, name: &str) -> NodeGroup {
        let view = self.view().await.unwrap();
        view.nodegroups.into_iter().find(|group| group.name == name).unwrap()
    }
}

#[tokio::test]
async fn a_cluster_lives_its_whole_life() {
    let world = Operations::new().await;
    world.create(3, 2).await;
    let view = world.view().await.unwrap();
    assert_eq!(view.cluster.status, Status::CreateComplete);
    let api = view.cluster.api_address.unwrap();
    assert!(api.starts_with("tcp://172.20.0.") && api.ends_with(":2376"), "{api}");
    let workers = world.group(DEFAULT_WORKER).await;
    assert_eq!(workers.node_addresses.len(), 2);
    assert_eq!(world.rig.machine.names().len(), 5);

    let before = view_of(&world).await.cluster;
    world.rotate_credential().await;
    let after = view_of(&world).await.cluster;
    assert_ne!((&before.trustee_user_id, &before.trust_id), (&after.trustee_user_id, &after.trust_id));
    let former = world.store.handle_get(world.cluster).await.unwrap().former_credentials;
    // This Heat makes no trusts of its own, so that nothing hangs on the old one.
    assert_eq!(former, FormerCredentials { generation: 1, ..Default::default() });

    world.resize(&workers, 3, &[]).await;
    let workers = world.group(DEFAULT_WORKER).await;
    assert_eq!(workers.node_addresses.len(), 3);
    world.resize(&workers, 2, &["0"]).await;
    let names = world.rig.machine.names();
    let nodes: Vec<&String> = names.iter().filter(|name| name.contains("-node-")).collect();
    assert!(nodes.len() == 2 && nodes[0].ends_with("-node-1") && nodes[1].ends_with("-node-2"), "{nodes:?}");

    let further = NodeGroupId(world.entropy.uuid());
    let mut new = cluster_rows::further_group(&view_of(&world).await.cluster, further, 2);
    if let GroupChange::New(group, _) = &mut new {
        group.image_id = None;
        group.flavor_id = Some("local.medium".into());
    }
    let params = NodeGroupParams { nodegroup: further };
    let operation = world.operation(OperationId(world.entropy.uuid()), NODEGROUP_CREATE, &params);
    world.accept(operation, new, Mode::Queue).await;
    assert_eq!(world.rig.machine.names().len(), 7);
    assert_eq!(world.rig.machine.inner().networks.len(), 1, "a further group is in the cluster's network");
    world.resize(&world.group("further").await, 1, &[]).await;
    assert_eq!(world.rig.machine.names().len(), 6);

    let patch = NodeGroupPatch { status: Some(Status::DeleteInProgress), ..Default::default() };
    let operation = world.operation(OperationId(world.entropy.uuid()), NODEGROUP_DELETE, &params);
    world.accept(operation, GroupChange::Patch(further, Box::new(patch)), Mode::Queue).await;
    assert_eq!(world.rig.machine.names().len(), 5);

    let id = OperationId(world.entropy.uuid());
    let delete = AcceptOperation {
        cluster: world.cluster,
        allowed: |_| true,
        new_status: Status::DeleteInProgress,
        nodegroup: GroupChange::None,
        operation: world.operation(id, CLUSTER_DELETE, &ClusterDeleteParams {}),
        mode: Mode::Supersede,
        event: cluster_rows::pending(world.cluster, id, EventAction::Delete),
    };
    world.store.accept_operation(delete).await.unwrap();
    world.finish(id).await;
    assert!(world.view().await.is_none());
    let inner = world.rig.machine.inner();
    assert!(inner.nodes.is_empty() && inner.networks.is_empty());
}

async fn view_of(world: &Operations) -> ClusterView {
    world.view().await.unwrap()
}
