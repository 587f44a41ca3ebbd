//! Many at once, in real time: what fifty creates cost a conductor when the cloud costs nothing. Not a check but a
//! measurement, for docs/performance.md; `scripts/bench fakes` runs it.

use crate::rows;
use magnum_conductor::{
    TrustSettings, World, WorldSettings,
    server::{ConductorSettings, serve},
    stack_board::StackBoard,
};
use magnum_db::{DatabaseSettings, Filter, NewOperation, Page, Store, Tenancy};
use magnum_drivers::{DriverSettings, Registry, RegistrySettings};
use magnum_fakes::{Account, FakeCloud};
use magnum_messaging::{Bus, MemoryBus, NotificationDriver, NotificationSettings, Notifier};
use magnum_openstack::Cloud;
use magnum_secrets::BarbicanStore;
use magnum_types::{
    CLUSTER_CREATE, ClusterId, ClusterTemplate, Coe, Entropy, OperationId, SeededEntropy, Status,
    SystemClock, accept::ClusterCreateParams, places,
};
use magnum_x509::{KeyAlgorithm, SealingKey, SealingKeys};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

const CREATES: u32 = 50;
/// How long the fake Heat works on a stack, in seconds.
const BUILD: u32 = 3;
const WITHIN: Duration = Duration::from_secs(300);

/// A cloud, a database and what a conductor has, all in real time.
struct Ground {
    cloud: FakeCloud,
    world: Arc<World>,
    demo: Account,
    template: ClusterTemplate,
}

impl Ground {
    async fn new(engine: Coe) -> Self {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SeededEntropy::new(5)));
        let cloud = FakeCloud::start_seeded(clock.clone(), 1).await.unwrap();
        cloud.build_seconds(BUILD);
        let demo = cloud.account("demo").unwrap();
        let settings = DatabaseSettings::new("sqlite://");
        let store = Store::connect(settings, clock.clone(), entropy.clone()).await.unwrap();
        store.upgrade(None).await.unwrap();
        let template = match engine {
            Coe::Kubernetes => rows::kubernetes(&demo, entropy.uuid(), rows::RELEASES[0]),
            _ => rows::template(&demo, entropy.uuid()),
        };
        let template = store.template_create(&template).await.unwrap();
        let mut settings = cloud.settings();
        settings.transport.insecure = true;
        let client = Arc::new(Cloud::new(settings, clock.clone(), entropy.clone()).unwrap());
        let world = Arc::new(World {
            store,
            certificates: Arc::new(BarbicanStore::new(client.barbican(client.service_session()))),
            cloud: client,
            keys: Arc::new(SealingKeys::new(SealingKey::from_bytes([7; 32]).unwrap())),
            registry: Registry::new(&RegistrySettings::default()),
            clock: clock.clone(),
            entropy,
            settings: WorldSettings {
                trust: TrustSettings::default(),
                certificate_days: 365,
                key_algorithm: KeyAlgorithm::Rsa { bits: 2048 },
                driver: DriverSettings::default(),
                drain_seconds: 60,
            },
            stacks: StackBoard::new(clock),
            sessions: Default::default(),
        });
        Self { cloud, world, demo, template }
    }

    /// Accepts a create as the API does.
    async fn accept(&self, number: u32) -> (ClusterId, OperationId) {
        let uuid = || self.world.entropy.uuid();
        let (cluster, operation) = (ClusterId(uuid()), OperationId(uuid()));
        let token = self.cloud.login("demo").unwrap();
        let params = ClusterCreateParams {
            sealed_token: self
                .world
                .keys
                .seal(&places::operation_token(operation), token.as_bytes())
                .unwrap(),
            roles: self.demo.roles.clone(),
            application_credential: false,
            user_name: self.demo.user_name.clone(),
        };
        let new = NewOperation {
            id: operation,
            kind: CLUSTER_CREATE,
            params: serde_json::to_value(params).unwrap(),
            timeout: WITHIN,
            request_id: "req-1".to_owned(),
            project_id: self.demo.project_id.clone(),
            user_id: self.demo.user_id.clone(),
        };
        let mut create = rows::create(&self.demo, cluster, &self.template, [uuid(), uuid()], [1, 1], new);
        create.cluster.name = format!("c{number}");
        create.handle.stack_name = format!("c{number}-abcdefghijkl");
        self.world.store.accept_cluster_create(create).await.unwrap();
        (cluster, operation)
    }

    /// From each cluster's accept to its completion, the shortest first.
    async fn completed(&self, accepted: &BTreeMap<ClusterId, Duration>, begun: Instant) -> Vec<Duration> {
        let mut took = BTreeMap::new();
        let (filter, page) = (Filter::default(), Page::default());
        while took.len() < accepted.len() {
            assert!(begun.elapsed() < WITHIN, "{} of {} are complete", took.len(), accepted.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
            let clusters = self.world.store.cluster_summaries(Tenancy::All, &filter, &page).await.unwrap();
            for cluster in clusters.into_iter().map(|summary| summary.cluster) {
                assert_ne!(cluster.status, Status::CreateFailed, "{:?}", cluster.status_reason);
                if cluster.status == Status::CreateComplete {
                    let since = begun.elapsed().saturating_sub(accepted[&cluster.uuid]);
                    took.entry(cluster.uuid).or_insert(since);
                }
            }
        }
        let mut took: Vec<Duration> = took.into_values().collect();
        took.sort();
        took
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: scripts/bench fakes"]
async fn fifty_creates_of_a_swarm_at_once() {
    println!("{}", fifty_creates_at_once(Coe::SwarmMode, "a Swarm").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: scripts/bench fakes"]
async fn fifty_creates_of_a_kubernetes_at_once() {
    println!("{}", fifty_creates_at_once(Coe::Kubernetes, "a Kubernetes").await);
}

/// The table of what it took.
async fn fifty_creates_at_once(engine: Coe, words: &str) -> String {
    let ground = Ground::new(engine).await;
    let (bus, stop) = (Arc::new(MemoryBus::new()), CancellationToken::new());
    let drivers = vec![NotificationDriver::MessagingV2];
    let notifications = NotificationSettings { drivers, ..Default::default() };
    let settings = ConductorSettings {
        host: "bench".to_owned(),
        owner: "bench-1".to_owned(),
        lease: Duration::from_secs(60),
        poll: Duration::from_secs(1),
        concurrency: 64,
        health: Duration::ZERO,
        reach: None,
    };
    let notifier = Notifier::new(bus.clone(), notifications);
    let conductor = tokio::spawn(serve(ground.world.clone(), bus.clone(), notifier, settings, stop.clone()));

    let begun = Instant::now();
    let mut accepted = BTreeMap::new();
    for number in 0..CREATES {
        let (cluster, operation) = ground.accept(number).await;
        accepted.insert(cluster, begun.elapsed());
        bus.nudge(operation.0).await.unwrap();
    }
    let accepting = begun.elapsed();
    let took = ground.completed(&accepted, begun).await;
    stop.cancel();
    conductor.await.unwrap();

    let (first, last) = (took[0], took[took.len() - 1]);
    let mut table = format!(
        "\n| {CREATES} creates of {words} at once, Heat builds each in {BUILD} s | seconds |\n|---|---|\n"
    );
    for (words, value) in [
        ("accepting them all", accepting),
        ("accept to CREATE_COMPLETE: first", first),
        ("median", took[took.len() / 2]),
        ("last", last),
    ] {
        table.push_str(&format!("| {words} | {:.2} |\n", value.as_secs_f64()));
    }
    let ratio = last.as_secs_f64() / first.as_secs_f64();
    table + &format!("| last to first | {ratio:.2} times |\n")
}
