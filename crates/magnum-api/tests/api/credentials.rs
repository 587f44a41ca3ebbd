//! Who may have a cluster's credential replaced, and what the nodes are told meanwhile.

use crate::app::App;
use magnum_policy::PolicySettings;
use magnum_types::{
    CREDENTIAL_ROTATE, Change, ClusterId, ClusterPatch, CredentialKind, FormerCredentials, FormerTrust,
    HandlePatch, OperationState, OperationStore, Status, places,
};
use serde_json::{Value, json};

fn kubernetes() -> Value {
    json!({"coe": "kubernetes", "network_driver": "flannel", "labels": {"kube_tag": "v1.36.0"}})
}

async fn rotate(app: &App, who: &str, cluster: ClusterId) -> crate::app::Reply {
    app.call(who, "PATCH", &format!("/v1/credentials/{cluster}"), None).await
}

/// Changes a cluster's handle and row as an operation does.
async fn change(app: &App, cluster: ClusterId, handle: HandlePatch, row: ClusterPatch) {
    assert_eq!(rotate(app, "owner", cluster).await.status, 202);
    let fence = app.claim(cluster).await;
    let row = ClusterPatch { status: Some(Status::UpdateComplete), ..row };
    let changes = vec![Change::Handle(cluster, Box::new(handle)), Change::Cluster(cluster, Box::new(row))];
    app.state.store.finish(fence, OperationState::Done, changes).await.unwrap();
}

#[tokio::test]
async fn a_rotation_of_the_credential_is_accepted_with_the_callers_sealed_token() {
    let app = App::start().await;
    for (name, template) in [("s1", json!({})), ("k1", kubernetes())] {
        let cluster = app.living_cluster_of(name, template).await;
        let reply = rotate(&app, "colleague", cluster).await;
        assert_eq!(reply.status, 202, "{:?}", reply.body);
        assert_eq!(reply.body, json!({"uuid": cluster.to_string()}));
        let live = app.state.store.live_operation(cluster).await.unwrap().unwrap();
        assert_eq!((live.kind.as_str(), live.user_id.as_str()), (CREDENTIAL_ROTATE, "u-colleague"));
        assert_eq!(live.params["roles"], json!(["member", "reader"]));
        let sealed = live.params["sealed_token"].as_str().unwrap();
        let place = places::operation_token(live.id);
        assert_eq!(*app.state.sealing.open(&place, sealed).unwrap(), b"colleague"[..]);
        assert!(!live.params.to_string().contains("colleague"), "no token in clear");
        let shown = app.get(&format!("/v1/clusters/{cluster}")).await.body;
        assert_eq!(shown["status"], "UPDATE_IN_PROGRESS");
        let listed = app.get(&format!("/v1/clusters/{cluster}/operations")).await.body;
        assert!(listed.to_string().contains(CREDENTIAL_ROTATE), "{listed}");
        assert!(!listed.to_string().contains(sealed), "{listed}");
        let again = rotate(&app, "owner", cluster).await;
        assert!((400..500).contains(&again.status.as_u16()), "one at a time: {:?}", again.body);
    }
}

#[tokio::test]
async fn who_cannot_make_a_trust_is_refused_at_once_and_told_the_remedy() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    for (who, status, words) in
        [("app-credential", 403, "password or token login"), ("foreigner", 404, "found")]
    {
        let refused = rotate(&app, who, cluster).await;
        assert_eq!(refused.status, status, "{who}: {:?}", refused.body);
        assert!(refused.detail().contains(words), "{who}: {}", refused.detail());
    }
    let at = format!("/v1/credentials/{cluster}");
    assert_eq!(app.call_at("container-infra 1.11", "owner", "PATCH", &at, None).await.status, 406);
    let query = app.call("owner", "PATCH", &format!("{at}?colour=red"), None).await;
    assert_eq!(query.status, 400);
    assert!(app.state.store.live_operation(cluster).await.unwrap().is_none());
    let shown = app.get(&format!("/v1/clusters/{cluster}")).await.body;
    assert_eq!(shown["status"], "CREATE_COMPLETE", "a refusal changes nothing");
}

#[tokio::test]
async fn a_credential_that_cannot_be_replaced_is_named() {
    let app = App::start().await;
    for (name, kind, words) in [
        ("c1", None, "not made by this release"),
        ("c2", Some(CredentialKind::ApplicationCredential), "application credential"),
    ] {
        let cluster = app.living_cluster(name).await;
        let handle = HandlePatch { credential: Some(kind), ..Default::default() };
        change(&app, cluster, handle, ClusterPatch::default()).await;
        let refused = rotate(&app, "owner", cluster).await;
        assert_eq!(refused.status, 400, "{:?}", refused.body);
        assert!(refused.detail().contains(words), "{}", refused.detail());
    }
    let making = app.cluster("c3").await;
    let refused = rotate(&app, "owner", making).await;
    assert_eq!(refused.status, 400, "it is still being made: {:?}", refused.body);
}

/// While the old credential is good, the master that acts for the cluster is not done before nothing acts by it.
#[tokio::test]
async fn masters_are_told_the_new_credential_and_workers_are_not() {
    let trust = |settings: &mut magnum_api::ApiSettings| settings.cluster_user_trust = true;
    let app = App::with(trust, PolicySettings::default()).await;
    let (cluster, master, worker) = crate::kubernetes::cluster(&app).await;
    let plan = async |token: &str| {
        let request = http::Request::builder()
            .uri("/v1/nodes/plan?after=0")
            .header("authorization", format!("Bearer {token}"));
        let reply = app.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        reply.body
    };
    let cloud = |plan: &Value| {
        let steps = plan["steps"].as_array().unwrap();
        let named = |name: &str| steps.iter().find(|step| step["name"] == name).cloned();
        (named("add-on cloud-config"), named("new credential in use"))
    };
    let former = |replaced| HandlePatch {
        former_credentials: Some(FormerCredentials { generation: 1, replaced, kept: vec![] }),
        ..Default::default()
    };
    let place = places::trustee_password(cluster);
    let row = |user: &str| ClusterPatch {
        trustee_user_id: Some(Some(user.to_owned())),
        trustee_password: Some(Some(app.state.sealing.seal(&place, b"a password").unwrap())),
        ..Default::default()
    };
    // The App's own driver is told of the credential by the API, and of nothing else.
    change(&app, cluster, former(None), row("u-first")).await;
    let (config, wait) = cloud(&plan(&master).await);
    assert_eq!(config.unwrap()["optional"], true);
    assert_eq!(wait, None);

    let old = FormerTrust { trustee_user_id: "u-first".into(), trust_id: "t-owner".into() };
    change(&app, cluster, former(Some(old)), row("u-second")).await;
    let (config, wait) = cloud(&plan(&master).await);
    let config = config.unwrap();
    assert_eq!(config.get("optional"), None, "a failure to apply it is the node's");
    assert!(config["manifest"].as_str().unwrap().contains("cloud.conf"));
    assert_eq!(wait.unwrap()["action"], "kube_rolled_out");
    assert_eq!(cloud(&plan(&worker).await), (None, None));
}
