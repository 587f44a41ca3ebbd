//! The directory: what a first start makes, what survives, and what is said of a broken file.

use crate::house::{House, open, project};
use magnum_identity::{IdentityError, hash_password};
use magnum_types::{SeededEntropy, VirtualClock};
use serde_json::json;
use std::{fs, os::unix::fs::PermissionsExt, sync::Arc};

#[tokio::test]
async fn a_first_start_makes_files_that_only_their_owner_reads_and_that_hold_no_password() {
    let house = House::new().await;
    house.trustee("t1").await;
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in ["users.yaml", "identity.json", "token.key", "identity.lock"] {
        assert_eq!(mode(house.path(name)), 0o600, "{name}");
    }
    let all = house.read("users.yaml") + &house.read("identity.json");
    assert_eq!(all.matches("$argon2id$").count(), 5);
    for password in house.passwords.values().map(String::as_str).chain(["pw of t1"]) {
        assert!(!all.contains(password));
    }
    assert_eq!(house.passwords.len(), 4);
}

#[tokio::test]
async fn everything_made_survives_a_process_that_dies() {
    let mut house = House::new().await;
    let (id, password) = house.trustee("t1").await;
    let (demo, demo_id) = (house.token("demo").await, house.user_id("demo").await);
    let trust = json!({ "trust": {
        "trustor_user_id": demo_id, "trustee_user_id": id, "project_id": house.project_id("demo").await,
        "impersonation": true, "roles": [{ "name": "member" }],
    }});
    let trust = house.post("/v3/OS-TRUST/trusts", &demo, trust).await.id("trust");
    let path = format!("/v3/users/{demo_id}/application_credentials");
    let credential =
        house.post(&path, &demo, json!({ "application_credential": { "name": "ci" } })).await.body;
    let user = json!({ "id": id, "password": password });
    let by_trust = async |house: &House| {
        let scope = json!({ "OS-TRUST:trust": { "id": trust } });
        house.auth(json!({ "methods": ["password"], "password": { "user": user } }), scope).await
    };
    let token = by_trust(&house).await.header("x-subject-token").to_owned();
    // It died while it wrote: a draft is left, with too wide rights.
    fs::write(house.path(".identity.json.new"), "{\"version\": 1, \"us").unwrap();
    house.restart().await.unwrap();
    assert!(house.is_good(&token).await && house.is_good(&demo).await);
    assert_eq!(by_trust(&house).await.status, 201);
    let credential = &credential["application_credential"];
    let given = json!({ "id": credential["id"], "secret": credential["secret"] });
    let by_credential = json!({ "methods": ["application_credential"], "application_credential": given });
    assert_eq!(house.auth(by_credential, json!(null)).await.status, 201);
    house.trustee("t2").await;
    assert_eq!(fs::metadata(house.path("identity.json")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!house.path(".identity.json.new").exists());
}

#[tokio::test]
async fn an_operators_users_come_by_hash_or_by_clear_password() {
    let mut house = House::new().await;
    let hash = hash_password(&"by hash".into(), &SeededEntropy::new(9)).unwrap();
    let users = format!(
        "  # ours\n  - name: ann\n    password: \"in clear\"   # changed\n    roles:\n      - {{project: demo, roles: [member]}}\n  - {{name: bob, password: '{hash}', roles: [{{project: demo, roles: [reader]}}]}}\n"
    );
    let before = house.read("users.yaml");
    fs::write(house.path("users.yaml"), before.clone() + &users).unwrap();
    fs::set_permissions(house.path("users.yaml"), fs::Permissions::from_mode(0o644)).unwrap();
    house.restart().await.unwrap();
    let after = house.read("users.yaml");
    assert!(
        after.starts_with(&before) && after.contains("  # ours\n") && after.contains("'   # changed\n"),
        "{after}"
    );
    assert!(!after.contains("in clear"));
    assert_eq!(fs::metadata(house.path("users.yaml")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(house.login_answer("ann", "in clear", project("demo")).await.status, 201);
    assert_eq!(house.login_answer("bob", "by hash", project("demo")).await.status, 201);
    house.restart().await.unwrap();
    assert_eq!(house.read("users.yaml"), after);
}

#[tokio::test]
async fn a_lost_password_is_replaced_where_it_stands() {
    let house = House::new().await;
    let before = house.read("users.yaml");
    let renewed = house.identity().renew_password("magnum", "magnum_domain_admin").await.unwrap();
    let after = house.read("users.yaml");
    assert_eq!(before.lines().count(), after.lines().count());
    assert_eq!(before.lines().zip(after.lines()).filter(|(a, b)| a != b).count(), 1);
    let scope = json!({ "domain": { "name": "magnum" } });
    let password = secrecy::ExposeSecret::expose_secret(&renewed);
    assert_eq!(house.login_answer("magnum_domain_admin", password, scope.clone()).await.status, 201);
    let old = &house.passwords["magnum_domain_admin"];
    assert_eq!(house.login_answer("magnum_domain_admin", old, scope).await.status, 401);
    let missing = house.identity().renew_password("Default", "nobody").await.unwrap_err();
    assert!(matches!(missing, IdentityError::NoUser { .. }) && missing.to_string().contains("nobody"));
}

#[tokio::test]
async fn a_broken_file_is_named_with_entry_and_remedy_and_the_old_one_counts() {
    let house = House::new().await;
    let good = house.read("users.yaml");
    for (addition, entry, problem) in [
        ("  - {name: x, pasword: hush}\n", "line ", "pasword"),
        ("  - {name: x, password: hush\n", "line ", ""),
        ("  - name: demo\n", "user 5 (demo)", "another user"),
        ("  - {name: '', password: hush}\n", "user 5 ()", "name"),
        ("  - {name: x, domain: nowhere}\n", "user 5 (x)", "no domain nowhere"),
        ("  - {name: x, roles: [{project: nowhere, roles: [member]}]}\n", "user 5 (x)", "no project nowhere"),
        ("  - {name: x, roles: [{roles: [member]}]}\n", "user 5 (x)", "not clear where"),
        ("  - {name: x, default_project: nowhere}\n", "user 5 (x)", "no project nowhere"),
        ("  - {name: x, id: 'a/b'}\n", "user 5 (x)", "id"),
        ("  - {name: x, password: ''}\n", "user 5 (x)", "1 to 4096"),
        ("projects: []\n", "line ", ""),
    ] {
        let error = house.edit(|text| text + addition).await.unwrap_err().to_string();
        assert!(
            error.contains("users.yaml: ")
                && error.contains(entry)
                && error.contains(problem)
                && error.contains("; "),
            "{error}"
        );
        assert!(!error.contains("hush"), "{error}");
        assert!(house.read("users.yaml").ends_with(addition), "an operator's text is not thrown away");
        house.token("demo").await;
        fs::write(house.path("users.yaml"), &good).unwrap();
    }
}

#[tokio::test]
async fn damaged_files_and_a_second_process_are_refused() {
    let mut house = House::new().await;
    let second = open(house.directory.path().to_owned(), Arc::new(VirtualClock::default()), 3).await;
    assert!(matches!(second.err(), Some(IdentityError::InUse { .. })));
    for text in ["", "{", "{\"version\": 2}", "{\"version\": 1, \"users\": [\"hush\"]}"] {
        fs::write(house.path("identity.json"), text).unwrap();
        let error = house.restart().await.unwrap_err().to_string();
        assert!(
            error.contains("identity.json is damaged") && error.contains("; ") && !error.contains("hush"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_unusable_setting_is_named() {
    let check = async |change: &dyn Fn(&mut magnum_identity::IdentitySettings)| {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = magnum_identity::IdentitySettings::new(directory.path(), crate::house::URL);
        change(&mut settings);
        let (clock, entropy) = (Arc::new(VirtualClock::default()), Arc::new(SeededEntropy::new(1)));
        magnum_identity::Identity::open(settings, clock, entropy).await.err().map(|error| error.to_string())
    };
    assert_eq!(check(&|_| {}).await, None);
    let life = |seconds| {
        move |settings: &mut magnum_identity::IdentitySettings| {
            settings.token_life = std::time::Duration::from_secs(seconds);
        }
    };
    for error in [
        check(&|settings| settings.public_url = "nowhere".into()).await,
        check(&|settings| settings.public_url = "http://h/identity".into()).await,
        check(&life(59)).await,
        check(&life(86_401)).await,
        check(&|settings| settings.region.clear()).await,
    ] {
        assert!(error.unwrap().contains("unusable"));
    }
}
