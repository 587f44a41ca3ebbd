//! A notification as the outbox keeps it. Its ids are drawn when the event happens, not when it is sent, so that a
//! second delivery is recognised as one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// One event, ready to be published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Identifies the event; the same on every delivery.
    pub message_id: Uuid,
    /// For instance `magnum.cluster.create`.
    pub event_type: String,
    /// Names the queue, together with the topic.
    pub priority: Priority,
    /// `service.host`, for instance `container-infra.ctl1`.
    pub publisher_id: String,
    /// What happened; a CADF event for clusters.
    pub payload: Value,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Who asked: `request_id`, `user_id`, `project_id` and the like. Credentials are never published, even if put
    /// here.
    #[serde(default)]
    pub context: Map<String, Value>,
}

/// How bad it is. Listeners subscribe to `<topic>.<priority>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are oslo.messaging's and speak for themselves")]
pub enum Priority {
    Debug,
    Info,
    Audit,
    Warn,
    Error,
    Critical,
}

impl Priority {
    /// The last part of the routing key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Audit => "audit",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// A notification for tests.
#[cfg(test)]
pub(crate) fn example() -> Notification {
    Notification {
        message_id: "9d35aab0-6aaa-4e4b-9b62-1f0c46dc7b75".parse().unwrap(),
        event_type: "magnum.cluster.create".to_owned(),
        priority: Priority::Info,
        publisher_id: "container-infra.host1".to_owned(),
        payload: serde_json::json!({"a": 1, "ü": null}),
        timestamp: "2026-11-22T22:01:32.651216Z".parse().unwrap(),
        context: Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outbox_keeps_every_field() {
        let json = serde_json::to_string(&example()).unwrap();
        assert_eq!(serde_json::from_str::<Notification>(&json).unwrap(), example());
    }
}
