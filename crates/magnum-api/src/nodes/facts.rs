//! A cluster's facts: what nodes found out and others need, such as join tokens. They are secrets, so they are kept
//! sealed in the cluster's handle; two reports at once are put together by compare-and-set.

use crate::state::AppState;
use magnum_db::DbError;
use magnum_types::{ClusterHandle, ClusterId, ServiceError, places, plan::Text};
use std::collections::BTreeMap;

/// How often a lost compare-and-set is tried again.
const ATTEMPTS: u32 = 8;

/// Opens sealed facts.
pub fn open(
    state: &AppState,
    cluster: ClusterId,
    sealed: Option<&str>,
) -> Result<BTreeMap<String, String>, ServiceError> {
    let Some(sealed) = sealed else { return Ok(BTreeMap::new()) };
    let clear = state.sealing.open(&places::facts(cluster), sealed).map_err(ServiceError::internal)?;
    serde_json::from_slice(&clear).map_err(ServiceError::internal)
}

/// Adds facts to those of the cluster. Facts that are known already change nothing; new ones raise the plan
/// generation, since other nodes' plans may wait for them.
pub async fn add(
    state: &AppState,
    cluster: ClusterId,
    new: BTreeMap<String, Text>,
) -> Result<(), ServiceError> {
    if new.is_empty() {
        return Ok(());
    }
    for _ in 0..ATTEMPTS {
        let handle = state.store.handle_get(cluster).await?;
        let mut facts = open(state, cluster, handle.facts.as_deref())?;
        let before = facts.clone();
        facts.extend(new.iter().map(|(name, value)| (name.clone(), value.0.clone())));
        if facts == before {
            return Ok(());
        }
        if replace(state, &handle, &facts).await? {
            return Ok(());
        }
    }
    Err(ServiceError::conflict("Other nodes report at the same time. Report again."))
}

/// Puts facts in the place of those that the handle was read with, and raises the plan generation; false when they have
/// changed since.
pub async fn replace(
    state: &AppState,
    handle: &ClusterHandle,
    facts: &BTreeMap<String, String>,
) -> Result<bool, ServiceError> {
    let cluster = handle.cluster;
    let clear = serde_json::to_vec(facts).map_err(ServiceError::internal)?;
    let sealed = state.sealing.seal(&places::facts(cluster), &clear).map_err(ServiceError::internal)?;
    match state.store.handle_set_facts(cluster, &sealed, handle.facts.as_deref()).await {
        Ok(_) => Ok(true),
        Err(DbError::Stale { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
