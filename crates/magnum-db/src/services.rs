//! The conductor hosts that `coe service list` shows. Each beats now and then; who is silent for too long is down.

use crate::{
    error::DbError,
    pool::args,
    rows::moment,
    sql::insert,
    store::{Store, transaction, whole_seconds},
};
use chrono::NaiveDateTime;
use jiff::{SignedDuration, Timestamp};
use magnum_types::MagnumService;
use sqlx::FromRow;
use std::time::Duration;

#[derive(FromRow)]
struct ServiceRow {
    id: i64,
    host: Option<String>,
    binary: Option<String>,
    disabled: Option<bool>,
    disabled_reason: Option<String>,
    last_seen_up: Option<NaiveDateTime>,
    forced_down: Option<bool>,
    report_count: i64,
    created_at: Option<NaiveDateTime>,
    updated_at: Option<NaiveDateTime>,
}

impl Store {
    /// Every service, by host.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn service_list(&self) -> Result<Vec<MagnumService>, DbError> {
        let rows: Vec<ServiceRow> =
            self.all("SELECT * FROM magnum_service ORDER BY host, `binary`, id", Vec::new()).await?;
        let read = |row: ServiceRow| MagnumService {
            id: row.id,
            host: row.host.unwrap_or_default(),
            binary: row.binary.unwrap_or_default(),
            disabled: row.disabled.unwrap_or(false),
            disabled_reason: row.disabled_reason,
            last_seen_up: moment(row.last_seen_up),
            forced_down: row.forced_down.unwrap_or(false),
            report_count: row.report_count,
            created_at: moment(row.created_at),
            updated_at: moment(row.updated_at),
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Tells that a service is alive: makes its row, or counts one report more.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn service_beat(&self, host: &str, binary: &str) -> Result<(), DbError> {
        transaction!(self, |tx, now| {
            let now = whole_seconds(now);
            let sql = "UPDATE magnum_service SET report_count = report_count + 1, last_seen_up = ?, updated_at = ? \
                       WHERE host = ? AND `binary` = ?";
            if tx.execute(sql, args![now, now, host, binary]).await? == 0 {
                let columns = vec![
                    ("host", host.into()),
                    ("binary", binary.into()),
                    ("disabled", false.into()),
                    ("forced_down", false.into()),
                    ("report_count", 1.into()),
                    ("last_seen_up", now.into()),
                    ("created_at", now.into()),
                ];
                insert(tx, "magnum_service", columns).await.map_err(DbError::raced_if_duplicate)?;
            }
        })
    }
}

/// The service spoke within `down_after` before `now`, and nobody declared it down.
pub fn service_is_up(service: &MagnumService, down_after: Duration, now: Timestamp) -> bool {
    let last = service.last_seen_up.or(service.updated_at).or(service.created_at);
    let down_after = SignedDuration::try_from(down_after).unwrap_or(SignedDuration::MAX);
    // A host whose clock is ahead is as alive as one whose clock is behind.
    !service.forced_down && last.is_some_and(|last| now.duration_since(last).abs() <= down_after)
}
