//! Quotas as administrators set them and projects see them.

use crate::app::{App, Reply};
use magnum_policy::PolicySettings;
use serde_json::{Value, json};

async fn set(app: &App, body: Value) -> Reply {
    app.call("admin", "POST", "/v1/quotas", Some(body)).await
}

#[tokio::test]
async fn a_quota_is_set_seen_changed_and_taken_away() {
    let app = App::with(|settings| settings.max_clusters_per_project = 20, PolicySettings::default()).await;
    let default = app.get("/v1/quotas/p-demo/Cluster").await;
    assert_eq!(default.body, json!({"project_id": "p-demo", "resource": "Cluster", "hard_limit": 20}));

    let made = set(&app, json!({"project_id": "p-demo", "resource": "Cluster", "hard_limit": "1"})).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    assert_eq!((&made.body["hard_limit"], made.body["id"].is_i64()), (&json!(1), true));
    assert_eq!(app.get("/v1/quotas/p-demo/Cluster").await.body, made.body);

    app.cluster("c1").await;
    let template = app.template(json!({})).await;
    let over = app.post("/v1/clusters", json!({"cluster_template_id": template})).await;
    assert_eq!(over.status, 403, "{:?}", over.body);

    let at = "/v1/quotas/p-demo/Cluster";
    let body = json!({"project_id": "p-demo", "resource": "Cluster", "hard_limit": 2});
    let changed = app.call("admin", "PATCH", at, Some(body)).await;
    assert_eq!(
        (changed.status.as_u16(), &changed.body["hard_limit"]),
        (202, &json!(2)),
        "{:?}",
        changed.body
    );
    assert_eq!(app.post("/v1/clusters", json!({"cluster_template_id": template})).await.status, 202);

    assert_eq!(app.call("admin", "DELETE", at, None).await.status, 204);
    assert_eq!(app.call("admin", "DELETE", at, None).await.status, 404);
    assert_eq!(app.get(at).await.body["hard_limit"], 20);
}

#[tokio::test]
async fn a_wrong_quota_is_refused_by_field() {
    let app = App::start().await;
    assert_eq!(set(&app, json!({"project_id": "p-demo"})).await.body["hard_limit"], 1, "the default");
    for (body, status, word) in [
        (json!({"project_id": "p-demo"}), 409, "p-demo"),
        (json!({"project_id": "p-nowhere"}), 404, "p-nowhere"),
        (json!({"hard_limit": 1}), 400, "project_id"),
        (json!({"project_id": "p-admin", "hard_limit": -1}), 400, "hard_limit"),
        (json!({"project_id": "p-admin", "hard_limit": "many"}), 400, "hard_limit"),
        (json!({"project_id": "p-admin", "resource": "Node"}), 400, "resource"),
        (json!({"project_id": "p-admin", "colour": 1}), 400, "colour"),
        (json!([]), 400, "object"),
    ] {
        let reply = set(&app, body.clone()).await;
        assert_eq!(reply.status, status, "{body}: {:?}", reply.body);
        assert!(reply.detail().contains(word), "{body}: {}", reply.detail());
    }
    for (body, word) in [
        (json!({}), "hard_limit"),
        (json!({"hard_limit": 1, "project_id": "p-admin"}), "project_id"),
        (json!({"hard_limit": 1, "resource": "Node"}), "resource"),
    ] {
        let reply = app.call("admin", "PATCH", "/v1/quotas/p-demo/Cluster", Some(body.clone())).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.detail().contains(word), "{body}: {}", reply.detail());
    }
    assert_eq!(app.get("/v1/quotas/p-demo/Node").await.status, 400);
}

#[tokio::test]
async fn quotas_are_listed_for_one_project_or_all_and_paged_by_number() {
    let app = App::start().await;
    for project in ["p-demo", "p-admin", "p-foreign"] {
        assert_eq!(set(&app, json!({"project_id": project})).await.status, 201);
    }
    let list = async |query: &str| app.call("admin", "GET", &format!("/v1/quotas{query}"), None).await;
    let projects = |reply: &Reply| {
        let quotas = reply.body["quotas"].as_array().unwrap();
        quotas.iter().map(|quota| quota["project_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(projects(&list("").await), ["p-admin"]);
    let first = list("?all_tenants=True&limit=2").await;
    assert_eq!(projects(&first), ["p-demo", "p-admin"]);
    let next = first.body["next"].as_str().unwrap();
    assert!(next.ends_with("&limit=2&marker=2&all_tenants=True"), "{next}");
    let next = app.call("admin", "GET", next.trim_start_matches("http://magnum.example:9511"), None).await;
    assert_eq!(projects(&next), ["p-foreign"]);
    for (wrong, word) in
        [("?marker=x", "marker"), ("?all_tenants=perhaps", "all_tenants"), ("?colour=1", "colour")]
    {
        let reply = list(wrong).await;
        assert_eq!(reply.status, 400, "{wrong}");
        assert!(reply.detail().contains(word), "{wrong}: {}", reply.detail());
    }
}
