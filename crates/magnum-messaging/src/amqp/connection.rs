//! The supervisor: keeps one connection to one of the brokers, and replaces it as soon as anybody doubts it.
//!
//! A [`Session`] is one connection with its channels and everything declared. It is never repaired. Whoever meets an
//! error on it calls [`Session::give_up`]; the supervisor then takes it away from all others, closes it, pauses
//! (exponentially, with jitter, so that a restarted broker is not met by every process at once) and opens the next.

use super::{dial, topology};
use crate::{BusError, Health, RabbitSettings, bus::Counters};
use futures_util::StreamExt;
use lapin::{Channel, Connection, Event, options::ConfirmSelectOptions};
use magnum_types::Entropy;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

/// How often the connection's own view of itself is asked for, beside its events.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// A session that lived this long counts as good: the next pause is short again.
const STABLE_AFTER: Duration = Duration::from_secs(5);
/// The shortest pause between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How long a polite goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What the supervisor has to offer.
#[derive(Clone)]
pub(super) enum Link {
    Down(String),
    Up(Arc<Session>),
}

impl Link {
    /// The session, unless it is known to be broken.
    pub fn session(&self) -> Option<Arc<Session>> {
        match self {
            Self::Up(session) if !session.broken.is_cancelled() => Some(Arc::clone(session)),
            Self::Up(_) | Self::Down(_) => None,
        }
    }

    pub fn health(&self) -> Health {
        match self {
            Self::Down(reason) => Health::Down(reason.clone()),
            Self::Up(session) if session.broken.is_cancelled() => Health::Down(session.reason()),
            Self::Up(session) => Health::Up(session.peer.clone()),
        }
    }
}

/// Waits for a session that is not known to be broken; `None` when the supervisor has ended.
pub(super) async fn next_session(link: &mut watch::Receiver<Link>) -> Option<Arc<Session>> {
    let link = link.wait_for(|link| link.session().is_some()).await.ok()?;
    link.session()
}

/// One connection and what was made on it.
pub(super) struct Session {
    connection: Connection,
    nudges: Channel,
    notifications: Channel,
    peer: String,
    /// Notification queues known to exist: at most one per topic and priority.
    declared: tokio::sync::Mutex<HashSet<String>>,
    broken: CancellationToken,
    reason: Mutex<Option<String>>,
}

impl Session {
    async fn open(settings: &RabbitSettings, entropy: &dyn Entropy) -> Result<Self, BusError> {
        let (connection, peer) = dial::connect(settings, entropy).await?;
        let prepare = async {
            topology::declare_operations(&connection, settings).await?;
            Ok::<_, BusError>((
                confirming_channel(&connection).await?,
                confirming_channel(&connection).await?,
            ))
        };
        let what = "the declaration of queues";
        let limit = settings.confirm_timeout;
        let (nudges, notifications) = tokio::time::timeout(limit, prepare)
            .await
            .map_err(|_| BusError::TimedOut { what, after: limit })??;
        Ok(Self {
            connection,
            nudges,
            notifications,
            peer,
            declared: tokio::sync::Mutex::default(),
            broken: CancellationToken::new(),
            reason: Mutex::default(),
        })
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The channel for nudges: of their own, so that a slow notification holds none of them up.
    pub fn nudges(&self) -> &Channel {
        &self.nudges
    }

    /// The channel for notifications.
    pub fn notifications(&self) -> &Channel {
        &self.notifications
    }

    /// Hands the session back as broken. The first reason is kept.
    pub fn give_up(&self, reason: String) {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.broken.cancel();
    }

    /// Completes when somebody gave up.
    pub async fn broken(&self) {
        self.broken.cancelled().await;
    }

    fn reason(&self) -> String {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
        reason.unwrap_or_else(|| "closed".to_owned())
    }

    /// Declares a notification queue unless this session has done so.
    pub async fn ensure_notification_queue(
        &self,
        settings: &RabbitSettings,
        queue: &str,
    ) -> Result<(), BusError> {
        // Held while declaring: others that want the same queue wait instead of declaring it too.
        let mut declared = self.declared.lock().await;
        if declared.contains(queue) {
            return Ok(());
        }
        let limit = settings.confirm_timeout;
        let result =
            tokio::time::timeout(limit, topology::declare_notifications(&self.connection, settings, queue))
                .await
                .unwrap_or(Err(BusError::TimedOut { what: "the declaration of a queue", after: limit }));
        match result {
            Ok(()) => {
                declared.insert(queue.to_owned());
                Ok(())
            }
            Err(error) => {
                self.give_up(error.in_full());
                Err(error)
            }
        }
    }

    /// Makes the next [`Self::ensure_notification_queue`] declare again.
    pub async fn forget_notification_queue(&self, queue: &str) {
        self.declared.lock().await.remove(queue);
    }

    /// Watches the connection until it breaks, somebody gives up, or `stop` is called.
    async fn watch(&self, stop: &CancellationToken) {
        let events = self.connection.events_listener();
        tokio::pin!(events);
        let mut status = tokio::time::interval(STATUS_INTERVAL);
        status.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => self.give_up("the service stops".to_owned()),
                () = self.broken.cancelled() => return,
                event = events.next() => match event {
                    // A soft error closes one channel only; whoever used that channel sees it too.
                    Some(Event::Error(error)) if error.is_amqp_soft_error() => {}
                    Some(Event::Error(error)) => self.give_up(error.to_string()),
                    Some(Event::ConnectionBlocked(reason)) => {
                        tracing::warn!(broker = self.peer, reason, "broker takes no messages for the moment");
                    }
                    Some(_) => {}
                    None => self.give_up("the connection ended".to_owned()),
                },
                _ = status.tick() => {
                    if !self.connection.status().connected() {
                        self.give_up("the connection is closed".to_owned());
                    }
                }
            }
        }
    }

    async fn close(&self) {
        let goodbye = self.connection.close(200, "bye".into());
        if let Ok(Err(error)) = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await {
            tracing::debug!(broker = self.peer, %error, "connection was already gone");
        }
    }
}

