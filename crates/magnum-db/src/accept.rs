//! Accepting a request: the check that its state admits it, the rows, the operation and the notification are one
//! transaction, committed before the client hears of it. Rivals are kept apart by row locks that every accepting
//! transaction takes first: the project's (quota), the template's, the live operation's.

use crate::{
    changes::{self, cluster_columns, nodegroup_columns},
    clusters,
    error::DbError,
    pool::{Tx, args},
    rows::json_text,
    sql::insert,
    store::{Store, later, transaction, whole_seconds},
    templates,
};
use chrono::NaiveDateTime;
use magnum_types::{
    Change, Cluster, ClusterHandle, ClusterId, NodeGroup, NodeGroupHandle, NodeGroupId, NodeGroupPatch,
    OperationId, OperationState, Status, change::ClusterEvent,
};
use serde_json::Value;
use sqlx::FromRow;
use std::time::Duration;
use uuid::Uuid;

/// An operation to be accepted.
#[derive(Clone, Debug)]
pub struct NewOperation {
    /// Its id, drawn by the caller.
    pub id: OperationId,
    /// Which operation, e.g. `cluster_create`.
    pub kind: &'static str,
    /// Its parameters; secrets in them are sealed.
    pub params: Value,
    /// How long it may take once it runs; waiting behind another one does not count.
    pub timeout: Duration,
    /// The request that causes it.
    pub request_id: String,
    /// The caller's project.
    pub project_id: String,
    /// The caller.
    pub user_id: String,
}

/// A cluster to be made.
#[derive(Clone, Debug)]
pub struct AcceptCreate {
    /// The row; `id` and the times are set by the store.
    pub cluster: Cluster,
    /// Its groups.
    pub nodegroups: Vec<NodeGroup>,
    /// Its handle.
    pub handle: ClusterHandle,
    /// What makes it.
    pub operation: NewOperation,
    /// Clusters that the project may have, this one included.
    pub quota: i32,
    /// What is told.
    pub event: ClusterEvent,
}

/// What becomes of an operation that the cluster has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is in the way: refuse.
    Exclusive,
    /// It goes first.
    Queue,
    /// It is asked to stop, and goes first; what waits behind it is given up.
    Supersede,
    /// The same if it is of this kind; any other is in the way.
    Stop(&'static str),
}

/// What becomes of a node group when an operation is accepted.
#[derive(Clone, Debug)]
pub enum GroupChange {
    /// Nothing.
    None,
    /// It is changed.
    Patch(NodeGroupId, Box<NodeGroupPatch>),
    /// It is made, with a stack of its own to come.
    New(Box<NodeGroup>, NodeGroupHandle),
}

/// A change of a cluster.
#[derive(Clone, Debug)]
pub struct AcceptOperation {
    /// The cluster.
    pub cluster: ClusterId,
    /// Which statuses of the cluster admit it.
    pub allowed: fn(Status) -> bool,
    /// The cluster's status from now on.
    pub new_status: Status,
    /// What becomes of one of its groups at once.
    pub nodegroup: GroupChange,
    /// What does it.
    pub operation: NewOperation,
    /// What becomes of an operation that the cluster has already.
    pub mode: Mode,
    /// What is told.
    pub event: ClusterEvent,
}

#[derive(FromRow)]
struct Count {
    count: i64,
}

#[derive(FromRow)]
struct StatusRow {
    status: Option<String>,
}

