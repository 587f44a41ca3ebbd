//! Writing the domain's rows inside of somebody's transaction: the columns of new rows, and the changes that a step
//! of an operation asks for.

use crate::{
    error::DbError,
    pool::{Arg, Tx, args},
    rows::{ClusterRow, NodeGroupRow, json_text, plain_text},
    sql::{Columns, insert, marks, update},
    store::whole_seconds,
};
use chrono::NaiveDateTime;
use magnum_types::{
    Change, Cluster, ClusterHandle, ClusterId, ClusterPatch, HandlePatch, NodeGroup, NodeGroupId,
    NodeGroupPatch, NodeRegistration, NodeState, OperationState, change::ClusterEvent,
};
use serde_json::{Value, json};

/// The columns of a new cluster.
pub(crate) fn cluster_columns(cluster: &Cluster, now: NaiveDateTime) -> Result<Columns, DbError> {
    Ok(vec![
        ("uuid", cluster.uuid.into()),
        ("project_id", (&cluster.project_id).into()),
        ("user_id", (&cluster.user_id).into()),
        ("name", (&cluster.name).into()),
        ("cluster_template_id", (&cluster.cluster_template_id).into()),
        ("keypair", (&cluster.keypair).into()),
        ("docker_volume_size", cluster.docker_volume_size.into()),
        ("labels", json_text(&cluster.labels)?.into()),
        ("master_flavor_id", (&cluster.master_flavor_id).into()),
        ("flavor_id", (&cluster.flavor_id).into()),
        ("fixed_network", (&cluster.fixed_network).into()),
        ("fixed_subnet", (&cluster.fixed_subnet).into()),
        ("floating_ip_enabled", cluster.floating_ip_enabled.into()),
        ("master_lb_enabled", cluster.master_lb_enabled.into()),
        ("create_timeout", cluster.create_timeout.into()),
        ("discovery_url", (&cluster.discovery_url).into()),
        ("stack_id", (&cluster.stack_id).into()),
        ("status", cluster.status.into()),
        ("status_reason", (&cluster.status_reason).into()),
        ("health_status", cluster.health_status.map(|health| health.as_str()).into()),
        ("health_status_reason", json_text(&cluster.health_status_reason)?.into()),
        ("api_address", (&cluster.api_address).into()),
        ("coe_version", (&cluster.coe_version).into()),
        ("container_version", (&cluster.container_version).into()),
        ("trust_id", (&cluster.trust_id).into()),
        ("trustee_username", (&cluster.trustee_username).into()),
        ("trustee_user_id", (&cluster.trustee_user_id).into()),
        ("trustee_password", (&cluster.trustee_password).into()),
        ("ca_cert_ref", (&cluster.ca_cert_ref).into()),
        ("magnum_cert_ref", (&cluster.magnum_cert_ref).into()),
        ("etcd_ca_cert_ref", (&cluster.etcd_ca_cert_ref).into()),
        ("front_proxy_ca_cert_ref", (&cluster.front_proxy_ca_cert_ref).into()),
        ("created_at", whole_seconds(now).into()),
    ])
}

/// The columns of a new node group.
pub(crate) fn nodegroup_columns(group: &NodeGroup, now: NaiveDateTime) -> Result<Columns, DbError> {
    Ok(vec![
        ("uuid", group.uuid.into()),
        ("name", (&group.name).into()),
        ("cluster_id", group.cluster_id.into()),
        ("project_id", (&group.project_id).into()),
        ("docker_volume_size", group.docker_volume_size.into()),
        ("labels", json_text(&group.labels)?.into()),
        ("flavor_id", (&group.flavor_id).into()),
        ("image_id", (&group.image_id).into()),
        ("node_addresses", json_text(&group.node_addresses)?.into()),
        ("node_count", group.node_count.into()),
        ("role", (&group.role).into()),
        ("min_node_count", group.min_node_count.into()),
        ("max_node_count", group.max_node_count.into()),
        ("is_default", group.is_default.into()),
        ("stack_id", (&group.stack_id).into()),
        ("status", group.status.into()),
        ("status_reason", (&group.status_reason).into()),
        ("version", (&group.version).into()),
        ("node_labels", group.node_labels.as_ref().map(json_text).transpose()?.into()),
        ("node_taints", group.node_taints.as_ref().map(json_text).transpose()?.into()),
        ("created_at", whole_seconds(now).into()),
    ])
}

