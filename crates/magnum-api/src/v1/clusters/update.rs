//! Changes a cluster: the number of workers, which is work for a conductor, or what a watcher says of its health,
//! which is only noted.

use crate::{
    error::Answer,
    extract::{
        Call, PatchBody,
        patch::{self, Rules},
        words,
    },
    microversion::{ROLLBACK, ZERO_NODES},
    v1::{
        clusters::{accept, find, policy_target, resize::default_worker, view},
        document::{accepted, fields},
    },
};
use axum::extract::Path;
use indexmap::IndexMap;
use magnum_db::{AcceptOperation, ClusterSummary, ClusterView, GroupChange, Mode};
use magnum_policy::Rule;
use magnum_types::{
    CLUSTER_UPDATE, HealthStatus, NodeGroupPatch, OperationId, Role, ServiceError, Status,
    accept::ClusterResizeParams, change::EventAction,
};
use serde_json::{Map, Value};

const RULES: Rules = Rules {
    internal: &[
        "api_address",
        "node_addresses",
        "master_addresses",
        "stack_id",
        "cluster_id",
        "ca_cert_ref",
        "magnum_cert_ref",
        "etcd_ca_cert_ref",
        "front_proxy_ca_cert_ref",
        "trust_id",
        "trustee_user_name",
        "trustee_username",
        "trustee_password",
        "trustee_user_id",
    ],
    mandatory: &["cluster_template_id"],
    maps: &["labels", "health_status_reason"],
    lists: &[],
};

/// What a patch may change.
const CHANGEABLE: &[&str] = &["node_count", "health_status", "health_status_reason"];

/// `PATCH /v1/clusters/{cluster}`
pub async fn update(call: Call, Path(ident): Path<String>, PatchBody(operations): PatchBody) -> Answer {
    let rollback = rollback(&call)?;
    let cluster = find(&call, &ident, Some(Rule::ClusterUpdateAllProjects)).await?;
    let wanted = Wanted::of(&cluster, &call, &operations)?;
    let target = || policy_target(&cluster.cluster);
    if wanted.health.is_some() {
        call.enforce_target(Rule::ClusterUpdateHealthStatus, target())?;
    }
    if wanted.node_count.is_some() || wanted.health.is_none() {
        call.enforce_target(Rule::ClusterUpdate, target())?;
    }
    let uuid = cluster.cluster.uuid;
    if let Some(node_count) = wanted.node_count {
        change_node_count(&call, &cluster, node_count, rollback).await?;
    }
    if let Some((status, reason)) = wanted.health {
        // A status that was taken away is not known any more.
        let status = status.unwrap_or(HealthStatus::Unknown);
        call.state.store.cluster_patch_health(uuid, status, &reason).await?;
    }
    Ok(accepted(uuid))
}

/// `?rollback=`, known since 1.3.
fn rollback(call: &Call) -> Result<bool, ServiceError> {
    let known: &[&str] = if call.version.at_least(ROLLBACK) { &["rollback"] } else { &[] };
    let arguments = call.arguments(known)?;
    arguments.get("rollback").map_or(Ok(false), |text| words::boolean("rollback", &Value::from(text)))
}

type Health = (Option<HealthStatus>, IndexMap<String, String>);

/// The effective changes of a patch; what is set to its present value is none.
struct Wanted {
    node_count: Option<i32>,
    health: Option<Health>,
}

impl Wanted {
    fn of(cluster: &ClusterView, call: &Call, operations: &[patch::PatchOp]) -> Result<Self, ServiceError> {
        let summary = ClusterSummary::from(cluster);
        let present = fields(&view::document(&summary, call.version, ""))?;
        let mut document = present.clone();
        patch::apply(&mut document, operations, RULES)?;
        check_nothing_else(&present, &document)?;
        let field = |name: &str| document.get(name).cloned().unwrap_or(Value::Null);

        let count = field("node_count");
        // Without a value the attribute's default counts.
        let count =
            if words::is_unset(&count) { 1 } else { words::integer("node_count", &count, 0, i32::MAX)? };
        if count == 0 && !call.version.at_least(ZERO_NODES) {
            return Err(ServiceError::invalid(
                "Invalid value for node_count: 0; it must be at least 1 below microversion 1.10",
            ));
        }
        let node_count = Some(count).filter(|count| i64::from(*count) != summary.count(Role::Worker));

        let status = field("health_status");
        let status = if words::is_unset(&status) {
            None
        } else {
            let text = words::text("health_status", &status, 20)?;
            Some(text.parse::<HealthStatus>().map_err(|_| {
                ServiceError::invalid(format!(
                    "Invalid value for health_status: {text:?}; use HEALTHY, UNHEALTHY or UNKNOWN"
                ))
            })?)
        };
        let reason = field("health_status_reason");
        let reason = if words::is_unset(&reason) {
            IndexMap::new()
        } else {
            words::labels("health_status_reason", &reason)?.0
        };
        let health = Some((status, reason)).filter(|(status, reason)| {
            *status != cluster.cluster.health_status || *reason != cluster.cluster.health_status_reason
        });
        Ok(Self { node_count, health })
    }
}

/// Refuses changes of attributes that a cluster keeps for life.
fn check_nothing_else(present: &Map<String, Value>, wanted: &Map<String, Value>) -> Result<(), ServiceError> {
    let changed: Vec<&str> = wanted
        .iter()
        .filter(|(name, value)| {
            !CHANGEABLE.contains(&name.as_str()) && present.get(name.as_str()) != Some(value)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    Err(ServiceError::invalid(format!(
        "cannot change cluster property(ies) {}; only {} can be changed",
        changed.join(", "),
        CHANGEABLE.join(", ")
    )))
}

async fn change_node_count(
    call: &Call,
    cluster: &ClusterView,
    node_count: i32,
    rollback: bool,
) -> Result<(), ServiceError> {
    let group = default_worker(cluster)?;
    crate::v1::clusters::resize::check_bounds(group, node_count)?;
    let state = &call.state;
    let id = OperationId(state.entropy.uuid());
    let params = ClusterResizeParams {
        nodegroup: group.uuid,
        node_count,
        previous_count: group.node_count,
        nodes_to_remove: Vec::new(),
        rollback,
    };
    let timeout = accept::time_limit(state, cluster.cluster.create_timeout);
    let patch = NodeGroupPatch {
        node_count: Some(node_count),
        status: Some(Status::UpdateInProgress),
        ..NodeGroupPatch::default()
    };
    state
        .store
        .accept_operation(AcceptOperation {
            cluster: cluster.cluster.uuid,
            allowed: Status::admits_update,
            new_status: Status::UpdateInProgress,
            nodegroup: GroupChange::Patch(group.uuid, Box::new(patch)),
            operation: accept::operation(call, id, CLUSTER_UPDATE, &params, timeout)?,
            mode: Mode::Exclusive,
            event: call.pending(cluster.cluster.uuid, id, EventAction::Update),
        })
        .await?;
    accept::nudge(state, id);
    Ok(())
}
