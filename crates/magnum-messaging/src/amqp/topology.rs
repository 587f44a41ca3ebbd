//! What we declare on the broker, and why.
//!
//! **Nudges** have an exchange and a queue of their own, `magnum-operations`; upstream's RPC topic is left alone, since
//! neither side could read the other's messages. The queue is durable (so that a mirroring policy may apply), bounded,
//! and forgets a nudge after a minute: by then the conductors' scan has found the operation.
//!
//! **Notifications** go where oslo.messaging sends them: a topic exchange, with a queue named as the routing key bound
//! to it, so that nothing is lost before the first listener comes.
//!
//! A queue or exchange that exists with other properties is used as it is: whoever made it has chosen them, and
//! refusing to work would help nobody.

use crate::{BusError, RabbitSettings};
use lapin::{
    Connection, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

/// The routing key of nudges.
pub(super) const NUDGE_KEY: &str = "nudge";
const NUDGE_TTL_MS: i32 = 60_000;
const NUDGES_KEPT: i32 = 10_000;

/// Exchange, queue and binding for nudges.
pub(super) async fn declare_operations(
    connection: &Connection,
    settings: &RabbitSettings,
) -> Result<(), BusError> {
    let name = settings.operations_queue();
    let mut arguments = queue_arguments(settings);
    arguments.insert("x-message-ttl".into(), AMQPValue::LongInt(NUDGE_TTL_MS));
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(NUDGES_KEPT));
    exchange(connection, &name, ExchangeKind::Direct, true).await?;
    queue(connection, &name, true, arguments).await?;
    bind(connection, &name, &name, NUDGE_KEY).await
}

/// The control exchange, and the queue for one topic and priority.
pub(super) async fn declare_notifications(
    connection: &Connection,
    settings: &RabbitSettings,
    name: &str,
) -> Result<(), BusError> {
    let durable = settings.durable_notifications();
    exchange(connection, &settings.control_exchange, ExchangeKind::Topic, durable).await?;
    queue(connection, name, durable, queue_arguments(settings)).await?;
    bind(connection, &settings.control_exchange, name, name).await
}

fn queue_arguments(settings: &RabbitSettings) -> FieldTable {
    let mut arguments = FieldTable::default();
    if settings.quorum_queues {
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    }
    arguments
}

// Each declaration has a channel of its own, because a refused one closes its channel.

async fn exchange(
    connection: &Connection,
    name: &str,
    kind: ExchangeKind,
    durable: bool,
) -> Result<(), BusError> {
    let mut options = ExchangeDeclareOptions { durable, ..Default::default() };
    let first = declare_exchange(connection, name, kind.clone(), options).await;
    match first {
        Err(error) if error.is_amqp_soft_error() => {
            tracing::warn!(exchange = name, %error, "exchange is used with the properties it has");
            options.passive = true;
            declare_exchange(connection, name, kind, options).await
        }
        result => result,
    }
    .map_err(BusError::broker("an exchange"))
}

async fn declare_exchange(
    connection: &Connection,
    name: &str,
    kind: ExchangeKind,
    options: ExchangeDeclareOptions,
) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    channel.exchange_declare(name.into(), kind, options, FieldTable::default()).await?;
    channel.close(200, "done".into()).await
}

async fn queue(
    connection: &Connection,
    name: &str,
    durable: bool,
    arguments: FieldTable,
) -> Result<(), BusError> {
    let mut options = QueueDeclareOptions { durable, ..Default::default() };
    let first = declare_queue(connection, name, options, arguments).await;
    match first {
        Err(error) if error.is_amqp_soft_error() => {
            tracing::warn!(queue = name, %error, "queue is used with the properties it has");
            options.passive = true;
            declare_queue(connection, name, options, FieldTable::default()).await
        }
        result => result,
    }
    .map_err(BusError::broker("a queue"))
}

async fn declare_queue(
    connection: &Connection,
    name: &str,
    options: QueueDeclareOptions,
    arguments: FieldTable,
) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    channel.queue_declare(name.into(), options, arguments).await?;
    channel.close(200, "done".into()).await
}

async fn bind(connection: &Connection, exchange: &str, queue: &str, key: &str) -> Result<(), BusError> {
    async {
        let channel = connection.create_channel().await?;
        let options = QueueBindOptions::default();
        channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default()).await?;
        channel.close(200, "done".into()).await
    }
    .await
    .map_err(BusError::broker("a binding"))
}
