//! Notifications that were committed with what they tell of. A sender takes the oldest under a lease, sends them, and
//! says so; what it could not send it gives back, and one that dies in between leaves them to the next. While anything is
//! held nobody gets more. So each is sent at least once, and none before an older one that still waits.

use crate::{
    error::DbError,
    pool::{Arg, args},
    rows::Cell,
    sql::marks,
    store::{Store, later, timestamp, transaction},
};
use chrono::NaiveDateTime;
use jiff::Timestamp;
use magnum_types::change::ClusterEvent;
use serde_json::Value;
use sqlx::FromRow;
use std::time::Duration;

/// A notification to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// Its place in the order.
    pub id: i64,
    /// When it was committed.
    pub created_at: Timestamp,
    /// What happened.
    pub event: ClusterEvent,
    /// `{"cluster": …, "nodegroups": […]}` at that moment; `cluster` is null when the row was gone.
    pub snapshot: Value,
}

#[derive(FromRow)]
struct Stored {
    id: i64,
    created_at: NaiveDateTime,
    event: String,
    snapshot: String,
}

impl Stored {
    fn read(self) -> Result<OutboxRow, DbError> {
        let ident = self.id.to_string();
        let cell = |column| Cell { table: "outbox", ident: &ident, column };
        Ok(OutboxRow {
            id: self.id,
            created_at: timestamp(self.created_at),
            event: serde_json::from_str(&self.event).map_err(|error| cell("event").bad(error))?,
            snapshot: cell("snapshot").json(Some(&self.snapshot))?,
        })
    }
}

impl Store {
    /// Takes up to `limit` notifications for `lease`, the oldest first. Nobody gets any while some are held, the holder
    /// neither: the later news would overtake those in hand.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn outbox_take(
        &self,
        limit: usize,
        owner: &str,
        lease: Duration,
    ) -> Result<Vec<OutboxRow>, DbError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        transaction!(self, |tx, now| {
            let sql = "SELECT id, created_at, event, snapshot FROM outbox \
                       WHERE NOT EXISTS (SELECT 1 FROM outbox held WHERE held.lease_until > ?) \
                       ORDER BY id LIMIT ?";
            let mut taken = Vec::new();
            for row in tx.all::<Stored>(sql, args![now, limit]).await? {
                let sql = "UPDATE outbox SET owner = ?, lease_until = ?, attempts = attempts + 1 \
                           WHERE id = ? AND (lease_until IS NULL OR lease_until <= ?)";
                if tx.execute(sql, args![owner, later(now, lease), row.id, now]).await? == 0 {
                    // A rival was faster with this one, and will be with those after it.
                    break;
                }
                taken.push(row.read()?);
            }
            taken
        })
    }

    /// Removes notifications that were sent.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn outbox_done(&self, ids: &[i64]) -> Result<(), DbError> {
        if ids.is_empty() {
            return Ok(());
        }
        let sql = format!("DELETE FROM outbox WHERE id IN ({})", marks(ids.len()));
        transaction!(self, |tx, _now| {
            tx.execute(&sql, ids.iter().map(|id| Arg::from(*id)).collect()).await?;
        })
    }

    /// Gives back what `owner` could not send, to be taken again at once. What is another's by now stays so.
    ///
    /// # Errors
    /// Fails when the database does; the lease then runs out.
    pub async fn outbox_failed(&self, ids: &[i64], owner: &str) -> Result<(), DbError> {
        if ids.is_empty() {
            return Ok(());
        }
        let marks = marks(ids.len());
        let sql =
            format!("UPDATE outbox SET owner = NULL, lease_until = NULL WHERE owner = ? AND id IN ({marks})");
        transaction!(self, |tx, _now| {
            let mut args = args![owner];
            args.extend(ids.iter().map(|id| Arg::from(*id)));
            tx.execute(&sql, args).await?;
        })
    }
}
