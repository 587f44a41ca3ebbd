//! `cluster diagnose`.

use crate::house::House;
use magnum_types::{Change, ClusterPatch, OperationState, OperationStore, Status};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_cluster_is_explained() {
    let house = House::new().await;
    let cluster = house.app.cluster("c1").await;
    let store = &house.app.state.store;
    let fence = house.app.claim(cluster).await;
    let reason = "Resource CREATE failed: ResourceInError: kube_minions: No valid host was found";
    store.unwind(fence, reason, vec![]).await.unwrap();
    let patch = ClusterPatch {
        status: Some(Status::CreateFailed),
        status_reason: Some(Some(reason.to_owned())),
        ..ClusterPatch::default()
    };
    let changes = vec![
        Change::Cluster(cluster, Box::new(patch)),
        Change::NodeGroups(cluster, Status::CreateFailed, Some("the stack failed".to_owned())),
    ];
    store.finish(fence, OperationState::Failed, changes).await.unwrap();

    let run = house.run(&["cluster", "diagnose", "c1"]).await;
    assert_eq!(run.code, 1, "{run:?}");
    for words in [
        "CREATE_FAILED",
        "reason: Resource CREATE failed: ResourceInError: kube_minions: No valid host was found",
        "node group default-worker: the stack failed",
        "cluster_create is failed",
        "3 of 3 nodes have not made themselves known",
        "What to do:",
        "choose a smaller one",
        "magnum cluster delete c1",
    ] {
        assert!(run.out.contains(words), "{words:?} is missing in {}", run.out);
    }
    let run = house.run(&["cluster", "diagnose", "c1", "-f", "json"]).await;
    let told: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&told["is_well"], &told["operation"]["state"]), (&false.into(), &"failed".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_well_or_on_its_way_is_no_failure() {
    let house = House::new().await;
    house.app.cluster("c1").await;
    let said = house.run(&["cluster", "diagnose", "c1"]).await.ok();
    assert!(said.contains("cluster_create is running") && said.contains("magnum cluster wait c1"), "{said}");
    house.app.living_cluster("c2").await;
    let said = house.run(&["cluster", "diagnose", "c2"]).await.ok();
    assert!(said.contains("nothing is wrong"), "{said}");
}
