//! Clusters as lists and documents show them: with the few things of their node groups and template that are shown.
//! One narrow statement for one cluster or a page of any length; whole groups cost the database three times as much.

use crate::{
    clusters::{ClusterView, SORT_KEYS, only},
    error::DbError,
    page::{Filter, List, Page, Tenancy},
    pool::Pool,
    rows::{Cell, ClusterRow, readable, status},
    store::Store,
};
use magnum_types::{Cluster, Labels, NodeGroup, Role, Status};
use serde::Deserialize;
use sqlx::FromRow;

/// A cluster as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSummary {
    /// The row.
    pub cluster: Cluster,
    /// Its node groups, the oldest first.
    pub nodegroups: Vec<GroupSummary>,
    /// The labels of its template, if that still exists and they are understood.
    pub template_labels: Option<Labels>,
}

/// What a cluster shows of one of its node groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSummary {
    /// Its name.
    pub name: String,
    /// Masters or workers.
    pub kind: Role,
    /// How many nodes were asked for.
    pub node_count: i32,
    /// Their addresses.
    pub node_addresses: Vec<String>,
    /// Its status.
    pub status: Status,
    /// And why.
    pub status_reason: Option<String>,
}

/// A cluster of a page: its groups are in one column.
#[derive(FromRow)]
struct SummaryRow {
    #[sqlx(flatten)]
    cluster: ClusterRow,
    template_labels: Option<String>,
    groups_json: Option<String>,
}

/// One cluster and one of its groups.
#[derive(FromRow)]
struct PairRow {
    #[sqlx(flatten)]
    cluster: ClusterRow,
    template_labels: Option<String>,
    #[sqlx(flatten)]
    group: GroupRow,
}

/// A group in the order of [`GROUP_COLUMNS`].
#[derive(FromRow, Deserialize)]
struct GroupRow {
    group_id: Option<i64>,
    group_name: Option<String>,
    group_role: Option<String>,
    group_node_count: Option<i32>,
    group_node_addresses: Option<String>,
    group_status: Option<String>,
    group_status_reason: Option<String>,
}

const GROUP_COLUMNS: &[&str] =
    &["id", "name", "role", "node_count", "node_addresses", "status", "status_reason"];

/// The additional columns of a page of clusters `t`. The casts are for databases whose JSON is a type.
fn page_columns(pool: &Pool) -> String {
    let all = match pool {
        Pool::MySql(_) => "JSON_ARRAYAGG",
        Pool::Sqlite(_) => "json_group_array",
    };
    let columns: Vec<String> = GROUP_COLUMNS.iter().map(|column| format!("g.{column}")).collect();
    format!(
        ", c.labels AS template_labels, CAST((SELECT {all}(JSON_ARRAY({})) FROM nodegroup g \
         WHERE g.cluster_id = t.uuid) AS CHAR) AS groups_json",
        columns.join(", ")
    )
}

/// The additional columns of one cluster, whose groups are rows: MariaDB keeps an aggregate of text in a table on disk,
/// which costs a single cluster more than all the rest.
fn pair_columns() -> String {
    let columns = GROUP_COLUMNS.iter().map(|column| format!(", g.{column} AS group_{column}"));
    format!(", c.labels AS template_labels{}", columns.collect::<String>())
}

const TEMPLATE: &str = " LEFT JOIN cluster_template c ON c.uuid = t.cluster_template_id";
const TEMPLATE_AND_GROUPS: &str = " LEFT JOIN cluster_template c ON c.uuid = t.cluster_template_id \
                                    LEFT JOIN nodegroup g ON g.cluster_id = t.uuid";

impl Store {
    /// What is shown of one cluster, found as by [`Store::cluster_get`].
    ///
    /// # Errors
    /// As [`Store::cluster_get`].
    pub async fn cluster_summary(
        &self,
        tenancy: Tenancy<'_>,
        ident: &str,
    ) -> Result<ClusterSummary, DbError> {
        let list = List::named(tenancy, ident).with(&pair_columns()).joined(TEMPLATE_AND_GROUPS);
        let (sql, args) = list.unordered();
        let pairs: Vec<PairRow> = self.all(&sql, args).await?;
        let mut clusters: Vec<(ClusterRow, Option<String>, Vec<GroupRow>)> = Vec::new();
        for PairRow { cluster, template_labels, group } in pairs {
            match clusters.iter_mut().find(|(known, _, _)| known.id() == cluster.id()) {
                Some((_, _, groups)) => groups.push(group),
                None => clusters.push((cluster, template_labels, vec![group])),
            }
        }
        let (cluster, template_labels, groups) = only(clusters, ident)?;
        summary(cluster, template_labels.as_deref(), groups)
    }

