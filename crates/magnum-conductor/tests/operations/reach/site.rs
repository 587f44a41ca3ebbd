//! A cluster whose address is on this machine, and conductors that ask there.

use super::engine::Ca;
use crate::{rig::Rig, rows};
use indexmap::IndexMap;
use jiff::Timestamp;
use magnum_conductor::{
    World,
    reach::{Asker, ReachSettings, address::Places},
    stack_board::StackBoard,
};
use magnum_drivers::{Registry, RegistrySettings, kubernetes::KubernetesSettings};
use magnum_secrets::{BundleName, CertificateBundle, Purpose};
use magnum_types::{
    Authority, Change, Clock as _, ClusterPatch, ClusterTemplate, Coe, HandlePatch, OperationState,
    OperationStore as _, Rotation, Status, operation::Fence, reach::Health,
};
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};

pub const MINUTE: Duration = Duration::from_secs(60);
/// Real time: long enough for a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

pub struct Site {
    pub rig: Rig,
    pub ca: Ca,
}

impl Site {
    pub async fn kubernetes() -> Self {
        Self::of(Rig::kubernetes(1).await)
    }

    /// Whose template asks for a healer.
    pub async fn healing() -> Self {
        let template = |owner: &_, uuid, release: &str| {
            let mut template = rows::kubernetes(owner, uuid, release);
            template.labels.0.insert("auto_healing_enabled".to_owned(), "true".to_owned());
            template
        };
        Self::of(Rig::of(template, 1).await)
    }

    pub async fn swarm_without_tls() -> Self {
        let template = |owner: &_, uuid, _: &str| ClusterTemplate {
            coe: Coe::SwarmMode,
            tls_disabled: true,
            ..rows::template(owner, uuid)
        };
        Self::of(Rig::of(template, 1).await)
    }

    fn of(rig: Rig) -> Self {
        let ca = Ca::new(rig.clock.now());
        Self { rig, ca }
    }

    pub fn now(&self) -> Timestamp {
        self.rig.clock.now()
    }

    pub fn world(&self) -> Arc<World> {
        self.rig.conductor(None).world.clone()
    }

    /// The same process where clusters may have no credential for the cloud, and so no healer.
    pub fn world_without_healers(&self) -> Arc<World> {
        let world = self.world();
        let kubernetes = KubernetesSettings { cluster_user_trust: false, ..KubernetesSettings::default() };
        Arc::new(World {
            store: world.store.clone(),
            cloud: world.cloud.clone(),
            certificates: world.certificates.clone(),
            keys: world.keys.clone(),
            registry: Registry::new(&RegistrySettings { kubernetes, ..RegistrySettings::default() }),
            clock: world.clock.clone(),
            entropy: world.entropy.clone(),
            settings: world.settings.clone(),
            stacks: StackBoard::new(world.clock.clone()),
            sessions: Default::default(),
        })
    }

    /// Keeps an authority where the cluster's is kept.
    pub async fn keep(&self, ca: &Ca, generation: u32) -> String {
        let name = BundleName {
            cluster: self.rig.cluster,
            purpose: Purpose::ClusterCa,
            generation,
            project_id: "p".to_owned(),
            user_id: "u".to_owned(),
        };
        let secret = || SecretString::from("not to be read");
        let bundle = CertificateBundle {
            certificate: ca.pem(),
            private_key: secret(),
            passphrase: secret(),
            intermediates: None,
        };
        self.world().certificates.store(&name, &bundle).await.unwrap()
    }

    /// The cluster is complete, with this address.
    pub async fn complete(&self, api_address: &str) {
        self.come_to(Status::CreateComplete, api_address, None).await;
    }

    pub async fn come_to(&self, status: Status, api_address: &str, rotation: Option<Rotation>) {
        let authority = match &rotation {
            Some(rotation) => rotation.old[&Authority::Cluster].clone(),
            None => self.keep(&self.ca, 0).await,
        };
        let operation = self.rig.accept_create(1).await;
        let held = self.rig.store.claim(operation, "test", MINUTE).await.unwrap().unwrap();
        let patch = ClusterPatch {
            status: Some(status),
            api_address: Some(Some(api_address.to_owned())),
            ca_cert_ref: Some(Some(authority)),
            ..ClusterPatch::default()
        };
        let handle = HandlePatch { rotation: Some(rotation), ..HandlePatch::default() };
        let changes = vec![
            Change::Cluster(self.rig.cluster, Box::new(patch)),
            Change::Handle(self.rig.cluster, Box::new(handle)),
        ];
        let fence = Fence { operation, epoch: held.operation.epoch };
        self.rig.store.finish(fence, OperationState::Done, changes).await.unwrap();
        self.rig.cloud.clear_log();
    }

    pub async fn register_master(&self) {
        let view = self.rig.view().await.unwrap();
        let node = rows::node(&view.nodegroups[0], "server-0".to_owned(), "m0", "10.0.0.3".to_owned(), 1);
        self.rig.store.node_register(node).await.unwrap();
    }

    pub fn settings(allowed: &[&str]) -> ReachSettings {
        let allowed = allowed.iter().map(|text| text.parse().unwrap()).collect();
        let places = Places { refused: Vec::new(), allowed };
        ReachSettings { limit: LIMIT, ..ReachSettings::new(MINUTE, places) }
    }

    /// A conductor's looks, which may be at these networks too.
    pub fn asker(&self, allowed: &[&str]) -> Asker {
        Asker::new(self.world(), Self::settings(allowed))
    }

    /// The health after a minute and a look. The first look of all needs no minute, but it does no harm.
    pub async fn after_look(&self, asker: &Asker) -> Health {
        self.rig.pass(60);
        asker.look().await.unwrap();
        self.health().await
    }

    pub async fn health(&self) -> Health {
        let cluster = self.rig.view().await.unwrap().cluster;
        (cluster.health_status, cluster.health_status_reason)
    }
}

pub fn words(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
    pairs.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned())).collect()
}
