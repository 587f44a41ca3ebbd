//! What a conductor does beside operations: says that it lives, empties the outbox, and doubts
//! what silent clusters once said of their health.

use crate::outbox;
use indexmap::IndexMap;
use magnum_db::{DbError, Store};
use magnum_messaging::Notifier;
use magnum_types::{Clock, HealthStatus, Role, reach};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often `coe service list` learns that this conductor lives.
const BEAT: Duration = Duration::from_secs(30);
/// Looks at the health that a cluster's masters may miss.
const SILENT_LOOKS: u32 = 3;
/// How often the outbox is looked into.
const OUTBOX: Duration = Duration::from_secs(1);

/// Tells the database every half minute that this host's conductor is up.
pub async fn beat(store: Store, clock: Arc<dyn Clock>, host: String, stop: CancellationToken) {
    loop {
        if let Err(error) = store.service_beat(&host, "magnum-conductor").await {
            warn!(error = %error, "the conductor's heartbeat cannot be written; it is tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(BEAT) => {}
        }
    }
}

/// Says of clusters whose masters have all been silent for a while that nobody knows any more: the masters tell the health
/// themselves, so silence must look neither like health nor like a fault that is still being seen.
pub async fn doubt(store: Store, clock: Arc<dyn Clock>, every: Duration, stop: CancellationToken) {
    if every.is_zero() {
        return;
    }
    loop {
        if let Err(error) = doubt_once(&store, every * SILENT_LOOKS).await {
            warn!(error = %error, "clusters that fell silent cannot be looked for; it is tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(every) => {}
        }
    }
}

/// One look.
///
/// # Errors
/// When the database does not answer.
pub async fn doubt_once(store: &Store, silence: Duration) -> Result<(), DbError> {
    let now = store.now().await?;
    let since = now - silence;
    for cluster in store.clusters_silent(since).await? {
        let nodes = store.nodes_of(cluster).await?;
        let masters = nodes.iter().filter(|node| node.role == Role::Master);
        let heard = masters.map(|node| match node.last_seen {
            Some(at) => format!("{} last did at {at:.0}", node.name),
            None => format!("{} never did", node.name),
        });
        let said = format!("no master reports: {}", heard.collect::<Vec<_>>().join(", "));
        let mut reason = IndexMap::from([("api".to_owned(), said)]);
        // That the API answers outside says nothing of the nodes, but it says who is to be asked next.
        let seen = store.reach_of(cluster).await?;
        if let Some(word) = seen.as_ref().and_then(|(reach, due_at)| reach.word(*due_at, now)) {
            reason.insert(reach::KEY.to_owned(), word.to_owned());
        }
        store.cluster_health(cluster, HealthStatus::Unknown, &reason).await?;
    }
    Ok(())
}

/// Sends notifications as they come.
pub async fn notify(
    store: Store,
    notifier: Notifier,
    clock: Arc<dyn Clock>,
    owner: String,
    stop: CancellationToken,
) {
    loop {
        // A full batch is followed by the next at once.
        let sent = outbox::deliver(&store, &notifier, &owner).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(OUTBOX), if sent == 0 => {}
            () = std::future::ready(()), if sent > 0 => {}
        }
    }
}
