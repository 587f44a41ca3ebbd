//! Trusts and application credentials: who may act for whom, and until when.

use crate::house::{Answer, House, project};
use serde_json::{Value, json};

struct Scene {
    house: House,
    demo: String,
    demo_id: String,
    project_id: String,
    trustee_id: String,
    password: String,
}

impl Scene {
    async fn new() -> Self {
        let house = House::new().await;
        let (demo, demo_id, project_id) =
            (house.token("demo").await, house.user_id("demo").await, house.project_id("demo").await);
        let (trustee_id, password) = house.trustee("t1").await;
        Self { house, demo, demo_id, project_id, trustee_id, password }
    }

    fn trust(&self, change: Value) -> Value {
        let mut trust = json!({
            "trustor_user_id": self.demo_id, "trustee_user_id": self.trustee_id, "project_id": self.project_id,
            "impersonation": true, "roles": [{ "name": "member" }],
        });
        for (key, value) in change.as_object().unwrap() {
            trust[key] = value.clone();
        }
        json!({ "trust": trust })
    }

    async fn make(&self, change: Value) -> String {
        self.house.post("/v3/OS-TRUST/trusts", &self.demo, self.trust(change)).await.id("trust")
    }

    async fn by_trust(&self, trust: &str) -> Answer {
        let user = json!({ "id": self.trustee_id, "password": self.password });
        let scope = json!({ "OS-TRUST:trust": { "id": trust } });
        self.house.auth(json!({ "methods": ["password"], "password": { "user": user } }), scope).await
    }

    async fn credential(&self, change: Value) -> Answer {
        let mut credential = json!({ "name": "ci" });
        for (key, value) in change.as_object().unwrap() {
            credential[key] = value.clone();
        }
        let path = format!("/v3/users/{}/application_credentials", self.demo_id);
        self.house.post(&path, &self.demo, json!({ "application_credential": credential })).await
    }

    async fn by_credential(&self, credential: &Value) -> Answer {
        let given = json!({ "id": credential["id"], "secret": credential["secret"] });
        self.house
            .auth(
                json!({ "methods": ["application_credential"], "application_credential": given }),
                Value::Null,
            )
            .await
    }
}

fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.header("x-subject-token").to_owned()
}

#[tokio::test]
async fn a_trustee_acts_with_the_trustors_roles_in_its_project() {
    let scene = Scene::new().await;
    let trust = scene.make(json!({})).await;
    let answer = scene.by_trust(&trust).await;
    let token = &answer.body["token"];
    assert_eq!((&token["user"]["name"], &token["project"]["name"]), (&json!("demo"), &json!("demo")));
    assert_eq!(token["roles"].as_array().unwrap().len(), 2, "member and what it implies");
    assert_eq!(token["OS-TRUST:trust"]["trustee_user"]["id"], scene.trustee_id);
    assert!(!token["catalog"].as_array().unwrap().is_empty());
    // A client that may not list roles sends the name as an id.
    let plain = scene.make(json!({ "impersonation": false, "roles": [{ "id": "reader" }] })).await;
    let answer = scene.by_trust(&plain).await;
    assert_eq!(answer.body["token"]["user"]["name"], "t1");
    assert_eq!(answer.body["token"]["roles"].as_array().unwrap().len(), 1);
    // By delegation one gets no further.
    let token = token_of(&answer);
    assert_eq!(scene.house.exchange(&token, project("demo")).await.status, 403);
    let own = scene.house.get("/v3/auth/projects", &token).await.names("projects");
    assert_eq!(own, ["demo"]);
}

#[tokio::test]
async fn a_trust_is_used_by_its_trustee_alone_and_ends_with_everything_it_rests_on() {
    let scene = Scene::new().await;
    let house = &scene.house;
    let trust = scene.make(json!({ "expires_at": "2026-01-01T00:30:00.000000Z" })).await;
    let scope = json!({ "OS-TRUST:trust": { "id": trust } });
    assert_eq!(house.login_answer("admin", &house.passwords["admin"], scope).await.status, 403);
    let answer = scene.by_trust(&trust).await;
    assert_eq!(answer.body["token"]["expires_at"], "2026-01-01T00:30:00.000000Z");
    let token = token_of(&answer);
    house.pass(1801);
    assert!(!house.is_good(&token).await);
    assert_eq!(scene.by_trust(&trust).await.status, 401);

    let trust = scene.make(json!({})).await;
    let token = token_of(&scene.by_trust(&trust).await);
    // The trustor loses the role, is disabled, comes back.
    house.edit(|text| text.replace("roles: [member, reader]", "roles: [reader]")).await.unwrap();
    assert!(!house.is_good(&token).await);
    assert_eq!(scene.by_trust(&trust).await.status, 403);
    house.edit(|text| text.replace("roles: [reader]", "roles: [member, reader]")).await.unwrap();
    house
        .edit(|text| text.replace("name: demo\n    id: ", "name: demo\n    enabled: false\n    id: "))
        .await
        .unwrap();
    assert!(!house.is_good(&token).await);
    house.edit(|text| text.replace("    enabled: false\n", "")).await.unwrap();
    assert!(house.is_good(&token).await);
    // The trust goes.
    assert_eq!(house.delete(&format!("/v3/OS-TRUST/trusts/{trust}"), &scene.demo).await.status, 204);
    assert!(!house.is_good(&token).await);
    assert_eq!(scene.by_trust(&trust).await.status, 401);
    // The trustee goes.
    let trust = scene.make(json!({})).await;
    let token = token_of(&scene.by_trust(&trust).await);
    let admin = house.token("magnum_domain_admin").await;
    assert_eq!(house.delete(&format!("/v3/users/{}", scene.trustee_id), &admin).await.status, 204);
    assert!(!house.is_good(&token).await);
    assert_eq!(
        house.get(&format!("/v3/OS-TRUST/trusts/{trust}"), &house.token("admin").await).await.status,
        404
    );
}

