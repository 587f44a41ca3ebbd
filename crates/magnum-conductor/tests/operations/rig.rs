//! One cluster's world: a fake cloud, a database in memory, a clock that stands until it is moved, and conductors that
//! are started and killed at will. Each conductor is a new process: it shares nothing with another but database, cloud
//! and sealing key.

use crate::{
    crash_store::{CrashPoint, CrashStore, Side},
    rows,
};
use magnum_conductor::{TrustSettings, World, WorldSettings, operations, stack_board::StackBoard};
use magnum_db::{
    AcceptOperation, ClusterView, DatabaseSettings, DbError, GroupChange, Mode, NewOperation, Store,
};
use magnum_drivers::{DriverSettings, Registry, RegistrySettings};
use magnum_fakes::{Account, FakeCloud, When};
use magnum_openstack::Cloud;
use magnum_operations::{Engine, EngineSettings, OperationKind, Ran};
use magnum_secrets::BarbicanStore;
use magnum_types::{
    CLUSTER_CREATE, CLUSTER_DELETE, CLUSTER_RESIZE, CLUSTER_UPDATE, Change, ClusterId, ClusterTemplate,
    Entropy, NODEGROUP_CREATE, NODEGROUP_DELETE, NodeGroup, NodeGroupId, NodeGroupPatch, OperationId,
    OperationState, SeededEntropy, Status, VirtualClock,
    accept::{ClusterCreateParams, ClusterDeleteParams, ClusterResizeParams, NodeGroupParams},
    change::EventAction,
    nodegroup::DEFAULT_WORKER,
    operation::StoreError,
    places,
};
use magnum_x509::{KeyAlgorithm, SealingKey, SealingKeys};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Longer than a lease.
pub const LEASE_IS_OVER: Duration = Duration::from_secs(61);
/// How long Heat works on a stack, in seconds.
const BUILD: u32 = 3;
/// Turns after which an operation counts as one that never ends.
const TURNS: u32 = 4000;

pub type Kinds = Vec<Arc<dyn OperationKind<Change>>>;

/// When a conductor dies: around its n-th call of the store, or at its n-th write to the cloud (from 1).
#[derive(Clone, Copy, Debug)]
pub enum Death {
    AtStore(u64, Side),
    AtCloud(u64, When),
}

/// How driving an operation ended for one conductor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drove {
    Ended(OperationState),
    LostLease,
}

pub struct Rig {
    pub cloud: FakeCloud,
    pub clock: Arc<VirtualClock>,
    pub store: Store,
    pub cluster: ClusterId,
    /// The time that operations accepted from now on may take.
    pub time_limit: Duration,
    demo: Account,
    entropy: Arc<SeededEntropy>,
    keys: Arc<SealingKeys>,
    template: ClusterTemplate,
    processes: AtomicU64,
}

impl Rig {
    pub async fn new() -> Self {
        let clock = Arc::new(VirtualClock::default());
        let cloud = FakeCloud::start_seeded(clock.clone(), 1).await.unwrap();
        cloud.build_seconds(BUILD);
        let demo = cloud.account("demo").unwrap();
        let entropy = Arc::new(SeededEntropy::new(11));
        let settings = DatabaseSettings::new("sqlite://");
        let store = Store::connect(settings, clock.clone(), entropy.clone()).await.unwrap();
        store.upgrade(None).await.unwrap();
        let template = store.template_create(&rows::template(&demo, entropy.uuid())).await.unwrap();
        Self {
            cloud,
            clock,
            store,
            cluster: ClusterId(entropy.uuid()),
            time_limit: Duration::from_secs(3600),
            demo,
            entropy,
            keys: Arc::new(SealingKeys::new(SealingKey::from_bytes([7; 32]).unwrap())),
            template,
            processes: AtomicU64::new(0),
        }
    }

