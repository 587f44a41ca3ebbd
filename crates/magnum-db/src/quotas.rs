//! How much a project may have, and how much it and everybody has.

use crate::{error::DbError, page::Tenancy, pool::args, store::Store};
use sqlx::FromRow;

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
