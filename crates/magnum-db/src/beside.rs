//! A cluster's node groups and template, read in the same statement as the cluster: two columns that hold them as JSON
//! made by the database, so that a cluster is one statement and one row.

use crate::{
    error::DbError,
    pool::Pool,
    rows::{ClusterRow, NODEGROUP_COLUMNS, NodeGroupRow, readable},
    template_rows::{TEMPLATE_COLUMNS, TemplateRow},
};
use chrono::NaiveDateTime;
use magnum_types::{ClusterTemplate, NodeGroup};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use sqlx::FromRow;

/// A cluster with what is beside it.
#[derive(FromRow)]
pub(crate) struct ClusterAndBeside {
    #[sqlx(flatten)]
    pub cluster: ClusterRow,
    nodegroups_json: Option<String>,
    template_json: Option<String>,
}

/// The two columns, for a statement whose clusters are `t`. The casts are for databases whose JSON is a type.
pub(crate) fn columns(pool: &Pool) -> String {
    let all = match pool {
        Pool::MySql(_) => "JSON_ARRAYAGG",
        Pool::Sqlite(_) => "json_group_array",
    };
    format!(
        ", CAST((SELECT {all}({}) FROM nodegroup g WHERE g.cluster_id = t.uuid) AS CHAR) AS nodegroups_json, \
         CAST((SELECT {} FROM cluster_template c WHERE c.uuid = t.cluster_template_id) AS CHAR) AS template_json",
        object("g", NODEGROUP_COLUMNS),
        object("c", TEMPLATE_COLUMNS),
    )
}

fn object(table: &str, columns: &[&str]) -> String {
    let pairs: Vec<String> = columns.iter().map(|column| format!("'{column}', {table}.`{column}`")).collect();
    format!("JSON_OBJECT({})", pairs.join(", "))
}

impl ClusterAndBeside {
    /// The groups, the oldest first. One that cannot be understood is left out.
    pub fn nodegroups(&self) -> Result<Vec<NodeGroup>, DbError> {
        let mut rows: Vec<NodeGroupRow> =
            self.parsed("nodegroups", self.nodegroups_json.as_deref())?.unwrap_or_default();
        rows.sort_by_key(NodeGroupRow::id);
        Ok(readable(rows, NodeGroupRow::read))
    }

    /// The template, if it is there and understood.
    pub fn template(&self) -> Option<ClusterTemplate> {
        let row = self.parsed::<TemplateRow>("template", self.template_json.as_deref());
        row.and_then(|row| row.map(TemplateRow::read).transpose()).unwrap_or_else(|error| {
            tracing::warn!(%error, "a template is left out");
            None
        })
    }

    fn parsed<T: DeserializeOwned>(
        &self,
        column: &'static str,
        json: Option<&str>,
    ) -> Result<Option<T>, DbError> {
        let Some(json) = json else { return Ok(None) };
        serde_json::from_str(json).map(Some).map_err(|error| DbError::BadRow {
            table: "cluster",
            ident: self.cluster.uuid().to_owned(),
            column,
            reason: error.to_string(),
        })
    }
}

/// A boolean, which the databases show as a number.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Shown {
        Number(i64),
        Word(bool),
    }
    Ok(Option::<Shown>::deserialize(deserializer)?.map(|shown| match shown {
        Shown::Number(number) => number != 0,
        Shown::Word(word) => word,
    }))
}

/// A time, which the databases show as SQL writes it.
pub(crate) fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDateTime>, D::Error> {
    let shown = Option::<String>::deserialize(deserializer)?;
    let read = |text: String| {
        let plain = text.trim_end_matches('Z').replace('T', " ");
        NaiveDateTime::parse_from_str(&plain, "%Y-%m-%d %H:%M:%S%.f").map_err(serde::de::Error::custom)
    };
    shown.map(read).transpose()
}