#[tokio::test]
async fn a_trust_gives_no_more_than_its_trustor_has_and_is_made_by_it_alone() {
    let scene = Scene::new().await;
    let admin_id = scene.house.user_id("admin").await;
    let other = scene.house.project_id("admin").await;
    let admin = scene.house.token("admin").await;
    for (change, token, status, words) in [
        (json!({ "roles": [{ "name": "admin" }] }), &scene.demo, 404, "role: admin"),
        (json!({ "roles": [{ "id": "nothing" }] }), &scene.demo, 404, "role: nothing"),
        (json!({ "roles": [] }), &scene.demo, 403, "At least one role"),
        (json!({ "project_id": other }), &scene.demo, 404, "role: member"),
        (json!({ "trustor_user_id": admin_id }), &scene.demo, 403, "should match the trustor"),
        (json!({}), &admin, 403, "should match the trustor"),
        (json!({ "trustee_user_id": "nobody" }), &scene.demo, 404, "user: nobody"),
        (json!({ "expires_at": "2025-12-31T00:00:00Z" }), &scene.demo, 400, "trust/expires_at"),
        (json!({ "expires_at": "soon" }), &scene.demo, 400, "trust/expires_at"),
        (json!({ "impersonation": null }), &scene.demo, 400, "trust/impersonation"),
        (json!({ "remaining_uses": 3 }), &scene.demo, 400, "trust/remaining_uses"),
        (
            json!({ "allow_redelegation": true, "redelegation_count": 4 }),
            &scene.demo,
            400,
            "trust/redelegation_count",
        ),
        (json!({ "secret": 1 }), &scene.demo, 400, "trust/secret"),
    ] {
        let answer = scene.house.post("/v3/OS-TRUST/trusts", token, scene.trust(change.clone())).await;
        assert!(answer.status == status && answer.message().contains(words), "{change}: {}", answer.body);
    }
}

#[tokio::test]
async fn trusts_are_seen_by_those_they_bind() {
    let scene = Scene::new().await;
    let house = &scene.house;
    house
        .edit(|text| text + "  - {name: eve, password: e, roles: [{project: demo, roles: [member]}]}\n")
        .await
        .unwrap();
    let eve = token_of(&house.login_answer("eve", "e", project("demo")).await);
    let trust = scene.make(json!({ "expires_at": "2026-01-02T00:00:00Z" })).await;
    let path = format!("/v3/OS-TRUST/trusts/{trust}");
    let shown = house.get(&path, &scene.demo).await.body["trust"].take();
    assert_eq!(
        (&shown["roles"][0]["name"], &shown["expires_at"]),
        (&json!("member"), &json!("2026-01-02T00:00:00.000000Z"))
    );
    assert_eq!((&shown["redelegation_count"], &shown["deleted_at"]), (&json!(0), &Value::Null));
    assert_eq!(house.get(&format!("{path}/roles"), &scene.demo).await.names("roles"), ["member"]);
    let role = shown["roles"][0]["id"].as_str().unwrap();
    assert_eq!(house.get(&format!("{path}/roles/{role}"), &scene.demo).await.body["role"]["name"], "member");
    let user = json!({ "id": scene.trustee_id, "password": scene.password });
    let trustee =
        house.auth(json!({ "methods": ["password"], "password": { "user": user } }), Value::Null).await;
    let (trustee, admin) = (token_of(&trustee), house.token("admin").await);
    let by = |filter: &str, id: &str| format!("/v3/OS-TRUST/trusts?{filter}={id}");
    for (token, expected) in [(&scene.demo, 200), (&trustee, 200), (&admin, 200), (&eve, 403)] {
        assert_eq!(house.get(&path, token).await.status, expected);
    }
    let listed = house.get(&by("trustor_user_id", &scene.demo_id), &scene.demo).await;
    assert!(listed.body["trusts"][0]["id"] == trust && listed.body["trusts"][0].get("roles").is_none());
    assert_eq!(
        house.get(&by("trustee_user_id", &scene.trustee_id), &trustee).await.body["trusts"][0]["id"],
        trust
    );
    for (path, token, expected) in [
        (by("trustor_user_id", &scene.demo_id), &eve, 403),
        (by("trustor_user_id", &scene.demo_id), &trustee, 403),
        ("/v3/OS-TRUST/trusts".to_owned(), &scene.demo, 403),
        ("/v3/OS-TRUST/trusts".to_owned(), &admin, 200),
    ] {
        assert_eq!(house.get(&path, token).await.status, expected, "{path}");
    }
    for (token, expected) in [(&eve, 403), (&trustee, 403), (&admin, 204), (&admin, 404)] {
        assert_eq!(house.delete(&path, token).await.status, expected);
    }
}

