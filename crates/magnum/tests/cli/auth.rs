//! Every way to say which cloud and who.

use crate::{house::House, identity::PASSWORD};
use serde_json::json;

const LIST: &[&str] = &["cluster", "list", "-f", "value", "-c", "name"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_comes_from_the_environment_or_from_a_file_of_clouds() {
    let house = House::new().await;
    house.app.cluster("c1").await;
    assert_eq!(house.run(LIST).await.ok(), "c1\n");
    let auth_url = &house.identity.url;
    house.write(
        ".config/openstack/clouds.yaml",
        &format!(
            "clouds:\n  here:\n    region_name: RegionOne\n    auth:\n      auth_url: {auth_url}\n      username: demo\n      \
             project_name: demo\n  digits:\n    auth: {{auth_url: '{auth_url}', username: demo, password: 0644, project_id: p}}\n"
        ),
    );
    house.write(
        ".config/openstack/secure.yaml",
        &format!("clouds:\n  here:\n    auth: {{password: {PASSWORD}}}\n"),
    );
    // Variables of another cloud do not mix in.
    let named = [("OS_CLOUD", "here"), ("OS_USERNAME", "stranger"), ("OS_PROJECT_ID", "other")];
    assert_eq!(house.only(&named, LIST).await.ok(), "c1\n");
    let asked = house.identity.asked.lock().unwrap().last().unwrap().clone();
    assert_eq!(asked["auth"]["identity"]["password"]["user"]["name"], "demo");
    assert_eq!(asked["auth"]["scope"]["project"], json!({"name": "demo", "domain": {"id": "default"}}));
    assert_eq!(house.only(&[], &[&["--os-cloud", "here"], LIST].concat()).await.ok(), "c1\n");

    let wrong = house.only(&[("OS_CLOUD", "digits")], LIST).await.failed(1);
    assert!(wrong.contains("requires authentication") && wrong.contains("password"), "{wrong}");
    let asked = house.identity.asked.lock().unwrap().last().unwrap().clone();
    assert_eq!(
        asked["auth"]["identity"]["password"]["user"]["password"], "0644",
        "digits stay what they are"
    );

    let several = house.only(&[], LIST).await.failed(2);
    assert!(several.contains("digits, here"), "{several}");
    let unknown = house.only(&[("OS_CLOUD", "there")], LIST).await.failed(2);
    assert!(unknown.contains("digits, here") && unknown.contains("clouds.yaml"), "{unknown}");
    let elsewhere = house.path("other.yaml");
    let named = [("OS_CLOUD", "here"), ("OS_CLIENT_CONFIG_FILE", elsewhere.to_str().unwrap())];
    let missing = house.only(&named, LIST).await.failed(2);
    assert!(missing.contains("other.yaml") && missing.contains("OS_CLIENT_CONFIG_FILE"), "{missing}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lonely_cloud_needs_no_name_and_a_broken_file_shows_no_secret() {
    let house = House::new().await;
    house.app.cluster("c1").await;
    let text = format!(
        "clouds:\n  only:\n    profile: home\n    auth: {{username: demo, password: {PASSWORD}, project_name: demo}}\n"
    );
    house.write("clouds.yaml", &text);
    let unknown = house.only(&[], LIST).await.failed(2);
    assert!(unknown.contains("home"), "{unknown}");
    let public = format!("public-clouds:\n  home:\n    auth: {{auth_url: '{}'}}\n", house.identity.url);
    house.write("clouds-public.yaml", &public);
    assert_eq!(house.only(&[], LIST).await.ok(), "c1\n");
    house.write("clouds.yaml", &format!("{text}    password: [{PASSWORD}\n"));
    let broken = house.only(&[], LIST).await.failed(2);
    assert!(broken.contains("is not understood"), "{broken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn application_credentials_tokens_and_fixed_endpoints_work() {
    let house = House::new().await;
    house.app.cluster("c1").await;
    let url = ("OS_AUTH_URL", house.identity.url.as_str());
    let secret = ("OS_APPLICATION_CREDENTIAL_SECRET", PASSWORD);
    let magnum = ("OS_CONTAINER_INFRA_ENDPOINT_OVERRIDE", house.magnum.as_str());
    for variables in [
        vec![
            url,
            secret,
            ("OS_APPLICATION_CREDENTIAL_ID", "ac-1"),
            ("OS_AUTH_TYPE", "v3applicationcredential"),
        ],
        vec![url, secret, ("OS_APPLICATION_CREDENTIAL_NAME", "ci"), ("OS_USERNAME", "demo")],
        // As it is, and exchanged for one of a project.
        vec![url, ("OS_AUTH_TYPE", "token"), ("OS_TOKEN", "owner")],
        vec![url, ("OS_TOKEN", "owner"), ("OS_PROJECT_NAME", "demo")],
        // Without Keystone.
        vec![magnum, ("OS_AUTH_TYPE", "token_endpoint"), ("OS_TOKEN", "owner")],
        vec![magnum, ("OS_TOKEN", "owner")],
    ] {
        assert_eq!(house.only(&variables, LIST).await.ok(), "c1\n", "{variables:?}");
    }
    let nobody = [magnum, ("OS_AUTH_TYPE", "none")];
    house.only(&nobody, &["api", "versions"]).await.ok();
    let refused = house.only(&nobody, LIST).await.failed(1);
    assert!(refused.contains("authentication"), "{refused}");
    let stale = house.only(&[url, ("OS_TOKEN", "stale"), ("OS_PROJECT_NAME", "demo")], LIST).await.failed(1);
    assert!(stale.contains("expired"), "{stale}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_or_wrong_is_named_with_the_way_out() {
    let house = House::new().await;
    let url = ("OS_AUTH_URL", house.identity.url.as_str());
    let user = [url, ("OS_USERNAME", "demo"), ("OS_PASSWORD", PASSWORD), ("OS_PROJECT_NAME", "demo")];
    let with = |more: &[(&'static str, &'static str)]| [&user[..], more].concat();
    for (variables, code, word) in [
        (vec![], 2, "OS_CLOUD"),
        (vec![url], 2, "OS_USERNAME"),
        (vec![url, ("OS_USERNAME", "demo")], 2, "OS_PASSWORD"),
        (vec![("OS_USERNAME", "demo"), ("OS_PASSWORD", "x")], 2, "OS_AUTH_URL"),
        (vec![url, ("OS_AUTH_TYPE", "v3kerberos")], 2, "openstack token issue"),
        (vec![("OS_AUTH_TYPE", "none")], 2, "OS_CONTAINER_INFRA_ENDPOINT_OVERRIDE"),
        (with(&[("OS_INTERFACE", "sideways")]), 2, "public, internal or admin"),
        (with(&[("OS_REGION_NAME", "Atlantis")]), 2, "OS_REGION_NAME"),
        (with(&[("OS_CACERT", "/nonexistent/ca.pem")]), 2, "/nonexistent/ca.pem"),
        (with(&[("OS_CONTAINER_INFRA_API_VERSION", "9.9")]), 1, "microversion"),
    ] {
        let said = house.only(&variables, LIST).await.failed(code);
        assert!(said.to_lowercase().contains(&word.to_lowercase()), "{word}: {said}");
    }
    // Nobody listens there.
    let nowhere = with(&[("OS_CONTAINER_INFRA_ENDPOINT_OVERRIDE", "http://127.0.0.1:9")]);
    let gone = house.only(&nowhere, &["cluster", "delete", "x"]);
    assert!(gone.await.failed(1).contains("no connection"));
    house.only(&with(&[("OS_INTERFACE", "internalURL")]), LIST).await.ok();
    house.only(&with(&[("OS_CONTAINER_INFRA_API_VERSION", "1.9"), ("OS_INSECURE", "true")]), LIST).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debug_shows_requests_without_tokens_passwords_and_labels() {
    let house = House::new().await;
    let template = house.app.template(json!({})).await;
    let labels = format!("registry_secret={PASSWORD}");
    let run = house
        .run(&["--debug", "cluster", "create", "c1", "--cluster-template", &template, "--labels", &labels])
        .await;
    assert_eq!(run.code, 0, "{run:?}");
    for words in
        ["> POST /v1/clusters", "OpenStack-API-Version", "X-Auth-Token: (hidden)", "registry_secret", "req-"]
    {
        assert!(run.err.contains(words), "{words}: {}", run.err);
    }
    assert!(run.err.contains("keystone") && !run.err.contains("\"owner\""), "{}", run.err);
}