/// Applies changes in their order. A row that is gone is no error: the change has nothing left to say.
pub(crate) async fn apply(tx: &mut Tx, now: NaiveDateTime, changes: &[Change]) -> Result<(), DbError> {
    // What a cluster looked like when it was deleted, for a notification that follows.
    let mut last: Option<(ClusterId, Value)> = None;
    for change in changes {
        match change {
            Change::Cluster(id, patch) => patch_cluster(tx, now, *id, patch).await?,
            Change::NodeGroup(id, patch) => patch_nodegroup(tx, now, *id, patch).await?,
            Change::NodeGroups(id, status, reason) => {
                let columns = vec![
                    ("status", (*status).into()),
                    ("status_reason", reason.as_deref().map(plain_text).into()),
                    ("updated_at", whole_seconds(now).into()),
                ];
                update(tx, "nodegroup", columns, "cluster_id = ?", args![*id]).await?;
            }
            Change::Handle(id, patch) => patch_handle(tx, now, *id, patch).await?,
            Change::NodeGroupSecret(id, hash) => {
                let columns = vec![("join_secret_hash", hash.into())];
                update(tx, "nodegroup_handle", columns, "nodegroup_uuid = ?", args![*id]).await?;
            }
            Change::DeleteNodeGroup(id) => delete_nodegroup(tx, *id).await?,
            Change::NodesBecome(id, state, nodes) => {
                if let Some((condition, condition_args)) = these_nodes(*id, nodes) {
                    let sql = format!("UPDATE node_registration SET state = ?, {MOVED} WHERE {condition}");
                    let mut sql_args = args![state.as_str(), now, *id];
                    sql_args.extend(condition_args);
                    tx.execute(&sql, sql_args).await?;
                }
            }
            Change::NodesRelease(id, release, nodes) => {
                if let Some((condition, condition_args)) = these_nodes(*id, nodes) {
                    let columns = vec![("wanted_release", release.into())];
                    update(tx, "node_registration", columns, &condition, condition_args).await?;
                }
            }
            Change::NodesRebuild(id, image, nodes) => {
                let sql = format!(
                    "UPDATE node_registration SET state = ?, wanted_image = ?, token_hash = ?, generation = 0, \
                     step = NULL, error = NULL, {MOVED} WHERE cluster_uuid = ? AND instance_id = ?"
                );
                for node in nodes {
                    let token = NodeRegistration::awaited_token(node);
                    let state = NodeState::Rebuilding.as_str();
                    tx.execute(&sql, args![state, image, token, now, *id, *id, node]).await?;
                }
            }
            Change::NodesResume(id) => {
                let sql = format!(
                    "UPDATE node_registration SET state = CASE state WHEN ? THEN ? ELSE ? END, {MOVED} \
                     WHERE cluster_uuid = ? AND state IN (?, ?)"
                );
                let [draining, upgrading] = [NodeState::Draining.as_str(), NodeState::Upgrading.as_str()];
                let [ready, registered] = [NodeState::Ready.as_str(), NodeState::Registered.as_str()];
                let sql_args = args![draining, ready, registered, now, *id, *id, draining, upgrading];
                tx.execute(&sql, sql_args).await?;
            }
            Change::ForgetNodes(id, nodes) => {
                if let Some((condition, args)) = these_nodes(*id, nodes) {
                    tx.execute(&format!("DELETE FROM node_registration WHERE {condition}"), args).await?;
                }
            }
            Change::DeleteCluster(id) => {
                last = Some((*id, snapshot(tx, *id).await?));
                delete_cluster(tx, now, *id).await?;
            }
            Change::Notify(event) => {
                let known = last
                    .as_ref()
                    .filter(|(id, _)| *id == event.cluster)
                    .map(|(_, snapshot)| snapshot.clone());
                notify(tx, now, event, known).await?;
            }
        }
    }
    Ok(())
}

/// What every move of nodes notes: when (a mark), and with which generation (the cluster).
const MOVED: &str = "moved_at = ?, moved_generation = \
                     (SELECT h.plan_generation FROM cluster_handle h WHERE h.cluster_uuid = ?)";

