//! Node groups, always within one cluster.

use crate::{
    changes::patched_columns,
    error::DbError,
    page::{List, Page, Tenancy},
    pool::args,
    rows::{Cell, NodeGroupRow, readable},
    sql::update,
    store::{Store, transaction},
};
use magnum_types::{ClusterId, NodeGroup, NodeGroupHandle, NodeGroupId, NodeGroupPatch};
use sqlx::FromRow;
use uuid::Uuid;

const NOUN: &str = "Nodegroup";

/// Columns that a list of node groups may be sorted by.
const SORT_KEYS: &[&str] = &[
    "id",
    "uuid",
    "name",
    "project_id",
    "created_at",
    "updated_at",
    "role",
    "node_count",
    "min_node_count",
    "max_node_count",
    "is_default",
    "status",
    "flavor_id",
    "image_id",
    "docker_volume_size",
    "stack_id",
    "version",
];

fn of_cluster(tenancy: Tenancy<'_>, cluster: ClusterId) -> List {
    List::of("nodegroup").of_tenancy(tenancy).filter("t.cluster_id = ?", args![cluster])
}

impl Store {
    /// The group of that UUID, or, when the text is none, of that name.
    ///
    /// # Errors
    /// [`DbError::NotFound`].
    pub async fn nodegroup_get(
        &self,
        tenancy: Tenancy<'_>,
        cluster: ClusterId,
        ident: &str,
    ) -> Result<NodeGroup, DbError> {
        let list = of_cluster(tenancy, cluster);
        let list = match Uuid::parse_str(ident) {
            Ok(uuid) => list.filter("t.uuid = ?", args![uuid]),
            Err(_) => list.filter("t.name = ?", args![ident]),
        };
        let (sql, args) = list.page(&Page { limit: 1, ..Page::<Uuid>::default() }, SORT_KEYS)?;
        let row: Option<NodeGroupRow> = self.one(&sql, args).await?;
        row.ok_or_else(|| not_found(ident))?.read()
    }

    /// A page of a cluster's groups, of one role if it is given.
    ///
    /// # Errors
    /// [`DbError::UnknownSortKey`], and [`DbError::NotFound`] for a marker that is not to be seen.
    pub async fn nodegroup_list(
        &self,
        tenancy: Tenancy<'_>,
        cluster: ClusterId,
        role: Option<&str>,
        page: &Page,
    ) -> Result<Vec<NodeGroup>, DbError> {
        let mut list = of_cluster(tenancy, cluster);
        if let Some(role) = role {
            list = list.filter("t.role = ?", args![role]);
        }
        let (sql, args) = list.page(page, SORT_KEYS)?;
        let rows: Vec<NodeGroupRow> = self.all(&sql, args).await?;
        if let (true, Some(marker)) = (rows.is_empty(), page.marker) {
            self.nodegroup_get(tenancy, cluster, &marker.to_string()).await?;
        }
        Ok(readable(rows, NodeGroupRow::read))
    }

    /// Changes a group's settings, if counts and bounds still are what `seen` shows.
    ///
    /// # Errors
    /// [`DbError::Stale`] when another request changed them meanwhile, or took the group away.
    pub async fn nodegroup_update(&self, seen: &NodeGroup, patch: &NodeGroupPatch) -> Result<(), DbError> {
        transaction!(self, |tx, now| {
            let condition =
                "uuid = ? AND node_count = ? AND min_node_count = ? AND COALESCE(max_node_count, -1) = ?";
            let as_seen =
                args![seen.uuid, seen.node_count, seen.min_node_count, seen.max_node_count.unwrap_or(-1)];
            if update(tx, "nodegroup", patched_columns(now, patch)?, condition, as_seen).await? == 0 {
                return Err(DbError::Stale { noun: NOUN, ident: seen.name.clone() });
            }
        })
    }

    /// The handle of a group with a stack of its own; `None` for a default group and for one that upstream made.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn nodegroup_handle(&self, group: NodeGroupId) -> Result<Option<NodeGroupHandle>, DbError> {
        let sql = "SELECT * FROM nodegroup_handle WHERE nodegroup_uuid = ?";
        let row: Option<HandleRow> = self.one(sql, args![group]).await?;
        row.map(HandleRow::read).transpose()
    }

    /// The handle of the cluster's group that this join secret's hash admits to.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn nodegroup_admitted(
        &self,
        cluster: ClusterId,
        join_secret_hash: &str,
    ) -> Result<Option<NodeGroupHandle>, DbError> {
        let sql = "SELECT * FROM nodegroup_handle WHERE cluster_uuid = ? AND join_secret_hash = ?";
        let row: Option<HandleRow> = self.one(sql, args![cluster, join_secret_hash]).await?;
        row.map(HandleRow::read).transpose()
    }
}

#[derive(FromRow)]
struct HandleRow {
    nodegroup_uuid: String,
    cluster_uuid: String,
    stack_name: String,
    join_secret_hash: Option<String>,
}

impl HandleRow {
    fn read(self) -> Result<NodeGroupHandle, DbError> {
        let cell = |column| Cell { table: "nodegroup_handle", ident: &self.nodegroup_uuid, column };
        Ok(NodeGroupHandle {
            nodegroup: cell("nodegroup_uuid").parse(&self.nodegroup_uuid)?,
            cluster: cell("cluster_uuid").parse(&self.cluster_uuid)?,
            stack_name: self.stack_name,
            join_secret_hash: self.join_secret_hash,
        })
    }
}

pub(crate) fn not_found(ident: &str) -> DbError {
    DbError::NotFound { noun: NOUN, ident: ident.to_owned() }
}
