//! The cloud of standalone mode: as much of Heat, Nova, Neutron, Glance and Cinder as Magnum and its users' clients ask for,
//! over the [`Machines`] of one computer.
//!
//! [`LocalCloud::router`] answers requests, and [`LocalCloud::run`] brings the machine in line with what was asked. The two
//! share nothing but the stacks: a request writes what is wanted and returns, and whatever runs later, in this process or
//! the next, reads from the stacks what is still to be done. So there is no moment at which a killed process loses
//! anything: every change of a stack is one file that is replaced as a whole ([`disk`]), ids are written before they are
//! used, and each thing done to the machine may be done twice.
//!
//! Read `stack` for what is kept, `life` and `members` for what becomes of it, `converge` and `look` for what is done, and `heat`, `nova`,
//! `neutron`, `glance`, `cinder` for how it is told. `document` is the language that takes the place of Heat's templates.
//!
//! The files hold secrets, those by which nodes join their clusters: they are readable by their owner alone. A node's token
//! for its one signal is kept as a hash from the moment that the node is made. Whoever may make stacks here may run programs
//! with a container's rights on this machine, as whoever makes a cluster may.

mod cinder;
mod converge;
pub mod disk;
mod document;
mod exchange;
mod files;
mod flavors;
mod gateways;
mod glance;
mod heat;
mod keypairs;
mod life;
mod look;
mod members;
mod neutron;
mod nova;
mod router;
mod services;
mod stack;
mod stacks;

pub use services::{Caller, Tokens};

use crate::machines::Machines;
use axum::Router;
use converge::Convergence;
use disk::{Directory, Disk};
use keypairs::KeyPairs;
use magnum_types::{Clock, Entropy};
use services::Services;
use stacks::Stacks;
use std::{collections::BTreeSet, io, net::IpAddr, path::PathBuf, sync::Arc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Where the local cloud is.
#[derive(Clone, Debug)]
pub struct LocalSettings {
    /// Its state; made when it is not there.
    pub directory: PathBuf,
    /// Where clients reach it, without a service's path: `https://127.0.0.1:9511`.
    pub base_url: String,
    /// Where nodes reach it: `https://magnum.internal:9511`.
    pub node_url: String,
    /// The host names in `node_url` and in whatever else nodes are told, which lead to their network's gateway.
    pub gateway_names: Vec<String>,
}

/// See the module.
pub struct LocalCloud {
    services: Arc<Services>,
    convergence: Arc<Convergence>,
}

impl LocalCloud {
    /// Opens the state in the settings' directory. Nothing is done before [`LocalCloud::run`].
    ///
    /// # Errors
    /// When the directory cannot be made or a file in it cannot be read. Such a file is never passed over: its nodes would
    /// be taken for nobody's, and removed.
    pub async fn open(
        settings: LocalSettings,
        machines: Arc<dyn Machines>,
        tokens: Arc<dyn Tokens>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> io::Result<Self> {
        let disk = Arc::new(Directory::open(&settings.directory)?);
        Self::open_over(disk, settings, machines, tokens, clock, entropy).await
    }

    /// As [`LocalCloud::open`], with the state on a given disk.
    ///
    /// # Errors
    /// When what is there cannot be read.
    pub async fn open_over(
        disk: Arc<dyn Disk>,
        settings: LocalSettings,
        machines: Arc<dyn Machines>,
        tokens: Arc<dyn Tokens>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> io::Result<Self> {
        let files = disk.load().await?;
        let keypairs = KeyPairs::open(Arc::clone(&disk), &files)?;
        let stacks = Arc::new(Stacks::open(disk, &files, clock, entropy)?);
        let convergence =
            Arc::new(Convergence::new(Arc::clone(&stacks), Arc::clone(&machines), settings.clone()));
        let services = Arc::new(Services { stacks, keypairs, machines, settings, tokens });
        Ok(Self { services, convergence })
    }

    /// The stacks that are there: whatever is on the machine of another one is nobody's.
    pub async fn stacks(&self) -> Vec<Uuid> {
        let all = self.services.stacks.all().await;
        all.iter().filter(|stack| stack.is_live()).map(|stack| stack.id).collect()
    }

    /// The services under `/orchestration`, `/compute`, `/network`, `/image` and `/volume`, for clients. To be merged with
    /// other routers; it has no fallback.
    pub fn router(&self) -> Router {
        router::all(Arc::clone(&self.services))
    }

    /// The one route that nodes need, `/orchestration/v1/signal/<stack>/<member>`, for the listeners at the
    /// [gateways](LocalCloud::gateways).
    pub fn node_router(&self) -> Router {
        router::nodes(Arc::clone(&self.services))
    }

    /// Where nodes reach this process: the host's own address in each stack's network. It changes as networks come and go,
    /// and is empty until [`LocalCloud::run`] has looked at the machine.
    pub fn gateways(&self) -> watch::Receiver<BTreeSet<IpAddr>> {
        self.convergence.gateways.subscribe()
    }

    /// Brings the machine in line with the stacks until `stop`. What is being done then is left where it is, and gone on with
    /// by the next process.
    pub async fn run(&self, stop: CancellationToken) {
        self.convergence.run(stop).await;
    }
}
