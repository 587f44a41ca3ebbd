//! What every bus can do. Callers hold an `Arc<dyn Bus>` and never learn which one it is.

use crate::{BusError, Notification};
use async_trait::async_trait;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

/// A message bus.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Tells some conductor to look at `operation` now. Returns within about a second whatever the broker does.
    ///
    /// # Errors
    /// When the message is not known to have arrived. The caller logs it and goes on: a scan finds the operation.
    async fn nudge(&self, operation: Uuid) -> Result<(), BusError>;

    /// The nudges that reach this process. All conductors share one work queue, each nudge goes to one of them, and
    /// all receivers of one process share what reaches it. A nudge may come twice or never.
    fn nudges(&self) -> Nudges;

    /// Publishes a notification on every topic, and returns when the broker has taken it.
    ///
    /// # Errors
    /// When it is not known to have arrived; deliver it again later, with the same ids.
    async fn notify(&self, notification: &Notification) -> Result<(), BusError>;

    /// Whether the bus works at the moment.
    async fn health(&self) -> Health;

    /// Counters since the start.
    fn stats(&self) -> BusStats;
}

/// The state of a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Connected; the text names the broker (`host:port`) or `in-process`.
    Up(String),
    /// Not connected; the text says why, if it is known.
    Down(String),
}

impl Health {
    /// Whether the bus works.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Up(_))
    }
}

/// Counters since the start, each growing only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusStats {
    /// Connections made.
    pub connections: u64,
    /// Nudges the broker took.
    pub nudges_sent: u64,
    /// Nudges that are not known to have arrived.
    pub nudges_failed: u64,
    /// Nudges that reached this process.
    pub nudges_received: u64,
    /// Messages in the nudges' queue that were none.
    pub nudges_malformed: u64,
    /// Notification messages the broker took.
    pub notifications_sent: u64,
    /// Notification messages that are not known to have arrived.
    pub notifications_failed: u64,
}

/// The counters while they count.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub connections: AtomicU64,
    pub nudges_sent: AtomicU64,
    pub nudges_failed: AtomicU64,
    pub nudges_received: AtomicU64,
    pub nudges_malformed: AtomicU64,
    pub notifications_sent: AtomicU64,
    pub notifications_failed: AtomicU64,
}

impl Counters {
    pub fn one(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub fn read(&self) -> BusStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BusStats {
            connections: read(&self.connections),
            nudges_sent: read(&self.nudges_sent),
            nudges_failed: read(&self.nudges_failed),
            nudges_received: read(&self.nudges_received),
            nudges_malformed: read(&self.nudges_malformed),
            notifications_sent: read(&self.notifications_sent),
            notifications_failed: read(&self.notifications_failed),
        }
    }
}

/// A receiver of nudges. Clones share one queue.
#[derive(Clone, Debug)]
pub struct Nudges(Arc<Mutex<mpsc::Receiver<Uuid>>>);

impl Nudges {
    pub(crate) fn new(receiver: mpsc::Receiver<Uuid>) -> Self {
        Self(Arc::new(Mutex::new(receiver)))
    }

    /// Waits for the next nudge: the id of an operation. `None` when the bus has been shut down. Losing the race in
    /// a `select!` loses no nudge.
    pub async fn recv(&self) -> Option<Uuid> {
        self.0.lock().await.recv().await
    }
}
