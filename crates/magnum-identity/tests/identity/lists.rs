//! Looking things up as an admin, by id and by name.

use crate::house::House;
use http::Method;
use serde_json::Value;

#[tokio::test]
async fn lists_are_filtered_and_each_thing_is_found_by_its_id() {
    let house = House::new().await;
    let admin = house.token("admin").await;
    assert_eq!(
        house.get("/v3/users", &admin).await.names("users"),
        ["admin", "demo", "magnum", "magnum_domain_admin"]
    );
    assert_eq!(house.get("/v3/users?domain_id=default&name=demo", &admin).await.names("users"), ["demo"]);
    assert_eq!(house.get("/v3/users?enabled=false", &admin).await.names("users"), [""; 0]);
    assert_eq!(house.get("/v3/projects", &admin).await.names("projects"), ["admin", "demo", "service"]);
    assert_eq!(house.get("/v3/projects/", &admin).await.names("projects").len(), 3);
    assert_eq!(house.get("/v3/domains", &admin).await.names("domains"), ["Default", "magnum"]);
    assert_eq!(house.get("/v3/roles?name=admin", &admin).await.names("roles"), ["admin"]);
    assert_eq!(house.get("/v3/services", &admin).await.names("services"), ["magnum", "heat", "keystone"]);
    assert_eq!(house.get("/v3/services?type=orchestration", &admin).await.names("services"), ["heat"]);
    let endpoints = house.get("/v3/endpoints?interface=public", &admin).await;
    assert_eq!(endpoints.body["endpoints"].as_array().unwrap().len(), 3);
    assert_eq!(house.get("/v3/regions", &admin).await.body["regions"][0]["id"], "RegionOne");
    for (list, one) in [
        ("users", "user"),
        ("projects", "project"),
        ("domains", "domain"),
        ("roles", "role"),
        ("regions", "region"),
        ("services", "service"),
        ("endpoints", "endpoint"),
    ] {
        let all = house.get(&format!("/v3/{list}"), &admin).await;
        assert_eq!(all.body["links"]["next"], Value::Null);
        for item in all.body[list].as_array().unwrap() {
            let path = format!("/v3/{list}/{}", item["id"].as_str().unwrap());
            assert_eq!(house.get(&path, &admin).await.body[one], *item);
        }
        let missing = house.get(&format!("/v3/{list}/nothing"), &admin).await;
        assert!(missing.status == 404 && missing.message() == format!("Could not find {one}: nothing."));
    }
}

#[tokio::test]
async fn role_assignments_are_those_of_the_file() {
    let house = House::new().await;
    let admin = house.token("admin").await;
    let (demo, project) = (house.user_id("demo").await, house.project_id("demo").await);
    let names = async |query: &str| {
        let answer = house.get(&format!("/v3/role_assignments?include_names&{query}"), &admin).await;
        let all = answer.body["role_assignments"].as_array().unwrap().clone();
        let name = |item: &Value| {
            let scope = item["scope"].as_object().unwrap();
            let (kind, place) = scope.iter().next().unwrap();
            let place = place["name"].as_str().unwrap_or("all");
            format!(
                "{} {kind} {place} {}",
                item["user"]["name"].as_str().unwrap(),
                item["role"]["name"].as_str().unwrap()
            )
        };
        all.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        names("").await,
        "admin project admin admin, demo project demo member, demo project demo reader, magnum project service admin, \
         magnum project service service, magnum_domain_admin domain magnum admin"
    );
    assert_eq!(names(&format!("user.id={demo}")).await, "demo project demo member, demo project demo reader");
    assert_eq!(
        names(&format!("scope.project.id={project}")).await,
        "demo project demo member, demo project demo reader"
    );
    let admins = house.user_id("admin").await;
    assert_eq!(
        names(&format!("effective&user.id={admins}")).await,
        "admin project admin admin, admin project admin manager, admin project admin member, admin project admin reader"
    );
    assert_eq!(names("scope.system").await, "");
    assert_eq!(names("group.id=g").await, "");
    let plain = house.get("/v3/role_assignments", &admin).await;
    assert!(plain.body["role_assignments"][0]["user"].get("name").is_none());
    let domain_admin = house.token("magnum_domain_admin").await;
    let own = house.get("/v3/role_assignments", &domain_admin).await;
    assert_eq!(own.body["role_assignments"].as_array().unwrap().len(), 1);

    let path = format!("/v3/projects/{project}/users/{demo}/roles");
    assert_eq!(house.get(&path, &admin).await.names("roles"), ["member", "reader"]);
    assert_eq!(house.get(&path, &domain_admin).await.status, 403);
    let role =
        house.get("/v3/roles?name=member", &admin).await.body["roles"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(house.call(Method::HEAD, &format!("{path}/{role}"), &admin, Value::Null).await.status, 204);
    assert_eq!(house.get(&format!("{path}/other"), &admin).await.status, 404);
    assert_eq!(house.get(&format!("/v3/projects/none/users/{demo}/roles"), &admin).await.status, 404);
    assert_eq!(house.get(&format!("/v3/system/users/{demo}/roles"), &admin).await.names("roles"), [""; 0]);
}

#[tokio::test]
async fn a_user_sees_its_own_project_and_domain() {
    let house = House::new().await;
    let demo = house.token("demo").await;
    let (own, other) = (house.project_id("demo").await, house.project_id("admin").await);
    assert_eq!(house.get(&format!("/v3/projects/{own}"), &demo).await.body["project"]["name"], "demo");
    for id in [&other, "nothing"] {
        assert_eq!(house.get(&format!("/v3/projects/{id}"), &demo).await.status, 403);
    }
    assert_eq!(house.get("/v3/domains/default", &demo).await.body["domain"]["name"], "Default");
    let magnum = house.trustee_domain().await;
    assert_eq!(house.get(&format!("/v3/domains/{magnum}"), &demo).await.status, 403);
}