#[tokio::test]
async fn a_trust_is_handed_on_as_often_as_it_says_and_ends_with_its_first() {
    let scene = Scene::new().await;
    let house = &scene.house;
    let (heat, _) = house.trustee("heat").await;
    let closed = scene.make(json!({})).await;
    let by_closed = token_of(&scene.by_trust(&closed).await);
    let on = |change: Value| {
        let mut body = scene.trust(change);
        body["trust"]["trustee_user_id"] = heat.clone().into();
        body
    };
    assert_eq!(house.post("/v3/OS-TRUST/trusts", &by_closed, on(json!({}))).await.status, 403);
    let open = scene.make(json!({ "allow_redelegation": true, "redelegation_count": 1 })).await;
    let by_open = token_of(&scene.by_trust(&open).await);
    let more = json!({ "roles": [{ "name": "admin" }] });
    assert_eq!(house.post("/v3/OS-TRUST/trusts", &by_open, on(more)).await.status, 404);
    let made = house.post("/v3/OS-TRUST/trusts", &by_open, on(json!({ "allow_redelegation": true }))).await;
    let child = made.id("trust");
    assert_eq!(
        (&made.body["trust"]["redelegation_count"], &made.body["trust"]["redelegated_trust_id"]),
        (&json!(0), &json!(open))
    );
    let user = json!({ "id": heat, "password": "pw of heat" });
    let scope = json!({ "OS-TRUST:trust": { "id": child } });
    let by_child = house.auth(json!({ "methods": ["password"], "password": { "user": user } }), scope).await;
    assert_eq!(by_child.body["token"]["user"]["name"], "demo");
    let by_child = token_of(&by_child);
    assert_eq!(house.post("/v3/OS-TRUST/trusts", &by_child, on(json!({}))).await.status, 403);
    // Who acts for the trustor may end what it gave.
    assert_eq!(house.delete(&format!("/v3/OS-TRUST/trusts/{open}"), &by_open).await.status, 204);
    assert!(
        !house.is_good(&by_child).await && !house.is_good(&by_open).await && house.is_good(&by_closed).await
    );
    assert_eq!(house.get(&format!("/v3/OS-TRUST/trusts/{child}"), &scene.demo).await.status, 404);
}

