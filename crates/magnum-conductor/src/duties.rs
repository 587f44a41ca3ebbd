//! What a conductor does beside operations: says that it lives, and empties the outbox.

use crate::outbox;
use magnum_db::Store;
use magnum_messaging::Notifier;
use magnum_types::Clock;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often `coe service list` learns that this conductor lives.
const BEAT: Duration = Duration::from_secs(30);
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
