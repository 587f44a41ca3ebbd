//! The health that masters tell, and what becomes of it when they fall silent: the same for a cluster that nobody reaches
//! from outside. What is seen from there is in `reach`.

use crate::{rig::Rig, rows};
use indexmap::IndexMap;
use magnum_conductor::duties::doubt_once;
use magnum_db::NodeReport;
use magnum_types::HealthStatus;
use std::time::Duration;

const SILENCE: Duration = Duration::from_secs(180);

/// The node of this name says something, as it does between plans.
async fn speaks(rig: &Rig, name: &str) {
    let nodes = rig.store.nodes_of(rig.cluster).await.unwrap();
    let node = nodes.iter().find(|node| node.name.ends_with(name)).unwrap();
    let (generation, step) = (node.generation, node.step.clone());
    let report = NodeReport { state: None, generation, step, error: None };
    rig.store.node_report(&node.instance_id, report).await.unwrap();
}

/// What a master found, as the API writes it.
async fn told(rig: &Rig, health: HealthStatus, api: &str) {
    let reason = IndexMap::from([("api".to_owned(), api.to_owned())]);
    rig.store.cluster_health(rig.cluster, health, &reason).await.unwrap();
}

async fn health(rig: &Rig) -> (Option<HealthStatus>, String) {
    doubt_once(&rig.store, SILENCE).await.unwrap();
    let cluster = rig.view().await.unwrap().cluster;
    (cluster.health_status, cluster.health_status_reason.get("api").cloned().unwrap_or_default())
}

#[tokio::test]
async fn masters_that_are_all_silent_are_named_and_nobody_knows_the_health_any_more() {
    for (template, words) in [(rows::kubernetes as fn(&_, _, &_) -> _, "public"), (rows::private, "private")]
    {
        let rig = Rig::of(template, 1).await.living(1).await;
        rig.cloud.clear_log();
        for (before, said) in [(HealthStatus::Healthy, "ok"), (HealthStatus::Unhealthy, "node is not ready")]
        {
            let about = format!("{words}, {before:?}");
            told(&rig, before, said).await;
            speaks(&rig, "-master-0").await;
            let heard = rig.store.now().await.unwrap();
            rig.pass(170);
            speaks(&rig, "-node-0").await;
            assert_eq!(
                health(&rig).await,
                (Some(before), said.to_owned()),
                "{about}: what it said still holds"
            );
            rig.pass(20);
            let (doubted, reason) = health(&rig).await;
            assert_eq!(doubted, Some(HealthStatus::Unknown), "{about}");
            let wanted = format!("no master reports: c1-abcdefghijkl-master-0 last did at {heard:.0}");
            assert_eq!(reason, wanted, "{about}");
            rig.pass(600);
            assert_eq!(health(&rig).await.1, wanted, "{about}: it is said once");
        }
        told(&rig, HealthStatus::Healthy, "ok").await;
        speaks(&rig, "-master-0").await;
        assert_eq!(health(&rig).await, (Some(HealthStatus::Healthy), "ok".to_owned()), "{words}: it is back");
        assert!(rig.cloud.log().is_empty(), "{words}: neither the cloud nor the cluster is asked");
    }
}

#[tokio::test]
async fn one_master_that_speaks_is_enough() {
    let rig = Rig::kubernetes(3).await.living(0).await;
    told(&rig, HealthStatus::Healthy, "ok").await;
    for _ in 0..4 {
        rig.pass(170);
        speaks(&rig, "-master-2").await;
        assert_eq!(health(&rig).await.0, Some(HealthStatus::Healthy));
    }
    rig.pass(190);
    let (doubted, reason) = health(&rig).await;
    assert_eq!(doubted, Some(HealthStatus::Unknown));
    for name in ["master-0", "master-1", "master-2"] {
        assert!(reason.contains(&format!("c1-abcdefghijkl-{name} last did at ")), "{reason}");
    }
}
