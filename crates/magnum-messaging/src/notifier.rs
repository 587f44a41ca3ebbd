//! Who hears of an event: the `[oslo_messaging_notifications] driver` list decides. Several drivers may be on; none, or
//! `noop`, means that events are thrown away.

use crate::{Bus, BusError, Notification, WireFormat};
use std::{str::FromStr, sync::Arc};

/// Where notifications go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationDriver {
    /// The bus, bare message.
    Messaging,
    /// The bus, message in an envelope. The one to use.
    MessagingV2,
    /// The service's own log.
    Log,
    /// Nowhere.
    Noop,
}

impl FromStr for NotificationDriver {
    type Err = BusError;

    fn from_str(name: &str) -> Result<Self, BusError> {
        match name.trim() {
            "messaging" => Ok(Self::Messaging),
            "messagingv2" => Ok(Self::MessagingV2),
            "log" => Ok(Self::Log),
            "noop" => Ok(Self::Noop),
            other => Err(BusError::UnknownDriver(other.to_owned())),
        }
    }
}

/// What is said to whom.
#[derive(Clone, Debug)]
pub struct NotificationSettings {
    /// The drivers. Default: none.
    pub drivers: Vec<NotificationDriver>,
    /// The topics; a message goes to `<topic>.<priority>` for each. Default `notifications`.
    pub topics: Vec<String>,
    /// `container-infra.<host>`.
    pub publisher_id: String,
    /// Send `magnum.cluster.create.start` and the like beside upstream's event types. Default true.
    pub phase_events: bool,
}

impl Default for NotificationSettings {
    fn default() -> Self {
        Self {
            drivers: Vec::new(),
            topics: vec!["notifications".to_owned()],
            publisher_id: "container-infra.localhost".to_owned(),
            phase_events: true,
        }
    }
}

impl NotificationSettings {
    /// The wire formats the drivers ask for, each once.
    pub fn formats(&self) -> Vec<WireFormat> {
        let mut formats = Vec::new();
        for driver in &self.drivers {
            let format = match driver {
                NotificationDriver::Messaging => WireFormat::V1,
                NotificationDriver::MessagingV2 => WireFormat::V2,
                NotificationDriver::Log | NotificationDriver::Noop => continue,
            };
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        formats
    }
}

/// Delivers what the outbox holds.
#[derive(Clone)]
pub struct Notifier {
    bus: Arc<dyn Bus>,
    settings: NotificationSettings,
}

impl Notifier {
    /// A notifier that uses `bus` for the messaging drivers.
    pub fn new(bus: Arc<dyn Bus>, settings: NotificationSettings) -> Self {
        Self { bus, settings }
    }

    /// Topics, publisher and event types.
    pub fn settings(&self) -> &NotificationSettings {
        &self.settings
    }

    /// Whether anybody hears anything. When not, the outbox need not be filled.
    pub fn is_on(&self) -> bool {
        self.settings.drivers.iter().any(|driver| *driver != NotificationDriver::Noop)
    }

    /// Gives `notification` to every driver.
    ///
    /// # Errors
    /// When a driver did not take it; deliver it again later. Drivers that took it the first time may then get it
    /// twice, under the same ids.
    pub async fn deliver(&self, notification: &Notification) -> Result<(), BusError> {
        if !self.settings.formats().is_empty() {
            self.bus.notify(notification).await?;
        }
        if self.settings.drivers.contains(&NotificationDriver::Log) {
            tracing::info!(
                target: "magnum::notification",
                message_id = %notification.message_id,
                event_type = notification.event_type,
                priority = notification.priority.as_str(),
                publisher_id = notification.publisher_id,
                payload = %notification.payload,
                "notification"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryBus, notification::example};

    async fn sent(drivers: &[NotificationDriver]) -> u64 {
        let bus = Arc::new(MemoryBus::new());
        let settings = NotificationSettings { drivers: drivers.to_vec(), ..Default::default() };
        Notifier::new(bus.clone(), settings).deliver(&example()).await.unwrap();
        bus.stats().notifications_sent
    }

    #[tokio::test]
    async fn only_the_messaging_drivers_use_the_bus() {
        use NotificationDriver::{Log, Messaging, MessagingV2, Noop};
        assert_eq!(sent(&[]).await, 0);
        assert_eq!(sent(&[Log, Noop]).await, 0);
        assert_eq!(sent(&[MessagingV2, Log]).await, 1);
        assert_eq!(sent(&[Messaging, MessagingV2]).await, 1);
    }

    #[test]
    fn drivers_are_read_by_name() {
        assert_eq!("messagingv2".parse::<NotificationDriver>().unwrap(), NotificationDriver::MessagingV2);
        assert!("kafka".parse::<NotificationDriver>().is_err());
    }

    #[test]
    fn each_format_is_sent_once() {
        use NotificationDriver::{Messaging, MessagingV2};
        let settings =
            NotificationSettings { drivers: vec![MessagingV2, Messaging, MessagingV2], ..Default::default() };
        assert_eq!(settings.formats(), [WireFormat::V2, WireFormat::V1]);
    }
}
