//! RabbitMQ. One supervised connection per bus ([`connection`]) carries everything; publishers ([`publisher`]) and the
//! consumer ([`consumer`]) take it from the supervisor and hand it back as broken at the first doubt.
//!
//! The client library's own recovery is off: it can stop for good without a word after a broker restart. Ours knows
//! one cure for everything: drop the connection, pause, connect again, declare again, go on.

mod connection;
mod consumer;
mod dial;
mod publisher;
mod tls;
mod topology;

use crate::{
    Bus, BusError, BusStats, Health, Notification, Nudges, RabbitSettings, bus::Counters, envelope::encode,
};
use async_trait::async_trait;
use connection::{Link, Session, Supervisor};
use magnum_types::Entropy;
use publisher::Message;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// Nudges that may wait for their confirmation at the same time, and nudges received but not yet looked at.
const NUDGES_IN_FLIGHT: usize = 64;
const NUDGES_WAITING: usize = 16;
/// Notifications that may wait for their confirmation at the same time.
const NOTIFICATIONS_IN_FLIGHT: usize = 64;

/// A bus on RabbitMQ. Dropping it ends its tasks.
pub struct RabbitBus {
    settings: Arc<RabbitSettings>,
    link: watch::Receiver<Link>,
    counters: Arc<Counters>,
    nudge_permits: Arc<Semaphore>,
    notification_permits: Arc<Semaphore>,
    nudges: Nudges,
    /// Taken by the consumer, which starts with the first call of `nudges`: an API process never consumes.
    nudge_sender: Mutex<Option<mpsc::Sender<Uuid>>>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl fmt::Debug for RabbitBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitBus").field("url", &self.settings.url).finish_non_exhaustive()
    }
}

impl RabbitBus {
    /// Starts connecting in the background and returns at once: a service starts without its broker. Must be called
    /// inside a tokio runtime. `shutdown` ends the tasks and closes the connection.
    pub fn start(settings: RabbitSettings, entropy: Arc<dyn Entropy>, shutdown: &CancellationToken) -> Self {
        let settings = Arc::new(settings);
        let counters = Arc::new(Counters::default());
        let stop = shutdown.child_token();
        let (supervisor, link) =
            Supervisor::new(Arc::clone(&settings), entropy, Arc::clone(&counters), stop.clone());
        tokio::spawn(supervisor.run());
        let (sender, receiver) = mpsc::channel(NUDGES_WAITING);
        Self {
            settings,
            link,
            counters,
            nudge_permits: Arc::new(Semaphore::new(NUDGES_IN_FLIGHT)),
            notification_permits: Arc::new(Semaphore::new(NOTIFICATIONS_IN_FLIGHT)),
            nudges: Nudges::new(receiver),
            nudge_sender: Mutex::new(Some(sender)),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        }
    }

    /// The session, when there is one now.
    fn session(&self) -> Result<Arc<Session>, BusError> {
        self.link.borrow().session().ok_or(BusError::Disconnected)
    }

    /// The session, when there is one soon.
    async fn session_within(&self, limit: Duration) -> Result<Arc<Session>, BusError> {
        let mut link = self.link.clone();
        tokio::time::timeout(limit, connection::next_session(&mut link))
            .await
            .ok()
            .flatten()
            .ok_or(BusError::Disconnected)
    }

    async fn try_nudge(&self, operation: Uuid) -> Result<(), BusError> {
        let session = self.session()?;
        let permit = Arc::clone(&self.nudge_permits).try_acquire_owned().map_err(|_| BusError::Busy)?;
        let queue = self.settings.operations_queue();
        let message = Message::nudge(queue, operation)?;
        let limit = self.settings.confirm_timeout;
        // A task of its own: the caller may stop waiting, the confirmation still has to be taken.
        let sent = tokio::spawn(async move {
            let _permit = permit;
            publisher::publish(&session, session.nudges(), &message, limit).await
        });
        finished(sent, "a nudge", self.settings.nudge_timeout).await
    }

    async fn publish_notification(&self, queue: String, body: Vec<u8>) -> Result<(), BusError> {
        let limit = self.settings.confirm_timeout;
        let session = self.session_within(limit).await?;
        let permit =
            Arc::clone(&self.notification_permits).try_acquire_owned().map_err(|_| BusError::Busy)?;
        let settings = Arc::clone(&self.settings);
        let sent = tokio::spawn(async move {
            let _permit = permit;
            let message = Message::notification(settings.control_exchange.clone(), queue.clone(), body);
            session.ensure_notification_queue(&settings, &queue).await?;
            match publisher::publish(&session, session.notifications(), &message, limit).await {
                // Somebody deleted the queue behind our back.
                Err(BusError::Unroutable { .. }) => {
                    session.forget_notification_queue(&queue).await;
                    session.ensure_notification_queue(&settings, &queue).await?;
                    publisher::publish(&session, session.notifications(), &message, limit).await
                }
                result => result,
            }
        });
        // Two publications and two declarations at most, each within `limit`.
        finished(sent, "a notification", limit * 4).await
    }
}

fn count(result: &Result<(), BusError>, good: &AtomicU64, bad: &AtomicU64) {
    Counters::one(if result.is_ok() { good } else { bad });
}

/// Waits for a publishing task, but not longer than `limit`; the task then goes on alone.
async fn finished(
    task: tokio::task::JoinHandle<Result<(), BusError>>,
    what: &'static str,
    limit: Duration,
) -> Result<(), BusError> {
    match tokio::time::timeout(limit, task).await {
        Ok(Ok(result)) => result,
        // The task was torn down with its runtime.
        Ok(Err(_)) => Err(BusError::Disconnected),
        Err(_) => Err(BusError::TimedOut { what, after: limit }),
    }
}

#[async_trait]
impl Bus for RabbitBus {
    async fn nudge(&self, operation: Uuid) -> Result<(), BusError> {
        let result = self.try_nudge(operation).await;
        count(&result, &self.counters.nudges_sent, &self.counters.nudges_failed);
        result
    }

    fn nudges(&self) -> Nudges {
        let sender = self.nudge_sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            tokio::spawn(consumer::run(
                Arc::clone(&self.settings),
                self.link.clone(),
                sender,
                Arc::clone(&self.counters),
                self.stop.clone(),
            ));
        }
        self.nudges.clone()
    }

    async fn notify(&self, notification: &Notification) -> Result<(), BusError> {
        for format in self.settings.notifications.formats() {
            let body = encode(notification, format)?;
            for topic in &self.settings.notifications.topics {
                let queue = format!("{topic}.{}", notification.priority.as_str());
                let result = self.publish_notification(queue, body.clone()).await;
                count(&result, &self.counters.notifications_sent, &self.counters.notifications_failed);
                result?;
            }
        }
        Ok(())
    }

    async fn health(&self) -> Health {
        self.link.borrow().health()
    }

    fn stats(&self) -> BusStats {
        self.counters.read()
    }
}
