//! INSERT and UPDATE statements made from a list of columns, so that a column and its value stand side by side.

use crate::{
    error::DbError,
    pool::{Arg, Tx},
};
use std::fmt::Write as _;

/// Columns and the values to give them. Names are constants of this crate.
pub(crate) type Columns = Vec<(&'static str, Arg)>;

/// Inserts one row.
pub(crate) async fn insert(tx: &mut Tx, table: &str, columns: Columns) -> Result<(), DbError> {
    let (names, args): (Vec<&str>, Vec<Arg>) = columns.into_iter().unzip();
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), marks(args.len()));
    tx.execute(&sql, args).await?;
    Ok(())
}

/// Sets columns where `condition` holds; says how many rows matched.
pub(crate) async fn update(
    tx: &mut Tx,
    table: &str,
    columns: Columns,
    condition: &str,
    condition_args: Vec<Arg>,
) -> Result<u64, DbError> {
    let mut sql = format!("UPDATE {table} SET ");
    let mut args = Vec::with_capacity(columns.len() + condition_args.len());
    for (position, (name, arg)) in columns.into_iter().enumerate() {
        let comma = if position == 0 { "" } else { ", " };
        let _ = write!(sql, "{comma}`{name}` = ?");
        args.push(arg);
    }
    let _ = write!(sql, " WHERE {condition}");
    args.extend(condition_args);
    tx.execute(&sql, args).await
}

/// `?, ?, ?` for a list of values.
pub(crate) fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}