    /// A rig whose cluster lives, with this many workers.
    pub async fn with_cluster(workers: i32) -> Self {
        let rig = Self::new().await;
        let create = rig.accept_create(workers).await;
        assert_eq!(rig.finish(create).await, OperationState::Done, "a cluster to work on is made");
        // Heat's time stamps are whole seconds.
        rig.pass(5);
        rig
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A new process.
    pub fn conductor(&self, dies: Option<(u64, Side)>) -> Conductor {
        self.conductor_of(dies, |kinds| kinds)
    }

    /// A new process whose operations are changed by `dress`.
    pub fn conductor_of(&self, dies: Option<(u64, Side)>, dress: fn(Kinds) -> Kinds) -> Conductor {
        let number = self.processes.fetch_add(1, Ordering::SeqCst) + 1;
        let entropy = Arc::new(SeededEntropy::new(1000 + number));
        let mut settings = self.cloud.settings();
        // The fake speaks plain HTTP: reading the system's certificates for each process would only cost time.
        settings.transport.insecure = true;
        let cloud = Cloud::new(settings, self.clock.clone(), entropy.clone()).unwrap();
        let world = Arc::new(World {
            store: self.store.clone(),
            certificates: Arc::new(BarbicanStore::new(cloud.barbican(cloud.service_session()))),
            cloud: Arc::new(cloud),
            keys: self.keys.clone(),
            registry: Registry::new(&RegistrySettings::default()),
            clock: self.clock.clone(),
            entropy,
            settings: WorldSettings {
                trust: TrustSettings::default(),
                certificate_days: 30,
                key_algorithm: KeyAlgorithm::EcdsaP256,
                driver: DriverSettings::default(),
                drain_seconds: 60,
            },
            stacks: StackBoard::new(self.clock.clone()),
            sessions: Default::default(),
        });
        let store = CrashStore::new(self.store.clone(), dies);
        let point = store.point.clone();
        let settings = EngineSettings::for_owner(format!("conductor-{number}"));
        let engine = Engine::new(Arc::new(store), dress(operations::all(&world)), settings);
        let pace = Duration::from_secs(1);
        Conductor { world, point, engine, clock: self.clock.clone(), pace }
    }

    /// Drives an operation to its end by a new conductor that meets no crash.
    pub async fn finish(&self, operation: OperationId) -> OperationState {
        match self.conductor(None).drive(operation).await {
            Drove::Ended(state) => state,
            Drove::LostLease => panic!("the only conductor lost its lease"),
        }
    }

    /// One conductor's life: `None` when it died before the operation ended; then its lease is over as well.
    pub async fn life(&self, death: Option<Death>, operation: OperationId) -> Option<OperationState> {
        let at_store = match death {
            Some(Death::AtStore(number, side)) => Some((number, side)),
            Some(Death::AtCloud(number, when)) => {
                self.cloud.stop_at_write(number, when);
                None
            }
            None => None,
        };
        let conductor = self.conductor(at_store);
        let drove = tokio::select! {
            biased;
            () = conductor.point.died.notified() => None,
            () = self.cloud.stopped() => None,
            drove = conductor.drive(operation) => Some(drove),
        };
        drop(conductor);
        self.cloud.resume();
        match drove {
            Some(Drove::Ended(state)) => Some(state),
            Some(Drove::LostLease) => panic!("the only conductor lost its lease"),
            None => {
                self.clock.advance(LEASE_IS_OVER);
                None
            }
        }
    }

    pub async fn view(&self) -> Option<ClusterView> {
        match self.store.cluster_by_id(self.cluster).await {
            Ok(view) => Some(view),
            Err(DbError::NotFound { .. }) => None,
            Err(error) => panic!("the cluster cannot be read: {error}"),
        }
    }

    /// Status and reason of the cluster, which is there.
    pub async fn status(&self) -> (Status, String) {
        let cluster = self.view().await.expect("the cluster has a row").cluster;
        (cluster.status, cluster.status_reason.unwrap_or_default())
    }

    /// The number of workers that clients see.
    pub async fn workers(&self) -> i32 {
        worker_group(&self.view().await.expect("the cluster has a row")).node_count
    }
}

/// Accepting, as the API does it.
impl Rig {
    pub async fn accept_create(&self, workers: i32) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let token = self.cloud.login("demo").unwrap();
        let params = ClusterCreateParams {
            sealed_token: self.keys.seal(&places::operation_token(id), token.as_bytes()).unwrap(),
            roles: self.demo.roles.clone(),
            application_credential: false,
            user_name: self.demo.user_name.clone(),
        };
        let operation = self.operation(id, CLUSTER_CREATE, &params);
        let groups = [self.entropy.uuid(), self.entropy.uuid()];
        let create = rows::create(&self.demo, self.cluster, &self.template, groups, workers, operation);
        self.store.accept_cluster_create(create).await.unwrap();
        id
    }

    /// Makes a further group of workers.
    pub async fn add_nodegroup(&self, workers: i32) {
        let create = self.accept_nodegroup(workers).await;
        assert_eq!(self.finish(create).await, OperationState::Done, "a node group to work on is made");
        self.pass(5);
    }

