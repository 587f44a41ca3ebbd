//! Every operation of the API has a command: all commands are run, and what reached the API is compared with its
//! routes. A new route without a command fails here.

use crate::{
    app::App,
    house::{House, Run},
};
use magnum_api::{Access, routes};
use magnum_policy::PolicySettings;
use magnum_types::Status;
use std::collections::BTreeSet;

/// Whether a path is one of a route.
fn fits(route: &str, path: &str) -> bool {
    let (route, path): (Vec<_>, Vec<_>) =
        (route.trim_end_matches('/').split('/').collect(), path.trim_end_matches('/').split('/').collect());
    route.len() == path.len()
        && route.iter().zip(&path).all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
}

/// The route that the router takes: one without placeholders before others.
fn route_of(method: &str, path: &str) -> Option<String> {
    let mut fitting: Vec<&str> = routes()
        .iter()
        .filter(|route| route.method.as_str() == method && fits(route.path, path))
        .map(|route| route.path)
        .collect();
    fitting.sort_by_key(|route| route.matches('{').count());
    fitting.first().map(|route| format!("{method} {route}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_of_the_api_is_reached_by_a_command() {
    let app = App::with(|settings| settings.max_clusters_per_project = 100, PolicySettings::default()).await;
    let house = House::with(app).await;
    let (app, run) = (&house.app, async |line: &str| house.run(&line.split(' ').collect::<Vec<_>>()).await);
    let boss = async |line: &str| house.boss(&line.split(' ').collect::<Vec<_>>()).await;
    let refused = |run: Run, word: &str| assert!(run.failed(1).contains(word), "{word}");

    run("api health").await.ok();
    run("api versions").await.ok();
    run("api show").await.ok();
    run("api describe").await.ok();

    run("cluster template create t1 --coe swarm-mode --image debian-12 --external-network public --flavor m1.small --master-flavor m1.small")
        .await
        .ok();
    run("cluster template list").await.ok();
    run("cluster template list --detail").await.ok();
    run("cluster template show t1").await.ok();
    run("cluster template update t1 --name t2").await.ok();
    run("cluster template delete t2").await.ok();

    run("cluster template create t1 --coe swarm-mode --image debian-12 --external-network public --flavor m1.small --master-flavor m1.small")
        .await
        .ok();
    let made = run("cluster create c0 --cluster-template t1 -f value -c uuid").await.ok();
    app.settle(made.trim().parse().unwrap(), Status::CreateComplete).await;
    let cluster = app.living_cluster("c1").await;
    run("cluster list").await.ok();
    run("cluster list --detail").await.ok();
    run("cluster show c1").await.ok();
    run("cluster config c1 --dir c1").await.ok();
    house.write("request.pem", &csr());
    run("ca show c1").await.ok();
    run("ca sign c1 request.pem").await.ok();
    refused(run("ca rotate c1").await, "not supported");
    run("credential rotate c1").await.ok();
    app.settle(cluster, Status::UpdateComplete).await;
    refused(run("cluster upgrade c1 t1").await, "not supported");
    refused(run("cluster upgrade-stop c1").await, "No upgrade");
    run("cluster update c1 --node-count 3").await.ok();
    app.settle(cluster, Status::UpdateComplete).await;
    run("cluster resize c1 2").await.ok();
    app.settle(cluster, Status::UpdateComplete).await;
    let operation = run("cluster operation list c1 --limit 1 -f value -c uuid").await.ok();
    run(&format!("cluster operation show c1 {}", operation.trim())).await.ok();
    run("cluster node list c1").await.ok();

    run("nodegroup list c1").await.ok();
    run("nodegroup create c1 more").await.ok();
    app.settle(cluster, Status::UpdateComplete).await;
    run("nodegroup show c1 more").await.ok();
    run("nodegroup update c1 more --max-nodes 5").await.ok();
    run("nodegroup delete c1 more").await.ok();
    run("cluster delete c1").await.ok();

    boss("quotas create --project-id p-demo --hard-limit 3").await.ok();
    boss("quotas list").await.ok();
    boss("quotas show --project-id p-demo").await.ok();
    boss("quotas update --project-id p-demo --hard-limit 4").await.ok();
    boss("quotas delete --project-id p-demo").await.ok();
    boss("service list").await.ok();
    run("stats list").await.ok();

    run("federation list").await.ok();
    run("federation list --detail").await.ok();
    run("federation show f1").await.failed(3);
    refused(run("federation create f1").await, "not implemented");
    run("federation update f1 replace name=x").await.failed(3);
    run("federation delete f1").await.failed(3);

    let reached: BTreeSet<String> =
        house.requests.lock().unwrap().iter().filter_map(|(method, path)| route_of(method, path)).collect();
    // What nodes ask is no matter of people.
    let missing: Vec<String> = routes()
        .iter()
        .filter(|route| route.access != Access::Node)
        .map(|route| format!("{} {}", route.method, route.path))
        .filter(|route| !reached.contains(route))
        .collect();
    assert!(missing.is_empty(), "these have no command, or no command is run for them here: {missing:#?}");
}

pub fn csr() -> String {
    use magnum_x509::{CertificateRequest, KeyAlgorithm, NameAttribute, PrivateKey};
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    CertificateRequest::create(&key, &[(NameAttribute::CommonName, "me")], &[]).unwrap().to_pem().unwrap()
}