    /// A page of the wanted clusters.
    ///
    /// # Errors
    /// [`DbError::UnknownSortKey`], and [`DbError::NotFound`] for a marker that is not to be seen.
    pub async fn cluster_summaries(
        &self,
        tenancy: Tenancy<'_>,
        filter: &Filter,
        page: &Page,
    ) -> Result<Vec<ClusterSummary>, DbError> {
        let list = List::of("cluster").with(&page_columns(self.pool())).joined(TEMPLATE);
        let (sql, args) = list.of_tenancy(tenancy).filtered(filter).page(page, SORT_KEYS)?;
        let rows: Vec<SummaryRow> = self.all(&sql, args).await?;
        if let (true, Some(marker)) = (rows.is_empty(), page.marker) {
            // An empty page after the last row is fine; one after a row that is not there is a mistake.
            self.cluster_get(tenancy, &marker.to_string()).await?;
        }
        Ok(readable(rows, SummaryRow::read))
    }
}

impl From<&ClusterView> for ClusterSummary {
    fn from(view: &ClusterView) -> Self {
        let group = |group: &NodeGroup| GroupSummary {
            name: group.name.clone(),
            kind: group.kind(),
            node_count: group.node_count,
            node_addresses: group.node_addresses.clone(),
            status: group.status,
            status_reason: group.status_reason.clone(),
        };
        Self {
            cluster: view.cluster.clone(),
            nodegroups: view.nodegroups.iter().map(group).collect(),
            template_labels: view.template.as_ref().map(|template| template.labels.clone()),
        }
    }
}

impl ClusterSummary {
    /// How many nodes of a kind were asked for.
    pub fn count(&self, kind: Role) -> i64 {
        self.of_kind(kind).map(|group| i64::from(group.node_count)).sum()
    }

    /// The addresses of the nodes of a kind.
    pub fn addresses(&self, kind: Role) -> Vec<&str> {
        self.of_kind(kind).flat_map(|group| group.node_addresses.iter().map(String::as_str)).collect()
    }

    fn of_kind(&self, kind: Role) -> impl Iterator<Item = &GroupSummary> {
        self.nodegroups.iter().filter(move |group| group.kind == kind)
    }
}

impl SummaryRow {
    fn read(self) -> Result<ClusterSummary, DbError> {
        let groups = serde_json::from_str(self.groups_json.as_deref().unwrap_or("[]"));
        let cell = || Cell { table: "cluster", ident: self.cluster.uuid(), column: "nodegroups" };
        let groups = groups.map_err(|error| cell().bad(error))?;
        summary(self.cluster, self.template_labels.as_deref(), groups)
    }
}

fn summary(
    cluster: ClusterRow,
    template_labels: Option<&str>,
    mut groups: Vec<GroupRow>,
) -> Result<ClusterSummary, DbError> {
    let ident = cluster.uuid().to_owned();
    // A cluster without groups comes with one that is not there.
    groups.retain(|group| group.group_id.is_some());
    groups.sort_unstable_by_key(|group| group.group_id);
    let labels = Cell { table: "cluster_template", ident: cluster.cluster_template_id(), column: "labels" };
    let template_labels = template_labels.map(|text| labels.map(Some(text))).transpose()?.map(Labels);
    Ok(ClusterSummary {
        cluster: cluster.read()?,
        nodegroups: readable(groups, |group| group.read(&ident)),
        template_labels,
    })
}

impl GroupRow {
    fn read(self, cluster: &str) -> Result<GroupSummary, DbError> {
        let cell = |column| Cell { table: "nodegroup", ident: cluster, column };
        Ok(GroupSummary {
            kind: if self.group_role.as_deref() == Some("master") { Role::Master } else { Role::Worker },
            node_count: self.group_node_count.unwrap_or(0),
            node_addresses: cell("node_addresses").list(self.group_node_addresses.as_deref())?,
            status: status(&cell("status"), self.group_status.as_deref())?,
            name: self.group_name.unwrap_or_default(),
            status_reason: self.group_status_reason,
        })
    }
}