    pub async fn accept_nodegroup(&self, workers: i32) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let view = self.view().await.unwrap();
        let group = NodeGroupId(self.entropy.uuid());
        let params = NodeGroupParams { nodegroup: group };
        let new = rows::further_group(&view.cluster, group, workers);
        let operation = self.operation(id, NODEGROUP_CREATE, &params);
        self.accept(operation, new, Mode::Queue).await;
        id
    }

    pub async fn accept_nodegroup_delete(&self) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let group = self.further_group().await;
        let params = NodeGroupParams { nodegroup: group.uuid };
        let patch = NodeGroupPatch { status: Some(Status::DeleteInProgress), ..Default::default() };
        let operation = self.operation(id, NODEGROUP_DELETE, &params);
        self.accept(operation, GroupChange::Patch(group.uuid, Box::new(patch)), Mode::Queue).await;
        id
    }

    pub async fn accept_group_resize(&self, workers: i32) -> OperationId {
        let group = self.further_group().await;
        self.accept_count(CLUSTER_RESIZE, &group, workers, Mode::Queue).await
    }

    async fn further_group(&self) -> NodeGroup {
        let view = self.view().await.unwrap();
        let further = view.nodegroups.into_iter().find(|group| !group.is_default);
        further.expect("the cluster has a further group")
    }

    pub async fn accept_update(&self, workers: i32) -> OperationId {
        let view = self.view().await.unwrap();
        self.accept_count(CLUSTER_UPDATE, worker_group(&view), workers, Mode::Exclusive).await
    }

    pub async fn accept_resize(&self, workers: i32) -> OperationId {
        let view = self.view().await.unwrap();
        self.accept_count(CLUSTER_RESIZE, worker_group(&view), workers, Mode::Queue).await
    }

    async fn accept_count(
        &self,
        kind: &'static str,
        group: &NodeGroup,
        workers: i32,
        mode: Mode,
    ) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let params = ClusterResizeParams {
            nodegroup: group.uuid,
            node_count: workers,
            previous_count: group.node_count,
            nodes_to_remove: Vec::new(),
            rollback: false,
        };
        let status = Some(Status::UpdateInProgress);
        let patch = NodeGroupPatch { node_count: Some(workers), status, ..Default::default() };
        let operation = self.operation(id, kind, &params);
        self.accept(operation, GroupChange::Patch(group.uuid, Box::new(patch)), mode).await;
        id
    }

    async fn accept(&self, operation: NewOperation, nodegroup: GroupChange, mode: Mode) {
        let accept = AcceptOperation {
            cluster: self.cluster,
            allowed: |status| status.admits_update() || status.admits_resize(),
            new_status: Status::UpdateInProgress,
            nodegroup,
            event: rows::pending(self.cluster, operation.id, EventAction::Update),
            operation,
            mode,
        };
        self.store.accept_operation(accept).await.unwrap();
    }

    pub async fn accept_delete(&self) -> OperationId {
        let id = OperationId(self.entropy.uuid());
        let accept = AcceptOperation {
            cluster: self.cluster,
            allowed: |_| true,
            new_status: Status::DeleteInProgress,
            nodegroup: GroupChange::None,
            operation: self.operation(id, CLUSTER_DELETE, &ClusterDeleteParams {}),
            mode: Mode::Supersede,
            event: rows::pending(self.cluster, id, EventAction::Delete),
        };
        self.store.accept_operation(accept).await.unwrap();
        id
    }

    fn operation(&self, id: OperationId, kind: &'static str, params: &impl serde::Serialize) -> NewOperation {
        NewOperation {
            id,
            kind,
            params: serde_json::to_value(params).unwrap(),
            timeout: self.time_limit,
            request_id: "req-1".to_owned(),
            project_id: self.demo.project_id.clone(),
            user_id: self.demo.user_id.clone(),
        }
    }
}

fn worker_group(view: &ClusterView) -> &NodeGroup {
    view.nodegroups.iter().find(|group| group.name == DEFAULT_WORKER).expect("the cluster has workers")
}

/// A conductor's process.
pub struct Conductor {
    pub world: Arc<World>,
    pub point: Arc<CrashPoint>,
    /// How far the clock moves while an operation waits.
    pub pace: Duration,
    engine: Engine<CrashStore, Change>,
    clock: Arc<VirtualClock>,
}

impl Conductor {
    /// The names of the operations that it knows.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.engine.kinds().map(|kind| kind.name()).collect()
    }

    /// Drives an operation as far as it goes now, then lets time pass; says how it ended, if it did.
    pub async fn turn(&self, operation: OperationId) -> Option<Drove> {
        match self.engine.run(operation).await {
            Ok(Ran::Ended(state)) => return Some(Drove::Ended(state)),
            Ok(Ran::Waiting) => {}
            Ok(Ran::NotClaimed) => {
                let state = self.world.store.operation_get(operation).await.unwrap().state;
                if state.is_final() {
                    return Some(Drove::Ended(state));
                }
            }
            Err(StoreError::LostLease(_)) => return Some(Drove::LostLease),
            Err(StoreError::Failed(cause)) => panic!("the store failed: {cause:?}"),
        }
        self.clock.advance(self.pace);
        None
    }

    /// Drives an operation to its end.
    pub async fn drive(&self, operation: OperationId) -> Drove {
        for _ in 0..TURNS {
            if let Some(drove) = self.turn(operation).await {
                return drove;
            }
        }
        let stands = self.world.store.operation_get(operation).await.unwrap();
        panic!("after {TURNS} turns the operation has not ended: {stands:?}");
    }
}
