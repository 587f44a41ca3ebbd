//! One cluster's world: a fake cloud, a database in memory, a clock that stands until it is moved, and conductors that
//! are started and killed at will. Each conductor is a new process: it shares nothing with another but database, cloud
//! and sealing key.

mod accept;

use crate::{
    crash_store::{CrashPoint, CrashStore, Side},
    nodes::Nodes,
    rows,
};
use magnum_conductor::{TrustSettings, World, WorldSettings, operations, stack_board::StackBoard};
use magnum_db::{ClusterView, DatabaseSettings, DbError, Store};
use magnum_drivers::{
    DriverSettings, Registry, RegistrySettings,
    kubernetes::{KubernetesSettings, SERVICE_ACCOUNT_KEY},
};
use magnum_fakes::{Account, FakeCloud, Named, When};
use magnum_openstack::Cloud;
use magnum_operations::{Engine, EngineSettings, OperationKind, Ran};
use magnum_secrets::BarbicanStore;
use magnum_types::{
    Change, ClusterId, ClusterTemplate, Coe, Entropy, NodeGroup, OperationId, OperationState, SeededEntropy,
    Status, VirtualClock,
    nodegroup::{DEFAULT_MASTER, DEFAULT_WORKER},
    operation::StoreError,
    places,
};
use magnum_x509::{KeyAlgorithm, PrivateKey, SealingKey, SealingKeys};
use secrecy::ExposeSecret as _;
use std::{
    sync::{
        Arc, LazyLock,
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
    /// What the nodes do.
    pub nodes: Arc<Nodes>,
    entropy: Arc<SeededEntropy>,
    keys: Arc<SealingKeys>,
    template: ClusterTemplate,
    /// What an upgrade leads to.
    next_template: ClusterTemplate,
    masters: i32,
    processes: AtomicU64,
}

impl Rig {
    /// A world of Swarm.
    pub async fn new() -> Self {
        Self::swarm(1).await
    }

    /// A world of a Swarm with that many managers.
    pub async fn swarm(managers: i32) -> Self {
        Self::of(|owner, uuid, _| rows::template(owner, uuid), managers).await
    }

    /// A world of Kubernetes, whose driver has all authorities, shares secrets, upgrades, and leaves things behind.
    pub async fn kubernetes(masters: i32) -> Self {
        Self::of(rows::kubernetes, masters).await
    }

    /// A world of such templates, one for each of [`rows::RELEASES`].
    pub async fn of(template: fn(&Account, uuid::Uuid, &str) -> ClusterTemplate, masters: i32) -> Self {
        let clock = Arc::new(VirtualClock::default());
        let cloud = FakeCloud::start_seeded(clock.clone(), 1).await.unwrap();
        cloud.build_seconds(BUILD);
        let demo = cloud.account("demo").unwrap();
        let entropy = Arc::new(SeededEntropy::new(11));
        let settings = DatabaseSettings::new("sqlite://");
        let store = Store::connect(settings, clock.clone(), entropy.clone()).await.unwrap();
        store.upgrade(None).await.unwrap();
        let [now, next] = rows::RELEASES.map(|release| template(&demo, entropy.uuid(), release));
        let template = store.template_create(&now).await.unwrap();
        let next_template = store.template_create(&next).await.unwrap();
        let cluster = ClusterId(entropy.uuid());
        let keys = Arc::new(SealingKeys::new(SealingKey::from_bytes([7; 32]).unwrap()));
        Self {
            nodes: Arc::new(Nodes::new(cloud.clone(), store.clone(), cluster, keys.clone())),
            cloud,
            clock,
            store,
            cluster,
            time_limit: Duration::from_secs(3600),
            demo,
            entropy,
            keys,
            template,
            next_template,
            masters,
            processes: AtomicU64::new(0),
        }
    }

    /// A rig whose cluster lives, with this many workers.
    pub async fn with_cluster(workers: i32) -> Self {
        Self::new().await.living(workers).await
    }

    /// The same world once its cluster lives, with this many workers.
    pub async fn living(self, workers: i32) -> Self {
        let create = self.accept_create(workers).await;
        self.give_signing_key().await;
        assert_eq!(self.finish(create).await, OperationState::Done, "a cluster to work on is made");
        // Heat's time stamps are whole seconds.
        self.pass(5);
        self.register_nodes().await;
        if self.template.coe == Coe::Kubernetes {
            // The members of etcd are told, and everybody has heard of it.
            self.raise_plans().await;
            self.nodes.report().await;
            self.nodes.report().await;
        }
        self
    }

    /// The key that the create would draw: one for all worlds of a test, since it takes longer than all else of a world.
    async fn give_signing_key(&self) {
        static KEY: LazyLock<String> = LazyLock::new(|| {
            let key = PrivateKey::generate(KeyAlgorithm::Rsa { bits: 2048 }).unwrap();
            key.to_pkcs8_pem().unwrap().expose_secret().to_owned()
        });
        if self.template.coe != Coe::Kubernetes {
            return;
        }
        let facts = serde_json::json!({ SERVICE_ACCOUNT_KEY: *KEY }).to_string();
        let sealed = self.keys.seal(&places::facts(self.cluster), facts.as_bytes()).unwrap();
        self.store.handle_set_facts(self.cluster, &sealed, None).await.unwrap();
    }

    /// Every server of a Kubernetes cluster that has not registered does so, and is ready.
    pub async fn register_nodes(&self) {
        let view = self.view().await.unwrap();
        if view.template.as_ref().is_some_and(|template| template.coe != Coe::Kubernetes) {
            return;
        }
        self.register_servers().await;
    }

    /// Every server that has not registered does so, and is ready.
    pub async fn register_servers(&self) {
        let view = self.view().await.unwrap();
        let group = |name: &str| {
            let word = if name.contains("-further-") { "further" } else { DEFAULT_WORKER };
            let wanted = if name.contains("-master-") { DEFAULT_MASTER } else { word };
            view.nodegroups.iter().find(|group| group.name == wanted).expect("the server has a group")
        };
        let known = self.store.nodes_of(self.cluster).await.unwrap();
        let generation = self.store.plan_generation(self.cluster).await.unwrap();
        for (id, name, address) in self.cloud.servers() {
            if known.iter().any(|node| node.instance_id == id) {
                continue;
            }
            let node = rows::node(group(&name), id, &name, address, generation);
            self.store.node_register(node).await.unwrap();
        }
    }

    /// What Kubernetes makes in the cloud by itself.
    pub fn leave_things(&self) {
        let uuid = self.cluster.to_string();
        self.cloud.service_load_balancer(Named::Demo, &uuid);
        self.cloud.service_security_group(Named::Demo, &uuid);
        self.cloud.claimed_volume(Named::Demo, &uuid);
    }

    /// Every node has a newer plan.
    pub async fn raise_plans(&self) {
        let facts = self.store.handle_get(self.cluster).await.unwrap().facts;
        self.store.handle_set_facts(self.cluster, facts.as_deref().unwrap(), facts.as_deref()).await.unwrap();
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
            registry: Registry::new(&RegistrySettings {
                // Masters hold the cluster's credential.
                kubernetes: KubernetesSettings { cluster_user_trust: true, ..KubernetesSettings::default() },
                ..RegistrySettings::default()
            }),
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
        let (clock, nodes) = (self.clock.clone(), self.nodes.clone());
        Conductor { world, point, engine, clock, nodes, pace }
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
    nodes: Arc<Nodes>,
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
            Ok(Ran::Waiting(_)) => {}
            Ok(Ran::NotClaimed) => {
                let state = self.world.store.operation_get(operation).await.unwrap().state;
                if state.is_final() {
                    return Some(Drove::Ended(state));
                }
            }
            Err(StoreError::LostLease(_)) => return Some(Drove::LostLease),
            Err(StoreError::Failed(cause)) => panic!("the store failed: {cause:?}"),
        }
        self.nodes.report().await;
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
