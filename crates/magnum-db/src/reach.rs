//! What is known of clusters' addresses (`cluster_reach`), and the health that is drawn from it. Each look is made by the
//! one conductor that moved the cluster's `due_at` on; what it found is written only while nobody moved it again.

use crate::{
    error::DbError,
    pool::{Tx, args},
    registrations::{MASTER, json},
    rows::{Cell, json_text, moment, readable},
    sql::insert,
    store::{Store, later, naive, timestamp, transaction},
};
use chrono::NaiveDateTime;
use jiff::Timestamp;
use magnum_types::{
    ClusterId, Reach, Rotation, Status,
    reach::{self, Health},
};
use sqlx::FromRow;
use std::time::Duration;

/// How the text of a reason begins in which nobody's word stands but that of the looks: theirs is the last otherwise.
pub(crate) const ALONE: &str = "{\"api_address\":%";

/// A cluster whose address is to be asked now.
#[derive(Clone, Debug, PartialEq)]
pub struct ReachDue {
    /// The cluster.
    pub cluster: ClusterId,
    /// When it was due; none for one that nobody asked yet.
    pub due_at: Option<Timestamp>,
    /// What is known of it.
    pub reach: Reach,
    /// Somebody sets its health by `PATCH`.
    pub told: bool,
    /// It has masters that made themselves known.
    pub masters: bool,
    /// The rotation of its authorities that is under way.
    pub rotation: Option<Rotation>,
}

/// The right to make one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReachClaim {
    /// The database's time.
    pub now: Timestamp,
    /// When the next look is due, unless this one moves it.
    pub due_at: Timestamp,
}

#[derive(FromRow)]
struct ReachRow {
    uuid: String,
    due_at: Option<NaiveDateTime>,
    reached_at: Option<NaiveDateTime>,
    missed: Option<i32>,
    missed_at: Option<NaiveDateTime>,
    said: Option<String>,
}

#[derive(FromRow)]
struct DueRow {
    #[sqlx(flatten)]
    reach: ReachRow,
    told_at: Option<NaiveDateTime>,
    rotation: Option<String>,
    masters: i64,
}

#[derive(FromRow)]
struct HealthRow {
    health_status: Option<String>,
    health_status_reason: Option<String>,
    told_at: Option<NaiveDateTime>,
}

/// Keeps a cluster's row for this transaction, and says whether there is one.
const HOLD: &str = "UPDATE cluster SET health_status = health_status WHERE uuid = ?";

const COLUMNS: &str = "r.due_at, r.reached_at, r.missed, r.missed_at, r.said";

impl ReachRow {
    fn read(&self) -> Result<Reach, DbError> {
        let cell = Cell { table: "cluster_reach", ident: &self.uuid, column: "missed" };
        Ok(Reach {
            reached_at: moment(self.reached_at),
            missed: self
                .missed
                .map_or(Ok(0), |missed| u32::try_from(missed).map_err(|error| cell.bad(error)))?,
            missed_at: moment(self.missed_at),
            said: self.said.clone(),
        })
    }
}

impl DueRow {
    fn read(self) -> Result<ReachDue, DbError> {
        let cell = |table, column| Cell { table, ident: &self.reach.uuid, column };
        Ok(ReachDue {
            cluster: cell("cluster", "uuid").parse(&self.reach.uuid)?,
            due_at: moment(self.reach.due_at),
            reach: self.reach.read()?,
            told: self.told_at.is_some(),
            masters: self.masters != 0,
            rotation: self
                .rotation
                .as_deref()
                .map(|text| json(&cell("cluster_handle", "rotation"), text))
                .transpose()?,
        })
    }
}

