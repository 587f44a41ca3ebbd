//! Users made while running: by whom, and what nobody else learns of them.

use crate::house::{House, project};
use serde_json::{Value, json};

#[tokio::test]
async fn the_admin_of_the_trustee_domain_makes_changes_and_deletes_its_users() {
    let house = House::new().await;
    let (token, domain) = (house.token("magnum_domain_admin").await, house.trustee_domain().await);
    let user = json!({ "name": "t1", "domain_id": domain, "password": "one", "description": "of c1", "email": "a@b.c" });
    let made = house.post("/v3/users", &token, json!({ "user": user })).await;
    assert_eq!(made.status, 201);
    let id = made.id("user");
    assert!(made.body["user"].get("password").is_none() && !made.body.to_string().contains("argon2"));
    assert_eq!(
        (&made.body["user"]["description"], &made.body["user"]["enabled"]),
        (&json!("of c1"), &json!(true))
    );
    let path = format!("/v3/users/{id}");
    assert_eq!(house.get(&path, &token).await.body["user"], made.body["user"]);

    let log_in = async |password: &str| {
        let user = json!({ "id": id, "password": password });
        house.auth(json!({ "methods": ["password"], "password": { "user": user } }), Value::Null).await
    };
    let first = log_in("one").await.header("x-subject-token").to_owned();
    assert_eq!(house.patch(&path, &token, json!({ "user": { "password": "two" } })).await.status, 200);
    assert!(!house.is_good(&first).await);
    assert_eq!((log_in("one").await.status.as_u16(), log_in("two").await.status.as_u16()), (401, 201));
    let second = log_in("two").await.header("x-subject-token").to_owned();
    let off = house
        .patch(&path, &token, json!({ "user": { "enabled": false, "name": "t2", "email": null } }))
        .await;
    assert_eq!((&off.body["user"]["enabled"], &off.body["user"]["name"]), (&json!(false), &json!("t2")));
    assert!(off.body["user"].get("email").is_none());
    assert!(!house.is_good(&second).await);
    assert_eq!(log_in("two").await.status, 401);

    assert_eq!(house.delete(&path, &token).await.status, 204);
    assert_eq!(house.delete(&path, &token).await.status, 404);
    assert_eq!(house.get(&path, &token).await.status, 404);
}

#[tokio::test]
async fn a_name_is_taken_once_per_domain() {
    let house = House::new().await;
    let (token, domain) = (house.token("magnum_domain_admin").await, house.trustee_domain().await);
    let (id, _) = house.trustee("t1").await;
    let user = |name: &str| json!({ "user": { "name": name, "domain_id": domain, "password": "p" } });
    let again = house.post("/v3/users", &token, user("t1")).await;
    assert!(again.status == 409 && again.message().contains("t1"));
    assert_eq!(house.post("/v3/users", &token, user("magnum_domain_admin")).await.status, 409);
    house.trustee("t2").await;
    let renamed = house.patch(&format!("/v3/users/{id}"), &token, json!({ "user": { "name": "t2" } })).await;
    assert_eq!(renamed.status, 409);
    // The same name in another domain is somebody else.
    let admin = house.token("admin").await;
    let user = json!({ "user": { "name": "t1", "domain_id": "default", "password": "p" } });
    assert_eq!(house.post("/v3/users", &admin, user).await.status, 201);
}

#[tokio::test]
async fn what_a_body_lacks_or_cannot_have_is_named() {
    let house = House::new().await;
    let (token, domain) = (house.token("magnum_domain_admin").await, house.trustee_domain().await);
    for (user, field) in [
        (json!({ "domain_id": domain }), "user/name"),
        (json!({ "domain_id": domain, "name": "  " }), "user/name"),
        (json!({ "domain_id": domain, "name": "x".repeat(256) }), "user/name"),
        (json!({ "domain_id": domain, "name": "a", "password": 1 }), "user/password"),
        (json!({ "domain_id": domain, "name": "a", "password": "x".repeat(4097) }), "user/password"),
        (json!({ "domain_id": domain, "name": "a", "enabled": "yes" }), "user/enabled"),
        (json!({ "domain_id": domain, "name": "a", "options": { "lock_password": true } }), "user/options"),
        (json!({ "domain_id": domain, "name": "a", "roles": ["admin"] }), "user/roles"),
    ] {
        let answer = house.post("/v3/users", &token, json!({ "user": user })).await;
        assert!(answer.status == 400 && answer.message().contains(&format!("'{field}'")), "{}", answer.body);
    }
    let admin = house.token("admin").await;
    let nowhere = json!({ "user": { "name": "a", "domain_id": "nowhere" } });
    assert_eq!(house.post("/v3/users", &admin, nowhere).await.status, 404);
}

