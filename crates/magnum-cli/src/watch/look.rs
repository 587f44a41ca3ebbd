//! One look at a cluster, its operation and its nodes.

use crate::{
    cli::text,
    client::Api,
    error::{Kind, Result},
    watch::Wanted,
};
use serde_json::Value;

/// How many of the newest operations are looked through for the wanted one.
const OPERATIONS: &str = "20";

/// What a look found.
#[derive(Default)]
pub struct Seen {
    /// The cluster; none when it is gone.
    pub cluster: Option<Value>,
    /// The operation that is waited for; without a request's id the one that runs.
    pub operation: Option<Value>,
    /// The nodes.
    pub nodes: Vec<Value>,
}

/// Looks.
pub async fn look(api: &Api, wanted: &Wanted<'_>) -> Result<Seen> {
    let Some(cluster) = found(api.get(&["clusters", wanted.cluster], &[]).await)? else {
        return Ok(Seen::default());
    };
    let query = vec![("limit", OPERATIONS.to_owned())];
    let operations =
        found(api.list(&["clusters", wanted.cluster, "operations"], "operations", &query).await)?;
    let Some(operations) = operations else {
        // A service without operations has no nodes to show either.
        return Ok(Seen { cluster: Some(cluster), ..Seen::default() });
    };
    let operation = operations.into_iter().find(|operation| match wanted.request_id {
        Some(id) => text(operation, "request_id") == id,
        None => matches!(text(operation, "state"), "running" | "unwinding"),
    });
    let nodes = found(api.list(&["clusters", wanted.cluster, "nodes"], "nodes", &[]).await)?;
    Ok(Seen { cluster: Some(cluster), operation, nodes: nodes.unwrap_or_default() })
}

fn found<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
