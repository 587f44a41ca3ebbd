//! Cluster events in CADF, the audit format of OpenStack's services.
//!
//! Upstream sends one event type per action, `magnum.cluster.create`, and lets the CADF `outcome` tell beginning
//! (`pending`) from end (`success`, `failure`). That one is always sent, so that its listeners keep working. Telemetry
//! that filters on the event type alone wants `magnum.cluster.create.start`, `.end` and `.error`: these are sent beside
//! it while [`NotificationSettings::phase_events`] is on, with the same payload under a message id of their own.
//!
//! Of the cluster's data only upstream's fields are published, picked by name: nothing secret leaves by accident.

use crate::{Notification, NotificationSettings, Priority};
use jiff::Timestamp;
use magnum_types::Entropy;
use serde_json::{Map, Value, json};
use uuid::Uuid;

const CLUSTER_TYPE_URI: &str = "service/magnum/cluster";

/// The fields of a cluster that its events carry.
const CLUSTER_DATA: [&str; 20] = [
    "status",
    "status_reason",
    "project_id",
    "created_at",
    "updated_at",
    "cluster_template_id",
    "keypair",
    "docker_volume_size",
    "labels",
    "master_flavor_id",
    "flavor_id",
    "stack_id",
    "health_status",
    "create_timeout",
    "api_address",
    "discovery_url",
    "node_addresses",
    "master_addresses",
    "node_count",
    "master_count",
];

/// What is done to a cluster. Resize, upgrade and rotation are updates, as upstream has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the actions")]
pub enum ClusterAction {
    Create,
    Update,
    Delete,
}

impl ClusterAction {
    /// The CADF action, and the last part of upstream's event type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventPhase {
    /// It begins: outcome `pending`.
    Start,
    /// It ended well: outcome `success`.
    End,
    /// It ended badly: outcome `failure`, priority error.
    Error,
}

impl EventPhase {
    fn outcome(self) -> &'static str {
        match self {
            Self::Start => "pending",
            Self::End => "success",
            Self::Error => "failure",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Error => "error",
        }
    }

    fn priority(self) -> Priority {
        match self {
            Self::Start | Self::End => Priority::Info,
            Self::Error => Priority::Error,
        }
    }
}

/// Who asked for it. All empty for what the service does by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Initiator {
    /// The user's id.
    pub user_id: Option<String>,
    /// The project of the user's token.
    pub project_id: Option<String>,
    /// The domain of the user's token.
    pub domain_id: Option<String>,
}

/// Something that happened to a cluster.
#[derive(Clone, Debug)]
pub struct ClusterEvent<'a> {
    /// What.
    pub action: ClusterAction,
    /// How far.
    pub phase: EventPhase,
    /// The cluster's UUID.
    pub cluster_id: Uuid,
    /// Its name.
    pub cluster_name: &'a str,
    /// The cluster as a JSON object in the API's field names; only the fields upstream publishes are taken.
    pub cluster: &'a Value,
    /// Who asked.
    pub initiator: &'a Initiator,
    /// The request's context, for the `_context_…` fields; credentials in it are never published.
    pub context: Map<String, Value>,
}

/// The notifications an event gives rise to, ready for the outbox: upstream's, then the one with the phase in its name.
pub fn cluster_notifications(
    settings: &NotificationSettings,
    event: &ClusterEvent<'_>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Vec<Notification> {
    let payload = cluster_payload(event, now, entropy);
    let event_type = format!("magnum.cluster.{}", event.action.as_str());
    let phase_type = settings.phase_events.then(|| format!("{event_type}.{}", event.phase.suffix()));
    std::iter::once(event_type)
        .chain(phase_type)
        .map(|event_type| Notification {
            message_id: entropy.uuid(),
            event_type,
            priority: event.phase.priority(),
            publisher_id: settings.publisher_id.clone(),
            payload: payload.clone(),
            timestamp: now,
            context: event.context.clone(),
        })
        .collect()
}

/// The CADF event itself.
pub fn cluster_payload(event: &ClusterEvent<'_>, now: Timestamp, entropy: &dyn Entropy) -> Value {
    let mut initiator = json!({
        "id": entropy.uuid().to_string(),
        "typeURI": "service/security/account/user",
    });
    let who = event.initiator;
    for (key, value) in
        [("user_id", &who.user_id), ("project_id", &who.project_id), ("domain_id", &who.domain_id)]
    {
        if let (Some(value), Some(initiator)) = (value, initiator.as_object_mut()) {
            initiator.insert(key.to_owned(), value.clone().into());
        }
    }
    json!({
        "typeURI": "http://schemas.dmtf.org/cloud/audit/1.0/event",
        "eventType": "activity",
        "id": entropy.uuid().to_string(),
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%6f+0000").to_string(),
        "action": event.action.as_str(),
        "outcome": event.phase.outcome(),
        "observer": {"id": entropy.uuid().to_string(), "typeURI": CLUSTER_TYPE_URI},
        "initiator": initiator,
        "target": {
            "id": event.cluster_id.to_string(),
            "typeURI": CLUSTER_TYPE_URI,
            "name": event.cluster_name,
            "attachments": [{
                "typeURI": CLUSTER_TYPE_URI,
                "content": cluster_data(event.cluster),
                "name": "cluster_data",
            }],
        },
    })
}

