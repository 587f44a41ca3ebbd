use crate::app::{App, Reply};
use axum::body::Body;
use http::Request;
use magnum_api::nodes::membership::Member;
use magnum_policy::PolicySettings;
use magnum_types::{ClusterId, Role, plan::Plan, registration::NodeState};
use magnum_x509::{CertificateInfo, CertificateRequest, KeyAlgorithm, NameAttribute, PrivateKey, San, token};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::timeout};

const MASTER: &str = "6f70656e-0000-4000-8000-000000000001";
const WORKER: &str = "6f70656e-0000-4000-8000-000000000002";

fn csr(key: &PrivateKey) -> String {
    let subject = [(NameAttribute::CommonName, "admin"), (NameAttribute::Organisation, "system:masters")];
    CertificateRequest::create(key, &subject, &[San::Dns("evil.example".into())]).unwrap().to_pem().unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap()
}

fn body(cluster: ClusterId, instance: &str, secret: &str, key: &PrivateKey) -> Value {
    json!({"cluster": cluster.to_string(), "instance_id": instance, "join_secret": secret, "csr": csr(key)})
}

fn members(app: &App) {
    let member = |role, primary, name: &str, address: &str| Member {
        role,
        primary,
        index: "0".into(),
        name: name.into(),
        address: address.into(),
        public_address: Some(format!("172.24.4.{}", name.len())),
        api_address: Some("172.24.4.200".into()),
        api_private_address: None,
    };
    let mut known = app.members.0.lock().unwrap();
    known.insert(MASTER.into(), member(Role::Master, true, "c1-master-0", "10.0.0.3"));
    known.insert(WORKER.into(), member(Role::Worker, false, "c1-node-0", "10.0.0.4"));
}

async fn ask(app: &App, token: &str, method: &str, path: &str, body: Option<Value>) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    app.send(request.body(Body::from(body.map(|body| body.to_string()).unwrap_or_default())).unwrap()).await
}

async fn register_node(app: &App, cluster: ClusterId, instance: &str) -> String {
    let reply = app
        .call_at("", "", "POST", "/v1/nodes/register", Some(body(cluster, instance, "join-me", &key())))
        .await;
    assert_eq!(reply.status, 201, "{:?}", reply.body);
    reply.body["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_member_registers_and_gets_only_its_own_identity() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    members(&app);
    let reply = app
        .call_at("", "", "POST", "/v1/nodes/register", Some(body(cluster, MASTER, "join-me", &key())))
        .await;
    assert_eq!(reply.status, 201, "{:?}", reply.body);
    assert_eq!(reply.body["name"], "c1-master-0");
    let certificate = CertificateInfo::parse(reply.body["certificate"].as_str().unwrap()).unwrap();
    assert_eq!(
        (certificate.common_names, certificate.organisations),
        (vec!["c1-master-0".into()], vec!["swarm".into()])
    );
    for address in ["127.0.0.1", "10.0.0.3", "172.24.4.11", "172.24.4.200", "172.24.4.9"] {
        assert!(
            certificate.sans.contains(&San::Ip(address.parse().unwrap())),
            "{address}: {:?}",
            certificate.sans
        );
    }
    assert!(!certificate.sans.contains(&San::Dns("evil.example".into())));
    assert!(CertificateInfo::parse(reply.body["ca"].as_str().unwrap()).unwrap().is_ca);
    let stored = app.state.store.nodes_of(cluster).await.unwrap().remove(0);
    assert_eq!((stored.primary, stored.role, stored.state), (true, Role::Master, NodeState::Registered));
    assert_eq!(stored.token_hash, token::sha256_hex(reply.body["token"].as_str().unwrap().as_bytes()));
}

#[tokio::test]
async fn who_is_no_member_or_has_no_secret_does_not_register() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    members(&app);
    let stranger = "6f70656e-0000-4000-8000-000000000009";
    let nowhere: ClusterId = stranger.parse().unwrap();
    for (body, status) in [
        (body(cluster, MASTER, "wrong", &key()), 403),
        (body(cluster, MASTER, "", &key()), 403),
        (body(cluster, stranger, "join-me", &key()), 403),
        (body(nowhere, MASTER, "join-me", &key()), 404),
        (
            json!({"cluster": cluster.to_string(), "instance_id": MASTER, "join_secret": "join-me", "csr": "x"}),
            400,
        ),
        (json!({"cluster": cluster.to_string()}), 400),
    ] {
        let reply = app.call_at("", "", "POST", "/v1/nodes/register", Some(body.clone())).await;
        assert_eq!(reply.status, status, "{body}: {:?}", reply.body);
    }
    assert!(app.state.store.nodes_of(cluster).await.unwrap().is_empty());
}

