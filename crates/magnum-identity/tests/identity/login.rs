//! Logging in: every method and scope, and every way in which it is refused.

use crate::house::{House, URL, project};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

#[tokio::test]
async fn versions_are_told_without_a_token_and_lead_to_the_public_address() {
    let house = House::new().await;
    for path in ["", "/"] {
        let answer = house.get(path, "").await;
        assert_eq!(answer.status, 300, "{path:?}");
        assert_eq!(answer.header("location"), format!("{URL}/"));
        let version = &answer.body["versions"]["values"][0];
        assert_eq!((&version["id"], &version["status"]), (&json!("v3.14"), &json!("stable")));
        assert_eq!(version["links"][0]["href"], format!("{URL}/"));
    }
    for path in ["/v3", "/v3/"] {
        let answer = house.get(path, "").await;
        assert_eq!((answer.status.as_u16(), &answer.body["version"]["id"]), (200, &json!("v3.14")), "{path}");
    }
}

#[tokio::test]
async fn a_password_gives_a_token_with_roles_and_catalog_of_its_project() {
    let house = House::new().await;
    let answer = house.login_answer("demo", &house.passwords["demo"], project("demo")).await;
    assert_eq!(answer.status, 201);
    assert!(answer.header("x-openstack-request-id").starts_with("req-"));
    let token = &answer.body["token"];
    assert_eq!(token["methods"], json!(["password"]));
    assert_eq!((&token["user"]["name"], &token["user"]["domain"]["id"]), (&json!("demo"), &json!("default")));
    assert_eq!(
        (&token["project"]["name"], &token["project"]["domain"]["name"]),
        (&json!("demo"), &json!("Default"))
    );
    assert_eq!(token["is_domain"], false);
    let roles: Vec<&str> =
        token["roles"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(roles, ["member", "reader"]);
    assert_eq!(
        (&token["issued_at"], &token["expires_at"]),
        (&json!("2026-01-01T00:00:00.000000Z"), &json!("2026-01-01T01:00:00.000000Z"))
    );
    let heat = token["catalog"].as_array().unwrap().iter().find(|s| s["type"] == "orchestration").unwrap();
    let end = format!("/orchestration/v1/{}", token["project"]["id"].as_str().unwrap());
    assert_eq!(heat["endpoints"].as_array().unwrap().len(), 3);
    assert!(
        heat["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .all(|e| e["url"].as_str().unwrap().ends_with(&end) && e["region_id"] == "RegionOne")
    );
    assert!(
        token["catalog"]
            .as_array()
            .unwrap()
            .iter()
            .any(|s| s["type"] == "identity" && s["endpoints"][0]["url"] == URL)
    );
}

#[tokio::test]
async fn a_domain_and_no_scope_have_what_belongs_to_them() {
    let house = House::new().await;
    let scope = json!({ "domain": { "name": "magnum" } });
    let password = &house.passwords["magnum_domain_admin"];
    let token = house.login_answer("magnum_domain_admin", password, scope).await.body["token"].take();
    assert_eq!(token["domain"]["name"], "magnum");
    assert!(token.get("project").is_none() && token["roles"][0]["name"] == "admin");
    // An address that needs a project is not listed for a domain.
    let heat = token["catalog"].as_array().unwrap().iter().find(|s| s["type"] == "orchestration").unwrap();
    assert_eq!(heat["endpoints"], json!([]));
    for scope in [Value::Null, json!("unscoped"), json!({ "unscoped": {} })] {
        let token = house.login_answer("demo", &house.passwords["demo"], scope).await.body["token"].take();
        assert!(
            token["user"]["name"] == "demo" && token.get("roles").is_none() && token.get("catalog").is_none()
        );
    }
}

#[tokio::test]
async fn a_user_of_the_system_may_have_its_token() {
    let house = House::new().await;
    let scope = json!({ "system": { "all": true } });
    let refused = house.login_answer("admin", &house.passwords["admin"], scope.clone()).await;
    assert_eq!(refused.status, 401);
    house
        .edit(|text| text + "  - {name: root, password: toor, roles: [{system: all, roles: [admin]}]}\n")
        .await
        .unwrap();
    let answer = house.login_answer("root", "toor", scope).await;
    assert_eq!(answer.body["token"]["system"], json!({ "all": true }));
    assert_eq!(house.get("/v3/users", answer.header("x-subject-token")).await.status, 200);
}

#[tokio::test]
async fn without_a_scope_the_default_project_is_taken() {
    let house = House::new().await;
    let user =
        "  - {name: ann, password: a, default_project: demo, roles: [{project: demo, roles: [member]}]}\n";
    house.edit(|text| text + user).await.unwrap();
    let answer = house.login_answer("ann", "a", Value::Null).await;
    assert_eq!(answer.body["token"]["project"]["name"], "demo");
    let answer = house.login_answer("ann", "a", json!("unscoped")).await;
    assert!(answer.body["token"].get("project").is_none());
}

#[tokio::test]
async fn whatever_is_wrong_with_who_one_is_has_the_same_answer() {
    let house = House::new().await;
    house.edit(|text| text + "  - {name: off, password: right, enabled: false, roles: [{project: demo, roles: [member]}]}\n  - {name: mute}\n").await.unwrap();
    let right = &house.passwords["demo"];
    let with_id = |id: &str| json!({ "methods": ["password"], "password": { "user": { "id": id, "password": right } } });
    let answers = [
        house.login_answer("demo", "wrong", project("demo")).await,
        house.login_answer("nobody", "wrong", project("demo")).await,
        house.login_answer("off", "right", project("demo")).await,
        house.login_answer("mute", "", project("demo")).await,
        // Scopes without a role, of others, and that are not there.
        house.login_answer("demo", right, project("admin")).await,
        house.login_answer("demo", right, project("nowhere")).await,
        house.login_answer("demo", right, json!({ "domain": { "id": "default" } })).await,
        house.login_answer("demo", right, json!({ "domain": { "id": "nowhere" } })).await,
        house.login_answer("demo", right, json!({ "system": { "all": true } })).await,
        house.login_answer("demo", right, json!({ "OS-TRUST:trust": { "id": "nothing" } })).await,
        house.auth(with_id("nobody"), project("demo")).await,
        house.auth(json!({ "methods": ["token"], "token": { "id": "mgn1AAAA" } }), project("demo")).await,
        house.auth(json!({ "methods": ["application_credential"], "application_credential": { "id": "no", "secret": "s" } }), Value::Null).await,
        house.auth(json!({ "methods": ["totp"], "totp": {} }), Value::Null).await,
    ];
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status, 401, "{number}: {}", answer.body);
        assert_eq!(answer.body, answers[0].body, "{number}");
        assert_eq!(answer.header("www-authenticate"), format!("Keystone uri=\"{URL}\""));
        assert!(answer.headers.get("x-subject-token").is_none());
    }
    assert_eq!(answers[0].body["error"]["title"], "Unauthorized");
}

