//! Old scripts: the verbs of the old `magnum` command, and its forms of options. Every old verb is run here: one that is
//! added to the table and not to a script fails.

use crate::{house::House, wait::only_cluster};
use magnum_cli::old_verbs;
use magnum_types::{Change, ClusterId, ClusterPatch, OperationState, OperationStore, Status};
use std::collections::BTreeSet;

const IMAGE: &str =
    "--image-id debian-12 --external-network-id public --flavor-id m1.small --master-flavor-id m1.small";

/// What an old script says, and a word of the answer. `admin` is who acts where a line begins with it.
const SCRIPT: &[(&str, &str)] = &[
    ("baymodel-create --name m1 --coe swarm-mode --keypair-id mykey --dns-nameserver 8.8.4.4 IMAGE", "| m1 "),
    ("baymodel-list", "| m1 "),
    ("baymodel-show m1", "8.8.4.4"),
    ("baymodel-update m1 replace name=m2", "| m2 "),
    ("bay-create --name b1 --baymodel m2 --timeout 30", " has been accepted."),
    ("bay-list", "| b1 "),
    ("bay-show b1", "CREATE_COMPLETE"),
    ("bay-update b1 replace node_count=2", "Request to update cluster b1 has been accepted."),
    ("bay-delete b1", "Request to delete cluster b1 has been accepted."),
    ("baymodel-delete m2", "Request to delete cluster template m2 has been accepted."),
    ("bay-config s1 --dir bay", "export DOCKER_HOST="),
    ("cluster-template-create t1 --coe swarm-mode --floating-ip-disabled IMAGE", "| t1 "),
    ("cluster-template-list --fields coe,name", "swarm-mode"),
    ("cluster-template-update t1 replace dns_nameserver=8.8.4.4 name=t2", "| t2 "),
    ("cluster-template-show t2", "swarm-mode"),
    ("cluster-create c1 --cluster-template t2 --keypair-id mykey --node-count 2", " has been accepted."),
    ("cluster-list --fields create_timeout,cluster_template_id,name --limit 9", "| cluster_template_id "),
    ("cluster-show c1 --long", "| clustertemplate_server_type "),
    ("cluster-update c1 replace node_count=3 --rollback", "Request to update cluster c1 has been accepted."),
    ("cluster-resize c1 1", "Request to resize cluster c1 has been accepted."),
    ("cluster-config s1 --dir cluster --force", "export DOCKER_HOST="),
    ("nodegroup-create c1 g1 --node-count 1", "Request to create nodegroup "),
    ("nodegroup-list c1", "| g1 "),
    ("nodegroup-show c1 g1", "| g1 "),
    ("nodegroup-update c1 g1 replace max_node_count=5", "| 5 "),
    ("nodegroup-delete c1 g1", "Request to delete nodegroup g1 has been accepted."),
    ("cluster-delete c1", "Request to delete cluster c1 has been accepted."),
    ("cluster-template-delete t2", "Request to delete cluster template t2 has been accepted."),
    ("cluster-template-create k2 --coe kubernetes --labels kube_tag=v1.37.0 IMAGE", "| k2 "),
    ("cluster-upgrade k1 k2", "Request to upgrade cluster k1 has been accepted."),
    ("ca-show --cluster k1", "-----BEGIN CERTIFICATE-----"),
    ("ca-sign --csr request.pem --bay k1", "-----BEGIN CERTIFICATE-----"),
    ("ca-rotate --cluster k1", "Request to rotate the CA certificate for cluster k1 has been accepted."),
    ("admin quotas-create --project-id p-demo --resource Cluster --hard-limit 30", "| 30 "),
    ("admin quotas-list --all-tenants", "| 30 "),
    ("admin quotas-show --project-id p-demo --resource Cluster", "| 30 "),
    ("admin quotas-update --project-id p-demo --resource Cluster --hard-limit 40", "| 40 "),
    (
        "admin quotas-delete --project-id p-demo --resource Cluster",
        "Request to delete quota for project id p-demo and resource Cluster has been accepted.",
    ),
    ("admin service-list", ""),
    ("stats-list --project-id p-demo", "| clusters "),
];

