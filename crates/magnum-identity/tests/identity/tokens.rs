//! What tokens are good for, and everything that ends them.

use crate::house::{House, project};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn services_and_owners_may_ask_about_a_token_and_nobody_else() {
    let house = House::new().await;
    let (admin, demo, service) =
        (house.token("admin").await, house.token("demo").await, house.token("magnum").await);
    house
        .edit(|text| text + "  - {name: eve, password: e, roles: [{project: demo, roles: [member]}]}\n")
        .await
        .unwrap();
    let eve = house.login_answer("eve", "e", project("demo")).await.header("x-subject-token").to_owned();
    for (asker, expected) in [(&demo, 200), (&admin, 200), (&service, 200), (&eve, 403)] {
        let answer = house.about(Method::GET, &demo, asker).await;
        assert_eq!(answer.status, expected);
        if expected == 200 {
            assert_eq!(answer.body["token"]["user"]["name"], "demo");
            assert_eq!(answer.header("x-subject-token"), demo);
        }
    }
    let head = house.about(Method::HEAD, &demo, &service).await;
    assert!(head.status == 200 && head.body.is_null());
    assert_eq!(house.about(Method::GET, "nonsense", &service).await.status, 404);
    assert_eq!(house.about(Method::GET, &demo, "nonsense").await.status, 401);
    let missing = house.get("/v3/auth/tokens", &service).await;
    assert!(missing.status == 400 && missing.message().contains("X-Subject-Token"));
}

