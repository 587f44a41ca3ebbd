//! Receiving nudges. All conductors consume from one queue; a nudge is acknowledged once it waits in this process,
//! which is enough for a hint. What is no nudge is thrown away and counted.

use super::{
    connection::{self, Link, Session},
    publisher::NudgeBody,
};
use crate::{BusError, RabbitSettings, bus::Counters};
use futures_util::StreamExt;
use lapin::{
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions},
    types::FieldTable,
};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How many nudges the broker may hand to this process before it has acknowledged one: few, so that a busy process
/// leaves them to the others.
const PREFETCH: u16 = 8;

/// Consumes on one session after the other until `stop`.
pub(super) async fn run(
    settings: Arc<RabbitSettings>,
    mut link: watch::Receiver<Link>,
    sender: mpsc::Sender<Uuid>,
    counters: Arc<Counters>,
    stop: CancellationToken,
) {
    loop {
        let session = tokio::select! {
            () = stop.cancelled() => return,
            session = connection::next_session(&mut link) => session,
        };
        let Some(session) = session else { return };
        let result = tokio::select! {
            () = stop.cancelled() => return,
            () = session.broken() => continue,
            result = consume(&session, &settings, &sender, &counters) => result,
        };
        match result {
            Ok(Ended::NobodyReads) => return,
            Ok(Ended::ByBroker) => session.give_up("the broker ended the consumer".to_owned()),
            Err(error) => session.give_up(error.in_full()),
        }
    }
}

/// Why consuming ended without an error.
enum Ended {
    /// Every receiver is gone.
    NobodyReads,
    /// The queue was deleted or moved.
    ByBroker,
}

async fn consume(
    session: &Session,
    settings: &RabbitSettings,
    sender: &mpsc::Sender<Uuid>,
    counters: &Counters,
) -> Result<Ended, BusError> {
    let refused = BusError::broker;
    let limit = settings.confirm_timeout;
    let start = async {
        let channel = session.connection().create_channel().await.map_err(refused("a channel"))?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await.map_err(refused("a prefetch limit"))?;
        channel
            .basic_consume(
                settings.operations_queue().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(refused("a consumer"))
    };
    let mut deliveries = tokio::time::timeout(limit, start)
        .await
        .map_err(|_| BusError::TimedOut { what: "a consumer", after: limit })??;
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery.map_err(refused("a consumer"))?;
        let accepted = match serde_json::from_slice::<NudgeBody>(&delivery.data) {
            Ok(NudgeBody { operation }) => {
                if sender.send(operation).await.is_err() {
                    return Ok(Ended::NobodyReads);
                }
                Counters::one(&counters.nudges_received);
                true
            }
            Err(error) => {
                Counters::one(&counters.nudges_malformed);
                tracing::warn!(queue = settings.operations_queue(), %error, "message is no nudge");
                false
            }
        };
        tokio::time::timeout(limit, settle(&delivery, accepted))
            .await
            .map_err(|_| BusError::TimedOut { what: "an acknowledgement", after: limit })?
            .map_err(refused("an acknowledgement"))?;
    }
    Ok(Ended::ByBroker)
}

async fn settle(delivery: &Delivery, accepted: bool) -> lapin::Result<bool> {
    if accepted {
        delivery.acker.ack(BasicAckOptions::default()).await
    } else {
        delivery.acker.reject(BasicRejectOptions { requeue: false }).await
    }
}