fn cluster_data(cluster: &Value) -> Map<String, Value> {
    let mut data = Map::new();
    for key in CLUSTER_DATA {
        let value = cluster.get(key).cloned().unwrap_or_default();
        // Upstream misspells this one key, with a colon inside. Listeners that read it find it, and so do those that
        // expected the right one.
        if key == "docker_volume_size" {
            data.insert(format!("{key}:"), value.clone());
        }
        data.insert(key.to_owned(), value);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use magnum_types::SeededEntropy;

    /// Written by Magnum 22.0 for a pending creation, random ids and the time replaced.
    const UPSTREAM: &str = include_str!("../tests/golden/cadf-create-pending.json");

    fn event<'a>(phase: EventPhase, cluster: &'a Value, initiator: &'a Initiator) -> ClusterEvent<'a> {
        ClusterEvent {
            action: ClusterAction::Create,
            phase,
            cluster_id: "11111111-2222-4333-8444-555555555555".parse().unwrap(),
            cluster_name: "k",
            cluster,
            initiator,
            context: Map::new(),
        }
    }

    fn caller() -> Initiator {
        Initiator { user_id: Some("u".into()), project_id: Some("p".into()), domain_id: Some("d".into()) }
    }

    fn notifications(phase: EventPhase, settings: &NotificationSettings) -> Vec<Notification> {
        let now = "2026-11-22T22:04:25.073716Z".parse().unwrap();
        cluster_notifications(settings, &event(phase, &Value::Null, &caller()), now, &SeededEntropy::new(1))
    }

    #[test]
    fn the_payload_is_upstreams() {
        let settings = NotificationSettings::default();
        let mut ours = notifications(EventPhase::Start, &settings)[0].payload.clone();
        for pointer in ["/id", "/observer/id", "/initiator/id"] {
            let id = ours.pointer_mut(pointer).unwrap();
            id.as_str().unwrap().parse::<Uuid>().unwrap();
            *id = "ID".into();
        }
        let content = ours.pointer_mut("/target/attachments/0/content").unwrap().as_object_mut().unwrap();
        assert_eq!(content.remove("docker_volume_size"), Some(Value::Null), "the rightly spelt key is ours");
        assert_eq!(ours, serde_json::from_str::<Value>(UPSTREAM).unwrap());
    }

    #[test]
    fn both_event_types_are_sent_unless_the_phases_are_off() {
        let mut settings = NotificationSettings::default();
        let types = |settings: &_, phase| {
            notifications(phase, settings).into_iter().map(|n| n.event_type).collect::<Vec<_>>()
        };
        assert_eq!(
            types(&settings, EventPhase::Start),
            ["magnum.cluster.create", "magnum.cluster.create.start"]
        );
        assert_eq!(types(&settings, EventPhase::End)[1], "magnum.cluster.create.end");
        assert_eq!(types(&settings, EventPhase::Error)[1], "magnum.cluster.create.error");
        settings.phase_events = false;
        assert_eq!(types(&settings, EventPhase::Start), ["magnum.cluster.create"]);
    }

    #[test]
    fn failure_has_priority_error_and_each_message_its_own_id() {
        let sent = notifications(EventPhase::Error, &NotificationSettings::default());
        assert!(sent.iter().all(|n| n.priority == Priority::Error && n.payload["outcome"] == "failure"));
        assert_ne!(sent[0].message_id, sent[1].message_id);
    }

    #[test]
    fn only_the_published_fields_of_a_cluster_leave() {
        let cluster = json!({"status": "CREATE_COMPLETE", "node_count": 3, "trust_password": "sesame"});
        let who = Initiator::default();
        let payload = cluster_payload(
            &event(EventPhase::End, &cluster, &who),
            Timestamp::UNIX_EPOCH,
            &SeededEntropy::new(1),
        );
        let content = payload.pointer("/target/attachments/0/content").unwrap();
        assert_eq!((&content["status"], &content["node_count"]), (&json!("CREATE_COMPLETE"), &json!(3)));
        assert!(!payload.to_string().contains("sesame"));
        assert!(payload["initiator"].get("user_id").is_none());
    }
}
