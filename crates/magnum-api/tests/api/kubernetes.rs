//! What a Kubernetes cluster's nodes and owner ask beyond those of a Swarm.

use crate::app::{App, Reply, template_body};
use axum::body::Body;
use http::Request;
use magnum_api::nodes::membership::Member;
use magnum_policy::PolicySettings;
use magnum_types::{
    CA_ROTATE, CLUSTER_UPGRADE, Change, ClusterId, NodeState, OperationStore, Role, Status, UPGRADE_STOP,
};
use magnum_x509::{CertificateInfo, CertificateRequest, KeyAlgorithm, NameAttribute, PrivateKey, San};
use serde_json::{Value, json};

const MASTER: &str = "6f70656e-0000-4000-8000-000000000001";
const WORKER: &str = "6f70656e-0000-4000-8000-000000000002";

fn csr() -> String {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    // What a request says of itself does not count.
    let subject = [(NameAttribute::CommonName, "admin"), (NameAttribute::Organisation, "system:masters")];
    CertificateRequest::create(&key, &subject, &[]).unwrap().to_pem().unwrap()
}

async fn ask(app: &App, token: &str, path: &str, body: Value) -> Reply {
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    app.send(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn register(app: &App, cluster: ClusterId, instance: &str) -> String {
    let body = json!({"cluster": cluster.to_string(), "instance_id": instance, "join_secret": "join-me", "csr": csr()});
    let reply = app.call_at("", "", "POST", "/v1/nodes/register", Some(body)).await;
    assert_eq!(reply.status, 201, "{:?}", reply.body);
    reply.body["token"].as_str().unwrap().to_owned()
}

/// A complete cluster of one master and one worker, both registered; its id and the nodes' tokens.
pub async fn cluster(app: &App) -> (ClusterId, String, String) {
    cluster_with(app, json!({"labels": {"kube_tag": "v1.36.0"}})).await
}

/// The same of a template that says more.
async fn cluster_with(app: &App, more: Value) -> (ClusterId, String, String) {
    let mut template = json!({"coe": "kubernetes", "network_driver": "flannel"});
    template.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let cluster = app.living_cluster_of("k1", template).await;
    let member = |role, name: &str, address: &str| Member {
        role,
        primary: false,
        index: "0".into(),
        name: name.into(),
        address: address.into(),
        public_address: None,
        api_address: None,
        api_private_address: None,
    };
    app.members.0.lock().unwrap().insert(MASTER.into(), member(Role::Master, "k1-master-0", "10.0.0.3"));
    app.members.0.lock().unwrap().insert(WORKER.into(), member(Role::Worker, "k1-node-0", "10.0.0.4"));
    let (master, worker) = (register(app, cluster, MASTER).await, register(app, cluster, WORKER).await);
    (cluster, master, worker)
}

#[tokio::test]
async fn a_node_gets_certificates_for_its_own_identities_and_no_other() {
    let app = App::start().await;
    let (_, master, worker) = cluster(&app).await;
    let sign = async |token: &str, identity: &str| {
        ask(&app, token, "/v1/nodes/certificates", json!({"identity": identity, "csr": csr()})).await
    };
    let kubelet = sign(&worker, "kubelet").await;
    assert_eq!(kubelet.status, 201, "{:?}", kubelet.body);
    let certificate = CertificateInfo::parse(kubelet.body["certificate"].as_str().unwrap()).unwrap();
    assert_eq!(certificate.common_names, ["system:node:k1-node-0"]);
    assert_eq!(certificate.organisations, ["system:nodes"]);
    for identity in ["kube-apiserver", "magnum-node", "etcd-peer", "admin", ""] {
        assert_eq!(sign(&worker, identity).await.status, 403, "{identity}");
    }
    let api = sign(&master, "kube-apiserver").await;
    let certificate = CertificateInfo::parse(api.body["certificate"].as_str().unwrap()).unwrap();
    for name in ["10.254.0.1", "10.0.0.3", "172.24.4.9"] {
        let known = certificate.sans.contains(&San::Ip(name.parse().unwrap()));
        assert_eq!(known, name != "172.24.4.9", "{name}: {:?}", certificate.sans);
    }
    assert_eq!(sign("nobody", "kubelet").await.status, 401);
    let wrong =
        ask(&app, &worker, "/v1/nodes/certificates", json!({"identity": "kubelet", "csr": "x"})).await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn every_node_has_its_share_of_the_pods_range_with_its_first_plan_or_fails_by_name() {
    let app = App::start().await;
    let labels = json!({"kube_tag": "v1.36.0", "pods_network_cidr": "10.100.0.0/24", "flannel_network_subnetlen": "25"});
    let more = json!({"network_driver": "bridge", "labels": labels});
    let (cluster, master, worker) = cluster_with(&app, more).await;
    let plan = async |token: &str| {
        let request = Request::builder()
            .uri("/v1/nodes/plan?after=0")
            .header("authorization", format!("Bearer {token}"));
        app.send(request.body(Body::empty()).unwrap()).await
    };
    let network = |reply: &Reply| {
        let steps = reply.body["steps"].as_array().unwrap();
        let named =
            |name: &str| steps.iter().find(|step| step["name"] == name).unwrap()["content"].to_string();
        (named("pod network"), named("pod routes"))
    };
    let generation = async || app.state.store.handle_get(cluster).await.unwrap().plan_generation;
    let first = plan(&master).await;
    let (own, routes) = network(&first);
    assert!(
        own.contains("10.100.0.0/25") && routes.contains("10.100.0.128/25 via 10.0.0.4"),
        "{own} {routes}"
    );
    let given = generation().await;
    let (own, routes) = network(&plan(&worker).await);
    assert!(
        own.contains("10.100.0.128/25") && routes.contains("10.100.0.0/25 via 10.0.0.3"),
        "{own} {routes}"
    );
    assert_eq!(
        (first.body["generation"].as_i64(), generation().await),
        (Some(given), given),
        "given out at once"
    );

    let third = "6f70656e-0000-4000-8000-000000000003";
    let member = Member { name: "k1-node-1".into(), ..app.members.0.lock().unwrap()[WORKER].clone() };
    app.members.0.lock().unwrap().insert(third.into(), member);
    let third = register(&app, cluster, third).await;
    assert_eq!(plan(&third).await.status, 204);
    let nodes = app.state.store.nodes_of(cluster).await.unwrap();
    let failed = nodes.iter().find(|node| node.name == "k1-node-1").unwrap();
    let error = failed.error.as_deref().unwrap();
    assert_eq!(failed.state, NodeState::Failed);
    assert!(error.contains("pods_network_cidr: no share of 10.100.0.0/24"), "{error}");
}

/// The master that acts for the cluster gives a node its labels, so its plan is another one once the node is there.
#[tokio::test]
async fn a_node_that_is_ready_for_the_first_time_raises_the_plans() {
    let app = App::start().await;
    let (cluster, _, worker) = cluster(&app).await;
    let generation = async || app.state.store.handle_get(cluster).await.unwrap().plan_generation;
    let ready = async |generation: i64| {
        let report = json!({"generation": generation, "step": "signal", "result": "ready"});
        assert_eq!(ask(&app, &worker, "/v1/nodes/report", report).await.status, 204);
    };
    let before = generation().await;
    ready(before).await;
    assert_eq!(generation().await, before + 1);
    ready(before + 1).await;
    assert_eq!(generation().await, before + 1, "only the first time");
}

#[tokio::test]
async fn masters_tell_the_health_and_workers_do_not() {
    let app = App::start().await;
    let (cluster, master, worker) = cluster(&app).await;
    let report =
        |word: &str| json!({"generation": 1, "result": "alive", "health": {"api": word, "n.Ready": "True"}});
    assert_eq!(ask(&app, &worker, "/v1/nodes/report", report("ok")).await.status, 403);
    for (word, status) in [("ok", "HEALTHY"), ("connection refused", "UNHEALTHY")] {
        assert_eq!(ask(&app, &master, "/v1/nodes/report", report(word)).await.status, 204);
        let shown = app.get(&format!("/v1/clusters/{cluster}")).await;
        assert_eq!(shown.body["health_status"], status);
        assert_eq!(shown.body["health_status_reason"]["api"], word);
    }
}

#[tokio::test]
async fn what_is_seen_at_the_address_stands_beside_what_masters_tell_and_goes_when_nobody_looks() {
    let app = App::start().await;
    let (cluster, master, _) = cluster(&app).await;
    let store = &app.state.store;
    let minute = std::time::Duration::from_secs(60);
    let shown = async || {
        let report = json!({"generation": 1, "result": "alive", "health": {"api": "ok", "n.Ready": "True"}});
        assert_eq!(ask(&app, &master, "/v1/nodes/report", report).await.status, 204);
        let shown = app.get(&format!("/v1/clusters/{cluster}")).await.body;
        (shown["health_status"].clone(), shown["health_status_reason"].clone())
    };
    let plain = (json!("HEALTHY"), json!({"api": "ok", "n.Ready": "True"}));
    let with = |status: &str, word: &str| {
        (json!(status), json!({"api": "ok", "n.Ready": "True", "api_address": word}))
    };
    let said = "not reached at 172.24.4.9:6443 since 2026-01-01T00:02:00Z: connection timed out";
    assert_eq!(shown().await, plain, "nobody looked");
    for (answers, wanted) in [
        (false, plain.clone()),
        (true, with("HEALTHY", "ok")),
        (false, with("HEALTHY", "ok")),
        (false, with("UNHEALTHY", said)),
        (true, with("HEALTHY", "ok")),
    ] {
        // As a conductor does it.
        let due = store.reach_due(1).await.unwrap().remove(0);
        let claim = store.reach_claim(cluster, due.due_at, minute).await.unwrap().unwrap();
        let found = match answers {
            true => due.reach.answered(claim.now),
            false => due.reach.unanswered(claim.now, "172.24.4.9:6443", "connection timed out"),
        };
        assert!(store.reach_record(cluster, claim, &found, minute).await.unwrap());
        assert_eq!(shown().await, wanted, "{answers}");
        app.advance(minute);
    }
    app.advance(minute * 10);
    assert_eq!(shown().await, plain, "nobody looks any more");
}

#[tokio::test]
async fn where_an_auto_healer_reports_the_masters_words_do_not_count() {
    for (trust, labels, counts) in [
        (true, json!({"auto_healing_enabled": "true"}), false),
        (true, json!({"auto_healing_enabled": "yes", "auto_healing_controller": "draino"}), false),
        (true, json!({"auto_healing_controller": "magnum-auto-healer"}), true),
        // Without a credential there is no healer, whatever the labels say.
        (false, json!({"auto_healing_enabled": "true"}), true),
    ] {
        let app = App::with(|settings| settings.cluster_user_trust = trust, PolicySettings::default()).await;
        let (cluster, master, _) = cluster_with(&app, json!({"labels": labels})).await;
        let report = json!({"generation": 1, "result": "alive", "health": {"api": "ok", "n.Ready": "True"}});
        assert_eq!(ask(&app, &master, "/v1/nodes/report", report).await.status, 204);
        let shown = app.get(&format!("/v1/clusters/{cluster}")).await;
        assert_eq!(shown.body["health_status"] == "HEALTHY", counts, "{trust} {labels}: {:?}", shown.body);
    }
}

#[tokio::test]
async fn a_group_fits_the_masters_release_and_the_clusters_images() {
    let app = App::start().await;
    let (cluster, ..) = cluster(&app).await;
    let make = async |body: Value| app.post(&format!("/v1/clusters/{cluster}/nodegroups"), body).await;
    for (body, words) in [
        (json!({"labels": {"kube_tag": "v1.37.0"}}), ["kube_tag", "upgrade the cluster first"]),
        (json!({"labels": {"kube_tag": "v1.20.2"}}), ["kube_tag", "from v1.33 on"]),
        (json!({"image_id": "flatcar"}), ["image_id", "name an image of debian"]),
        (json!({"image_id": "ubuntu"}), ["image_id", "name an image of debian"]),
    ] {
        let refused = make(body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {:?}", refused.body);
        assert!(words.iter().all(|word| refused.detail().contains(word)), "{body}: {}", refused.detail());
    }
    let behind = json!({"name": "old", "image_id": "debian-12-next", "labels": {"kube_tag": "v1.33.1"}});
    let made = make(behind).await;
    assert_eq!(made.status, 202, "{:?}", made.body);
}

#[tokio::test]
async fn labels_without_effect_are_told_with_the_answer() {
    let app = App::start().await;
    let more = json!({"labels": {"ingress_controller": "nginx", "auto_scaling_enabled": "true"}});
    let mut template = template_body();
    let fields = template.as_object_mut().unwrap();
    fields.extend(json!({"coe": "kubernetes", "network_driver": "flannel"}).as_object().unwrap().clone());
    let silent = app.post("/v1/clustertemplates", template.clone()).await;
    assert_eq!((silent.status.as_u16(), silent.header("warning")), (201, ""));
    template.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = app.post("/v1/clustertemplates", template).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let told = |reply: &Reply| {
        let said = reply.header("warning");
        assert!(said.starts_with("299 - \"") && said.matches("299 - ").count() == 2, "{said}");
        assert!(said.contains("ingress_controller") && said.contains("auto_scaling_enabled"), "{said}");
    };
    told(&made);
    let body = json!({"name": "told", "cluster_template_id": made.body["uuid"]});
    let cluster = app.post("/v1/clusters", body).await;
    assert_eq!(cluster.status, 202, "{:?}", cluster.body);
    told(&cluster);
}

#[tokio::test]
async fn an_upgrade_is_accepted_forward_and_refused_backward() {
    let app = App::start().await;
    let (cluster, ..) = cluster(&app).await;
    let at = format!("/v1/clusters/{cluster}/actions/upgrade");
    let to = async |tag: &str| {
        app.template(json!({"coe": "kubernetes", "network_driver": "flannel", "labels": {"kube_tag": tag}}))
            .await
    };
    let back = app.post(&at, json!({"cluster_template": to("v1.35.0").await})).await;
    assert_eq!(back.status, 400);
    assert!(back.detail().contains("kube_tag") && back.detail().contains("downgrade"), "{}", back.detail());
    let forward = app.post(&at, json!({"cluster_template": to("v1.37.0").await, "max_batch_size": 2})).await;
    assert_eq!(forward.status, 202, "{:?}", forward.body);
    let live = app.state.store.live_operation(cluster).await.unwrap().unwrap();
    assert_eq!((live.kind.as_str(), live.params["release"].as_str()), (CLUSTER_UPGRADE, Some("v1.37.0")));
    assert_eq!(app.get(&format!("/v1/clusters/{cluster}")).await.body["status"], "UPDATE_IN_PROGRESS");
    let again = app.post(&at, json!({"cluster_template": to("v1.37.0").await})).await;
    assert!((400..500).contains(&again.status.as_u16()), "one at a time: {:?}", again.body);
}

#[tokio::test]
async fn an_upgrade_is_stopped_and_nothing_else_is() {
    let app = App::start().await;
    let (cluster, ..) = cluster(&app).await;
    let at = format!("/v1/clusters/{cluster}/actions/upgrade");
    let none = app.delete(&at).await;
    assert_eq!(none.status, 409, "{:?}", none.body);
    assert!(none.detail().contains("No upgrade"), "{}", none.detail());
    let next = json!({"coe": "kubernetes", "network_driver": "flannel", "labels": {"kube_tag": "v1.37.0"}});
    assert_eq!(app.post(&at, json!({"cluster_template": app.template(next).await})).await.status, 202);
    let upgrade = app.state.store.live_operation(cluster).await.unwrap().unwrap();
    let stopped = app.delete(&at).await;
    assert_eq!(stopped.status, 202, "{:?}", stopped.body);
    let operations = app.state.store.operations_of(cluster).await.unwrap();
    let stop = operations.iter().find(|operation| operation.kind == UPGRADE_STOP).unwrap();
    assert_eq!(stop.params["release"], "v1.37.0");
    let live = app.state.store.live_operation(cluster).await.unwrap().unwrap();
    assert_eq!(live.id, upgrade.id, "it ends at its next step, and the stop goes after it");
    assert_eq!(app.get(&format!("/v1/clusters/{cluster}")).await.body["status"], "UPDATE_IN_PROGRESS");
    assert_eq!(app.delete(&at).await.status, 400, "it is asked to stop already");
}

#[tokio::test]
async fn another_image_is_accepted_for_workers_and_refused_for_the_only_master() {
    let app = App::start().await;
    let (cluster, ..) = cluster(&app).await;
    let at = format!("/v1/clusters/{cluster}/actions/upgrade");
    let next = json!({"coe": "kubernetes", "network_driver": "flannel", "labels": {"kube_tag": "v1.36.0"},
                      "image_id": "debian-12-next"});
    let template = app.template(next).await;
    let refused = app.post(&at, json!({"cluster_template": template})).await;
    assert_eq!(refused.status, 400, "{:?}", refused.body);
    assert!(refused.detail().contains("only master"), "{}", refused.detail());
    let accepted = app.post(&at, json!({"cluster_template": template, "nodegroup": "default-worker"})).await;
    assert_eq!(accepted.status, 202, "{:?}", accepted.body);
    let live = app.state.store.live_operation(cluster).await.unwrap().unwrap();
    let workers = app.state.store.cluster_by_id(cluster).await.unwrap();
    let workers = workers.nodegroups.iter().find(|group| group.name == "default-worker").unwrap().uuid;
    assert_eq!(live.params["image"], json!({"id": "debian-12-next", "nodegroups": [workers]}));
}

#[tokio::test]
async fn a_server_that_is_made_anew_registers_again_with_a_key_that_it_never_had() {
    let app = App::start().await;
    let (cluster, _, old) = cluster(&app).await;
    let register = async |key: &PrivateKey| {
        let csr = CertificateRequest::create(key, &[], &[]).unwrap().to_pem().unwrap();
        let body = json!({"cluster": cluster.to_string(), "instance_id": WORKER, "join_secret": "join-me", "csr": csr});
        app.call_at("", "", "POST", "/v1/nodes/register", Some(body)).await
    };
    let [first, second] = [(); 2].map(|()| PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap());
    assert_eq!(register(&first).await.status, 403, "one that lives has one key");
    let grow = json!({"node_count": 2, "nodegroup": "default-worker"});
    assert_eq!(app.post(&format!("/v1/clusters/{cluster}/actions/resize"), grow).await.status, 202);
    let fence = app.claim(cluster).await;
    let apply = async |change| app.state.store.progress(fence, vec![change]).await.unwrap();
    apply(Change::NodesRebuild(cluster, "i-3".into(), vec![WORKER.into()])).await;
    let word = json!({"generation": 1, "step": "kubelet", "result": "ready"});
    assert_eq!(ask(&app, &old, "/v1/nodes/report", word.clone()).await.status, 401, "its token is void");
    let anew = register(&first).await;
    assert_eq!(anew.status, 201, "{:?}", anew.body);
    let node = async || {
        let nodes = app.state.store.nodes_of(cluster).await.unwrap();
        nodes.into_iter().find(|node| node.instance_id == WORKER).unwrap()
    };
    let registered = node().await;
    assert_eq!((registered.state, registered.generation), (NodeState::Upgrading, 0));
    assert!(!registered.is_awaited() && registered.wanted_image.as_deref() == Some("i-3"));
    assert_eq!(register(&first).await.body["token"], anew.body["token"], "an answer that was lost");
    assert_eq!(register(&second).await.status, 403, "once only");

    // Until its server is made anew, what runs there is what it was.
    apply(Change::NodesRebuild(cluster, "other".into(), vec![WORKER.into()])).await;
    let early = register(&first).await;
    assert_eq!(early.status, 409, "{:?}", early.body);
    // Heat found nothing to do: the server has the image.
    apply(Change::NodesBecome(cluster, NodeState::Upgrading, vec![WORKER.into()])).await;
    assert_eq!(register(&first).await.status, 201);
    assert!(!node().await.is_awaited());
}

#[tokio::test]
async fn a_master_that_registers_later_changes_the_plan_of_the_one_that_takes_it_in() {
    let app = App::start().await;
    let (cluster, master, _) = cluster(&app).await;
    let generation = async || app.state.store.plan_generation(cluster).await.unwrap();
    let member = |name: &str| Member {
        role: Role::Master,
        primary: false,
        index: "1".into(),
        name: name.into(),
        address: "10.0.0.5".into(),
        public_address: None,
        api_address: None,
        api_private_address: None,
    };
    let before = generation().await;
    let [second, third] = ["6f70656e-0000-4000-8000-000000000003", "6f70656e-0000-4000-8000-000000000004"];
    app.members.0.lock().unwrap().insert(second.into(), member("k1-master-1"));
    register(&app, cluster, second).await;
    assert_eq!(generation().await, before, "they found etcd together");
    let told = json!({"generation": 1, "step": "etcd ready", "result": "done",
                      "facts": {"etcd_members": "k1-master-0=https://10.0.0.3:2380"}});
    assert_eq!(ask(&app, &master, "/v1/nodes/report", told).await.status, 204);
    let founded = generation().await;
    app.members.0.lock().unwrap().insert(third.into(), member("k1-master-2"));
    register(&app, cluster, third).await;
    assert_eq!(generation().await, founded + 1);
}

#[tokio::test]
async fn a_rotation_is_accepted_for_kubernetes() {
    let app = App::start().await;
    let (cluster, ..) = cluster(&app).await;
    let reply = app.call("owner", "PATCH", &format!("/v1/certificates/{cluster}"), None).await;
    assert_eq!(reply.status, 202, "{:?}", reply.body);
    assert_eq!(app.state.store.live_operation(cluster).await.unwrap().unwrap().kind, CA_ROTATE);
    let view = app.state.store.cluster_by_id(cluster).await.unwrap();
    assert_eq!(view.cluster.status, Status::UpdateInProgress);
}

#[tokio::test]
async fn masters_are_resized_to_odd_numbers_and_only_behind_a_load_balancer() {
    let app = App::start().await;
    let (cluster, ..) = cluster(&app).await;
    let resize = async |app: &App, cluster: ClusterId, count: i32| {
        let body = json!({"node_count": count, "nodegroup": "default-master"});
        app.post(&format!("/v1/clusters/{cluster}/actions/resize"), body).await
    };
    for (count, word) in [(0, "at least one master"), (2, "load balancer"), (3, "load balancer")] {
        let refused = resize(&app, cluster, count).await;
        assert_eq!(refused.status, 400, "{count}");
        assert!(
            refused.detail().contains("node_count") && refused.detail().contains(word),
            "{}",
            refused.detail()
        );
    }
    let last = json!({"node_count": 1, "nodegroup": "default-master", "nodes_to_remove": ["0", " 0"]});
    let refused = app.post(&format!("/v1/clusters/{cluster}/actions/resize"), last).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.detail().contains("nodes_to_remove: at least one of the 1 masters"),
        "{}",
        refused.detail()
    );
    let app = App::start().await;
    let (balanced, ..) = cluster_with(&app, json!({"master_lb_enabled": true})).await;
    assert_eq!(resize(&app, balanced, 2).await.status, 400);
    let accepted = resize(&app, balanced, 3).await;
    assert_eq!(accepted.status, 202, "{:?}", accepted.body);
    let shown = app.get(&format!("/v1/clusters/{balanced}")).await.body;
    assert_eq!((&shown["master_count"], &shown["status"]), (&json!(3), &json!("UPDATE_IN_PROGRESS")));
}
