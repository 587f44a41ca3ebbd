//! Asks complete clusters' addresses whether they answer, because their masters cannot see a floating IP or a load
//! balancer that is dead in front of them. What is said of it, and from when on, is [`magnum_types::reach`].
//!
//! A cluster is asked by one conductor only: the one that moves its row's time on. The row is the whole state, so a
//! conductor may die in the middle; the next look is made by whoever finds it due. Read [`address`] for where nobody is
//! asked, [`probe`] for what a look is.

pub mod address;
pub mod authorities;
pub mod probe;

use crate::world::World;
use address::{Places, Target};
use authorities::{Authorities, AuthorityError};
use futures_util::{StreamExt as _, stream};
use magnum_db::{ClusterView, DbError, ReachClaim, ReachDue};
use magnum_types::{Authority, Reach, reach};
use probe::Unreached;
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Longest wait for a connection, and again for its handshake.
const LIMIT: Duration = Duration::from_secs(4);
/// Looks made at once.
const AT_ONCE: usize = 64;
/// Clusters taken from the database at a time.
const BATCH: usize = 256;
/// Most and least time between two questions for what is due: a fraction of the interval, so that looks spread over it.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
/// How many of those questions fall into one interval.
const QUESTIONS: u32 = 6;

/// How clusters are asked.
#[derive(Clone, Debug)]
pub struct ReachSettings {
    /// Time between two looks at a cluster.
    pub every: Duration,
    /// Longest wait for each of the two parts of a look.
    pub limit: Duration,
    /// Where.
    pub places: Places,
}

impl ReachSettings {
    /// Settings with the usual time-out.
    pub fn new(every: Duration, places: Places) -> Self {
        Self { every, limit: LIMIT, places }
    }
}

/// Asks clusters until `stop`. Without settings it only takes back what an earlier run of the service said.
pub async fn reach(world: Arc<World>, settings: Option<ReachSettings>, stop: CancellationToken) {
    let settings = settings.filter(|settings| !settings.every.is_zero());
    let Some(settings) = settings else {
        if let Err(error) = world.store.reach_forget().await {
            warn!(%error, "what clusters' addresses once said cannot be taken back");
        }
        return;
    };
    let [least, most] = PAUSES;
    let pause = (settings.every / QUESTIONS).clamp(least, most);
    let asker = Asker::new(world.clone(), settings);
    loop {
        let looked = tokio::select! {
            () = stop.cancelled() => return,
            looked = asker.look() => looked,
        };
        match looked {
            // There may be more. Failures wait for the pause.
            Ok(BATCH..) => continue,
            Ok(_) => {}
            Err(error) => warn!(%error, "clusters' addresses cannot be looked up; it is tried again"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = world.clock.sleep(pause) => {}
        }
    }
}

/// One conductor's looks.
pub struct Asker {
    world: Arc<World>,
    settings: ReachSettings,
    authorities: Authorities,
}

/// How a look ended that was made or could not be.
enum Found {
    Answer,
    Miss(Target, Unreached),
    NotAsked(&'static str),
}

/// What kept a look from its end.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

impl Asker {
    /// An asker that knows no authority yet.
    pub fn new(world: Arc<World>, settings: ReachSettings) -> Self {
        let authorities = Authorities::new(world.certificates.clone());
        Self { world, settings, authorities }
    }

    /// Asks what is due and not claimed by another conductor; says of how many clusters nothing is left to do now.
    ///
    /// # Errors
    /// When the database does not say what is due. A failure of one cluster's look is logged, and the look is made again
    /// when the next one is due.
    pub async fn look(&self) -> Result<usize, DbError> {
        let due = self.world.store.reach_due(BATCH).await?;
        let done = AtomicUsize::new(0);
        let counted = &done;
        let looks = stream::iter(due).for_each_concurrent(AT_ONCE, |due| async move {
            let cluster = due.cluster;
            match self.look_at(due).await {
                Ok(()) => {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    let cause = causes(&error);
                    warn!(cluster.uuid = %cluster, error = cause, "a cluster's address cannot be asked");
                }
            }
        });
        looks.await;
        Ok(done.load(Ordering::Relaxed))
    }

    async fn look_at(&self, due: ReachDue) -> Result<(), LookError> {
        let store = &self.world.store;
        let pause = due.reach.pause(self.settings.every);
        let Some(claim) = store.reach_claim(due.cluster, due.due_at, pause).await? else { return Ok(()) };
        let view = match store.cluster_by_id(due.cluster).await {
            Ok(view) => view,
            Err(DbError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if self.is_told(&due, &view) {
            return Ok(());
        }
        let found = self.ask(&due, &view).await?;
        let known = after(&due.reach, claim, &found);
        if let Found::Miss(_, reason) = &found {
            debug!(cluster.uuid = %due.cluster, %reason, missed = known.missed, "a cluster's address does not answer");
        }
        let next = known.pause(self.settings.every);
        if (known != due.reach || next != pause)
            && !store.reach_record(due.cluster, claim, &known, next).await?
        {
            // It took so long that somebody else looks again.
            return Ok(());
        }
        let before = (view.cluster.health_status, view.cluster.health_status_reason);
        let word = known.word(claim.due_at, claim.now);
        if !due.told && reach::beside(&before, due.masters, word) != before {
            store.reach_tell(due.cluster, due.masters, word).await?;
        }
        Ok(())
    }

    /// Whether somebody else tells the health of this cluster, so that nothing would come of a look: a healer in it, or
    /// whoever sets it by `PATCH` where no master reports.
    fn is_told(&self, due: &ReachDue, view: &ClusterView) -> bool {
        let driver =
            view.template.as_ref().and_then(|template| self.world.registry.of_template(template).ok());
        driver.is_some_and(|driver| driver.heals_itself(&view.cluster.labels)) || (due.told && !due.masters)
    }

    async fn ask(&self, due: &ReachDue, view: &ClusterView) -> Result<Found, AuthorityError> {
        let tls_disabled = view.template.as_ref().is_some_and(|template| template.tls_disabled);
        let address = view.cluster.api_address.as_deref().unwrap_or_default();
        let Some(target) = Target::parse(address, tls_disabled) else {
            return Ok(Found::NotAsked("api_address is no address and port"));
        };
        if !self.settings.places.admit(target.socket.ip()) {
            return Ok(Found::NotAsked("no cluster is asked at this address"));
        }
        let trusted = match &due.rotation {
            Some(rotation) => rotation.trusted(Authority::Cluster),
            None => view.cluster.ca_cert_ref.as_deref().into_iter().collect(),
        };
        let roots = match target.way {
            address::Way::Tcp => rustls::RootCertStore::empty(),
            address::Way::Tls if trusted.is_empty() => {
                return Ok(Found::NotAsked("the cluster's authority is not known"));
            }
            address::Way::Tls => self.authorities.roots(&trusted).await?,
        };
        let looked = probe::look(self.world.clock.as_ref(), self.settings.limit, target, roots).await;
        Ok(match looked {
            Ok(()) => Found::Answer,
            Err(reason) => {
                if reason.is_foreign() {
                    self.authorities.forget(&trusted).await;
                }
                Found::Miss(target, reason)
            }
        })
    }
}

/// An error with what it came from.
fn causes(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn after(before: &Reach, claim: ReachClaim, found: &Found) -> Reach {
    match found {
        Found::Answer => before.answered(claim.now),
        Found::Miss(target, reason) => {
            before.unanswered(claim.now, &target.socket.to_string(), &reason.to_string())
        }
        Found::NotAsked(words) => before.not_asked(words),
    }
}
