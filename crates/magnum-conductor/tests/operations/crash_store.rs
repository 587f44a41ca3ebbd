//! The real store (SQLite), and a point at which the process dies: before or after its n-th call. From then on no call
//! returns, so the test can drop the conductor at an exactly known moment.

use async_trait::async_trait;
use magnum_db::Store;
use magnum_types::{
    Change, OperationId, OperationState, OperationStore,
    operation::{Claim, Fence, Lease, StepEntry, StoreError},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// On which side of the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Before,
    After,
}

/// The crash point, shared with the test.
#[derive(Default)]
pub struct CrashPoint {
    calls: AtomicU64,
    dead: AtomicBool,
    pub died: Notify,
    /// Lets the held call go on, as a process does that was only slow.
    pub released: Notify,
}

impl CrashPoint {
    /// Calls that were made.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Whether the point was reached.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    async fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
        self.released.notified().await;
    }
}

/// See the module.
pub struct CrashStore {
    inner: Store,
    at: Option<(u64, Side)>,
    pub point: Arc<CrashPoint>,
}

impl CrashStore {
    /// A store that dies at its n-th call (from 1), or never.
    pub fn new(inner: Store, at: Option<(u64, Side)>) -> Self {
        Self { inner, at, point: Arc::default() }
    }

    async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        let number = self.point.calls.fetch_add(1, Ordering::SeqCst) + 1;
        match self.at {
            Some((at, Side::Before)) if at == number => {
                self.point.die().await;
                call.await
            }
            Some((at, Side::After)) if at == number => {
                let result = call.await;
                self.point.die().await;
                result
            }
            _ => call.await,
        }
    }
}

#[async_trait]
impl OperationStore for CrashStore {
    type Change = Change;

    async fn due(&self, limit: usize) -> Result<Vec<OperationId>, StoreError> {
        self.inner.due(limit).await
    }

    async fn claim(
        &self,
        operation: OperationId,
        owner: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, StoreError> {
        self.around(self.inner.claim(operation, owner, lease)).await
    }

    async fn renew(&self, fence: Fence, lease: Duration) -> Result<Lease, StoreError> {
        self.around(self.inner.renew(fence, lease)).await
    }

    async fn record(&self, fence: Fence, entry: StepEntry, changes: Vec<Change>) -> Result<(), StoreError> {
        self.around(self.inner.record(fence, entry, changes)).await
    }

    async fn progress(&self, fence: Fence, changes: Vec<Change>) -> Result<(), StoreError> {
        self.around(self.inner.progress(fence, changes)).await
    }

    async fn wait(&self, fence: Fence, after: Duration, attempt: i32) -> Result<Duration, StoreError> {
        self.around(self.inner.wait(fence, after, attempt)).await
    }

    async fn unwind(&self, fence: Fence, cause: &str, changes: Vec<Change>) -> Result<(), StoreError> {
        self.around(self.inner.unwind(fence, cause, changes)).await
    }

    async fn finish(
        &self,
        fence: Fence,
        state: OperationState,
        changes: Vec<Change>,
    ) -> Result<(), StoreError> {
        self.around(self.inner.finish(fence, state, changes)).await
    }
}
