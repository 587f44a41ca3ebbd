//! How much a project may have, and how much it and everybody has.

use crate::{
    error::DbError,
    page::{List, Page, Tenancy},
    pool::args,
    rows::moment,
    sql::{insert, update},
    store::{Store, transaction, whole_seconds},
};
use chrono::NaiveDateTime;
use magnum_types::Quota;
use sqlx::FromRow;

const NOUN: &str = "Quota";

/// Columns that a list of quotas may be sorted by.
const SORT_KEYS: &[&str] = &["id", "project_id", "resource", "hard_limit", "created_at", "updated_at"];

#[derive(FromRow)]
struct QuotaRow {
    id: i64,
    project_id: Option<String>,
    resource: Option<String>,
    hard_limit: Option<i32>,
    created_at: Option<NaiveDateTime>,
    updated_at: Option<NaiveDateTime>,
}

impl QuotaRow {
    fn read(self) -> Quota {
        Quota {
            id: self.id,
            project_id: self.project_id.unwrap_or_default(),
            resource: self.resource.unwrap_or_default(),
            hard_limit: self.hard_limit.unwrap_or(0),
            created_at: moment(self.created_at),
            updated_at: moment(self.updated_at),
        }
    }
}

fn not_found(project: &str, resource: &str) -> DbError {
    DbError::NotFound { noun: NOUN, ident: format!("{resource} of project {project}") }
}

/// Counts of what exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Clusters.
    pub clusters: i64,
    /// Nodes of all their groups, as asked for.
    pub nodes: i64,
}

#[derive(FromRow)]
struct Limit {
    hard_limit: i32,
}

#[derive(FromRow)]
struct StatsRow {
    clusters: i64,
    nodes: i64,
}

impl Store {
    /// The limit that an administrator set for the project, if any. The resource is `Cluster`.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn quota_limit(&self, project: &str, resource: &str) -> Result<Option<i32>, DbError> {
        let sql = "SELECT hard_limit FROM quotas WHERE project_id = ? AND resource = ?";
        Ok(self.one::<Limit>(sql, args![project, resource]).await?.map(|row| row.hard_limit))
    }

    /// The quota of a project.
    ///
    /// # Errors
    /// [`DbError::NotFound`] where no administrator set one.
    pub async fn quota_get(&self, project: &str, resource: &str) -> Result<Quota, DbError> {
        let sql = "SELECT * FROM quotas WHERE project_id = ? AND resource = ?";
        let row: Option<QuotaRow> = self.one(sql, args![project, resource]).await?;
        row.map(QuotaRow::read).ok_or_else(|| not_found(project, resource))
    }

    /// A page of quotas.
    ///
    /// # Errors
    /// [`DbError::UnknownSortKey`], and [`DbError::NotFound`] for a marker that is not to be seen.
    pub async fn quota_list(&self, tenancy: Tenancy<'_>, page: &Page<i64>) -> Result<Vec<Quota>, DbError> {
        let quotas = || List::of("quotas").of_tenancy(tenancy);
        let (sql, args) = quotas().page(page, SORT_KEYS)?;
        let rows: Vec<QuotaRow> = self.all(&sql, args).await?;
        if let (true, Some(marker)) = (rows.is_empty(), page.marker) {
            let only = Page::<i64> { limit: 1, ..Page::default() };
            let (sql, args) = quotas().filter("t.id = ?", args![marker]).page(&only, SORT_KEYS)?;
            let known: Option<QuotaRow> = self.one(&sql, args).await?;
            known.ok_or_else(|| DbError::NotFound { noun: NOUN, ident: marker.to_string() })?;
        }
        Ok(rows.into_iter().map(QuotaRow::read).collect())
    }

    /// Limits a project for the first time.
    ///
    /// # Errors
    /// [`DbError::AlreadyExists`].
    pub async fn quota_create(
        &self,
        project: &str,
        resource: &str,
        hard_limit: i32,
    ) -> Result<Quota, DbError> {
        let made = transaction!(self, |tx, now| {
            let columns = vec![
                ("project_id", project.into()),
                ("resource", resource.into()),
                ("hard_limit", hard_limit.into()),
                ("created_at", whole_seconds(now).into()),
            ];
            insert(tx, "quotas", columns).await?;
        });
        made.map_err(|error| match error.is_duplicate() {
            true => DbError::AlreadyExists { noun: NOUN, ident: format!("{resource} of project {project}") },
            false => error,
        })?;
        self.quota_get(project, resource).await
    }

    /// Changes the limit of a project.
    ///
    /// # Errors
    /// [`DbError::NotFound`].
    pub async fn quota_update(
        &self,
        project: &str,
        resource: &str,
        hard_limit: i32,
    ) -> Result<Quota, DbError> {
        transaction!(self, |tx, now| {
            let columns = vec![("hard_limit", hard_limit.into()), ("updated_at", whole_seconds(now).into())];
            let condition = "project_id = ? AND resource = ?";
            if update(tx, "quotas", columns, condition, args![project, resource]).await? == 0 {
                return Err(not_found(project, resource));
            }
        })?;
        self.quota_get(project, resource).await
    }

    /// Takes the limit of a project away: the configured default counts again.
    ///
    /// # Errors
    /// [`DbError::NotFound`].
    pub async fn quota_delete(&self, project: &str, resource: &str) -> Result<(), DbError> {
        transaction!(self, |tx, _now| {
            let sql = "DELETE FROM quotas WHERE project_id = ? AND resource = ?";
            if tx.execute(sql, args![project, resource]).await? == 0 {
                return Err(not_found(project, resource));
            }
        })
    }

    /// Clusters and nodes of a project, or of all.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn stats_get(&self, tenancy: Tenancy<'_>) -> Result<Stats, DbError> {
        let (condition, args) = match tenancy {
            Tenancy::Project(project) => (" WHERE project_id = ?", args![project, project]),
            Tenancy::All => ("", Vec::new()),
        };
        let sql = format!(
            "SELECT (SELECT COUNT(*) FROM cluster{condition}) AS clusters, \
             (SELECT CAST(COALESCE(SUM(node_count), 0) AS SIGNED) FROM nodegroup{condition}) AS nodes"
        );
        let row: Option<StatsRow> = self.one(&sql, args).await?;
        Ok(row.map_or_else(Stats::default, |row| Stats { clusters: row.clusters, nodes: row.nodes }))
    }
}
