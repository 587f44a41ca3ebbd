//! Empties the outbox: what happened to clusters, written in the transactions that did it, becomes notifications on
//! the bus. A dead broker loses none: a row leaves the outbox only when the broker has confirmed it. Nor does it change
//! their order: what could not be sent is given back, and sent before anything that happened since.

use magnum_db::{OutboxRow, Store};
use magnum_messaging::{
    BusError, ClusterAction, ClusterEvent, EventPhase, Initiator, Notification, Notifier,
    cluster_notifications,
};
use magnum_types::{
    SeededEntropy,
    change::{EventAction, EventOutcome},
};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

/// Rows taken at once.
const BATCH: usize = 50;
/// How long a conductor that took rows keeps others off them.
const LEASE: Duration = Duration::from_secs(30);
/// How long it sends: well within its lease, so that no two of them send at a time.
const SENDS: Duration = Duration::from_secs(15);

/// Sends what is in the outbox. Returns the number of rows that were sent.
pub async fn deliver(store: &Store, notifier: &Notifier, owner: &str) -> usize {
    let rows = match store.outbox_take(BATCH, owner, LEASE).await {
        Ok(rows) => rows,
        Err(error) => {
            warn!(error = %error, "the outbox cannot be read; it is tried again");
            return 0;
        }
    };
    let until = Instant::now() + SENDS;
    let mut sent = Vec::with_capacity(rows.len());
    for row in &rows {
        match timeout_at(until, send(row, notifier)).await {
            Ok(Ok(())) => sent.push(row.id),
            // The others would fail like it, and must not come before it.
            Ok(Err(error)) => {
                let waiting = rows.len() - sent.len();
                warn!(error = %error, waiting, "a notification was not taken; it is sent again");
                break;
            }
            Err(_) => break,
        }
    }
    if let Err(error) = store.outbox_done(&sent).await {
        warn!(error = %error, "sent notifications stay in the outbox and will be sent twice, under the same ids");
        return 0;
    }
    let rest: Vec<i64> = rows.iter().skip(sent.len()).map(|row| row.id).collect();
    if let Err(error) = store.outbox_failed(&rest, owner).await {
        warn!(error = %error, "notifications cannot be given back; they wait until the lease has run out");
    }
    sent.len()
}

/// Sends what a row tells, all of it.
async fn send(row: &OutboxRow, notifier: &Notifier) -> Result<(), BusError> {
    if notifier.is_on() {
        for notification in notifications(row, notifier) {
            notifier.deliver(&notification).await?;
        }
    }
    Ok(())
}

fn notifications(row: &OutboxRow, notifier: &Notifier) -> Vec<Notification> {
    let event = &row.event;
    let initiator = Initiator {
        user_id: Some(event.initiator.user_id.clone()),
        project_id: Some(event.initiator.project_id.clone()),
        domain_id: event.initiator.domain_id.clone(),
    };
    let context: Map<String, Value> = [
        ("request_id", json!(event.initiator.request_id)),
        ("user_id", json!(event.initiator.user_id)),
        ("project_id", json!(event.initiator.project_id)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    let cluster = published(&row.snapshot);
    let event = ClusterEvent {
        action: match event.action {
            EventAction::Create => ClusterAction::Create,
            EventAction::Update => ClusterAction::Update,
            EventAction::Delete => ClusterAction::Delete,
        },
        phase: match event.outcome {
            EventOutcome::Pending => EventPhase::Start,
            EventOutcome::Success => EventPhase::End,
            EventOutcome::Failure => EventPhase::Error,
        },
        cluster_id: event.cluster.0,
        cluster_name: cluster.get("name").and_then(Value::as_str).unwrap_or_default(),
        cluster: &cluster,
        initiator: &initiator,
        context,
    };
    // The ids of a message are drawn from what it is about: a second delivery bears the same.
    let seed =
        row.event.operation.0.as_u64_pair().0 ^ u64::try_from(row.id).unwrap_or_default().rotate_left(32);
    cluster_notifications(notifier.settings(), &event, row.created_at, &SeededEntropy::new(seed))
}

/// The cluster as the API shows it: counts and addresses are those of its node groups.
fn published(snapshot: &Value) -> Value {
    let mut cluster = snapshot.get("cluster").and_then(Value::as_object).cloned().unwrap_or_default();
    let groups = snapshot.get("nodegroups").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (role, count, addresses) in
        [(true, "master_count", "master_addresses"), (false, "node_count", "node_addresses")]
    {
        let groups = || {
            groups.iter().filter(move |g| (g.get("role").and_then(Value::as_str) == Some("master")) == role)
        };
        let nodes: i64 = groups().filter_map(|g| g.get("node_count").and_then(Value::as_i64)).sum();
        let known: Vec<Value> = groups()
            .filter_map(|g| g.get("node_addresses").and_then(Value::as_array))
            .flatten()
            .cloned()
            .collect();
        cluster.insert(count.to_owned(), nodes.into());
        cluster.insert(addresses.to_owned(), known.into());
    }
    Value::Object(cluster)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_cluster_has_the_counts_and_addresses_of_its_groups() {
        let snapshot = json!({
            "cluster": {"name": "s1"},
            "nodegroups": [
                {"role": "master", "node_count": 1, "node_addresses": ["10.0.0.3"]},
                {"role": "worker", "node_count": 2, "node_addresses": ["10.0.0.4", "10.0.0.5"]},
                {"role": "gpu", "node_count": 3, "node_addresses": []},
            ],
        });
        let cluster = published(&snapshot);
        assert_eq!(cluster["name"], "s1");
        assert_eq!((&cluster["master_count"], &cluster["node_count"]), (&json!(1), &json!(5)));
        assert_eq!(cluster["node_addresses"], json!(["10.0.0.4", "10.0.0.5"]));
    }
}
