//! What both services stand on: configuration, time, the database, the cloud, keys, drivers and the bus.

use crate::{cloud, drivers, messaging, storage};
use anyhow::Result;
use magnum_config::MagnumConfig;
use magnum_db::Store;
use magnum_drivers::Registry;
use magnum_messaging::Bus;
use magnum_openstack::Cloud;
use magnum_types::{Clock, Entropy, SystemClock, SystemEntropy};
use magnum_x509::SealingKeys;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// See the module. Clones share everything.
#[derive(Clone)]
pub struct Foundation {
    /// `magnum.conf`.
    pub config: Arc<MagnumConfig>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The database, connected.
    pub store: Store,
    /// The cloud; no call was made yet.
    pub cloud: Arc<Cloud>,
    /// What seals secrets in the database.
    pub sealing: Arc<SealingKeys>,
    /// The drivers.
    pub registry: Registry,
    /// The bus; it connects in the background.
    pub bus: Arc<dyn Bus>,
}

impl Foundation {
    /// Connects whatever `config` names, for a service of this name, until `stop`.
    ///
    /// # Errors
    /// Whatever of the configuration cannot be used, by its section and option; a database that does not answer.
    pub async fn lay(config: MagnumConfig, program: &str, stop: &CancellationToken) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let store = storage::database(&config, clock.clone(), entropy.clone()).await?;
        Ok(Self {
            cloud: Arc::new(cloud::connect(&config, clock.clone(), entropy.clone())?),
            sealing: Arc::new(storage::sealing_keys(&config)?),
            registry: Registry::new(&drivers::registry(&config)?),
            bus: messaging::connect(&config, program, entropy.clone(), stop)?,
            config: Arc::new(config),
            clock,
            entropy,
            store,
        })
    }
}