#[tokio::test]
async fn nobody_learns_of_others_and_the_admin_of_a_domain_of_no_other_domain() {
    let house = House::new().await;
    let (demo, domain_admin) = (house.token("demo").await, house.token("magnum_domain_admin").await);
    let (demo_id, admin_id) = (house.user_id("demo").await, house.user_id("admin").await);
    let (trustee, _) = house.trustee("t1").await;
    for path in [
        "/v3/users",
        "/v3/users?name=demo",
        "/v3/role_assignments",
        "/v3/roles",
        "/v3/domains",
        "/v3/projects",
        "/v3/services",
        "/v3/endpoints",
    ] {
        assert_eq!(house.get(path, &demo).await.status, 403, "{path}");
    }
    // Present or not, it is the same.
    for id in [&admin_id, &trustee, &"nobody".to_owned()] {
        let answer = house.get(&format!("/v3/users/{id}"), &demo).await;
        assert!(answer.status == 403 && answer.message().ends_with("identity:get_user."));
        assert_eq!(
            house.get(&format!("/v3/users/{id}"), &domain_admin).await.status,
            if *id == trustee { 200 } else { 404 }
        );
    }
    assert_eq!(house.get(&format!("/v3/users/{demo_id}"), &demo).await.body["user"]["name"], "demo");
    assert_eq!(house.get(&format!("/v3/users/{demo_id}/projects"), &demo).await.names("projects"), ["demo"]);
    assert_eq!(house.get(&format!("/v3/users/{admin_id}/projects"), &demo).await.status, 403);
    assert_eq!(house.get("/v3/users", &domain_admin).await.names("users"), ["magnum_domain_admin", "t1"]);
    assert_eq!(house.get("/v3/users?domain_id=default", &domain_admin).await.names("users"), [""; 0]);
    assert_eq!(house.get("/v3/domains", &domain_admin).await.names("domains"), ["magnum"]);
    assert_eq!(house.get("/v3/projects", &domain_admin).await.names("projects"), [""; 0]);

    let user = json!({ "user": { "name": "x", "domain_id": "default", "password": "p" } });
    assert_eq!(house.post("/v3/users", &domain_admin, user.clone()).await.status, 403);
    assert_eq!(house.post("/v3/users", &demo, user).await.status, 403);
    for token in [&demo, &domain_admin] {
        let path = format!("/v3/users/{admin_id}");
        let refused = [
            house.patch(&path, token, json!({ "user": { "password": "mine" } })).await,
            house.delete(&path, token).await,
        ];
        assert!(refused.iter().all(|answer| matches!(answer.status.as_u16(), 403 | 404)));
    }
    // Also not itself: nobody enables or renames itself.
    assert_eq!(
        house
            .patch(&format!("/v3/users/{demo_id}"), &demo, json!({ "user": { "name": "root" } }))
            .await
            .status,
        403
    );
    assert_eq!(
        house
            .patch(&format!("/v3/users/{trustee}"), &demo, json!({ "user": { "password": "mine" } }))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn what_the_file_says_is_not_changed_over_http() {
    let house = House::new().await;
    let admin = house.token("admin").await;
    let demo = house.user_id("demo").await;
    let user = format!("/v3/users/{demo}");
    let (project_id, role) = (house.project_id("demo").await, "member");
    let grant = format!("/v3/projects/{project_id}/users/{demo}/roles/{role}");
    for answer in [
        house.patch(&user, &admin, json!({ "user": { "password": "mine" } })).await,
        house.delete(&user, &admin).await,
        house.post(&format!("{user}/password"), &admin, json!({})).await,
        house.post("/v3/projects", &admin, json!({ "project": { "name": "p" } })).await,
        house.delete(&format!("/v3/projects/{project_id}"), &admin).await,
        house.post("/v3/domains", &admin, json!({ "domain": { "name": "d" } })).await,
        house.post("/v3/roles", &admin, json!({ "role": { "name": "r" } })).await,
        house.call(http::Method::PUT, &grant, &admin, Value::Null).await,
        house.delete(&grant, &admin).await,
    ] {
        assert!(answer.status == 403 && answer.message().contains("users.yaml"), "{}", answer.body);
    }
    assert_eq!(house.post("/v3/projects", "", json!({})).await.status, 401);
    assert_eq!(house.login_answer("demo", &house.passwords["demo"], project("demo")).await.status, 201);
}

#[tokio::test]
async fn every_route_asks_for_a_token() {
    let house = House::new().await;
    for path in [
        "auth/catalog",
        "auth/projects",
        "auth/domains",
        "auth/system",
        "auth/tokens",
        "users",
        "users/u",
        "users/u/projects",
        "users/u/application_credentials",
        "users/u/application_credentials/c",
        "projects",
        "projects/p",
        "domains",
        "domains/d",
        "roles",
        "roles/r",
        "role_assignments",
        "projects/p/users/u/roles",
        "projects/p/users/u/roles/r",
        "domains/d/users/u/roles",
        "domains/d/users/u/roles/r",
        "system/users/u/roles",
        "OS-TRUST/trusts",
        "OS-TRUST/trusts/t",
        "OS-TRUST/trusts/t/roles",
        "OS-TRUST/trusts/t/roles/r",
        "regions",
        "regions/r",
        "services",
        "services/s",
        "endpoints",
        "endpoints/e",
    ] {
        for token in ["", "nonsense"] {
            assert_eq!(house.get(&format!("/v3/{path}"), token).await.status, 401, "{path}");
        }
    }
}
