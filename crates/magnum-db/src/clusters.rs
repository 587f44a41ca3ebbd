//! Clusters, each read together with its node groups and its template: one statement for a page of any length.

use crate::{
    beside::{self, ClusterAndBeside, Templates},
    error::DbError,
    page::{Filter, List, Page, Tenancy},
    pool::args,
    rows::{ClusterRow, json_text, readable},
    sql::update,
    store::{Store, transaction, whole_seconds},
};
use indexmap::IndexMap;
use magnum_types::{Cluster, ClusterId, ClusterTemplate, HealthStatus, NodeGroup};
use sqlx::FromRow;
use uuid::Uuid;

/// A cluster with what is needed to show it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterView {
    /// The row.
    pub cluster: Cluster,
    /// Its node groups, the oldest first.
    pub nodegroups: Vec<NodeGroup>,
    /// Its template, if that still exists and is understood.
    pub template: Option<ClusterTemplate>,
}

/// A cluster as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSummary {
    /// The row.
    pub cluster: Cluster,
    /// Nodes of all groups but those of masters, as asked for.
    pub node_count: i64,
    /// Masters, as asked for.
    pub master_count: i64,
}

#[derive(FromRow)]
struct SummaryRow {
    #[sqlx(flatten)]
    cluster: ClusterRow,
    counted_nodes: i64,
    counted_masters: i64,
}

/// The counts of a cluster `t`. A group without a role works.
const COUNTS: &str = ", (SELECT CAST(COALESCE(SUM(g.node_count), 0) AS SIGNED) FROM nodegroup g WHERE g.cluster_id = t.uuid \
     AND COALESCE(g.role, '') <> 'master') AS counted_nodes, (SELECT CAST(COALESCE(SUM(g.node_count), 0) AS SIGNED) \
     FROM nodegroup g WHERE g.cluster_id = t.uuid AND g.role = 'master') AS counted_masters";

/// Columns that a list of clusters may be sorted by.
const SORT_KEYS: &[&str] = &[
    "id",
    "uuid",
    "name",
    "project_id",
    "user_id",
    "status",
    "created_at",
    "updated_at",
    "cluster_template_id",
    "keypair",
    "stack_id",
    "api_address",
    "health_status",
    "coe_version",
    "container_version",
    "create_timeout",
    "docker_volume_size",
    "flavor_id",
    "master_flavor_id",
    "discovery_url",
];

impl Store {
    /// The cluster of that UUID, or, when the text is none, of that name.
    ///
    /// # Errors
    /// [`DbError::NotFound`] and [`DbError::Ambiguous`].
    pub async fn cluster_get(&self, tenancy: Tenancy<'_>, ident: &str) -> Result<ClusterView, DbError> {
        let list = List::of("cluster").of_tenancy(tenancy);
        let list = match Uuid::parse_str(ident) {
            Ok(uuid) => list.filter("t.uuid = ?", args![uuid]),
            Err(_) => list.filter("t.name = ?", args![ident]),
        };
        self.cluster_only(list, ident).await
    }

    /// The cluster of that id, whosever it is.
    ///
    /// # Errors
    /// [`DbError::NotFound`].
    pub async fn cluster_by_id(&self, cluster: ClusterId) -> Result<ClusterView, DbError> {
        self.cluster_only(List::of("cluster").filter("t.uuid = ?", args![cluster]), &cluster.to_string())
            .await
    }

    async fn cluster_only(&self, list: List, ident: &str) -> Result<ClusterView, DbError> {
        let list = list.with(&beside::columns(self.pool()));
        let (sql, args) = list.page(&Page { limit: 2, ..Page::<Uuid>::default() }, SORT_KEYS)?;
        let mut rows: Vec<ClusterAndBeside> = self.all(&sql, args).await?;
        match rows.len() {
            0 | 1 => view(rows.pop().ok_or_else(|| not_found(ident))?, &mut Templates::default()),
            _ => Err(DbError::Ambiguous { noun: "Cluster", ident: ident.to_owned() }),
        }
    }

    /// A page of the wanted clusters.
    ///
    /// # Errors
    /// [`DbError::UnknownSortKey`], and [`DbError::NotFound`] for a marker that is not to be seen.
    pub async fn cluster_list(
        &self,
        tenancy: Tenancy<'_>,
        filter: &Filter,
        page: &Page,
    ) -> Result<Vec<ClusterView>, DbError> {
        let list =
            List::of("cluster").with(&beside::columns(self.pool())).of_tenancy(tenancy).filtered(filter);
        let (sql, args) = list.page(page, SORT_KEYS)?;
        let rows: Vec<ClusterAndBeside> = self.all(&sql, args).await?;
        if let (true, Some(marker)) = (rows.is_empty(), page.marker) {
            // An empty page after the last row is fine; one after a row that is not there is a mistake.
            self.cluster_get(tenancy, &marker.to_string()).await?;
        }
        let mut templates = Templates::default();
        Ok(readable(rows, |row| view(row, &mut templates)))
    }

    /// A page of the wanted clusters in short: nodes are only counted, which is all that a list shows of them.
    ///
    /// # Errors
    /// As [`Store::cluster_list`].
    pub async fn cluster_summaries(
        &self,
        tenancy: Tenancy<'_>,
        filter: &Filter,
        page: &Page,
    ) -> Result<Vec<ClusterSummary>, DbError> {
        let list = List::of("cluster").with(COUNTS).of_tenancy(tenancy).filtered(filter);
        let (sql, args) = list.page(page, SORT_KEYS)?;
        let rows: Vec<SummaryRow> = self.all(&sql, args).await?;
        if let (true, Some(marker)) = (rows.is_empty(), page.marker) {
            self.cluster_get(tenancy, &marker.to_string()).await?;
        }
        Ok(readable(rows, |row| {
            let (node_count, master_count) = (row.counted_nodes, row.counted_masters);
            Ok(ClusterSummary { cluster: row.cluster.read()?, node_count, master_count })
        }))
    }

    /// How many clusters a project has.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn cluster_count(&self, project: &str) -> Result<i64, DbError> {
        #[derive(sqlx::FromRow)]
        struct Count {
            count: i64,
        }
        let sql = "SELECT COUNT(*) AS count FROM cluster WHERE project_id = ?";
        Ok(self.one::<Count>(sql, args![project]).await?.map_or(0, |row| row.count))
    }

    /// Sets the health of a cluster, and nothing else.
    ///
    /// # Errors
    /// [`DbError::NotFound`].
    pub async fn cluster_patch_health(
        &self,
        cluster: ClusterId,
        health: HealthStatus,
        reason: &IndexMap<String, String>,
    ) -> Result<(), DbError> {
        let reason = json_text(reason)?;
        transaction!(self, |tx, now| {
            let columns = vec![
                ("health_status", health.as_str().into()),
                ("health_status_reason", (&reason).into()),
                ("updated_at", whole_seconds(now).into()),
            ];
            if update(tx, "cluster", columns, "uuid = ?", args![cluster]).await? == 0 {
                return Err(not_found(&cluster.to_string()));
            }
        })
    }
}

fn view(row: ClusterAndBeside, templates: &mut Templates) -> Result<ClusterView, DbError> {
    let (nodegroups, template) = (row.nodegroups()?, row.template(templates));
    Ok(ClusterView { cluster: row.cluster.read()?, nodegroups, template })
}

pub(crate) fn not_found(ident: &str) -> DbError {
    DbError::NotFound { noun: "Cluster", ident: ident.to_owned() }
}