async fn confirming_channel(connection: &Connection) -> Result<Channel, BusError> {
    let channel = connection.create_channel().await.map_err(BusError::broker("a channel"))?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .map_err(BusError::broker("publisher confirms"))?;
    Ok(channel)
}

/// The task that keeps the session.
pub(super) struct Supervisor {
    settings: Arc<RabbitSettings>,
    entropy: Arc<dyn Entropy>,
    counters: Arc<Counters>,
    link: watch::Sender<Link>,
    stop: CancellationToken,
}

impl Supervisor {
    pub fn new(
        settings: Arc<RabbitSettings>,
        entropy: Arc<dyn Entropy>,
        counters: Arc<Counters>,
        stop: CancellationToken,
    ) -> (Self, watch::Receiver<Link>) {
        let (link, receiver) = watch::channel(Link::Down("not connected yet".to_owned()));
        (Self { settings, entropy, counters, link, stop }, receiver)
    }

    pub async fn run(self) {
        let mut attempt = 0;
        loop {
            let opened = tokio::select! {
                () = self.stop.cancelled() => break,
                opened = Session::open(&self.settings, &*self.entropy) => opened,
            };
            match opened {
                Ok(session) => {
                    if self.serve(session).await > STABLE_AFTER {
                        attempt = 0;
                    }
                }
                Err(error) => {
                    let reason = error.in_full();
                    tracing::warn!(attempt, reason, "no broker could be connected");
                    self.link.send_replace(Link::Down(reason));
                }
            }
            let mut random = [0; 2];
            self.entropy.fill(&mut random);
            let pause = pause(attempt, self.settings.reconnect_max, u16::from_le_bytes(random));
            attempt = attempt.saturating_add(1);
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.link.send_replace(Link::Down("the service stops".to_owned()));
    }

    /// Offers the session until it breaks; says how long it lived.
    async fn serve(&self, session: Session) -> Duration {
        let since = Instant::now();
        let session = Arc::new(session);
        Counters::one(&self.counters.connections);
        tracing::info!(broker = session.peer, "broker connected");
        self.link.send_replace(Link::Up(Arc::clone(&session)));
        session.watch(&self.stop).await;
        let reason = session.reason();
        self.link.send_replace(Link::Down(reason.clone()));
        if self.stop.is_cancelled() {
            tracing::info!(broker = session.peer, "broker connection is closed");
        } else {
            tracing::warn!(broker = session.peer, reason, "broker connection is given up");
        }
        session.close().await;
        since.elapsed()
    }
}

/// The pause before the attempt after `attempt`: doubles up to `max`, and `random` picks a point in its upper half.
fn pause(attempt: u32, max: Duration, random: u16) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt)).min(max);
    let half = whole / 2;
    half + half.mul_f64(f64::from(random) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_pause_is_jittered_and_bounded(attempt: u32, random: u16, seconds in 1_u64..3600) {
            let max = Duration::from_secs(seconds);
            let pause = pause(attempt, max, random);
            prop_assert!(pause <= max);
            prop_assert!(pause >= FIRST_PAUSE / 2);
        }
    }

    #[test]
    fn pauses_grow() {
        let max = Duration::from_secs(10);
        let pauses: Vec<_> = (0..8).map(|attempt| pause(attempt, max, u16::MAX)).collect();
        assert_eq!(pauses[0], FIRST_PAUSE);
        assert_eq!(pauses[2], FIRST_PAUSE * 4);
        assert_eq!(pauses[7], max);
    }
}
