//! Reading operations, and waking them. Driving them is the engine's, through [`crate::queue`].

use crate::{
    error::DbError,
    pool::args,
    rows::Cell,
    store::{Store, earlier, timestamp, transaction},
};
use chrono::NaiveDateTime;
use magnum_types::{ClusterId, Operation, OperationId, OperationState};
use sqlx::FromRow;
use std::time::Duration;

#[derive(FromRow)]
pub(crate) struct OperationRow {
    id: String,
    kind: String,
    subject: String,
    params: String,
    state: String,
    epoch: i64,
    attempt: i32,
    deadline: NaiveDateTime,
    failure: Option<String>,
    cancelled: bool,
    request_id: String,
    project_id: String,
    user_id: String,
    created_at: NaiveDateTime,
}

impl OperationRow {
    pub fn read(self) -> Result<Operation, DbError> {
        let cell = |column| Cell { table: "operation", ident: &self.id, column };
        Ok(Operation {
            id: cell("id").parse(&self.id)?,
            kind: self.kind,
            subject: cell("subject").parse(&self.subject)?,
            params: cell("params").json(Some(&self.params))?,
            state: cell("state").parse(&self.state)?,
            epoch: self.epoch,
            attempt: self.attempt,
            deadline: timestamp(self.deadline),
            failure: self.failure,
            cancelled: self.cancelled,
            request_id: self.request_id,
            project_id: self.project_id,
            user_id: self.user_id,
            created_at: timestamp(self.created_at),
        })
    }
}

#[derive(FromRow)]
pub(crate) struct IdRow {
    pub id: String,
}

impl IdRow {
    pub fn read(&self) -> Result<OperationId, DbError> {
        Cell { table: "operation", ident: &self.id, column: "id" }.parse(&self.id)
    }
}

impl Store {
    /// An operation by its id.
    ///
    /// # Errors
    /// [`DbError::NotFound`].
    pub async fn operation_get(&self, operation: OperationId) -> Result<Operation, DbError> {
        let row: Option<OperationRow> =
            self.one("SELECT * FROM operation WHERE id = ?", args![operation]).await?;
        row.ok_or_else(|| DbError::NotFound { noun: "Operation", ident: operation.to_string() })?.read()
    }

    /// Every operation of a cluster that is still kept, the oldest first.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn operations_of(&self, cluster: ClusterId) -> Result<Vec<Operation>, DbError> {
        let sql = "SELECT * FROM operation WHERE subject = ? ORDER BY number";
        let rows: Vec<OperationRow> = self.all(sql, args![cluster]).await?;
        rows.into_iter().map(OperationRow::read).collect()
    }

    /// The operation of a cluster that is being driven, if there is one.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn live_operation(&self, cluster: ClusterId) -> Result<Option<Operation>, DbError> {
        let row: Option<OperationRow> =
            self.one("SELECT * FROM operation WHERE live = ?", args![cluster]).await?;
        row.map(OperationRow::read).transpose()
    }

    /// Makes a waiting operation due at once. One that is being driven right now will not wait next time. Says
    /// whether it is live.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn wake(&self, operation: OperationId) -> Result<bool, DbError> {
        transaction!(self, |tx, now| {
            let sql = "UPDATE operation SET woken = ?, check_at = ? WHERE id = ? AND live IS NOT NULL";
            tx.execute(sql, args![true, now, operation]).await? > 0
        })
    }

    /// As [`Store::wake`], for the live operation of a cluster; gives its id, for the nudge.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn wake_cluster(&self, cluster: ClusterId) -> Result<Option<OperationId>, DbError> {
        transaction!(self, |tx, now| {
            let sql = "UPDATE operation SET woken = ?, check_at = ? WHERE live = ?";
            tx.execute(sql, args![true, now, cluster]).await?;
            let row: Option<IdRow> =
                tx.one("SELECT id FROM operation WHERE live = ?", args![cluster]).await?;
            row.map(|row| row.read()).transpose()?
        })
    }

    /// Removes operations that ended at least `keep` ago, up to 1000 of them, with their logs; says how many. One that
    /// is stuck stays until a person has looked.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn operations_prune(&self, keep: Duration) -> Result<usize, DbError> {
        transaction!(self, |tx, now| {
            let sql = "SELECT id FROM operation WHERE finished_at <= ? AND state <> ? ORDER BY finished_at LIMIT 1000";
            let ended: Vec<IdRow> =
                tx.all(sql, args![earlier(now, keep), OperationState::Stuck.as_str()]).await?;
            for row in &ended {
                tx.execute("DELETE FROM operation_step WHERE operation = ?", args![&row.id]).await?;
                tx.execute("DELETE FROM operation WHERE id = ?", args![&row.id]).await?;
            }
            ended.len()
        })
    }
}
