//! `--wait`: how it goes, and every way it ends.

use crate::house::{House, Run};
use magnum_types::{
    Change, ClusterId, ClusterPatch, OperationState, OperationStore, Status,
    operation::{StepEntry, StepEvent},
};
use serde_json::{Value, json};
use std::{process::Command as Plain, time::Duration};
use tokio::process::Child;

pub const QUICK: &[&str] = &["--wait", "--wait-interval", "0.05"];

/// The command, running.
fn start(house: &House, arguments: &[&str]) -> Child {
    house.command(&[arguments, QUICK].concat()).spawn().unwrap()
}

pub async fn end(child: Child) -> Run {
    Run::of(tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.unwrap().unwrap())
}

/// Until it has looked at what is now: the second look from here on began later.
async fn watched(house: &House) {
    let begun = house.requests.lock().unwrap().len();
    for _ in 0..1200 {
        let looked = |(method, path): &&(String, String)| method == "GET" && path.ends_with("/nodes");
        if house.requests.lock().unwrap()[begun..].iter().filter(looked).count() >= 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nothing is watched");
}

pub async fn only_cluster(house: &House) -> ClusterId {
    let list = house.app.get("/v1/clusters").await.body;
    list["clusters"][0]["uuid"].as_str().unwrap().parse().unwrap()
}

pub async fn record(
    house: &House,
    cluster: ClusterId,
    step: &str,
    events: &[StepEvent],
) -> magnum_types::operation::Fence {
    let fence = house.app.claim(cluster).await;
    for event in events {
        let entry = StepEntry { step: step.to_owned(), event: *event, output: Value::Null };
        house.app.state.store.record(fence, entry, vec![]).await.unwrap();
    }
    fence
}

pub async fn complete(
    house: &House,
    cluster: ClusterId,
    fence: magnum_types::operation::Fence,
    status: Status,
) {
    let patch = ClusterPatch { status: Some(status), ..ClusterPatch::default() };
    let changes = vec![Change::Cluster(cluster, Box::new(patch)), Change::NodeGroups(cluster, status, None)];
    house.app.state.store.finish(fence, OperationState::Done, changes).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_is_watched_to_its_end_and_then_shown() {
    let house = House::new().await;
    let template = house.app.template(json!({})).await;
    let child = start(&house, &["cluster", "create", "c1", "--cluster-template", &template, "-f", "json"]);
    watched(&house).await;
    let cluster = only_cluster(&house).await;
    let fence = record(&house, cluster, "stack_create", &[StepEvent::Begun]).await;
    watched(&house).await;
    let done = StepEntry { step: "stack_create".into(), event: StepEvent::Done, output: Value::Null };
    house.app.state.store.record(fence, done, vec![]).await.unwrap();
    watched(&house).await;
    complete(&house, cluster, fence, Status::CreateComplete).await;
    let run = end(child).await;
    for line in [
        "accepted",
        "cluster c1: CREATE_IN_PROGRESS",
        "step stack_create: running",
        "step stack_create: done",
    ] {
        assert_eq!(run.err.matches(line).count(), 1, "{line}: {}", run.err);
    }
    assert!(!run.err.contains('\u{1b}'), "no terminal, no cursor");
    assert_eq!(run.json()["status"], "CREATE_COMPLETE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_told_by_its_first_cause_and_an_exit_code() {
    let house = House::new().await;
    let cluster = house.app.living_cluster("c1").await;
    let child = start(&house, &["cluster", "resize", "c1", "5"]);
    watched(&house).await;
    let fence = record(&house, cluster, "stack_update", &[StepEvent::Begun]).await;
    let store = &house.app.state.store;
    store.unwind(fence, "No valid host was found", vec![]).await.unwrap();
    watched(&house).await;
    store.finish(fence, OperationState::Failed, vec![]).await.unwrap();
    let said = end(child).await.failed(1);
    assert!(said.contains("error: No valid host was found"), "{said}");
    assert!(said.contains("magnum cluster diagnose"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_is_over_when_the_cluster_is_gone() {
    let house = House::new().await;
    let cluster = house.app.living_cluster("c1").await;
    let child = start(&house, &["cluster", "delete", "c1"]);
    watched(&house).await;
    let fence = house.app.claim(cluster).await;
    let gone = vec![Change::DeleteCluster(cluster)];
    house.app.state.store.finish(fence, OperationState::Done, gone).await.unwrap();
    let run = end(child).await;
    assert!(run.ok().contains("is gone"));
}

/// Until all of these are being deleted.
async fn being_deleted(house: &House, clusters: &[ClusterId]) {
    for _ in 0..1200 {
        let mut status = Vec::new();
        for cluster in clusters {
            status.push(house.app.state.store.cluster_by_id(*cluster).await.unwrap().cluster.status);
        }
        if status.iter().all(|status| *status == Status::DeleteInProgress) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not all are asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_are_all_asked_for_before_the_first_is_waited_for() {
    let house = House::new().await;
    let first = house.app.living_cluster("c1").await;
    let second = house.app.living_cluster("c2").await;
    let child = start(&house, &["cluster", "delete", "c1", "nowhere", "c2"]);
    being_deleted(&house, &[first, second]).await;
    // The first one fails, which is no reason not to wait for the second.
    let fence = house.app.claim(first).await;
    house.app.state.store.unwind(fence, "a port is in use", vec![]).await.unwrap();
    house.app.state.store.finish(fence, OperationState::Failed, vec![]).await.unwrap();
    watched(&house).await;
    let fence = house.app.claim(second).await;
    let gone = vec![Change::DeleteCluster(second)];
    house.app.state.store.finish(fence, OperationState::Done, gone).await.unwrap();
    let run = end(child).await;
    assert!(run.out.contains(&format!("Cluster {second} is gone.")), "{run:?}");
    let said = run.failed(3);
    assert!(said.contains("error: a port is in use") && said.contains("nowhere"), "{said}");
    assert!(said.contains("error: 2 of 3 clusters failed"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_that_is_too_long_has_an_exit_code_of_its_own() {
    let house = House::new().await;
    house.app.living_cluster("c1").await;
    let child = start(&house, &["cluster", "update", "c1", "--node-count", "3", "--wait-timeout", "0.01"]);
    let said = end(child).await.failed(4);
    assert!(said.contains("goes on") && said.contains("magnum cluster wait"), "{said}");
    let shown = house.app.get("/v1/clusters/c1").await.body;
    assert_eq!(shown["status"], "UPDATE_IN_PROGRESS");
    let waited =
        house.run(&["cluster", "wait", "c1", "--wait-timeout", "0.005", "--wait-interval", "0.05"]).await;
    waited.failed(4);
    // The limit is one for all that are waited for.
    house.app.living_cluster("c2").await;
    let begun = std::time::Instant::now();
    let several = start(&house, &["cluster", "delete", "c1", "c2", "--wait-timeout", "0.02"]);
    let said = end(several).await.failed(4);
    assert!(said.contains("2 of 2 clusters failed"), "{said}");
    assert!(begun.elapsed() < Duration::from_millis(2300), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_leaves_the_operation_running_and_says_so() {
    let house = House::new().await;
    let cluster = house.app.living_cluster("c1").await;
    let child = start(&house, &["cluster", "update", "c1", "--node-count", "3"]);
    watched(&house).await;
    let pid = child.id().unwrap().to_string();
    assert!(Plain::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let said = end(child).await.failed(130);
    assert!(said.contains("goes on"), "{said}");
    assert!(house.app.state.store.live_operation(cluster).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_no_operation_needs_no_wait() {
    let house = House::new().await;
    house.app.living_cluster("c1").await;
    let run = house.run(&["cluster", "wait", "c1", "-f", "value", "-c", "status"]).await;
    assert_eq!(run.ok(), "CREATE_COMPLETE\n");
}
