//! The operation log as the engine drives it ([`OperationStore`]). A claim is a compare-and-set on the epoch, so it
//! works the same on a Galera cluster and on SQLite; every later write first touches the operation's row under the
//! claimed epoch, which both proves the lease and locks the row until the transaction ends.

use crate::{
    changes,
    error::DbError,
    operations::{IdRow, OperationRow},
    pool::{Tx, args},
    rows::{Cell, json_text},
    sql::insert,
    store::{Store, later, timestamp, transaction},
};
use async_trait::async_trait;
use chrono::NaiveDateTime;
use magnum_types::{
    Change, OperationId, OperationState, OperationStore,
    operation::{Claim, Fence, Lease, StepEntry, StepEvent, StoreError},
};
use sqlx::FromRow;
use std::time::Duration;

#[derive(FromRow)]
struct StepRow {
    operation: String,
    step: String,
    event: String,
    output: String,
}

#[derive(FromRow)]
struct Flags {
    cancelled: bool,
    woken: bool,
    subject: String,
}

#[derive(FromRow)]
struct Next {
    id: String,
    timeout_ms: i64,
}

#[derive(FromRow)]
struct Exists {
    #[expect(dead_code, reason = "only whether there is a row matters")]
    one: i64,
}

impl StepRow {
    fn read(self) -> Result<StepEntry, DbError> {
        let cell = |column| Cell { table: "operation_step", ident: &self.operation, column };
        let event = match self.event.as_str() {
            "begun" => StepEvent::Begun,
            "done" => StepEvent::Done,
            "undone" => StepEvent::Undone,
            other => return Err(cell("event").bad(format!("unknown event {other:?}"))),
        };
        Ok(StepEntry { event, output: cell("output").json(Some(&self.output))?, step: self.step })
    }
}

fn store_error(error: DbError) -> StoreError {
    match error {
        DbError::LostLease(operation) => StoreError::LostLease(operation),
        error => StoreError::Failed(Box::new(error)),
    }
}

/// Live, due, and leased by nobody at the moment of the two question marks.
const CLAIMABLE: &str = "live IS NOT NULL AND check_at <= ? AND (lease_until IS NULL OR lease_until <= ?)";

/// Proves that the claim still holds and locks the row; gives its flags.
async fn hold(tx: &mut Tx, fence: Fence) -> Result<Flags, DbError> {
    let sql = "UPDATE operation SET touched = touched + 1 WHERE id = ? AND epoch = ? AND live IS NOT NULL";
    if tx.execute(sql, args![fence.operation, fence.epoch]).await? == 0 {
        return Err(DbError::LostLease(fence.operation));
    }
    let sql = "SELECT cancelled, woken, subject FROM operation WHERE id = ?";
    tx.one(sql, args![fence.operation]).await?.ok_or(DbError::LostLease(fence.operation))
}

/// The oldest waiting operation of the subject.
async fn next_of(tx: &mut Tx, subject: &str) -> Result<Option<Next>, DbError> {
    let sql = "SELECT id, timeout_ms FROM operation WHERE subject = ? AND state = ? ORDER BY number LIMIT 1";
    tx.one(sql, args![subject, OperationState::Queued.as_str()]).await
}

/// Lets a waiting operation run; its time begins now.
async fn promote(tx: &mut Tx, next: &Next, now: NaiveDateTime) -> Result<(), DbError> {
    let deadline = later(now, Duration::from_millis(next.timeout_ms.unsigned_abs()));
    let sql = "UPDATE operation SET state = ?, live = subject, check_at = ?, deadline = ? WHERE id = ?";
    tx.execute(sql, args![OperationState::Running.as_str(), now, deadline, &next.id]).await?;
    Ok(())
}

/// The change without what clients were promised when the next operation was accepted: status and count are its own.
fn giving_way(change: &Change) -> Option<Change> {
    match change.clone() {
        Change::Cluster(id, mut patch) => {
            (patch.status, patch.status_reason) = (None, None);
            Some(Change::Cluster(id, patch))
        }
        Change::NodeGroup(id, mut patch) => {
            (patch.status, patch.status_reason, patch.node_count) = (None, None, None);
            Some(Change::NodeGroup(id, patch))
        }
        Change::NodeGroups(..) => None,
        other => Some(other),
    }
}

#[async_trait]
impl OperationStore for Store {
    type Change = Change;

    async fn due(&self, limit: usize) -> Result<Vec<OperationId>, StoreError> {
        let found: Result<Vec<OperationId>, DbError> = transaction!(self, |tx, now| {
            let sql = format!("SELECT id FROM operation WHERE {CLAIMABLE} ORDER BY check_at, number LIMIT ?");
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows: Vec<IdRow> = tx.all(&sql, args![now, now, limit]).await?;
            rows.iter().map(IdRow::read).collect::<Result<Vec<_>, _>>()?
        });
        found.map_err(store_error)
    }