impl Store {
    /// Accepts a new cluster.
    ///
    /// # Errors
    /// [`DbError::QuotaExceeded`], [`DbError::NotFound`] when its template was deleted meanwhile, and
    /// [`DbError::AlreadyExists`] when an id is taken.
    pub async fn accept_cluster_create(&self, accept: AcceptCreate) -> Result<(), DbError> {
        let done = transaction!(self, |tx, now| {
            lock_project(tx, &accept.cluster.project_id).await?;
            let sql = "SELECT COUNT(*) AS count FROM cluster WHERE project_id = ?";
            let used =
                tx.one::<Count>(sql, args![&accept.cluster.project_id]).await?.map_or(0, |row| row.count);
            if used >= i64::from(accept.quota) {
                return Err(DbError::QuotaExceeded { limit: accept.quota, used });
            }
            templates::lock_by_text(tx, &accept.cluster.cluster_template_id).await?;
            insert(tx, "cluster", cluster_columns(&accept.cluster, now)?).await?;
            for group in &accept.nodegroups {
                insert(tx, "nodegroup", nodegroup_columns(group, now)?).await?;
            }
            insert_handle(tx, &accept.handle, now).await?;
            insert_operation(tx, accept.cluster.uuid.0, &accept.operation, true, now).await?;
            changes::apply(tx, now, &[Change::Notify(accept.event.clone())]).await?;
        });
        done.map_err(|error| match error.is_duplicate() {
            true => DbError::AlreadyExists { noun: "Cluster", ident: accept.cluster.uuid.to_string() },
            false => error,
        })
    }

    /// Accepts a change of a cluster.
    ///
    /// # Errors
    /// [`DbError::NotFound`], [`DbError::StatusRefused`], [`DbError::OperationInProgress`] in mode exclusive, and
    /// [`DbError::AlreadyExists`] for a new group whose name the cluster has already.
    pub async fn accept_operation(&self, accept: AcceptOperation) -> Result<(), DbError> {
        let subject = accept.cluster;
        transaction!(self, |tx, now| {
            // Locks the live operation, so that it cannot end between this look and our place behind it.
            let sql = "UPDATE operation SET touched = touched + 1 WHERE live = ?";
            let alone = tx.execute(sql, args![subject]).await? == 0;
            let status = status_of(tx, subject).await?;
            if !(accept.allowed)(status) {
                return Err(DbError::StatusRefused { status });
            }
            let sql = "UPDATE cluster SET status = ?, status_reason = NULL, updated_at = ? \
                       WHERE uuid = ? AND (status = ? OR status IS NULL)";
            if tx.execute(sql, args![accept.new_status, whole_seconds(now), subject, status]).await? == 0 {
                return Err(DbError::Raced);
            }
            match (alone, accept.mode) {
                (true, Mode::Exclusive | Mode::Queue | Mode::Supersede) | (false, Mode::Queue) => {}
                (false, Mode::Exclusive) => return Err(DbError::OperationInProgress { cluster: subject }),
                (false, Mode::Supersede) => supersede(tx, subject, now).await?,
                (true, Mode::Stop(_)) => return Err(DbError::StatusRefused { status }),
                (false, Mode::Stop(kind)) if live_kind(tx, subject).await?.as_deref() != Some(kind) => {
                    return Err(DbError::OperationInProgress { cluster: subject });
                }
                (false, Mode::Stop(_)) => supersede(tx, subject, now).await?,
            }
            match &accept.nodegroup {
                GroupChange::None => {}
                GroupChange::Patch(group, patch) => {
                    changes::apply(tx, now, &[Change::NodeGroup(*group, patch.clone())]).await?;
                }
                GroupChange::New(group, handle) => insert_nodegroup(tx, group, handle, now).await?,
            }
            let inserted = insert_operation(tx, subject.0, &accept.operation, alone, now).await;
            inserted.map_err(DbError::raced_if_duplicate)?;
            changes::apply(tx, now, &[Change::Notify(accept.event.clone())]).await?;
        })
    }
}

async fn lock_project(tx: &mut Tx, project: &str) -> Result<(), DbError> {
    let sql = "UPDATE project_lock SET touched = touched + 1 WHERE project_id = ?";
    if tx.execute(sql, args![project]).await? == 0 {
        let columns = vec![("project_id", project.into()), ("touched", 1.into())];
        insert(tx, "project_lock", columns).await.map_err(DbError::raced_if_duplicate)?;
    }
    Ok(())
}

async fn status_of(tx: &mut Tx, cluster: ClusterId) -> Result<Status, DbError> {
    let ident = cluster.to_string();
    let row: Option<StatusRow> = tx.one("SELECT status FROM cluster WHERE uuid = ?", args![cluster]).await?;
    let row = row.ok_or_else(|| clusters::not_found(&ident))?;
    crate::rows::status(
        &crate::rows::Cell { table: "cluster", ident: &ident, column: "status" },
        row.status.as_deref(),
    )
}

