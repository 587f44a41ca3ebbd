//! The bytes of a notification, as oslo.messaging's listeners expect them.
//!
//! Version 1 is one JSON object. Version 2 wraps it: `oslo.version` is `2.0`, and `oslo.message` is the object once more
//! as *text*. Listeners drop a message whose `_unique_id` they have just seen; it is therefore the message id, so that
//! an event delivered twice is seen once. Upstream publishes its whole request context, token and password included, to
//! everyone who may read the queue; [`encode`] leaves credentials out whatever the context holds.

use crate::{BusError, Notification};
use serde_json::{Map, Value, json};

/// What is put on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireFormat {
    /// The bare message (driver `messaging`).
    V1,
    /// The message in an envelope (driver `messagingv2`).
    V2,
}

/// Context keys that are, or may hold, a credential.
const NEVER_PUBLISHED: [&str; 6] =
    ["auth_token", "auth_token_info", "password", "trust_id", "token", "service_catalog"];

/// Writes `notification` as the body of an AMQP message of content type `application/json`.
///
/// # Errors
/// [`BusError::Encode`] when the payload cannot be JSON.
pub fn encode(notification: &Notification, format: WireFormat) -> Result<Vec<u8>, BusError> {
    let message = message(notification);
    match format {
        WireFormat::V1 => serde_json::to_vec(&message),
        WireFormat::V2 => serde_json::to_string(&message)
            .and_then(|message| serde_json::to_vec(&json!({"oslo.version": "2.0", "oslo.message": message}))),
    }
    .map_err(BusError::Encode)
}

fn message(notification: &Notification) -> Map<String, Value> {
    let mut message = Map::new();
    let mut put = |key: &str, value: Value| message.insert(key.to_owned(), value);
    put("message_id", notification.message_id.to_string().into());
    put("publisher_id", notification.publisher_id.clone().into());
    put("event_type", notification.event_type.clone().into());
    put("priority", notification.priority.as_str().to_uppercase().into());
    put("payload", notification.payload.clone());
    put("timestamp", notification.timestamp.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string().into());
    put("_unique_id", notification.message_id.simple().to_string().into());
    for (key, value) in &notification.context {
        if !NEVER_PUBLISHED.contains(&key.as_str()) {
            put(&format!("_context_{key}"), value.clone());
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::example;

    /// Written by oslo.messaging 18.2.0 for the same event, its two random ids replaced by ours.
    const OSLO_V2: &str = include_str!("../tests/golden/oslo-v2.json");
    const OSLO_V1: &str = include_str!("../tests/golden/oslo-v1.json");

    fn parse(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    fn inner(envelope: &Value) -> Value {
        parse(envelope["oslo.message"].as_str().unwrap().as_bytes())
    }

    #[test]
    fn version_2_is_what_oslo_writes() {
        let (ours, theirs) = (parse(&encode(&example(), WireFormat::V2).unwrap()), parse(OSLO_V2.as_bytes()));
        assert_eq!(ours["oslo.version"], theirs["oslo.version"]);
        assert_eq!(inner(&ours), inner(&theirs));
        assert_eq!(ours.as_object().unwrap().len(), theirs.as_object().unwrap().len());
    }

    #[test]
    fn version_1_is_what_oslo_writes() {
        assert_eq!(parse(&encode(&example(), WireFormat::V1).unwrap()), parse(OSLO_V1.as_bytes()));
    }

    #[test]
    fn the_context_is_published_without_credentials() {
        let mut notification = example();
        for key in NEVER_PUBLISHED.iter().chain(&["request_id"]) {
            notification.context.insert((*key).to_owned(), "sesame-1".into());
        }
        let message = parse(&encode(&notification, WireFormat::V1).unwrap());
        assert_eq!(message["_context_request_id"], "sesame-1");
        assert_eq!(message.to_string().matches("sesame-1").count(), 1);
    }

    #[test]
    fn a_whole_second_still_has_microseconds() {
        let mut notification = example();
        notification.timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let message = parse(&encode(&notification, WireFormat::V1).unwrap());
        assert_eq!(message["timestamp"], "2026-01-02 03:04:05.000000");
    }
}
