//! Verbs that no driver can carry out yet say so at once; what is wrong with the request itself is said first.

use crate::app::App;
use serde_json::json;

#[tokio::test]
async fn an_upgrade_is_refused_in_the_order_of_its_checks() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let template = app.template(json!({"name": "newer"})).await;
    let at = format!("/v1/clusters/{cluster}/actions/upgrade");
    let good = json!({"cluster_template": template, "max_batch_size": 1, "nodegroup": "default-worker"});
    for (body, status, word) in [
        (json!({}), 400, "cluster_template"),
        (json!({"cluster_template": "nowhere"}), 404, "nowhere"),
        (json!({"cluster_template": template, "max_batch_size": 0}), 400, "max_batch_size"),
        (json!({"cluster_template": template, "nodegroup": "nowhere"}), 404, "nowhere"),
        (json!({"cluster_template": template, "colour": 1}), 400, "colour"),
        (good.clone(), 400, "'upgrade_cluster' is not supported"),
    ] {
        let reply = app.post(&at, body.clone()).await;
        assert_eq!(reply.status, status, "{body}: {:?}", reply.body);
        assert!(reply.detail().contains(word), "{body}: {}", reply.detail());
    }
    let old = app.call_at("container-infra 1.7", "owner", "POST", &at, Some(good.clone())).await;
    assert_eq!(old.status, 400);
    assert!(old.detail().contains("not supported in the provided microversion"), "{}", old.detail());
    let older = app.call_at("container-infra 1.6", "owner", "POST", &at, Some(good)).await;
    assert_eq!(older.status, 406);
    let shown = app.get(&format!("/v1/clusters/{cluster}")).await.body;
    assert_eq!(shown["status"], "CREATE_COMPLETE", "a refusal changes nothing");
}

#[tokio::test]
async fn a_further_group_can_only_be_upgraded_to_its_clusters_template() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let made = app.post(&format!("/v1/clusters/{cluster}/nodegroups"), json!({"name": "gpu"})).await;
    assert_eq!(made.status, 202);
    let template = app.template(json!({"name": "newer"})).await;
    let body = json!({"cluster_template": template, "nodegroup": "gpu"});
    let reply = app.post(&format!("/v1/clusters/{cluster}/actions/upgrade"), body).await;
    assert_eq!(reply.status, 409, "{:?}", reply.body);
    assert!(reply.detail().contains("upgrade the cluster first"), "{}", reply.detail());
}

#[tokio::test]
async fn a_rotation_of_authorities_says_that_the_driver_cannot() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let ca = app.call("owner", "PATCH", &format!("/v1/certificates/{cluster}"), None).await;
    assert_eq!(ca.status, 400);
    assert!(ca.detail().contains("'rotate_ca_certificate' is not supported"), "{}", ca.detail());

    let open = app.template(json!({"tls_disabled": true})).await;
    let body = json!({"name": "open", "cluster_template_id": open});
    assert_eq!(app.post("/v1/clusters", body).await.status, 202);
    let refused = app.call("owner", "PATCH", "/v1/certificates/open", None).await;
    assert_eq!(refused.status, 400);
    assert!(refused.detail().contains("TLS is disabled"), "{}", refused.detail());
}

#[tokio::test]
async fn every_kind_of_ca_is_asked_for_by_its_word() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let ca = async |query: &str| app.get(&format!("/v1/certificates/{cluster}{query}")).await;
    let main = ca("").await;
    assert_eq!(main.status, 200);
    for word in ["kubernetes", "kubelet", "anything"] {
        assert_eq!(ca(&format!("?ca_cert_type={word}")).await.body["pem"], main.body["pem"], "{word}");
    }
    for word in ["etcd", "front_proxy", "front-proxy"] {
        let missing = ca(&format!("?ca_cert_type={word}")).await;
        assert_eq!(missing.status, 409, "a Swarm has none");
        assert!(missing.detail().contains(word), "{}", missing.detail());
    }
}

#[tokio::test]
async fn federations_are_read_and_changes_of_them_refused() {
    let app = App::start().await;
    for path in ["/v1/federations", "/v1/federations/detail"] {
        assert_eq!(app.get(path).await.body, json!({"federations": []}));
    }
    assert_eq!(app.get("/v1/federations/f1").await.status, 404);
    let refused =
        app.post("/v1/federations", json!({"hostcluster_id": "c", "properties": {"dns-zone": "z"}})).await;
    assert_eq!(refused.status, 400);
    assert!(refused.detail().contains("not implemented"), "{}", refused.detail());
    assert_eq!(app.patch("/v1/federations/f1", json!([])).await.status, 404);
    assert_eq!(app.delete("/v1/federations/f1").await.status, 404);
}

#[tokio::test]
async fn lists_are_filtered_and_say_so_in_the_next_link() {
    let app = App::start().await;
    for name in ["c1", "c2", "c2"] {
        app.living_cluster(name).await;
    }
    let names = async |who: &str, query: &str| {
        let reply = app.call(who, "GET", &format!("/v1/clusters?{query}"), None).await;
        assert_eq!(reply.status, 200, "{query}: {:?}", reply.body);
        let clusters = reply.body["clusters"].as_array().unwrap().clone();
        let names: Vec<String> = clusters.iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect();
        (names.join(" "), reply.body["next"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(names("owner", "name=c2").await.0, "c2 c2");
    assert_eq!(names("owner", "status=CREATE_COMPLETE").await.0, "c1 c2 c2");
    assert_eq!(names("owner", "status=DELETE_FAILED").await.0, "");
    assert_eq!(names("owner", "project_id=p-demo&name=c1").await.0, "c1");
    assert_eq!(names("admin", "project_id=p-demo").await.0, "c1 c2 c2");
    assert_eq!(names("admin", "project_id=p-foreign").await.0, "");
    let (first, next) = names("owner", "name=c2&limit=1").await;
    assert_eq!(first, "c2");
    assert!(next.ends_with("&name=c2"), "{next}");
    for (query, status, word) in [
        ("status=BUSY", 400, "BUSY"),
        ("project_id=p-foreign", 403, "administrator"),
        ("colour=red", 400, "colour"),
    ] {
        let reply = app.get(&format!("/v1/clusters?{query}")).await;
        assert_eq!(reply.status, status, "{query}");
        assert!(reply.detail().contains(word), "{query}: {}", reply.detail());
    }
    assert_eq!(
        app.get("/v1/clustertemplates?name=swarm").await.body["clustertemplates"].as_array().unwrap().len(),
        3
    );
    assert_eq!(app.get("/v1/clustertemplates?name=none").await.body["clustertemplates"], json!([]));
    assert_eq!(
        app.get("/v1/clustertemplates?status=CREATE_COMPLETE").await.status,
        400,
        "templates have none"
    );
}