#[derive(FromRow)]
struct KindRow {
    kind: String,
}

/// The kind of the live operation, unless it is asked to stop already.
async fn live_kind(tx: &mut Tx, subject: ClusterId) -> Result<Option<String>, DbError> {
    let sql = "SELECT kind FROM operation WHERE live = ? AND cancelled = ?";
    Ok(tx.one::<KindRow>(sql, args![subject, false]).await?.map(|row| row.kind))
}

/// Asks the live operation to stop at its next step, at once; gives up those that wait behind it and did nothing yet.
async fn supersede(tx: &mut Tx, subject: ClusterId, now: NaiveDateTime) -> Result<(), DbError> {
    let sql = "UPDATE operation SET cancelled = ?, woken = ?, check_at = ? WHERE live = ?";
    tx.execute(sql, args![true, true, now, subject]).await?;
    let sql =
        "UPDATE operation SET cancelled = ?, state = ?, finished_at = ? WHERE subject = ? AND state = ?";
    let (superseded, queued) = (OperationState::Superseded.as_str(), OperationState::Queued.as_str());
    tx.execute(sql, args![true, superseded, now, subject, queued]).await?;
    Ok(())
}

async fn insert_handle(tx: &mut Tx, handle: &ClusterHandle, now: NaiveDateTime) -> Result<(), DbError> {
    let columns = vec![
        ("cluster_uuid", handle.cluster.into()),
        ("stack_name", (&handle.stack_name).into()),
        ("credential", handle.credential.map(|kind| kind.as_str()).into()),
        ("application_credential_id", (&handle.application_credential_id).into()),
        ("join_secret_hash", (&handle.join_secret_hash).into()),
        ("plan_generation", handle.plan_generation.into()),
        ("facts", (&handle.facts).into()),
        ("rotation", handle.rotation.as_ref().map(json_text).transpose()?.into()),
        ("certificate_generation", i64::from(handle.certificate_generation).into()),
        ("former_credentials", json_text(&handle.former_credentials)?.into()),
        ("created_at", now.into()),
        ("updated_at", now.into()),
    ];
    insert(tx, "cluster_handle", columns).await
}

async fn insert_nodegroup(
    tx: &mut Tx,
    group: &NodeGroup,
    handle: &NodeGroupHandle,
    now: NaiveDateTime,
) -> Result<(), DbError> {
    let inserted = insert(tx, "nodegroup", nodegroup_columns(group, now)?).await;
    inserted.map_err(|error| match error.is_duplicate() {
        true => DbError::AlreadyExists { noun: "Nodegroup", ident: group.name.clone() },
        false => error,
    })?;
    let columns = vec![
        ("nodegroup_uuid", handle.nodegroup.into()),
        ("cluster_uuid", handle.cluster.into()),
        ("stack_name", (&handle.stack_name).into()),
        ("join_secret_hash", (&handle.join_secret_hash).into()),
        ("created_at", now.into()),
    ];
    insert(tx, "nodegroup_handle", columns).await
}

async fn insert_operation(
    tx: &mut Tx,
    subject: Uuid,
    operation: &NewOperation,
    alone: bool,
    now: NaiveDateTime,
) -> Result<(), DbError> {
    let state = if alone { OperationState::Running } else { OperationState::Queued };
    let columns = vec![
        ("id", operation.id.into()),
        ("kind", operation.kind.into()),
        ("subject", subject.into()),
        ("live", alone.then(|| subject.to_string()).into()),
        ("params", json_text(&operation.params)?.into()),
        ("state", state.as_str().into()),
        ("check_at", now.into()),
        ("timeout_ms", i64::try_from(operation.timeout.as_millis()).unwrap_or(i64::MAX).into()),
        ("deadline", later(now, operation.timeout).into()),
        ("request_id", (&operation.request_id).into()),
        ("project_id", (&operation.project_id).into()),
        ("user_id", (&operation.user_id).into()),
        ("created_at", now.into()),
    ];
    insert(tx, "operation", columns).await
}
