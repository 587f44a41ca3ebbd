use crate::app::App;
use axum::body::Body;
use http::Request;
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn without_a_valid_token_the_answer_is_keystones() {
    let app = App::start().await;
    for token in ["", "expired"] {
        for path in ["/v1/clusters", "/v1/nonsense", "/clusters/x"] {
            let reply = app.call(token, "GET", path, None).await;
            assert_eq!(reply.status, 401, "{path}");
            assert_eq!(
                reply.body,
                json!({"error": {"code": 401, "title": "Unauthorized",
                    "message": "The request you have made requires authentication."}})
            );
            assert_eq!(reply.header("www-authenticate"), "Keystone uri=\"http://127.0.0.1:5000/v3\"");
        }
    }
}

#[tokio::test]
async fn identity_headers_from_outside_are_not_believed() {
    let app = App::start().await;
    app.cluster("c1").await;
    let request = Request::builder()
        .uri("/v1/clusters")
        .header("x-auth-token", "foreigner")
        .header("x-project-id", "p-demo")
        .header("x-user-id", "u-owner")
        .header("x-roles", "admin")
        .header("x-identity-status", "Confirmed")
        .body(Body::empty())
        .unwrap();
    let reply = app.send(request).await;
    assert_eq!((reply.status.as_u16(), reply.body), (200, json!({"clusters": []})));
    let request = Request::builder().uri("/v1/clusters").header("x-identity-status", "Confirmed");
    assert_eq!(app.send(request.body(Body::empty()).unwrap()).await.status, 401);
}

#[tokio::test]
async fn a_silent_keystone_is_a_503_that_says_so() {
    let app = App::start().await;
    app.cloud.switches().identity_is_down.store(true, Ordering::Relaxed);
    let reply = app.get("/v1/clusters").await;
    assert_eq!(reply.status, 503);
    assert!(reply.detail().contains("identity service"), "{:?}", reply.body);
    assert_eq!(reply.body["errors"][0]["code"], "server");
}

#[tokio::test]
async fn a_token_is_validated_once() {
    let app = App::start().await;
    for _ in 0..5 {
        assert_eq!(app.get("/v1/clusters").await.status, 200);
    }
    assert_eq!(app.cloud.switches().validations.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn browsers_are_served_only_from_allowed_origins() {
    let preflight = || {
        Request::builder()
            .method("OPTIONS")
            .uri("/v1/clusters")
            .header("origin", "https://dash.example")
            .header("access-control-request-method", "POST")
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(App::start().await.send(preflight()).await.status, 401);
    let cors = magnum_api::CorsSettings {
        allowed_origins: vec!["https://dash.example".into()],
        allow_methods: vec!["GET".into(), "POST".into()],
        ..Default::default()
    };
    let app = App::with(|settings| settings.cors = Some(cors), Default::default()).await;
    let reply = app.send(preflight()).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), "https://dash.example");
}
