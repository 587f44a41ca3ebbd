//! Node groups, always within one cluster.

use crate::{
    error::DbError,
    page::{List, Page, Tenancy},
    pool::args,
    rows::{NodeGroupRow, readable},
    store::Store,
};
use magnum_types::{ClusterId, NodeGroup};
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
        let (sql, args) = list.page(&Page { limit: 1, ..Page::default() }, SORT_KEYS)?;
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
}

pub(crate) fn not_found(ident: &str) -> DbError {
    DbError::NotFound { noun: NOUN, ident: ident.to_owned() }
}
