//! Where nodes knock: a listener at the host's own address in each cluster's network, which answers what nodes ask and
//! nothing else. Networks come and go with clusters, and the listeners with them.

use anyhow::{Context, Result};
use magnum_api::{ApiSettings, server};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Between two tries to listen on an address that is not there yet, or no more.
const AGAIN: Duration = Duration::from_secs(1);

/// Keeps a listener at each of the wanted addresses until `stop`. `open` serves at one address until its token is
/// cancelled.
pub async fn keep<F>(
    mut wanted: watch::Receiver<BTreeSet<IpAddr>>,
    stop: CancellationToken,
    open: impl Fn(IpAddr, CancellationToken) -> F,
) where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut doors: BTreeMap<IpAddr, (CancellationToken, tokio::task::JoinHandle<()>)> = BTreeMap::new();
    loop {
        let addresses = wanted.borrow_and_update().clone();
        let closed: Vec<IpAddr> =
            doors.keys().filter(|address| !addresses.contains(*address)).copied().collect();
        for address in closed {
            if let Some((stop, task)) = doors.remove(&address) {
                stop.cancel();
                joined(address, task).await;
            }
        }
        for address in addresses {
            // One that ended by itself, since its address was not there, is tried again.
            if doors.get(&address).is_some_and(|(_, task)| !task.is_finished()) {
                continue;
            }
            let token = stop.child_token();
            let serving = open(address, token.clone());
            let task = tokio::spawn(async move {
                if let Err(error) = serving.await {
                    warn!(%address, error = format!("{error:#}"), "nodes cannot reach this process yet");
                }
            });
            doors.insert(address, (token, task));
        }
        tokio::select! {
            changed = wanted.changed() => if changed.is_err() { stop.cancelled().await },
            () = tokio::time::sleep(AGAIN), if doors.values().any(|(_, task)| task.is_finished()) => {}
            () = stop.cancelled() => {}
        }
        if stop.is_cancelled() {
            break;
        }
    }
    for (address, (_, task)) in doors {
        joined(address, task).await;
    }
}

async fn joined(address: IpAddr, task: tokio::task::JoinHandle<()>) {
    if let Err(error) = task.await {
        warn!(%address, %error, "a listener for nodes ended by a fault");
    }
}

/// Serves `app` at `address` and the port of the settings.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(
    address: IpAddr,
    app: server::App,
    settings: Arc<ApiSettings>,
    stop: CancellationToken,
) -> Result<()> {
    let here = ApiSettings { host: address.to_string(), ..(*settings).clone() };
    let listener = server::listen(&here).await.context("a listener for nodes")?;
    info!(%address, "nodes can reach this process");
    let signals = server::Signals { stop, ..server::Signals::default() };
    server::serve_app(listener, app, &here, signals).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[tokio::test(start_paused = true)]
    async fn listeners_follow_the_networks_and_are_tried_again() {
        let (send, wanted) = watch::channel(BTreeSet::new());
        let (stop, log) = (CancellationToken::new(), Arc::new(Mutex::new(Vec::<String>::new())));
        let failures = Arc::new(Mutex::new(1));
        let open = {
            let log = log.clone();
            move |address: IpAddr, stop: CancellationToken| {
                let (log, failures) = (log.clone(), failures.clone());
                async move {
                    if std::mem::take(&mut *failures.lock().unwrap()) > 0 {
                        anyhow::bail!("not there yet");
                    }
                    log.lock().unwrap().push(format!("open {address}"));
                    stop.cancelled().await;
                    log.lock().unwrap().push(format!("close {address}"));
                    Ok(())
                }
            }
        };
        let keeping = tokio::spawn(keep(wanted, stop.clone(), open));
        let (a, b): (IpAddr, IpAddr) = ([172, 18, 0, 1].into(), [172, 19, 0, 1].into());
        for addresses in [vec![a], vec![a, b], vec![b]] {
            send.send(addresses.into_iter().collect()).unwrap();
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        stop.cancel();
        keeping.await.unwrap();
        let seen = log.lock().unwrap().join(", ");
        assert_eq!(seen, "open 172.18.0.1, open 172.19.0.1, close 172.18.0.1, close 172.19.0.1");
    }
}