#[tokio::test]
async fn a_token_of_another_house_is_foreign() {
    let house = House::new().await;
    let other = House::new().await;
    let token = other.token("admin").await;
    // The same people and the same draw: only the key differs.
    std::fs::write(house.path("token.key"), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
    let mut house = house;
    house.restart().await.unwrap();
    assert!(other.is_good(&token).await && !house.is_good(&token).await);
    assert_eq!(house.about(Method::GET, &token, &house.token("admin").await).await.status, 404);
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_one_got_in_exchange_no_later() {
    let house = House::new().await;
    let first = house.token("demo").await;
    house.pass(1800);
    let answer = house.exchange(&first, project("demo")).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["token"]["methods"], json!(["password", "token"]));
    assert_eq!(answer.body["token"]["audit_ids"].as_array().unwrap().len(), 2);
    let second = answer.header("x-subject-token").to_owned();
    house.pass(1799);
    assert!(house.is_good(&first).await && house.is_good(&second).await);
    house.pass(1);
    assert!(!house.is_good(&first).await && !house.is_good(&second).await);
    assert_eq!(house.exchange(&first, Value::Null).await.status, 401);
    assert_eq!(house.about(Method::GET, &first, &house.token("magnum").await).await.status, 404);
}

#[tokio::test]
async fn a_revoked_token_is_dead_also_after_a_restart_and_others_live() {
    let mut house = House::new().await;
    let (one, two, admin) =
        (house.token("demo").await, house.token("demo").await, house.token("admin").await);
    let service = house.token("magnum").await;
    assert_eq!(house.about(Method::DELETE, &admin, &two).await.status, 403);
    assert_eq!(house.about(Method::DELETE, &one, &two).await.status, 204);
    assert!(!house.is_good(&one).await && house.is_good(&two).await);
    assert_eq!(house.about(Method::DELETE, &one, &two).await.status, 404);
    house.restart().await.unwrap();
    assert!(!house.is_good(&one).await && house.is_good(&two).await && house.is_good(&admin).await);
    assert_eq!(house.about(Method::DELETE, &two, &admin).await.status, 204);
    assert_eq!(house.exchange(&two, project("demo")).await.status, 401);
    assert!(house.is_good(&service).await);
    // Nothing is remembered of a token that would have ended by now.
    house.pass(3601);
    house.trustee("t").await;
    assert!(house.read("identity.json").contains("\"revoked\": {}"));
}

#[tokio::test]
async fn what_a_token_rests_on_ends_it() {
    let house = House::new().await;
    let user = "  - name: ann\n    password: a\n    roles:\n      - {project: demo, roles: [member]}\n";
    house.edit(|text| text + user).await.unwrap();
    let log_in = async || {
        let answer = house.login_answer("ann", "a", project("demo")).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.header("x-subject-token").to_owned()
    };
    let token = log_in().await;
    let reader = |text: String| text.replace("roles: [member]}", "roles: [reader]}");
    house.edit(reader).await.unwrap();
    let service = house.token("magnum").await;
    let about = house.about(Method::GET, &token, &service).await;
    assert_eq!(about.body["token"]["roles"][0]["name"], "reader");

    house.edit(|text| text.replace("name: ann\n", "name: ann\n    enabled: false\n")).await.unwrap();
    assert!(!house.is_good(&token).await);
    house.edit(|text| text.replace("    enabled: false\n", "")).await.unwrap();
    assert!(house.is_good(&token).await);

    house
        .edit(|text| text.replace("  - name: demo\n    id", "  - name: demo\n    enabled: false\n    id"))
        .await
        .unwrap();
    assert!(!house.is_good(&token).await);
    house.edit(|text| text.replacen("    enabled: false\n", "", 2)).await.unwrap();
    assert!(house.is_good(&token).await);

    house
        .edit(|text| text.replace("{project: demo, roles: [reader]}", "{project: admin, roles: [reader]}"))
        .await
        .unwrap();
    assert!(!house.is_good(&token).await);
    house
        .edit(|text| text.replace("{project: admin, roles: [reader]}", "{project: demo, roles: [reader]}"))
        .await
        .unwrap();
    assert!(house.is_good(&token).await);

    house.identity().renew_password("default", "ann").await.unwrap();
    assert!(!house.is_good(&token).await);
    assert_eq!(house.login_answer("ann", "a", project("demo")).await.status, 401);
}

#[tokio::test]
async fn an_exchange_keeps_to_the_users_own_roles() {
    let house = House::new().await;
    let demo = house.login_answer("demo", &house.passwords["demo"], Value::Null).await;
    let demo = demo.header("x-subject-token");
    assert_eq!(house.exchange(demo, project("demo")).await.status, 201);
    assert_eq!(house.exchange(demo, project("admin")).await.status, 401);
    let names = house.get("/v3/auth/projects", demo).await.names("projects");
    assert_eq!(names, ["demo"]);
    assert!(house.get("/v3/auth/domains", demo).await.names("domains").is_empty());
    assert_eq!(house.get("/v3/auth/system", demo).await.body["system"], json!([]));
    assert_eq!(house.get("/v3/auth/catalog", demo).await.status, 403);
    let scoped = house.token("demo").await;
    let catalog = house.get("/v3/auth/catalog", &scoped).await;
    assert_eq!(catalog.body["catalog"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn two_methods_must_be_of_one_user() {
    let house = House::new().await;
    let both = |name: &str, token: &str| {
        let user = json!({ "name": name, "domain": { "id": "default" }, "password": house.passwords[name] });
        json!({ "methods": ["password", "token"], "password": { "user": user }, "token": { "id": token } })
    };
    let (demo, admin) = (house.token("demo").await, house.token("admin").await);
    assert_eq!(house.auth(both("demo", &demo), project("demo")).await.status, 201);
    assert_eq!(house.auth(both("demo", &admin), project("demo")).await.status, 401);
}

#[tokio::test]
async fn other_services_of_the_process_ask_without_http() {
    let house = House::new().await;
    let token = house.token("demo").await;
    let facts = house.identity().authenticate(&token).unwrap();
    assert_eq!((facts.user_name.as_str(), facts.is_admin), ("demo", false));
    assert_eq!(facts.project_id, Some(house.project_id("demo").await));
    assert!(house.identity().authenticate(&house.token("admin").await).unwrap().is_admin);
    assert!(!house.identity().authenticate(&house.token("magnum_domain_admin").await).unwrap().is_admin);
    assert!(house.identity().authenticate("nonsense").is_none());
}