impl Store {
    /// Up to `most` clusters whose look is due, the longest due first: those with an address that are complete, or whose
    /// last update failed, which ends nobody's use of them. A row that cannot be understood is left out.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn reach_due(&self, most: usize) -> Result<Vec<ReachDue>, DbError> {
        let now = naive(self.now().await?);
        let sql = format!(
            "SELECT c.uuid AS uuid, {COLUMNS}, r.told_at, h.rotation, \
             EXISTS (SELECT 1 FROM node_registration n WHERE n.cluster_uuid = c.uuid AND n.role = ?) AS masters \
             FROM cluster c LEFT JOIN cluster_reach r ON r.cluster_uuid = c.uuid \
             LEFT JOIN cluster_handle h ON h.cluster_uuid = c.uuid \
             WHERE (c.status LIKE '%_COMPLETE' OR c.status = ?) AND c.status <> ? AND c.api_address <> '' \
             AND (r.due_at IS NULL OR r.due_at <= ?) ORDER BY r.due_at LIMIT {most}"
        );
        let args = args![MASTER, Status::UpdateFailed, Status::DeleteComplete, now];
        let rows: Vec<DueRow> = self.all(&sql, args).await?;
        Ok(readable(rows, DueRow::read))
    }

    /// Takes the look that was due at `seen` and puts the next one off by `pause`; none when another conductor was first.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn reach_claim(
        &self,
        cluster: ClusterId,
        seen: Option<Timestamp>,
        pause: Duration,
    ) -> Result<Option<ReachClaim>, DbError> {
        let claimed = transaction!(self, |tx, now| {
            let due_at = later(now, pause);
            let taken = match seen {
                Some(seen) => {
                    let sql = "UPDATE cluster_reach SET due_at = ? WHERE cluster_uuid = ? AND due_at = ?";
                    tx.execute(sql, args![due_at, cluster, naive(seen)]).await?
                }
                // Beside a cluster that is held, so that no row outlives one that is deleted meanwhile.
                None => {
                    let there = tx.execute(HOLD, args![cluster]).await?;
                    if there > 0 {
                        let columns = vec![("cluster_uuid", cluster.into()), ("due_at", due_at.into())];
                        insert(tx, "cluster_reach", columns).await?;
                    }
                    there
                }
            };
            (taken > 0).then(|| ReachClaim { now: timestamp(now), due_at: timestamp(due_at) })
        });
        match claimed {
            Err(error) if error.is_duplicate() => Ok(None),
            other => other,
        }
    }

    /// Writes what a look found and when the next one is due; false when another conductor has claimed one since.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn reach_record(
        &self,
        cluster: ClusterId,
        claim: ReachClaim,
        found: &Reach,
        pause: Duration,
    ) -> Result<bool, DbError> {
        transaction!(self, |tx, _now| {
            let sql = "UPDATE cluster_reach SET reached_at = ?, missed = ?, missed_at = ?, said = ?, due_at = ? \
                       WHERE cluster_uuid = ? AND due_at = ?";
            let args = args![
                found.reached_at.map(naive),
                i64::from(found.missed),
                found.missed_at.map(naive),
                &found.said,
                later(naive(claim.now), pause),
                cluster,
                naive(claim.due_at),
            ];
            tx.execute(sql, args).await? > 0
        })
    }

    /// What is known of a cluster's address, and when it is asked next.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn reach_of(&self, cluster: ClusterId) -> Result<Option<(Reach, Timestamp)>, DbError> {
        let sql =
            format!("SELECT r.cluster_uuid AS uuid, {COLUMNS} FROM cluster_reach r WHERE r.cluster_uuid = ?");
        let row: Option<ReachRow> = self.one(&sql, args![cluster]).await?;
        row.and_then(|row| row.due_at.map(|due_at| Ok((row.read()?, timestamp(due_at))))).transpose()
    }

    /// Puts the word of the looks beside what else is told of a cluster's health, unless somebody sets that by `PATCH`.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn reach_tell(
        &self,
        cluster: ClusterId,
        masters: bool,
        word: Option<&str>,
    ) -> Result<(), DbError> {
        transaction!(self, |tx, _now| {
            // Holds the row: what masters or a PATCH say meanwhile is neither lost nor overwritten.
            tx.execute(HOLD, args![cluster]).await?;
            let sql = "SELECT c.health_status, c.health_status_reason, r.told_at FROM cluster c \
                       LEFT JOIN cluster_reach r ON r.cluster_uuid = c.uuid WHERE c.uuid = ?";
            let row: Option<HealthRow> = tx.one(sql, args![cluster]).await?;
            if let Some(row) = row.filter(|row| row.told_at.is_none()) {
                let before = row.read(cluster)?;
                let after = reach::beside(&before, masters, word);
                if after != before {
                    let reason = if after.1.is_empty() { None } else { Some(json_text(&after.1)?) };
                    let sql = "UPDATE cluster SET health_status = ?, health_status_reason = ? WHERE uuid = ?";
                    tx.execute(sql, args![after.0.map(|health| health.as_str()), reason, cluster]).await?;
                }
            }
        })
    }

    /// Forgets what was found at every address, for when nobody looks any more: health that came from there alone would
    /// stand for ever. What else is told stays, and loses the word with the masters' next report.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn reach_forget(&self) -> Result<(), DbError> {
        transaction!(self, |tx, _now| {
            let sql = "UPDATE cluster SET health_status = NULL, health_status_reason = NULL \
                       WHERE health_status_reason LIKE ? AND EXISTS (SELECT 1 FROM cluster_reach r \
                       WHERE r.cluster_uuid = cluster.uuid AND r.told_at IS NULL)";
            tx.execute(sql, args![ALONE]).await?;
            let sql = "UPDATE cluster_reach SET reached_at = NULL, missed = 0, missed_at = NULL, said = NULL \
                       WHERE reached_at IS NOT NULL OR missed > 0";
            tx.execute(sql, args![]).await?;
        })
    }
}

impl HealthRow {
    fn read(&self, cluster: ClusterId) -> Result<Health, DbError> {
        let ident = cluster.to_string();
        let cell = |column| Cell { table: "cluster", ident: &ident, column };
        let status = self.health_status.as_deref().filter(|text| !text.is_empty());
        Ok((
            status.map(|text| cell("health_status").parse(text)).transpose()?,
            cell("health_status_reason").map(self.health_status_reason.as_deref())?,
        ))
    }
}

/// Somebody sets the health of this cluster, so that the looks leave it alone.
pub(crate) async fn told(tx: &mut Tx, now: NaiveDateTime, cluster: ClusterId) -> Result<(), DbError> {
    let sql = "UPDATE cluster_reach SET told_at = ? WHERE cluster_uuid = ?";
    if tx.execute(sql, args![now, cluster]).await? == 0 {
        let columns = vec![("cluster_uuid", cluster.into()), ("due_at", now.into()), ("told_at", now.into())];
        insert(tx, "cluster_reach", columns).await.map_err(DbError::raced_if_duplicate)?;
    }
    Ok(())
}
