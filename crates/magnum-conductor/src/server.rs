//! The conductor as a process: the runner over all operations, and the duties, until it is told to stop.

use crate::{
    duties, operations,
    reach::{self, ReachSettings},
    world::World,
};
use async_trait::async_trait;
use magnum_messaging::{Bus, Notifier};
use magnum_operations::{Engine, EngineSettings, Nudges, Runner, RunnerSettings};
use magnum_types::OperationId;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// How the process works.
#[derive(Clone, Debug)]
pub struct ConductorSettings {
    /// `[DEFAULT] host`: the name in `coe service list`.
    pub host: String,
    /// Unique for each process: the name in leases.
    pub owner: String,
    /// Length of a lease.
    pub lease: Duration,
    /// Time between scans for work that no nudge announced.
    pub poll: Duration,
    /// Operations driven at once.
    pub concurrency: usize,
    /// Time between two looks at the health of clusters; zero for none.
    pub health: Duration,
    /// How clusters' addresses are asked; none when they are not.
    pub reach: Option<ReachSettings>,
}

/// The bus's nudges as the runner takes them.
struct FromBus(magnum_messaging::Nudges);

#[async_trait]
impl Nudges for FromBus {
    async fn next(&mut self) -> OperationId {
        match self.0.recv().await {
            Some(operation) => OperationId(operation),
            // The bus is gone, which it is only at the end of the process: the scan goes on.
            None => std::future::pending().await,
        }
    }
}

/// Works until `stop`.
pub async fn serve(
    world: Arc<World>,
    bus: Arc<dyn Bus>,
    notifier: Notifier,
    settings: ConductorSettings,
    stop: CancellationToken,
) {
    let engine = Engine::new(
        Arc::new(world.store.clone()),
        operations::all(&world),
        EngineSettings { lease: settings.lease, ..EngineSettings::for_owner(&settings.owner) },
    );
    let runner = Runner::new(
        Arc::new(engine),
        world.clock.clone(),
        RunnerSettings {
            poll: settings.poll,
            concurrency: settings.concurrency,
            ..RunnerSettings::default()
        },
    );
    info!(host = settings.host, owner = settings.owner, "the conductor works");
    tokio::join!(
        runner.run(FromBus(bus.nudges()), stop.clone()),
        duties::doubt(world.store.clone(), world.clock.clone(), settings.health, stop.clone()),
        reach::reach(world.clone(), settings.reach.clone(), stop.clone()),
        duties::beat(world.store.clone(), world.clock.clone(), settings.host.clone(), stop.clone()),
        duties::notify(
            world.store.clone(),
            notifier,
            world.clock.clone(),
            settings.owner.clone(),
            stop.clone()
        ),
    );
    info!("the conductor has stopped");
}
