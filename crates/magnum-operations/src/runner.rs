//! The conductor's main loop: finds due operations by a scan, sooner by a nudge, and drives a bounded number of
//! them at once. The scan alone is enough for correctness; a nudge only saves the wait.

use crate::engine::{Engine, Ran};
use async_trait::async_trait;
use magnum_types::operation::{OperationStore, StoreError};
use magnum_types::{Clock, OperationId};
use std::{collections::HashSet, sync::Arc, sync::Mutex, sync::PoisonError, time::Duration};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error, info};

/// Where nudges come from.
#[async_trait]
pub trait Nudges: Send {
    /// The next nudged operation; pends while there is none. Lost or repeated nudges do no harm.
    async fn next(&mut self) -> OperationId;
}

/// The shortest pause between two drives of an operation, whatever its step asks for.
const SHORTEST: Duration = Duration::from_millis(10);

/// The loop's limits.
#[derive(Clone, Copy, Debug)]
pub struct RunnerSettings {
    /// Time between scans.
    pub poll: Duration,
    /// Operations driven at once.
    pub concurrency: usize,
    /// How long a stop waits for the running steps.
    pub stop_within: Duration,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self { poll: Duration::from_secs(1), concurrency: 64, stop_within: Duration::from_secs(20) }
    }
}

/// The loop.
pub struct Runner<S: OperationStore<Change = C>, C> {
    engine: Arc<Engine<S, C>>,
    clock: Arc<dyn Clock>,
    settings: RunnerSettings,
}

impl<S, C> Runner<S, C>
where
    S: OperationStore<Change = C>,
    C: Send + Sync + 'static,
{
    /// A loop over `engine`.
    pub fn new(engine: Arc<Engine<S, C>>, clock: Arc<dyn Clock>, settings: RunnerSettings) -> Self {
        Self { engine, clock, settings }
    }

    /// Runs until `stop`; then lets the steps that are under way end, within the limit. What does not end is
    /// dropped like in a crash, and taken up again when its lease has run out.
    pub async fn run(&self, mut nudges: impl Nudges, stop: CancellationToken) {
        let permits = Arc::new(Semaphore::new(self.settings.concurrency.max(1)));
        let running = Arc::new(Mutex::new(HashSet::new()));
        let tasks = TaskTracker::new();
        let (soon, mut due) = mpsc::unbounded_channel();
        loop {
            let found = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                nudged = nudges.next() => vec![nudged],
                Some(operation) = due.recv() => vec![operation],
                () = self.clock.sleep(self.settings.poll) => self.scan(permits.available_permits()).await,
            };
            for operation in found {
                self.start(operation, &permits, &running, &tasks, &soon);
            }
        }
        tasks.close();
        info!(running = tasks.len(), "the conductor stops; steps under way may end");
        if tokio::time::timeout(self.settings.stop_within, tasks.wait()).await.is_err() {
            info!(running = tasks.len(), "steps under way are left to the next conductor");
        }
    }

    async fn scan(&self, free: usize) -> Vec<OperationId> {
        if free == 0 {
            return Vec::new();
        }
        match self.engine.store().due(free).await {
            Ok(due) => due,
            Err(failure) => {
                error!(error = %failure, cause = ?std::error::Error::source(&failure), "the scan for due operations failed");
                Vec::new()
            }
        }
    }

    /// Starts driving an operation, unless this process drives it already or is full (the scan comes again).
    fn start(
        &self,
        operation: OperationId,
        permits: &Arc<Semaphore>,
        running: &Arc<Mutex<HashSet<OperationId>>>,
        tasks: &TaskTracker,
        soon: &mpsc::UnboundedSender<OperationId>,
    ) {
        let Ok(permit) = Arc::clone(permits).try_acquire_owned() else { return };
        if !running.lock().unwrap_or_else(PoisonError::into_inner).insert(operation) {
            return;
        }
        let (engine, running) = (Arc::clone(&self.engine), Arc::clone(running));
        let (clock, poll, soon) = (Arc::clone(&self.clock), self.settings.poll, soon.clone());
        tasks.spawn(async move {
            let mut wait = None;
            match engine.run(operation).await {
                Ok(ran) => {
                    debug!(operation.uuid = %operation, ?ran, "an operation was driven");
                    if let Ran::Waiting(after) = ran {
                        wait = Some(after.max(SHORTEST)).filter(|after| *after < poll);
                    }
                }
                Err(StoreError::LostLease(_)) => {
                    info!(operation.uuid = %operation, "the operation was taken over by another conductor");
                }
                Err(StoreError::Failed(cause)) => {
                    error!(operation.uuid = %operation, error = %cause, "the operation store failed; the operation is taken up again when its lease has run out");
                }
            }
            running.lock().unwrap_or_else(PoisonError::into_inner).remove(&operation);
            drop(permit);
            if let Some(after) = wait {
                // Sooner than the scan would find it. At the end of the process nobody listens, which is no loss.
                tokio::spawn(async move {
                    clock.sleep(after).await;
                    let _ = soon.send(operation);
                });
            }
        });
    }
}
