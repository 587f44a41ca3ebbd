//! The health of a cluster as its own masters tell it, over the channel that nodes open themselves: so the health of
//! a cluster that nobody can reach from outside is known too. What lies between clients and a living API (a floating IP,
//! a load balancer) the masters cannot see: beside their words stands what the conductors' looks at the address said.

use crate::state::AppState;
use indexmap::IndexMap;
use magnum_db::ClusterView;
use magnum_types::{HealthStatus, NodeRegistration, Role, ServiceError, reach};
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
    let seen = state.store.reach_of(node.cluster).await?;
    let now = state.clock.now();
    let word = seen.as_ref().and_then(|(reach, due_at)| reach.word(*due_at, now));
    let (status, reason) = merged(health, word);
    Ok(state.store.cluster_health(node.cluster, status, &reason).await?)
}

/// The masters' words, and after them what was seen from outside. A report without a word is no health, whatever answers
/// outside.
fn merged(health: &BTreeMap<String, String>, word: Option<&str>) -> (HealthStatus, IndexMap<String, String>) {
    let own = health.iter().filter(|(key, _)| *key != reach::KEY);
    let mut reason: IndexMap<String, String> = own.map(|(k, v)| (k.clone(), v.clone())).collect();
    let inside = HealthStatus::of_words(reason.values());
    if let Some(word) = word {
        reason.insert(reach::KEY.to_owned(), word.to_owned());
    }
    let status = match inside {
        HealthStatus::Healthy => HealthStatus::of_words(reason.values()),
        unwell => unwell,
    };
    (status, reason)
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
    fn what_is_seen_from_outside_counts_beside_the_masters_words_and_never_instead_of_them() {
        let well = health(&[("api", "ok"), ("n.Ready", "True")]);
        let (status, reason) = merged(&well, None);
        assert_eq!((status, reason.len()), (HealthStatus::Healthy, 2));
        let (status, reason) = merged(&well, Some("ok"));
        assert_eq!((status, reason[reach::KEY].as_str()), (HealthStatus::Healthy, "ok"));
        assert_eq!(reason.last().unwrap().0, reach::KEY, "it stands last");
        assert_eq!(merged(&well, Some("not reached")).0, HealthStatus::Unhealthy);
        assert_eq!(merged(&health(&[("api", "refused")]), Some("ok")).0, HealthStatus::Unhealthy);
        assert_eq!(merged(&health(&[]), Some("ok")).0, HealthStatus::Unhealthy);
    }

    #[test]
    fn a_master_has_no_say_in_what_is_seen_from_outside() {
        let theirs = health(&[("api", "ok"), (reach::KEY, "dead")]);
        assert_eq!(merged(&theirs, None).1.get(reach::KEY), None);
        assert_eq!(merged(&theirs, Some("ok")).0, HealthStatus::Healthy);
    }
}