fn these_nodes(cluster: ClusterId, nodes: &[String]) -> Option<(String, Vec<Arg>)> {
    if nodes.is_empty() {
        return None;
    }
    let mut args = args![cluster];
    args.extend(nodes.iter().map(Arg::from));
    Some((format!("cluster_uuid = ? AND instance_id IN ({})", marks(nodes.len())), args))
}

/// Adds a column for every field that is given.
macro_rules! given {
    ($columns:ident, $patch:ident, $($field:ident),* $(,)?) => {
        $(if let Some(value) = &$patch.$field {
            $columns.push((stringify!($field), value.into()));
        })*
    };
}

async fn patch_cluster(
    tx: &mut Tx,
    now: NaiveDateTime,
    id: ClusterId,
    patch: &ClusterPatch,
) -> Result<(), DbError> {
    let mut columns: Columns = vec![("updated_at", whole_seconds(now).into())];
    given!(
        columns,
        patch,
        stack_id,
        api_address,
        discovery_url,
        coe_version,
        container_version,
        trust_id,
        trustee_username,
        trustee_user_id,
        trustee_password,
        ca_cert_ref,
        magnum_cert_ref,
        etcd_ca_cert_ref,
        front_proxy_ca_cert_ref,
        cluster_template_id,
    );
    if let Some(reason) = &patch.status_reason {
        columns.push(("status_reason", reason.as_deref().map(plain_text).into()));
    }
    if let Some(status) = patch.status {
        columns.push(("status", status.into()));
    }
    if let Some(health) = patch.health_status {
        columns.push(("health_status", health.map(|health| health.as_str()).into()));
    }
    if let Some(reason) = &patch.health_status_reason {
        columns.push(("health_status_reason", json_text(reason)?.into()));
    }
    if let Some(labels) = &patch.labels {
        columns.push(("labels", json_text(labels)?.into()));
    }
    update(tx, "cluster", columns, "uuid = ?", args![id]).await?;
    Ok(())
}

async fn patch_nodegroup(
    tx: &mut Tx,
    now: NaiveDateTime,
    id: NodeGroupId,
    patch: &NodeGroupPatch,
) -> Result<(), DbError> {
    update(tx, "nodegroup", patched_columns(now, patch)?, "uuid = ?", args![id]).await?;
    Ok(())
}

/// The columns that a patch sets.
pub(crate) fn patched_columns(now: NaiveDateTime, patch: &NodeGroupPatch) -> Result<Columns, DbError> {
    let mut columns: Columns = vec![("updated_at", whole_seconds(now).into())];
    given!(columns, patch, stack_id, version, image_id);
    if let Some(reason) = &patch.status_reason {
        columns.push(("status_reason", reason.as_deref().map(plain_text).into()));
    }
    if let Some(status) = patch.status {
        columns.push(("status", status.into()));
    }
    if let Some(count) = patch.node_count {
        columns.push(("node_count", count.into()));
    }
    if let Some(addresses) = &patch.node_addresses {
        columns.push(("node_addresses", json_text(addresses)?.into()));
    }
    if let Some(labels) = &patch.labels {
        columns.push(("labels", json_text(labels)?.into()));
    }
    if let Some(min) = patch.min_node_count {
        columns.push(("min_node_count", min.into()));
    }
    if let Some(max) = patch.max_node_count {
        columns.push(("max_node_count", max.into()));
    }
    if let Some(labels) = &patch.node_labels {
        columns.push(("node_labels", labels.as_ref().map(json_text).transpose()?.into()));
    }
    if let Some(taints) = &patch.node_taints {
        columns.push(("node_taints", taints.as_ref().map(json_text).transpose()?.into()));
    }
    Ok(columns)
}

/// A cluster that upstream made has no handle until something is written to it.
async fn patch_handle(
    tx: &mut Tx,
    now: NaiveDateTime,
    id: ClusterId,
    patch: &HandlePatch,
) -> Result<(), DbError> {
    let mut columns: Columns = vec![("updated_at", now.into())];
    given!(columns, patch, application_credential_id, join_secret_hash, facts);
    if let Some(credential) = patch.credential {
        columns.push(("credential", credential.map(|kind| kind.as_str()).into()));
    }
    if let Some(rotation) = &patch.rotation {
        columns.push(("rotation", rotation.as_ref().map(json_text).transpose()?.into()));
    }
    if let Some(generation) = patch.certificate_generation {
        columns.push(("certificate_generation", i64::from(generation).into()));
    }
    if let Some(former) = &patch.former_credentials {
        columns.push(("former_credentials", json_text(former)?.into()));
    }
    if update(tx, "cluster_handle", columns.clone(), "cluster_uuid = ?", args![id]).await? == 0 {
        columns.push(("cluster_uuid", id.into()));
        columns.push(("stack_name", "".into()));
        columns.push(("created_at", now.into()));
        insert(tx, "cluster_handle", columns).await.map_err(DbError::raced_if_duplicate)?;
    }
    if patch.raise_plan_generation {
        raise_plan_generation(tx, id).await?;
    }
    Ok(())
}

