//! Publishing with confirmation. A message counts as sent when the broker has confirmed it *and* not returned it: with
//! `mandatory`, a message that reaches no queue comes back instead of vanishing.

use super::{connection::Session, topology::NUDGE_KEY};
use crate::BusError;
use lapin::{BasicProperties, Channel, Confirmation, options::BasicPublishOptions};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// Delivery modes of AMQP.
const TRANSIENT: u8 = 1;
const PERSISTENT: u8 = 2;

/// The body of a nudge.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NudgeBody {
    pub operation: Uuid,
}

/// A message on its way.
pub(super) struct Message {
    exchange: String,
    routing_key: String,
    body: Vec<u8>,
    properties: BasicProperties,
}

impl Message {
    pub fn nudge(exchange: String, operation: Uuid) -> Result<Self, BusError> {
        let body = serde_json::to_vec(&NudgeBody { operation }).map_err(BusError::Encode)?;
        let properties = json_properties().with_delivery_mode(TRANSIENT);
        Ok(Self { exchange, routing_key: NUDGE_KEY.to_owned(), body, properties })
    }

    pub fn notification(exchange: String, routing_key: String, body: Vec<u8>) -> Self {
        let properties = json_properties().with_delivery_mode(PERSISTENT).with_priority(0);
        Self { exchange, routing_key, body, properties }
    }
}

fn json_properties() -> BasicProperties {
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
}

/// Publishes and waits for the confirmation. Everything but a clean confirmation or a return gives the session up.
pub(super) async fn publish(
    session: &Session,
    channel: &Channel,
    message: &Message,
    limit: Duration,
) -> Result<(), BusError> {
    let send = async {
        channel
            .basic_publish(
                message.exchange.as_str().into(),
                message.routing_key.as_str().into(),
                BasicPublishOptions { mandatory: true, immediate: false },
                &message.body,
                message.properties.clone(),
            )
            .await?
            .await
    };
    let key = || message.routing_key.clone();
    let (error, broken) = match tokio::time::timeout(limit, send).await {
        Ok(Ok(Confirmation::Ack(None))) => return Ok(()),
        // A missing nudge queue is declared by the next session, a missing notification queue by the caller.
        Ok(Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)))) => {
            (BusError::Unroutable { routing_key: key() }, message.routing_key == NUDGE_KEY)
        }
        Ok(Ok(Confirmation::Nack(None))) => (BusError::NotTaken { routing_key: key() }, false),
        Ok(Ok(Confirmation::NotRequested)) => (BusError::NotTaken { routing_key: key() }, true),
        Ok(Err(source)) => (BusError::Broker { what: "a message", source }, true),
        Err(_) => (BusError::TimedOut { what: "a message", after: limit }, true),
    };
    if broken {
        session.give_up(error.in_full());
    }
    Err(error)
}
