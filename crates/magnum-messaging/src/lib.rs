//! The message bus: nudges between the API and the conductors, and notifications to the rest of the cloud.
//!
//! Nothing depends on a message arriving. The database holds what is to be done; a *nudge* only says "look now", and
//! a scan finds what a lost nudge missed. *Notifications* are read from an outbox table by whoever calls
//! [`Notifier::deliver`], which succeeds only when the broker has confirmed the message; they may be delivered twice,
//! and carry the same ids when they are.
//!
//! [`RabbitBus`] speaks to RabbitMQ, [`MemoryBus`] stays in the process (standalone mode and tests). Which one is
//! wanted is read from the transport URL, see [`TransportUrl`].

mod amqp;
mod bus;
mod cadf;
mod envelope;
mod error;
mod memory;
mod notification;
mod notifier;
mod settings;
mod transport_url;

pub use amqp::RabbitBus;
pub use bus::{Bus, BusStats, Health, Nudges};
pub use cadf::{ClusterAction, ClusterEvent, EventPhase, Initiator, cluster_notifications, cluster_payload};
pub use envelope::{WireFormat, encode};
pub use error::BusError;
pub use memory::MemoryBus;
pub use notification::{Notification, Priority};
pub use notifier::{NotificationDriver, NotificationSettings, Notifier};
pub use settings::{LoginMethod, RabbitSettings, TlsSettings};
pub use transport_url::{BrokerHost, RabbitUrl, TransportUrl};
