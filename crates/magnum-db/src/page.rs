//! Whose rows a read sees, and which part of a long list. Paging is by key: a page begins after the marker's own
//! place in the order, so rows that come and go between two requests shift nothing.

use crate::{
    error::DbError,
    pool::{Arg, args},
};
use magnum_types::Status;
use uuid::Uuid;

/// Whose rows are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenancy<'a> {
    /// Those of one project.
    Project(&'a str),
    /// Everybody's.
    All,
}

/// What names the last row of the page before.
pub trait Marker: Copy + Into<Arg> {
    /// The column that holds it.
    const COLUMN: &'static str;
}

impl Marker for Uuid {
    const COLUMN: &'static str = "uuid";
}

/// Quotas have no UUID: they are paged by their number.
impl Marker for i64 {
    const COLUMN: &'static str = "id";
}

/// Which rows of a list are wanted; none of these: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of this project.
    pub project_id: Option<String>,
    /// Those in this status.
    pub status: Option<Status>,
    /// Those of this name.
    pub name: Option<String>,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<M = Uuid> {
    /// Rows at most.
    pub limit: i64,
    /// The last row of the page before.
    pub marker: Option<M>,
    /// A column that the noun can be sorted by.
    pub sort_key: String,
    /// Greatest first.
    pub descending: bool,
}

impl<M> Default for Page<M> {
    /// The first 1000 rows in the order of their making.
    fn default() -> Self {
        Self { limit: 1000, marker: None, sort_key: "id".to_owned(), descending: false }
    }
}

/// A list statement in the making: conditions on `t`, the table's alias, each with its arguments.
pub(crate) struct List {
    table: &'static str,
    also: String,
    joins: &'static str,
    conditions: Vec<&'static str>,
    args: Vec<Arg>,
}

impl List {
    pub fn of(table: &'static str) -> Self {
        Self { table, also: String::new(), joins: "", conditions: Vec::new(), args: Vec::new() }
    }

    /// Adds columns: `, <expression> AS <name>` and so on.
    pub fn with(mut self, columns: &str) -> Self {
        self.also.push_str(columns);
        self
    }

    /// Adds tables beside `t`.
    pub fn joined(mut self, joins: &'static str) -> Self {
        self.joins = joins;
        self
    }

    /// Adds a condition on `t`.
    pub fn filter(mut self, condition: &'static str, args: Vec<Arg>) -> Self {
        self.conditions.push(condition);
        self.args.extend(args);
        self
    }

    /// Only rows of the tenancy, if the table has a project column.
    pub fn of_tenancy(self, tenancy: Tenancy<'_>) -> Self {
        match tenancy {
            Tenancy::Project(project) => self.filter("t.project_id = ?", args![project]),
            Tenancy::All => self,
        }
    }

    /// Only the rows that are wanted.
    pub fn filtered(mut self, filter: &Filter) -> Self {
        let Filter { project_id, status, name } = filter;
        if let Some(project) = project_id {
            self = self.filter("t.project_id = ?", args![project]);
        }
        if let Some(status) = *status {
            self = self.filter("t.status = ?", args![status]);
        }
        match name {
            Some(name) => self.filter("t.name = ?", args![name]),
            None => self,
        }
    }

    fn beginning(&self) -> String {
        format!("SELECT t.*{} FROM {} t{}", self.also, self.table, self.joins)
    }

    fn ending(&self) -> String {
        format!(
            " WHERE {}",
            ["1 = 1"].iter().chain(&self.conditions).copied().collect::<Vec<_>>().join(" AND ")
        )
    }

    /// The statement of all rows, in no order.
    pub fn unordered(self) -> (String, Vec<Arg>) {
        (self.beginning() + &self.ending(), self.args)
    }

    /// The statement of a page. `columns` are those that may be sorted by.
    pub fn page<M: Marker>(
        mut self,
        page: &Page<M>,
        columns: &[&'static str],
    ) -> Result<(String, Vec<Arg>), DbError> {
        let key = columns
            .iter()
            .find(|column| **column == page.sort_key)
            .ok_or_else(|| DbError::UnknownSortKey(page.sort_key.clone()))?;
        let (direction, after) = if page.descending { ("DESC", "<") } else { ("ASC", ">") };
        let mut sql = self.beginning();
        let mut args = Vec::new();
        if let Some(marker) = page.marker {
            sql.push_str(&format!(" JOIN {} m ON m.{} = ?", self.table, M::COLUMN));
            args.push(marker.into());
            // Without a value sorts before every value: all the databases do so. The marker must itself be visible.
            for condition in &self.conditions {
                sql.push_str(&format!(" AND {}", condition.replace("t.", "m.")));
            }
            args.extend(self.args.clone());
        }
        sql.push_str(&self.ending());
        args.append(&mut self.args);
        if page.marker.is_some() {
            sql.push_str(&match *key {
                "id" => format!(" AND t.id {after} m.id"),
                key => format!(
                    " AND ((t.{key} IS NOT NULL) {after} (m.{key} IS NOT NULL) OR ((t.{key} IS NOT NULL) = (m.{key} IS NOT NULL) \
                     AND (t.{key} {after} m.{key} OR ((t.{key} = m.{key} OR t.{key} IS NULL) AND t.id {after} m.id))))"
                ),
            });
        }
        // Plainly by columns, so that an index can give the order.
        sql.push_str(&match *key {
            "id" => format!(" ORDER BY t.id {direction} LIMIT ?"),
            key => format!(" ORDER BY t.{key} {direction}, t.id {direction} LIMIT ?"),
        });
        args.push(Arg::from(page.limit));
        Ok((sql, args))
    }
}
