//! Bad input, and exit codes.

use crate::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_failure_has_its_exit_code() {
    let house = House::new().await;
    house.app.cluster("c1").await;
    for (arguments, code, words) in [
        // Refused by the service, in its words.
        ("cluster create c2 --cluster-template nowhere", 3, "nowhere"),
        ("cluster create 1c --cluster-template t", 1, "name"),
        ("nodegroup create c1 more", 1, "wait until it is complete"),
        ("quotas list", 1, "ask an administrator"),
        ("cluster config c1", 1, "magnum cluster wait c1"),
        ("cluster update c1 --name other", 1, "name"),
        // Not there.
        ("cluster show nowhere", 3, "nowhere"),
        ("cluster delete nowhere --wait", 3, "nowhere"),
        ("cluster diagnose nowhere", 3, "nowhere"),
        ("cluster operation show c1 newest", 3, "newest"),
        ("nodegroup show c1 nowhere", 3, "nowhere"),
        ("ca show nowhere", 3, "nowhere"),
        // Wrong usage, some of it found only by what the options hold.
        ("cluster", 2, "Usage"),
        ("cluster show", 2, "CLUSTER"),
        ("cluster paint c1", 2, "paint"),
        ("cluster list --colour red", 2, "--colour"),
        ("cluster create c2", 2, "--cluster-template"),
        ("cluster create c2 --cluster-template t --labels red", 2, "NAME=VALUE"),
        (
            "cluster create c2 --cluster-template t --floating-ip-enabled --floating-ip-disabled",
            2,
            "cannot be used with",
        ),
        ("cluster update c1", 2, "nothing is to be changed"),
        ("cluster update c1 replace", 2, "PATH=VALUE"),
        ("cluster update c1 replace node_count", 2, "node_count=VALUE"),
        ("cluster resize c1 many", 2, "many"),
        ("cluster resize c1 2 --wait --wait-timeout 0", 2, "above 0"),
        ("cluster template create t --coe swarm", 2, "--image"),
        ("cluster template create t --image i --external-network n", 2, "--coe"),
        ("nodegroup create c1 more --node-taints red", 2, "NAME=VALUE:EFFECT"),
        ("--service-type compute cluster list", 2, "--os-endpoint-override"),
        ("--endpoint-type secret cluster list", 2, "public, internal or admin"),
        ("ca sign c1 nofile.pem", 2, "nofile.pem"),
        ("ca sign c1 key.pem", 2, "private key"),
        ("completion tcsh", 2, "tcsh"),
    ] {
        house.write("key.pem", "-----BEGIN PRIVATE KEY-----");
        let run = house.run(&arguments.split(' ').collect::<Vec<_>>()).await;
        let said = format!("{}{}", run.out, run.err);
        assert_eq!(run.code, code, "{arguments}: {said}");
        assert!(said.contains(words), "{arguments}: {words:?} is missing in {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_of_two_clusters_is_refused_with_the_way_out() {
    let house = House::new().await;
    house.app.cluster("c1").await;
    house.app.cluster("c1").await;
    let said = house.run(&["cluster", "show", "c1"]).await.failed(1);
    assert!(said.to_lowercase().contains("uuid"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_deleted_does_not_keep_the_others() {
    let house = House::new().await;
    house.app.living_cluster("c1").await;
    let run = async |line: &str| house.run(&line.split(' ').collect::<Vec<_>>()).await;
    let ended = run("cluster delete nowhere c1 neither").await;
    assert_eq!(ended.out, "Request to delete cluster c1 has been accepted.\n");
    let said = ended.failed(3);
    assert!(said.contains("nowhere") && said.contains("neither"), "{said}");
    assert!(said.contains("error: 2 of 3 clusters failed"), "{said}");
    assert_eq!(house.app.get("/v1/clusters/c1").await.body["status"], "DELETE_IN_PROGRESS");

    let template = house.app.template(serde_json::json!({"name": "t1"})).await;
    let ended = run("cluster template delete nowhere t1").await;
    assert_eq!(ended.out, "Request to delete cluster template t1 has been accepted.\n");
    assert!(ended.failed(3).contains("error: 1 of 2 cluster templates failed"));
    assert_eq!(house.app.get(&format!("/v1/clustertemplates/{template}")).await.status, 404);

    let cluster = house.app.living_cluster("c2").await;
    run("nodegroup create c2 more").await.ok();
    house.app.settle(cluster, magnum_types::Status::UpdateComplete).await;
    let ended = run("nodegroup delete c2 default-worker more").await;
    assert_eq!(ended.out, "Request to delete nodegroup more has been accepted.\n");
    assert!(ended.failed(1).contains("error: 1 of 2 node groups failed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_names_do_not_become_other_paths() {
    let house = House::new().await;
    house.app.cluster("c1").await;
    for name in ["", ".", ".."] {
        let said = house.run(&["cluster", "show", name]).await.failed(2);
        assert!(said.contains("neither a name nor an id"), "{said}");
    }
    house.run(&["cluster", "delete", "c1/actions"]).await.failed(3);
    house.run(&["cluster", "show", "c1?x=y"]).await.failed(3);
}