#[tokio::test]
async fn an_application_credential_opens_its_project_until_it_ends() {
    let scene = Scene::new().await;
    let house = &scene.house;
    let made =
        scene.credential(json!({ "expires_at": "2026-01-01T00:30:00", "description": "for ci" })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let credential = made.body["application_credential"].clone();
    assert!(credential["secret"].as_str().unwrap().len() == 86 && credential["unrestricted"] == false);
    assert_eq!(credential["expires_at"], "2026-01-01T00:30:00.000000");
    let answer = scene.by_credential(&credential).await;
    let token = token_of(&answer);
    let facts = &answer.body["token"];
    assert_eq!((&facts["user"]["name"], &facts["project"]["name"]), (&json!("demo"), &json!("demo")));
    assert_eq!(
        (&facts["methods"], &facts["expires_at"]),
        (&json!(["application_credential"]), &json!("2026-01-01T00:30:00.000000Z"))
    );
    assert_eq!(
        (&facts["application_credential"]["name"], &facts["application_credential"]["restricted"]),
        (&json!("ci"), &json!(true))
    );
    // By its name and owner too.
    let owner = json!({ "name": "demo", "domain": { "id": "default" } });
    let named = |secret: &Value| json!({ "methods": ["application_credential"], "application_credential": { "name": "ci", "user": owner, "secret": secret } });
    assert_eq!(house.auth(named(&credential["secret"]), Value::Null).await.status, 201);
    assert_eq!(house.auth(named(&json!("wrong")), Value::Null).await.status, 401);
    let scoped = house.auth(named(&credential["secret"]), project("demo")).await;
    assert!(scoped.status == 400 && scoped.message().contains("scope"));
    // The file holds no secret, and neither does a later look.
    let file = house.read("identity.json");
    assert!(!file.contains(credential["secret"].as_str().unwrap()) && file.contains("$argon2id$"));
    let path = format!("/v3/users/{}/application_credentials", scene.demo_id);
    let listed = house.get(&format!("{path}?name=ci"), &scene.demo).await;
    assert!(listed.body["application_credentials"][0].get("secret").is_none());
    assert_eq!(
        house.get(&format!("{path}?name=other"), &scene.demo).await.body["application_credentials"],
        json!([])
    );
    // By delegation one gets no further.
    assert_eq!(house.exchange(&token, project("demo")).await.status, 403);
    assert_eq!(
        house.get(&format!("/v3/OS-TRUST/trusts?trustor_user_id={}", scene.demo_id), &token).await.status,
        403
    );
    assert_eq!(house.post("/v3/OS-TRUST/trusts", &token, scene.trust(json!({}))).await.status, 403);
    house.pass(1801);
    assert!(!house.is_good(&token).await);
    assert_eq!(scene.by_credential(&credential).await.status, 401);
}

#[tokio::test]
async fn an_application_credential_ends_when_it_is_deleted_or_its_user_loses_the_role() {
    let scene = Scene::new().await;
    let house = &scene.house;
    let credential =
        scene.credential(json!({ "secret": "my own" })).await.body["application_credential"].clone();
    let token = token_of(&scene.by_credential(&credential).await);
    house.edit(|text| text.replace("roles: [member, reader]", "roles: [reader]")).await.unwrap();
    assert!(!house.is_good(&token).await);
    assert_eq!(scene.by_credential(&credential).await.status, 401);
    house.edit(|text| text.replace("roles: [reader]", "roles: [member, reader]")).await.unwrap();
    assert!(house.is_good(&token).await);
    let path =
        format!("/v3/users/{}/application_credentials/{}", scene.demo_id, credential["id"].as_str().unwrap());
    assert_eq!(house.delete(&path, &token).await.status, 403, "it is restricted");
    assert_eq!(house.delete(&path, &house.token("magnum").await).await.status, 204, "the service cleans up");
    assert!(!house.is_good(&token).await);
    assert_eq!(house.delete(&path, &scene.demo).await.status, 404);
}

#[tokio::test]
async fn application_credentials_are_a_users_own() {
    let scene = Scene::new().await;
    let house = &scene.house;
    assert_eq!(scene.credential(json!({})).await.status, 201);
    for (change, status, words) in [
        (json!({}), 409, "name ci"),
        (json!({ "name": "b", "roles": [{ "name": "admin" }] }), 400, "application_credential/roles"),
        (
            json!({ "name": "b", "access_rules": [{ "path": "/" }] }),
            400,
            "application_credential/access_rules",
        ),
        (json!({ "name": "b", "expires_at": "2020-01-01" }), 400, "application_credential/expires_at"),
        (json!({ "name": "" }), 400, "application_credential/name"),
        (json!({ "name": "b", "secret": "" }), 400, "application_credential/secret"),
    ] {
        let answer = scene.credential(change.clone()).await;
        assert!(answer.status == status && answer.message().contains(words), "{change}: {}", answer.body);
    }
    let admin = house.token("admin").await;
    let path = format!("/v3/users/{}/application_credentials", scene.demo_id);
    let body = json!({ "application_credential": { "name": "b" } });
    assert_eq!(house.post(&path, &admin, body.clone()).await.status, 403);
    let other = format!("/v3/users/{}/application_credentials", house.user_id("admin").await);
    assert_eq!(house.get(&other, &scene.demo).await.status, 403);
    let unscoped = house.login_answer("demo", &house.passwords["demo"], Value::Null).await;
    assert_eq!(house.post(&path, &token_of(&unscoped), body.clone()).await.status, 400);
    // A session by a trust gets none; one by a credential only if that is unrestricted.
    let by_trust = token_of(&scene.by_trust(&scene.make(json!({})).await).await);
    assert_eq!(house.post(&path, &by_trust, body.clone()).await.status, 403);
    assert_eq!(house.get(&path, &by_trust).await.status, 403);
    let open = scene
        .credential(json!({ "name": "open", "unrestricted": true, "roles": [{ "name": "reader" }] }))
        .await;
    let by_open = token_of(&scene.by_credential(&open.body["application_credential"]).await);
    let made = house.post(&path, &by_open, body).await;
    assert_eq!(made.body["application_credential"]["roles"].as_array().unwrap().len(), 1);
    let more = json!({ "application_credential": { "name": "c", "roles": [{ "name": "member" }] } });
    assert_eq!(house.post(&path, &by_open, more).await.status, 400);
}