/// Adds one to the generation of the nodes' plans.
pub(crate) async fn raise_plan_generation(tx: &mut Tx, id: ClusterId) -> Result<(), DbError> {
    let sql = "UPDATE cluster_handle SET plan_generation = plan_generation + 1 WHERE cluster_uuid = ?";
    tx.execute(sql, args![id]).await?;
    Ok(())
}

async fn delete_cluster(tx: &mut Tx, now: NaiveDateTime, id: ClusterId) -> Result<(), DbError> {
    for (table, column) in [
        ("node_registration", "cluster_uuid"),
        ("nodegroup_handle", "cluster_uuid"),
        ("cluster_handle", "cluster_uuid"),
        ("nodegroup", "cluster_id"),
        ("cluster", "uuid"),
        // Last: its first row is made while the cluster's is held.
        ("cluster_reach", "cluster_uuid"),
    ] {
        tx.execute(&format!("DELETE FROM {table} WHERE {column} = ?"), args![id]).await?;
    }
    // What still waits for the cluster has nothing to work on any more.
    let columns = vec![("state", OperationState::Superseded.as_str().into()), ("finished_at", now.into())];
    let condition_args = args![id, OperationState::Queued.as_str()];
    update(tx, "operation", columns, "subject = ? AND state = ?", condition_args).await?;
    Ok(())
}

async fn delete_nodegroup(tx: &mut Tx, id: NodeGroupId) -> Result<(), DbError> {
    for (table, column) in [
        ("node_registration", "nodegroup_uuid"),
        ("nodegroup_handle", "nodegroup_uuid"),
        ("nodegroup", "uuid"),
    ] {
        tx.execute(&format!("DELETE FROM {table} WHERE {column} = ?"), args![id]).await?;
    }
    Ok(())
}

/// Puts a notification beside what it tells of.
async fn notify(
    tx: &mut Tx,
    now: NaiveDateTime,
    event: &ClusterEvent,
    known: Option<Value>,
) -> Result<(), DbError> {
    let snapshot = match known {
        Some(snapshot) => snapshot,
        None => snapshot(tx, event.cluster).await?,
    };
    let columns = vec![
        ("event", json_text(event)?.into()),
        ("snapshot", json_text(&snapshot)?.into()),
        ("created_at", now.into()),
    ];
    insert(tx, "outbox", columns).await
}

/// The cluster and its groups as they are in this transaction, without anything secret; `cluster` is null when the
/// row is gone.
async fn snapshot(tx: &mut Tx, id: ClusterId) -> Result<Value, DbError> {
    let row: Option<ClusterRow> = tx.one("SELECT * FROM cluster WHERE uuid = ?", args![id]).await?;
    let mut cluster = row.map(ClusterRow::read).transpose()?;
    if let Some(cluster) = &mut cluster {
        cluster.trust_id = None;
        cluster.trustee_password = None;
    }
    let sql = "SELECT * FROM nodegroup WHERE cluster_id = ? ORDER BY id";
    let rows: Vec<NodeGroupRow> = tx.all(sql, args![id]).await?;
    let nodegroups: Vec<NodeGroup> = rows.into_iter().map(NodeGroupRow::read).collect::<Result<_, _>>()?;
    Ok(json!({ "cluster": cluster, "nodegroups": nodegroups }))
}

/// A handle for a cluster that has none because upstream made it: its stack is known by the row's `stack_id` only.
pub(crate) fn made_up_handle(cluster: ClusterId) -> ClusterHandle {
    ClusterHandle {
        cluster,
        stack_name: String::new(),
        credential: None,
        application_credential_id: None,
        join_secret_hash: None,
        plan_generation: 0,
        facts: None,
        rotation: None,
        certificate_generation: 0,
        former_credentials: Default::default(),
    }
}