#[tokio::test]
async fn while_the_stack_changes_a_stranger_is_only_not_yet_a_member() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let grow = json!([{"op": "replace", "path": "/node_count", "value": 5}]);
    assert_eq!(app.patch(&format!("/v1/clusters/{cluster}"), grow).await.status, 202);
    let reply = app
        .call_at("", "", "POST", "/v1/nodes/register", Some(body(cluster, WORKER, "join-me", &key())))
        .await;
    assert_eq!(reply.status, 409);
    assert!(reply.detail().contains("not yet"), "{}", reply.detail());
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_key_only() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    members(&app);
    let mine = key();
    let register = async |key: &PrivateKey| {
        app.call_at("", "", "POST", "/v1/nodes/register", Some(body(cluster, MASTER, "join-me", key))).await
    };
    let first = register(&mine).await;
    let second = register(&mine).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201), "{:?}", second.body);
    assert_eq!(register(&key()).await.status, 403);
    assert_eq!(app.state.store.nodes_of(cluster).await.unwrap().len(), 1);
    assert_eq!(first.body, second.body, "the lost answer itself");
    let report = Some(json!({"generation": 1, "result": "alive"}));
    let token = second.body["token"].as_str().unwrap();
    assert_eq!(ask(&app, token, "POST", "/v1/nodes/report", report).await.status, 204);
    let worker = register_node(&app, cluster, WORKER).await;
    assert_ne!(worker, token);
}

#[tokio::test]
async fn workers_are_held_until_the_first_master_reported_its_tokens() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    members(&app);
    let master = register_node(&app, cluster, MASTER).await;
    let worker = register_node(&app, cluster, WORKER).await;

    let plan = ask(&app, &master, "GET", "/v1/nodes/plan?after=0", None).await;
    assert_eq!(plan.status, 200, "{:?}", plan.body);
    let plan: Plan = serde_json::from_value(plan.body).unwrap();
    assert!(!plan.steps.is_empty());
    assert_eq!(ask(&app, &worker, "GET", "/v1/nodes/plan", None).await.status, 204);

    let facts = json!({"swarm_worker_token": "SWMTKN-1-worker", "swarm_manager_token": "SWMTKN-1-manager"});
    let report = json!({"generation": plan.generation, "step": "tokens", "result": "done", "facts": facts});
    assert_eq!(ask(&app, &master, "POST", "/v1/nodes/report", Some(report.clone())).await.status, 204);
    let handle = app.state.store.handle_get(cluster).await.unwrap();
    assert!(handle.plan_generation > plan.generation);
    assert!(!handle.facts.unwrap().contains("SWMTKN"));
    // A master that is not ready yet holds the workers back as the driver sees fit; with it ready they have a plan.
    let ready = json!({"generation": plan.generation, "step": "signal", "result": "ready"});
    assert_eq!(ask(&app, &master, "POST", "/v1/nodes/report", Some(ready)).await.status, 204);
    let plan = ask(&app, &worker, "GET", "/v1/nodes/plan?after=0", None).await;
    assert_eq!(plan.status, 200, "{:?}", plan.body);
    assert!(plan.body.to_string().contains("SWMTKN-1-worker"));

    assert_eq!(ask(&app, &master, "POST", "/v1/nodes/report", Some(report)).await.status, 204);
    let again = app.state.store.handle_get(cluster).await.unwrap();
    assert_eq!(again.plan_generation, handle.plan_generation, "known facts change nothing");
}

#[tokio::test]
async fn a_plan_names_the_proxies_of_the_template_and_none_where_there_are_none() {
    let app = App::start().await;
    members(&app);
    let proxied = json!({"http_proxy": "http://proxy:3128", "no_proxy": "mirror.example"});
    let cluster = app.living_cluster_of("c1", proxied).await;
    let master = register_node(&app, cluster, MASTER).await;
    let plan = ask(&app, &master, "GET", "/v1/nodes/plan?after=0", None).await;
    let wanted = json!({"http": "http://proxy:3128", "https": "", "besides": "mirror.example"});
    assert_eq!(plan.body["proxies"], wanted, "{:?}", plan.body);

    let app = App::start().await;
    members(&app);
    let cluster = app.living_cluster("c1").await;
    let master = register_node(&app, cluster, MASTER).await;
    let plan = ask(&app, &master, "GET", "/v1/nodes/plan?after=0", None).await;
    assert!(plan.body["steps"].is_array() && plan.body.get("proxies").is_none(), "{:?}", plan.body);
}

