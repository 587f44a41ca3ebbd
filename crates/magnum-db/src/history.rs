//! A cluster's operations and nodes as a person watches them: the newest first, in one statement each. What steps put
//! out and what operations were asked is not even read here, since sealed secrets may be in it.

use crate::{
    error::DbError,
    pool::{Arg, args},
    rows::{Cell, moment},
    store::{Store, timestamp},
};
use chrono::NaiveDateTime;
use jiff::Timestamp;
use magnum_types::{ClusterId, NodeGroupId, NodeState, OperationId, OperationState};
use sqlx::FromRow;

/// An operation without what it was asked and what its steps put out.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationSummary {
    /// Its id.
    pub id: OperationId,
    /// Which operation, e.g. `cluster_create`.
    pub kind: String,
    /// Where it stands.
    pub state: OperationState,
    /// Failures in a row of the present step.
    pub attempt: i32,
    /// When it must have ended.
    pub deadline: Timestamp,
    /// The first cause of failure.
    pub failure: Option<String>,
    /// The request that caused it.
    pub request_id: String,
    /// Who asked.
    pub user_id: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What was begun of it, the first step first.
    pub steps: Vec<StepSummary>,
}

/// A step that was begun.
#[derive(Clone, Debug, PartialEq)]
pub struct StepSummary {
    /// Its name.
    pub name: String,
    /// When it was begun; none for a step whose effect was there already.
    pub begun_at: Option<Timestamp>,
    /// When it was done.
    pub done_at: Option<Timestamp>,
    /// When it was undone.
    pub undone_at: Option<Timestamp>,
}

/// A registered node without its credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSummary {
    /// Nova's id of the server.
    pub instance_id: String,
    /// The server's name.
    pub name: String,
    /// `master` or `worker`.
    pub role: String,
    /// It founded the cluster.
    pub primary: bool,
    /// Its node group.
    pub nodegroup: NodeGroupId,
    /// Its address in the cluster's network.
    pub address: String,
    /// Its floating address.
    pub public_address: Option<String>,
    /// Where it stands.
    pub state: NodeState,
    /// The last step it reported.
    pub step: Option<String>,
    /// First line of the last error.
    pub error: Option<String>,
    /// The release of the engine that it is to run.
    pub release: Option<String>,
    /// The image that an upgrade gave it; none while it has that of its group.
    pub image: Option<String>,
    /// The plan generation that it has applied.
    pub generation: i64,
    /// When it last spoke.
    pub last_seen: Option<Timestamp>,
    /// When it registered.
    pub created_at: Timestamp,
}

#[derive(FromRow)]
struct OperationStepRow {
    id: String,
    kind: String,
    state: String,
    attempt: i32,
    deadline: NaiveDateTime,
    failure: Option<String>,
    request_id: String,
    user_id: String,
    created_at: NaiveDateTime,
    finished_at: Option<NaiveDateTime>,
    step: Option<String>,
    event: Option<String>,
    step_at: Option<NaiveDateTime>,
}

#[derive(FromRow)]
struct NodeRow {
    instance_id: String,
    name: String,
    role: String,
    is_primary: bool,
    nodegroup_uuid: String,
    address: String,
    public_address: Option<String>,
    state: String,
    step: Option<String>,
    error: Option<String>,
    wanted_release: Option<String>,
    wanted_image: Option<String>,
    generation: i64,
    last_seen: Option<NaiveDateTime>,
    created_at: NaiveDateTime,
}

#[derive(FromRow)]
struct Exists {
    #[expect(dead_code, reason = "only whether there is a row matters")]
    one: i64,
}

impl OperationStepRow {
    /// The operation without its steps.
    fn operation(&self) -> Result<OperationSummary, DbError> {
        let cell = |column| Cell { table: "operation", ident: &self.id, column };
        Ok(OperationSummary {
            id: cell("id").parse(&self.id)?,
            kind: self.kind.clone(),
            state: cell("state").parse(&self.state)?,
            attempt: self.attempt,
            deadline: timestamp(self.deadline),
            failure: self.failure.clone(),
            request_id: self.request_id.clone(),
            user_id: self.user_id.clone(),
            created_at: timestamp(self.created_at),
            finished_at: moment(self.finished_at),
            steps: Vec::new(),
        })
    }
}

impl OperationSummary {
    /// Takes in a line of its log.
    fn note(&mut self, row: OperationStepRow) {
        let (Some(name), Some(event)) = (row.step, row.event) else { return };
        let known = self.steps.iter().position(|step| step.name == name);
        let at = known.unwrap_or_else(|| {
            self.steps.push(StepSummary { name, begun_at: None, done_at: None, undone_at: None });
            self.steps.len() - 1
        });
        let Some(step) = self.steps.get_mut(at) else { return };
        match event.as_str() {
            "begun" => step.begun_at = moment(row.step_at),
            "done" => step.done_at = moment(row.step_at),
            "undone" => step.undone_at = moment(row.step_at),
            // A newer conductor beside us may know more.
            _ => {}
        }
    }

    /// The last moment at which something is known to have happened.
    pub fn updated_at(&self) -> Timestamp {
        let steps = self.steps.iter().flat_map(|step| [step.begun_at, step.done_at, step.undone_at]);
        steps.chain([self.finished_at]).flatten().fold(self.created_at, Timestamp::max)
    }
}

