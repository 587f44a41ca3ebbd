//! The bus inside one process: standalone mode, and every test that does not need a broker.
//!
//! Both queues are bounded: a full one refuses the newest nudge, and drops the oldest notification. Neither does harm: a
//! scan finds the operation that was not nudged, and the operator of a real cloud listens on a broker.

use crate::{Bus, BusError, BusStats, Health, Notification, Nudges, bus::Counters};
use async_trait::async_trait;
use tokio::sync::{broadcast, mpsc};
use uuid::Uuid;

/// Nudges and notifications kept at most.
const CAPACITY: usize = 1024;

/// A bus without a broker.
#[derive(Debug)]
pub struct MemoryBus {
    sender: mpsc::Sender<Uuid>,
    nudges: Nudges,
    notifications: broadcast::Sender<Notification>,
    counters: Counters,
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryBus {
    /// An empty bus.
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        Self {
            sender,
            nudges: Nudges::new(receiver),
            notifications: broadcast::Sender::new(CAPACITY),
            counters: Counters::default(),
        }
    }

    /// Every notification from now on. A subscriber that falls behind by more than 1024 is told how many it lost.
    pub fn subscribe(&self) -> broadcast::Receiver<Notification> {
        self.notifications.subscribe()
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn nudge(&self, operation: Uuid) -> Result<(), BusError> {
        match self.sender.try_send(operation) {
            Ok(()) => {
                Counters::one(&self.counters.nudges_sent);
                Ok(())
            }
            Err(_) => {
                Counters::one(&self.counters.nudges_failed);
                Err(BusError::Busy)
            }
        }
    }

    fn nudges(&self) -> Nudges {
        self.nudges.clone()
    }

    async fn notify(&self, notification: &Notification) -> Result<(), BusError> {
        // An error only says that nobody listens, which is as good as delivered.
        let _ = self.notifications.send(notification.clone());
        Counters::one(&self.counters.notifications_sent);
        Ok(())
    }

    async fn health(&self) -> Health {
        Health::Up("in-process".to_owned())
    }

    fn stats(&self) -> BusStats {
        self.counters.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::example;

    #[tokio::test]
    async fn a_nudge_reaches_one_of_several_receivers() {
        let bus = MemoryBus::new();
        let (one, two) = (bus.nudges(), bus.nudges());
        for n in 0..4 {
            bus.nudge(Uuid::from_u128(n)).await.unwrap();
        }
        let mut seen = Vec::new();
        for _ in 0..2 {
            seen.push(one.recv().await.unwrap());
            seen.push(two.recv().await.unwrap());
        }
        seen.sort();
        assert_eq!(seen, (0..4).map(Uuid::from_u128).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_full_bus_refuses_and_does_not_grow() {
        let bus = MemoryBus::new();
        for n in 0..CAPACITY as u128 {
            bus.nudge(Uuid::from_u128(n)).await.unwrap();
        }
        assert!(matches!(bus.nudge(Uuid::nil()).await, Err(BusError::Busy)));
        assert_eq!(bus.stats().nudges_failed, 1);
    }

    #[tokio::test]
    async fn a_subscriber_sees_notifications() {
        let bus = MemoryBus::new();
        bus.notify(&example()).await.unwrap();
        let mut subscriber = bus.subscribe();
        bus.notify(&example()).await.unwrap();
        assert_eq!(subscriber.recv().await.unwrap(), example());
        assert!(subscriber.try_recv().is_err(), "what was sent before the subscription is not seen");
    }
}