/// Ends whatever is in progress as a conductor would.
async fn work(house: &House) {
    let store = &house.app.state.store;
    let list = house.app.get("/v1/clusters").await.body;
    for cluster in list["clusters"].as_array().unwrap() {
        let id: ClusterId = cluster["uuid"].as_str().unwrap().parse().unwrap();
        match cluster["status"].as_str().unwrap() {
            "CREATE_IN_PROGRESS" => {
                let address = Some(Some("tcp://172.24.4.9:2376".to_owned()));
                let status = Some(Status::CreateComplete);
                house
                    .app
                    .finish(id, ClusterPatch { status, api_address: address, ..ClusterPatch::default() })
                    .await;
            }
            "UPDATE_IN_PROGRESS" => house.app.settle(id, Status::UpdateComplete).await,
            "DELETE_IN_PROGRESS" => {
                let fence = house.app.claim(id).await;
                store.finish(fence, OperationState::Done, vec![Change::DeleteCluster(id)]).await.unwrap();
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_old_verb_does_its_work() {
    let house = House::new().await;
    house.app.living_cluster("s1").await;
    let kubernetes = serde_json::json!({"coe": "kubernetes", "network_driver": "flannel",
        "labels": {"kube_tag": "v1.36.0"}});
    house.app.living_cluster_of("k1", kubernetes).await;
    house.write("request.pem", &crate::every_operation::csr());
    let mut run = BTreeSet::new();
    for (line, answer) in SCRIPT {
        let line = line.replace("IMAGE", IMAGE);
        let words: Vec<&str> = line.split(' ').collect();
        let (verb, said) = match words.as_slice() {
            ["admin", words @ ..] => (words[0], house.boss(words).await),
            words => (words[0], house.run(words).await),
        };
        assert!(said.code == 0 && said.out.contains(answer), "{line}: {answer:?}: {said:?}");
        run.insert(verb.to_owned());
        work(&house).await;
    }
    let known: BTreeSet<String> = old_verbs().map(|(verb, _)| verb.to_owned()).collect();
    let missing: Vec<_> = known.difference(&run).collect();
    assert!(missing.is_empty(), "no line of the script has these: {missing:?}");
    assert_eq!(run, known, "the script has verbs that are not of the table");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_help_of_every_old_verb_is_that_of_the_new_words() {
    let house = House::new().await;
    for (verb, words) in old_verbs() {
        let help = house.only(&[], &["help", verb]).await.ok();
        assert!(help.contains(&format!("Usage: magnum {words} ")), "{verb}: {help}");
    }
    house.only(&[], &["help", "cluster-paint"]).await.failed(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_the_older_clients_is_answered_in_its_words() {
    let house = House::new().await;
    house.app.template(serde_json::json!({"name": "t1"})).await;
    let said = house.run(&["cluster-create", "c1", "--cluster-template", "t1"]).await.ok();
    let uuid = only_cluster(&house).await;
    assert_eq!(said, format!("Request to create cluster {uuid} has been accepted.\n"));
    let said = house.run(&["coe", "cluster", "create", "c2", "--cluster-template", "t1"]).await.ok();
    assert!(said.starts_with("Request to create cluster ") && said.ends_with(" accepted\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_columns_are_added_once_and_an_empty_list_asks_for_none() {
    let house = House::new().await;
    assert_eq!(house.run(&["cluster-list", "--fields", "create_timeout,colour"]).await.ok(), "");
    house.app.cluster("c1").await;
    let rows = house.run(&["cluster-list", "--fields", "create_timeout,status", "-f", "json"]).await.json();
    let columns: Vec<&str> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    let usual = ["uuid", "name", "keypair", "node_count", "master_count", "status", "health_status"];
    assert_eq!(columns, [&usual[..], &["create_timeout"]].concat());
    let said = house.run(&["cluster-list", "--fields", "colour"]).await.failed(2);
    assert!(said.contains("colour"), "{said}");
    let long = house.run(&["cluster-show", "c1", "--long", "-f", "json"]).await.json();
    assert_eq!((&long["clustertemplate_coe"], &long["name"]), (&"swarm-mode".into(), &"c1".into()));
    assert!(long.get("clustertemplate_uuid").is_none() && long.get("clustertemplate_links").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_options_and_variables_of_every_command_are_understood() {
    let house = House::new().await;
    house.app.cluster("c1").await;
    for options in [
        "--endpoint-type publicURL --service-type container-infra",
        "--endpoint_type internalURL --service_type container --os-cache",
        "--magnum-api-version 1.9",
        "--magnum_api_version latest --os-endpoint-type public",
    ] {
        let line = format!("{options} cluster-list");
        let said = house.run(&line.split(' ').collect::<Vec<_>>()).await.ok();
        assert!(said.contains("| c1 "), "{line}: {said}");
    }
    let nowhere = house.run(&["--bypass_url", "http://127.0.0.1:9", "cluster-list"]).await.failed(1);
    assert!(nowhere.contains("no connection"), "{nowhere}");
    let with = async |variables: &[(&str, &str)]| {
        let mut command = house.command(&["cluster-list"]);
        crate::house::Run::of(command.envs(variables.iter().copied()).output().await.unwrap())
    };
    with(&[("MAGNUM_API_VERSION", "1.4")]).await.ok();
    let refused = with(&[("MAGNUM_API_VERSION", "1.99")]).await.failed(1);
    assert!(refused.contains("microversion"), "{refused}");
    with(&[("MAGNUM_API_VERSION", "1.99"), ("OS_CONTAINER_INFRA_API_VERSION", "1.9")]).await.ok();
    let nowhere = with(&[("BYPASS_URL", "http://127.0.0.1:9")]).await.failed(1);
    assert!(nowhere.contains("no connection"), "{nowhere}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_completion_gets_its_words() {
    let house = House::new().await;
    for verb in ["bash-completion", "bash_completion"] {
        let text = house.only(&[], &[verb]).await.ok();
        assert_eq!(text.lines().count(), 1, "{text}");
        let words: BTreeSet<&str> = text.split_whitespace().collect();
        for word in
            ["cluster-create", "bay-list", "cluster", "standalone", "--node-count", "--os-cloud", "-f"]
        {
            assert!(words.contains(word), "{word}: {text}");
        }
        assert!(!words.contains("--os-cache") && !words.contains("bash-completion"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_words_of_openstack_are_understood() {
    let house = House::new().await;
    let cluster = house.app.living_cluster("c1").await;
    house.write("request.pem", &crate::every_operation::csr());
    for arguments in [&["ca", "show", "c1"][..], &["coe", "ca", "sign", "c1", "request.pem"]] {
        let pem = house.run(arguments).await.ok();
        assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{arguments:?}: {pem}");
    }
    house.run(&["ca", "show"]).await.failed(2);
    let shown = house.run(&["coe", "cluster", "show", "c1", "-f", "json"]).await.json();
    assert_eq!(shown["uuid"], cluster.to_string());
}