impl NodeRow {
    fn read(self) -> Result<NodeSummary, DbError> {
        let cell = |column| Cell { table: "node_registration", ident: &self.instance_id, column };
        Ok(NodeSummary {
            nodegroup: cell("nodegroup_uuid").parse(&self.nodegroup_uuid)?,
            state: cell("state").parse(&self.state)?,
            name: self.name,
            role: self.role,
            primary: self.is_primary,
            address: self.address,
            public_address: self.public_address,
            step: self.step,
            error: self.error,
            release: self.wanted_release,
            image: self.wanted_image,
            generation: self.generation,
            last_seen: moment(self.last_seen),
            created_at: timestamp(self.created_at),
            instance_id: self.instance_id,
        })
    }
}

/// The rows of one operation follow one another.
fn gathered(rows: Vec<OperationStepRow>) -> Result<Vec<OperationSummary>, DbError> {
    let mut operations: Vec<OperationSummary> = Vec::new();
    for row in rows {
        let one = row.operation()?;
        match operations.last_mut().filter(|last| last.id == one.id) {
            Some(last) => last.note(row),
            None => {
                let mut one = one;
                one.note(row);
                operations.push(one);
            }
        }
    }
    Ok(operations)
}

/// The chosen operations with their logs.
fn with_steps(chosen: &str) -> String {
    format!(
        "SELECT o.id, o.kind, o.state, o.attempt, o.deadline, o.failure, o.request_id, o.user_id, o.created_at, \
         o.finished_at, s.step, s.event, s.created_at AS step_at FROM (SELECT number, id, kind, state, attempt, \
         deadline, failure, request_id, user_id, created_at, finished_at FROM operation WHERE {chosen}) o \
         LEFT JOIN operation_step s ON s.operation = o.id ORDER BY o.number DESC, s.number"
    )
}

impl Store {
    /// A page of a cluster's operations that are still kept, the newest first.
    ///
    /// # Errors
    /// [`DbError::NotFound`] for a marker that is no operation of the cluster.
    pub async fn operation_summaries(
        &self,
        cluster: ClusterId,
        limit: i64,
        marker: Option<OperationId>,
    ) -> Result<Vec<OperationSummary>, DbError> {
        let mut chosen = "subject = ?".to_owned();
        let mut args = args![cluster];
        if let Some(marker) = marker {
            chosen.push_str(
                " AND number < (SELECT m.number FROM operation m WHERE m.id = ? AND m.subject = ?)",
            );
            args.extend(args![marker, cluster]);
        }
        chosen.push_str(" ORDER BY number DESC LIMIT ?");
        args.push(Arg::from(limit));
        let found = gathered(self.all(&with_steps(&chosen), args).await?)?;
        if let (true, Some(marker)) = (found.is_empty(), marker) {
            self.operation_summary(cluster, marker).await?;
        }
        Ok(found)
    }

    /// One operation of a cluster.
    ///
    /// # Errors
    /// [`DbError::NotFound`], also for one of another cluster.
    pub async fn operation_summary(
        &self,
        cluster: ClusterId,
        operation: OperationId,
    ) -> Result<OperationSummary, DbError> {
        let rows = self.all(&with_steps("id = ? AND subject = ?"), args![operation, cluster]).await?;
        let missing = || DbError::NotFound { noun: "Operation", ident: operation.to_string() };
        gathered(rows)?.pop().ok_or_else(missing)
    }

    /// A page of a cluster's registered nodes, the newest first.
    ///
    /// # Errors
    /// [`DbError::NotFound`] for a marker that is no node of the cluster.
    pub async fn node_summaries(
        &self,
        cluster: ClusterId,
        limit: i64,
        marker: Option<&str>,
    ) -> Result<Vec<NodeSummary>, DbError> {
        let mut sql = "SELECT n.instance_id, n.name, n.role, n.is_primary, n.nodegroup_uuid, n.address, \
             n.public_address, n.state, n.step, n.error, n.wanted_release, n.wanted_image, n.generation, \
             n.last_seen, n.created_at FROM node_registration n"
            .to_owned();
        let mut args = Vec::new();
        if let Some(marker) = marker {
            sql.push_str(
                " JOIN node_registration m ON m.instance_id = ? AND m.cluster_uuid = n.cluster_uuid \
                 AND (n.created_at < m.created_at OR (n.created_at = m.created_at AND n.instance_id < m.instance_id))",
            );
            args.extend(args![marker]);
        }
        sql.push_str(" WHERE n.cluster_uuid = ? ORDER BY n.created_at DESC, n.instance_id DESC LIMIT ?");
        args.extend(args![cluster, limit]);
        let rows: Vec<NodeRow> = self.all(&sql, args).await?;
        if let (true, Some(marker)) = (rows.is_empty(), marker) {
            let sql = "SELECT 1 AS one FROM node_registration WHERE instance_id = ? AND cluster_uuid = ?";
            let missing = || DbError::NotFound { noun: "Node", ident: marker.to_owned() };
            self.one::<Exists>(sql, args![marker, cluster]).await?.ok_or_else(missing)?;
        }
        rows.into_iter().map(NodeRow::read).collect()
    }
}
