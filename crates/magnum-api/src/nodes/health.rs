//! The health of a cluster as its own masters tell it, over the channel that nodes open themselves: so the health of
//! a cluster that nobody can reach from outside is known too.

use crate::state::AppState;
use indexmap::IndexMap;
use magnum_db::ClusterView;
use magnum_types::{HealthStatus, NodeRegistration, Role, ServiceError};
use std::collections::BTreeMap;

/// Keeps what a master found. A worker has no say in it, and neither has anybody where an auto-healer in the cluster
/// reports by `PATCH` (spec 4.4).
pub async fn record(
    state: &AppState,
    node: &NodeRegistration,
    health: &BTreeMap<String, String>,
) -> Result<(), ServiceError> {
    if node.role != Role::Master {
        return Err(ServiceError::forbidden("Only masters report the health of a cluster"));
    }
    if healer_reports(state, &state.store.cluster_by_id(node.cluster).await?) {
        return Ok(());
    }
    let reason: IndexMap<String, String> = health.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    Ok(state.store.cluster_health(node.cluster, status(health), &reason).await?)
}

/// Healthy when the API says so and every node is Ready (spec 4.4).
fn status(health: &BTreeMap<String, String>) -> HealthStatus {
    let well = health.values().all(|word| word == "ok" || word == "True");
    if well && !health.is_empty() { HealthStatus::Healthy } else { HealthStatus::Unhealthy }
}

/// Whether a program in the cluster is there to report: it is asked for, and has the credential that it needs.
fn healer_reports(state: &AppState, view: &ClusterView) -> bool {
    let driver = view.template.as_ref().and_then(|template| state.registry.of_template(template).ok());
    driver.is_some_and(|driver| driver.heals_itself(&view.cluster.labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_cluster_is_healthy_when_its_api_and_all_nodes_are() {
        assert_eq!(status(&health(&[("api", "ok"), ("n.Ready", "True")])), HealthStatus::Healthy);
        assert_eq!(status(&health(&[("api", "ok"), ("n.Ready", "False")])), HealthStatus::Unhealthy);
        assert_eq!(status(&health(&[("api", "connection refused")])), HealthStatus::Unhealthy);
        assert_eq!(status(&health(&[])), HealthStatus::Unhealthy);
    }
}