/// A worker that somebody took over must not tell others where the API is, or by what they join.
#[tokio::test]
async fn a_node_is_believed_only_what_its_role_tells() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    members(&app);
    let master = register_node(&app, cluster, MASTER).await;
    let worker = register_node(&app, cluster, WORKER).await;
    let before = app.state.store.handle_get(cluster).await.unwrap();
    let tell = async |token: &str, fact: &str| {
        let report = json!({"generation": 1, "step": "x", "result": "done", "facts": {fact: "evil"}});
        ask(&app, token, "POST", "/v1/nodes/report", Some(report)).await
    };
    for fact in ["swarm_worker_token", "swarm_manager_token", "swarm_founder", "api_address", "x"] {
        let refused = tell(&worker, fact).await;
        assert_eq!(refused.status, 403, "{fact}");
        assert!(refused.detail().contains(fact), "{}", refused.detail());
    }
    for fact in ["api_address", "api_private_address", "kube_encryption_key"] {
        assert_eq!(tell(&master, fact).await.status, 403, "{fact}");
    }
    let after = app.state.store.handle_get(cluster).await.unwrap();
    assert_eq!((after.facts, after.plan_generation), (before.facts, before.plan_generation));
    assert_eq!(tell(&worker, "engine_version").await.status, 204);
    assert_eq!(tell(&master, "swarm_founder").await.status, 204);
}

#[tokio::test]
async fn five_managers_found_one_swarm_and_join_the_founder() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    members(&app);
    let mut instances = vec![MASTER.to_owned()];
    for number in 0..4 {
        let instance = format!("6f70656e-0000-4000-8000-00000000010{number}");
        let member = Member {
            role: Role::Master,
            primary: false,
            index: number.to_string(),
            name: format!("c1-secondary-master-{number}"),
            address: format!("10.0.0.1{number}"),
            public_address: Some(format!("172.24.4.3{number}")),
            api_address: Some("172.24.4.200".into()),
            api_private_address: None,
        };
        app.members.0.lock().unwrap().insert(instance.clone(), member);
        instances.push(instance);
    }
    let mut tokens = Vec::new();
    // The founder is the last to come: nobody takes its place.
    for instance in instances.iter().rev() {
        tokens.push(register_node(&app, cluster, instance).await);
    }
    let founder = tokens.pop().unwrap();
    for token in &tokens {
        assert_eq!(ask(&app, token, "GET", "/v1/nodes/plan", None).await.status, 204, "held");
    }
    let plan = ask(&app, &founder, "GET", "/v1/nodes/plan?after=0", None).await;
    assert!(plan.body.to_string().contains("swarm init"), "{:?}", plan.body);
    let facts = json!({"swarm_worker_token": "SWMTKN-1-worker", "swarm_manager_token": "SWMTKN-1-manager"});
    let ready =
        json!({"generation": plan.body["generation"], "step": "signal", "result": "ready", "facts": facts});
    assert_eq!(ask(&app, &founder, "POST", "/v1/nodes/report", Some(ready)).await.status, 204);
    for token in &tokens {
        let plan = ask(&app, token, "GET", "/v1/nodes/plan?after=0", None).await;
        let text = plan.body.to_string();
        assert!(text.contains("SWMTKN-1-manager") && text.contains("10.0.0.3:2377"), "{text}");
        assert!(!text.contains("swarm init") && !text.contains("SWMTKN-1-worker"), "{text}");
        let ready = json!({"generation": plan.body["generation"], "step": "signal", "result": "ready"});
        assert_eq!(ask(&app, token, "POST", "/v1/nodes/report", Some(ready)).await.status, 204);
    }
    let nodes = app.state.store.nodes_of(cluster).await.unwrap();
    assert_eq!(nodes.iter().filter(|node| node.state == NodeState::Ready).count(), 5);
    assert_eq!(nodes.iter().filter(|node| node.primary).count(), 1);
}

#[tokio::test]
async fn a_failed_step_is_kept_with_its_first_line_cut_to_size() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    members(&app);
    let token = register_node(&app, cluster, WORKER).await;
    let report = json!({"generation": 1, "step": "docker", "result": "failed", "error": "x".repeat(2000)});
    assert_eq!(ask(&app, &token, "POST", "/v1/nodes/report", Some(report)).await.status, 204);
    let node = app.state.store.nodes_of(cluster).await.unwrap().remove(0);
    assert_eq!((node.state, node.step.as_deref()), (NodeState::Failed, Some("docker")));
    assert_eq!(node.error.unwrap().len(), 500);
}

