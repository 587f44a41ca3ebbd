//! Clusters, each read in one statement together with its node groups and its template.

use crate::{
    beside::{self, ClusterAndBeside},
    error::DbError,
    page::{List, Page, Tenancy},
    pool::{Arg, args},
    reach,
    rows::json_text,
    sql::update,
    store::{Store, transaction, whole_seconds},
};
use indexmap::IndexMap;
use magnum_types::{Cluster, ClusterId, ClusterTemplate, HealthStatus, NodeGroup};
use uuid::Uuid;

/// A cluster with all that is beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterView {
    /// The row.
    pub cluster: Cluster,
    /// Its node groups, the oldest first.
    pub nodegroups: Vec<NodeGroup>,
    /// Its template, if that still exists and is understood.
    pub template: Option<ClusterTemplate>,
}

/// Columns that a list of clusters may be sorted by.
pub(crate) const SORT_KEYS: &[&str] = &[
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
        self.cluster_only(List::named(tenancy, ident), ident).await
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
        let (sql, args) = list.with(&beside::columns(self.pool())).pair()?;
        view(only(self.all::<ClusterAndBeside>(&sql, args).await?, ident)?)
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

    /// Sets the health of a cluster as somebody told it, and nothing else but that somebody did.
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
            reach::told(tx, now, cluster).await?;
        })
    }
}

fn view(row: ClusterAndBeside) -> Result<ClusterView, DbError> {
    let (nodegroups, template) = (row.nodegroups()?, row.template());
    Ok(ClusterView { cluster: row.cluster.read()?, nodegroups, template })
}

/// The one row that an identifier must lead to.
pub(crate) fn only<R>(mut rows: Vec<R>, ident: &str) -> Result<R, DbError> {
    match rows.len() {
        0 | 1 => rows.pop().ok_or_else(|| not_found(ident)),
        _ => Err(DbError::Ambiguous { noun: "Cluster", ident: ident.to_owned() }),
    }
}

impl List {
    /// The clusters of that UUID, or, when the text is none, of that name.
    pub(crate) fn named(tenancy: Tenancy<'_>, ident: &str) -> Self {
        let list = Self::of("cluster").of_tenancy(tenancy);
        match Uuid::parse_str(ident) {
            Ok(uuid) => list.filter("t.uuid = ?", args![uuid]),
            Err(_) => list.filter("t.name = ?", args![ident]),
        }
    }

    /// The statement of its first two rows: enough to know whether there is one.
    pub(crate) fn pair(self) -> Result<(String, Vec<Arg>), DbError> {
        self.page(&Page { limit: 2, ..Page::<Uuid>::default() }, SORT_KEYS)
    }
}

pub(crate) fn not_found(ident: &str) -> DbError {
    DbError::NotFound { noun: "Cluster", ident: ident.to_owned() }
}