#[tokio::test]
async fn a_wrong_form_is_named_by_its_field() {
    let house = House::new().await;
    let user = json!({ "name": "demo", "domain": { "id": "default" }, "password": "p" });
    let password = |user: Value| json!({ "methods": ["password"], "password": { "user": user } });
    for (identity, scope, field) in [
        (json!({}), Value::Null, "auth/identity/methods"),
        (json!({ "methods": "password" }), Value::Null, "auth/identity/methods"),
        (json!({ "methods": ["password"] }), Value::Null, "auth/identity/password"),
        (
            password(json!({ "name": "demo", "password": "p" })),
            Value::Null,
            "auth/identity/password/user/domain",
        ),
        (
            password(json!({ "domain": { "id": "default" }, "password": "p" })),
            Value::Null,
            "auth/identity/password/user/name",
        ),
        (password(json!({ "id": 7, "password": "p" })), Value::Null, "auth/identity/password/user/id"),
        (password(json!({ "id": "7" })), Value::Null, "auth/identity/password/user/password"),
    ] {
        let answer = house.auth(identity, scope).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(answer.message().contains(&format!("'{field}'")), "{field}: {}", answer.body);
    }
    let mut right = user;
    right["password"] = house.passwords["demo"].clone().into();
    for scope in [
        json!({}),
        json!({ "project": { "id": "x" }, "domain": { "id": "default" } }),
        json!({ "system": { "all": false } }),
        json!(7),
    ] {
        let answer = house.auth(password(right.clone()), scope).await;
        assert!(answer.status == 400 && answer.message().contains("'auth/scope"), "{}", answer.body);
    }
    for (body, words) in [("{", "JSON"), ("[]", "object"), ("{}", "'auth'"), ("", "JSON")] {
        let request = Request::post("/identity/v3/auth/tokens").body(Body::from(body)).unwrap();
        let answer = house.send(request).await;
        assert!(answer.status == 400 && answer.message().contains(words), "{}", answer.body);
    }
    let long = Request::post("/identity/v3/auth/tokens").body(Body::from("x".repeat(200_000))).unwrap();
    let answer = house.send(long).await;
    assert!(answer.status == 413 && answer.message().contains("too long"));
    let odd = house.get("/v3/users/%ff", &house.token("admin").await).await;
    assert!(odd.status == 400 && !odd.message().is_empty());
}

#[tokio::test]
async fn guessing_is_slowed_down_for_that_account_alone() {
    let house = House::new().await;
    for name in ["demo", "nobody"] {
        for _ in 0..10 {
            assert_eq!(house.login_answer(name, "guess", project("demo")).await.status, 401);
        }
        let answer = house.login_answer(name, "guess", project("demo")).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "5"), "{name}");
        assert!(answer.message().contains("5 seconds"));
    }
    assert_eq!(house.login_answer("demo", &house.passwords["demo"], project("demo")).await.status, 429);
    assert_eq!(house.login_answer("admin", &house.passwords["admin"], project("admin")).await.status, 201);
    house.pass(5);
    assert_eq!(house.login_answer("demo", &house.passwords["demo"], project("demo")).await.status, 201);
    // Who knows the password is never held up, however often he comes.
    for _ in 0..15 {
        assert_eq!(
            house.login_answer("admin", &house.passwords["admin"], project("admin")).await.status,
            201
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_keystones_form() {
    let house = House::new().await;
    let admin = house.token("admin").await;
    for path in ["/v2.0/tokens", "/v3/groups", "/v3/users/a/b/c", "/nothing"] {
        let answer = house.get(path, &admin).await;
        assert_eq!(answer.status, 404, "{path}");
        answer.message();
    }
    let answer = house.call(http::Method::PUT, "/v3/users", &admin, json!({})).await;
    assert_eq!(answer.status, 405);
    answer.message();
}