#[tokio::test]
async fn a_report_of_a_running_plan_does_not_count_as_applied() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    members(&app);
    let token = register_node(&app, cluster, WORKER).await;
    for (result, generation, applied) in [("ready", 1, 1), ("done", 2, 1), ("alive", 2, 1), ("ready", 2, 2)] {
        let report = json!({"generation": generation, "step": "s", "result": result});
        assert_eq!(ask(&app, &token, "POST", "/v1/nodes/report", Some(report)).await.status, 204);
        let node = app.state.store.nodes_of(cluster).await.unwrap().remove(0);
        assert_eq!(node.generation, applied, "{result} {generation}");
    }
}

#[tokio::test]
async fn a_wrong_bearer_token_opens_nothing() {
    let app = App::start().await;
    for (method, path) in [("GET", "/v1/nodes/plan"), ("POST", "/v1/nodes/report")] {
        for token in ["", "wrong"] {
            assert_eq!(ask(&app, token, method, path, Some(json!({}))).await.status, 401, "{path}");
        }
    }
}

#[tokio::test]
async fn the_program_is_served_under_its_hash_only() {
    let app = App::start().await;
    let hash = token::sha256_hex(b"the node program");
    let path = format!("/v1/nodes/program/{hash}");
    let reply = app.call_at("", "", "GET", &path, None).await;
    assert_eq!((reply.status.as_u16(), reply.body), (200, json!("the node program")));
    let tag = reply.headers["etag"].clone();
    let request = Request::builder().uri(&path).header("if-none-match", tag).body(Body::empty()).unwrap();
    assert_eq!(app.send(request).await.status, 304);
    let other = format!("/v1/nodes/program/{}", "0".repeat(64));
    assert_eq!(app.call_at("", "", "GET", &other, None).await.status, 404);
}

/// A question for a plan that is not there yet, on a server that would hold it for long.
async fn held_question(app: &Arc<App>) -> (String, JoinHandle<Reply>) {
    let cluster = app.living_cluster("c1").await;
    members(app);
    let master = register_node(app, cluster, MASTER).await;
    let worker = register_node(app, cluster, WORKER).await;
    let asking = app.clone();
    let held =
        tokio::spawn(async move { ask(&asking, &worker, "GET", "/v1/nodes/plan?after=0", None).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!held.is_finished(), "there is no plan for a worker yet");
    (master, held)
}

async fn patient() -> Arc<App> {
    Arc::new(
        App::with(|settings| settings.plan_hold = Duration::from_secs(20), PolicySettings::default()).await,
    )
}

#[tokio::test]
async fn a_question_is_held_no_longer_than_it_asks_for() {
    let app = patient().await;
    let cluster = app.living_cluster("c1").await;
    members(&app);
    register_node(&app, cluster, MASTER).await;
    let worker = register_node(&app, cluster, WORKER).await;
    for hold in ["0", "2"] {
        let path = format!("/v1/nodes/plan?after=0&hold={hold}");
        let asking = ask(&app, &worker, "GET", &path, None);
        let reply = timeout(Duration::from_secs(10), asking).await.expect("not held for 20 s");
        assert_eq!(reply.status, 204, "{hold}");
    }
    let reply = ask(&app, &worker, "GET", "/v1/nodes/plan?after=0&hold=soon", None).await;
    assert_eq!(reply.status, 400);
    assert!(reply.body.to_string().contains("Invalid value for hold"), "{:?}", reply.body);
}

#[tokio::test]
async fn a_held_question_is_answered_as_soon_as_the_server_stops() {
    let app = patient().await;
    let (_, held) = held_question(&app).await;
    app.stop.cancel();
    let reply = timeout(Duration::from_secs(5), held).await.expect("let go at once").unwrap();
    assert_eq!(reply.status, 204);
}

#[tokio::test]
async fn a_held_question_is_answered_as_soon_as_the_first_master_reports() {
    let app = patient().await;
    let (master, held) = held_question(&app).await;
    let plan = ask(&app, &master, "GET", "/v1/nodes/plan?after=0", None).await;
    let facts = json!({"swarm_worker_token": "SWMTKN-1-worker", "swarm_manager_token": "SWMTKN-1-manager"});
    let ready =
        json!({"generation": plan.body["generation"], "step": "signal", "result": "ready", "facts": facts});
    assert_eq!(ask(&app, &master, "POST", "/v1/nodes/report", Some(ready)).await.status, 204);
    let reply = timeout(Duration::from_secs(5), held).await.expect("answered").unwrap();
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    assert!(reply.body.to_string().contains("SWMTKN-1-worker"));
}
