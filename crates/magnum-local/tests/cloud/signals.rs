//! The door that nodes have: one signal each, by a token of their own.

use crate::rig::{Rig, create, stack_of};
use serde_json::json;

#[tokio::test]
async fn only_a_members_own_token_speaks_for_it() {
    let rig = Rig::new().await;
    rig.silent.lock().unwrap().push("c1".into());
    let stack = create(&rig.heat(), "c1", &stack_of(1, 1)).await.unwrap();
    rig.until("the nodes are not made", async || rig.machine.names().len() == 2).await;
    rig.pass(2).await;
    let node = rig.node_json(rig.machine.server_of("node-0"));
    let master = rig.node_json(rig.machine.server_of("master-0"));
    let url = node["signal_url"].as_str().unwrap();
    let tokens = [&node, &master].map(|told| told["signal_token"].as_str().unwrap().to_owned());
    let success = json!({"status": "SUCCESS", "reason": "", "data": "", "id": "x"});

    assert!(
        url.starts_with(&format!("https://magnum.internal:9511/orchestration/v1/signal/{}/", stack.id)),
        "{url}"
    );
    assert!(tokens.iter().all(|token| token.len() == 64) && tokens[0] != tokens[1]);
    assert_eq!(rig.signal(url, &tokens[1], &success).await, 401, "another member's token");
    assert_eq!(rig.signal(url, "", &success).await, 401);
    assert_eq!(rig.signal(url, &tokens[0], &json!({"status": "MAYBE"})).await, 400);
    let (base, _) = url.rsplit_once('/').unwrap();
    assert_eq!(rig.signal(&format!("{base}/{}", uuid::Uuid::from_u128(1)), &tokens[0], &success).await, 404);
    assert_eq!(rig.signal(&format!("{base}/x"), &tokens[0], &success).await, 404);
    assert!(!rig.disk.text().contains(&tokens[0]), "the token of a node that was made is kept as a hash");

    for _ in 0..2 {
        assert_eq!(rig.signal(url, &tokens[0], &success).await, 200, "a signal may come twice");
    }
    rig.silent.lock().unwrap().clear();
    rig.ends_as(&stack, "CREATE_COMPLETE").await;
    let failure = json!({"status": "FAILURE", "reason": "too late"});
    assert_eq!(rig.signal(url, &tokens[0], &failure).await, 200);
    assert_eq!(rig.ended(&stack).await.0, "CREATE_COMPLETE", "only the first word counts");
    assert_eq!(rig.raw("GET", "/orchestration/v1/signal/a/b", None, json!({})).await.0, 405);

    rig.heat().stack_delete(&stack).await.unwrap();
    rig.ends_as(&stack, "DELETE_COMPLETE").await;
    assert_eq!(rig.signal(url, &tokens[0], &success).await, 404);
}

#[tokio::test]
async fn the_nodes_router_serves_nothing_else() {
    use tower::ServiceExt as _;
    let rig = Rig::new().await;
    let directory = tempfile::tempdir().unwrap();
    let settings =
        magnum_local::cloud::LocalSettings { directory: directory.path().join("cloud"), ..rig.settings() };
    struct Nobody;
    #[async_trait::async_trait]
    impl magnum_local::cloud::Tokens for Nobody {
        async fn check(&self, _: &str) -> Option<magnum_local::cloud::Caller> {
            None
        }
    }
    let entropy = std::sync::Arc::new(magnum_types::SeededEntropy::new(1));
    let cloud = magnum_local::cloud::LocalCloud::open(
        settings,
        rig.machine.clone(),
        std::sync::Arc::new(Nobody),
        rig.clock.clone(),
        entropy,
    );
    let cloud = cloud.await.unwrap();
    for path in
        ["/orchestration/v1/p/stacks", "/compute/v2.1/servers", "/image", "/orchestration/v1/signal/a"]
    {
        let request = axum::extract::Request::get(path).body(axum::body::Body::empty()).unwrap();
        assert_eq!(cloud.node_router().oneshot(request).await.unwrap().status(), 404, "{path}");
    }
}