    async fn claim(
        &self,
        operation: OperationId,
        owner: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, StoreError> {
        let claim: Result<Option<Claim>, DbError> = transaction!(self, |tx, now| {
            // The update waits for a rival's lock and then looks again: of all who try, one matches the row.
            let sql = format!(
                "UPDATE operation SET owner = ?, lease_until = ?, epoch = epoch + 1, woken = ? WHERE id = ? AND {CLAIMABLE}"
            );
            let until = later(now, lease);
            if tx.execute(&sql, args![owner, until, false, operation, now, now]).await? == 0 {
                None
            } else {
                let row: Option<OperationRow> =
                    tx.one("SELECT * FROM operation WHERE id = ?", args![operation]).await?;
                let sql = "SELECT operation, step, event, output FROM operation_step WHERE operation = ? ORDER BY number";
                let steps: Vec<StepRow> = tx.all(sql, args![operation]).await?;
                let operation = row.ok_or(DbError::LostLease(operation))?.read()?;
                let log = steps.into_iter().map(StepRow::read).collect::<Result<_, _>>()?;
                Some(Claim { operation, log, now: timestamp(now) })
            }
        });
        claim.map_err(store_error)
    }

    async fn renew(&self, fence: Fence, lease: Duration) -> Result<Lease, StoreError> {
        let renewed: Result<Lease, DbError> = transaction!(self, |tx, now| {
            let flags = hold(tx, fence).await?;
            let sql = "UPDATE operation SET lease_until = ? WHERE id = ?";
            tx.execute(sql, args![later(now, lease), fence.operation]).await?;
            Lease { now: timestamp(now), cancelled: flags.cancelled }
        });
        renewed.map_err(store_error)
    }

    async fn record(&self, fence: Fence, entry: StepEntry, changes: Vec<Change>) -> Result<(), StoreError> {
        let done: Result<(), DbError> = transaction!(self, |tx, now| {
            hold(tx, fence).await?;
            tx.execute("UPDATE operation SET attempt = 0 WHERE id = ?", args![fence.operation]).await?;
            let event = entry.event.as_str();
            let sql = "SELECT 1 AS one FROM operation_step WHERE operation = ? AND step = ? AND event = ?";
            if tx.one::<Exists>(sql, args![fence.operation, &entry.step, event]).await?.is_none() {
                let columns = vec![
                    ("operation", fence.operation.into()),
                    ("step", (&entry.step).into()),
                    ("event", event.into()),
                    ("output", json_text(&entry.output)?.into()),
                    ("created_at", now.into()),
                ];
                insert(tx, "operation_step", columns).await?;
                changes::apply(tx, now, &changes).await?;
            }
        });
        done.map_err(store_error)
    }

    async fn progress(&self, fence: Fence, changes: Vec<Change>) -> Result<(), StoreError> {
        let done: Result<(), DbError> = transaction!(self, |tx, now| {
            hold(tx, fence).await?;
            changes::apply(tx, now, &changes).await?;
        });
        done.map_err(store_error)
    }

    async fn wait(&self, fence: Fence, after: Duration, attempt: i32) -> Result<Duration, StoreError> {
        let done: Result<Duration, DbError> = transaction!(self, |tx, now| {
            // Whoever woke it while it was driven may have news that the driver did not see.
            let flags = hold(tx, fence).await?;
            let after = if flags.woken { Duration::ZERO } else { after };
            let check_at = later(now, after);
            let sql = "UPDATE operation SET owner = NULL, lease_until = NULL, woken = ?, check_at = ?, attempt = ? WHERE id = ?";
            tx.execute(sql, args![false, check_at, attempt, fence.operation]).await?;
            after
        });
        done.map_err(store_error)
    }

    async fn unwind(&self, fence: Fence, cause: &str, changes: Vec<Change>) -> Result<(), StoreError> {
        let done: Result<(), DbError> = transaction!(self, |tx, now| {
            hold(tx, fence).await?;
            let sql =
                "UPDATE operation SET state = ?, failure = COALESCE(failure, ?), attempt = 0 WHERE id = ?";
            tx.execute(sql, args![OperationState::Unwinding.as_str(), cause, fence.operation]).await?;
            changes::apply(tx, now, &changes).await?;
        });
        done.map_err(store_error)
    }

    async fn finish(
        &self,
        fence: Fence,
        state: OperationState,
        changes: Vec<Change>,
    ) -> Result<(), StoreError> {
        let done: Result<(), DbError> = transaction!(self, |tx, now| {
            let flags = hold(tx, fence).await?;
            let sql = "UPDATE operation SET state = ?, live = NULL, owner = NULL, lease_until = NULL, finished_at = ? WHERE id = ?";
            tx.execute(sql, args![state.as_str(), now, fence.operation]).await?;
            match next_of(tx, &flags.subject).await? {
                None => changes::apply(tx, now, &changes).await?,
                Some(next) => {
                    let changes: Vec<Change> = changes.iter().filter_map(giving_way).collect();
                    changes::apply(tx, now, &changes).await?;
                    promote(tx, &next, now).await?;
                }
            }
        });
        done.map_err(store_error)
    }
}
