//! Old scripts: the verbs of the old `magnum` command and the older forms of options.

use crate::house::House;
use magnum_types::Status;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_script_runs() {
    let house = House::new().await;
    let run = async |line: &str| house.run(&line.split(' ').collect::<Vec<_>>()).await.ok();
    run("baymodel-create --name t1 --coe swarm-mode --image-id debian-12 --external-network-id public --flavor-id m1.small --master-flavor-id m1.small --dns-nameserver 8.8.4.4")
        .await;
    run("cluster-template-create t2 --coe swarm-mode --image-id debian-12 --external-network-id public --flavor-id m1.small --master-flavor-id m1.small")
        .await;
    assert!(run("cluster-template-list").await.contains("| t2 "));
    run("cluster-template-update t2 replace name=t3").await;
    run("cluster-template-show t3").await;
    let said = run("--magnum-api-version 1.9 cluster-create c1 --cluster-template t1 --node-count 1").await;
    let uuid = said.split(' ').nth(4).unwrap().trim().parse().unwrap();
    assert!(said.starts_with("Request to create cluster ") && said.ends_with(" accepted\n"), "{said}");
    house.app.settle(uuid, Status::CreateComplete).await;
    run("cluster-update c1 replace node_count=3").await;
    house.app.settle(uuid, Status::UpdateComplete).await;
    assert!(run("bay-list").await.contains("| c1 "));
    let shown = house.run(&["coe", "cluster", "show", "c1", "-f", "json"]).await.json();
    assert_eq!((&shown["node_count"], &shown["status"]), (&json!(3), &json!("UPDATE_COMPLETE")));
    run("nodegroup-list c1").await;
    run("stats-list --project-id p-demo").await;
    run("cluster-template-delete t3").await;
    assert_eq!(run("cluster-delete c1").await, "Request to delete cluster c1 has been accepted.\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_certificate_commands_name_the_cluster_by_an_option() {
    let house = House::new().await;
    house.app.living_cluster("c1").await;
    house.write("request.pem", &crate::every_operation::csr());
    for arguments in [
        &["ca-show", "--cluster", "c1"][..],
        &["ca-sign", "--csr", "request.pem", "--cluster", "c1"],
        &["ca", "show", "c1"],
        &["ca", "sign", "c1", "request.pem"],
    ] {
        let pem = house.run(arguments).await.ok();
        assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{arguments:?}: {pem}");
    }
    house.run(&["ca", "show"]).await.failed(2);
}
