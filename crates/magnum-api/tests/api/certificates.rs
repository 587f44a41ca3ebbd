use crate::app::App;
use magnum_x509::{CertificateInfo, CertificateRequest, KeyAlgorithm, NameAttribute, PrivateKey};
use serde_json::json;

pub fn csr() -> String {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let subject = [
        (NameAttribute::CommonName, "admin"),
        (NameAttribute::Organisation, "system:masters"),
        (NameAttribute::Organisation, "dev"),
    ];
    CertificateRequest::create(&key, &subject, &[]).unwrap().to_pem().unwrap()
}

#[tokio::test]
async fn the_ca_is_shown_and_signs_what_the_client_asks() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await.to_string();
    let shown = app.get("/v1/certificates/c1").await;
    assert_eq!(shown.status, 200, "{:?}", shown.body);
    assert_eq!(shown.body["cluster_uuid"], cluster);
    let ca = CertificateInfo::parse(shown.body["pem"].as_str().unwrap()).unwrap();
    assert!(ca.is_ca);

    for name in ["cluster_uuid", "bay_uuid"] {
        let request = csr();
        let signed = app.post("/v1/certificates", json!({name: cluster, "csr": request})).await;
        assert_eq!(signed.status, 201, "{:?}", signed.body);
        assert_eq!((&signed.body["csr"], &signed.body["cluster_uuid"]), (&json!(request), &json!(cluster)));
        let certificate = CertificateInfo::parse(signed.body["pem"].as_str().unwrap()).unwrap();
        assert_eq!(certificate.issuer, ca.subject);
        assert_eq!(certificate.common_names, ["admin"]);
        assert_eq!(certificate.organisations, ["system:masters", "dev"]);
    }
}

#[tokio::test]
async fn a_wrong_request_is_refused_in_words() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await.to_string();
    let cases = [
        (json!({"csr": csr()}), "cluster_uuid"),
        (json!({"cluster_uuid": cluster}), "csr"),
        (json!({"cluster_uuid": cluster, "csr": "not pem"}), "csr"),
        (json!({"cluster_uuid": "nowhere", "csr": csr()}), "cluster_uuid"),
        (json!({"cluster_uuid": cluster, "csr": csr(), "colour": "red"}), "colour"),
    ];
    for (body, word) in cases {
        let reply = app.post("/v1/certificates", body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {:?}", reply.body);
        assert!(reply.detail().contains(word), "{body}: {}", reply.detail());
    }
}

#[tokio::test]
async fn certificates_of_a_cluster_in_the_making_are_not_ready() {
    let app = App::start().await;
    let cluster = app.cluster("c1").await;
    let shown = app.get(&format!("/v1/certificates/{cluster}")).await;
    assert_eq!(shown.status, 409);
    assert!(shown.detail().contains("not ready"), "{}", shown.detail());
    let body = json!({"cluster_uuid": cluster.to_string(), "csr": csr()});
    assert_eq!(app.post("/v1/certificates", body).await.status, 409);
    assert_eq!(app.get("/v1/certificates/nowhere").await.status, 404);
}

#[tokio::test]
async fn only_the_clusters_creator_gets_its_certificates() {
    let app = App::with(|_| {}, crate::roles::strict()).await;
    let cluster = app.living_cluster("c1").await;
    let path = format!("/v1/certificates/{cluster}");
    for (who, status) in [("owner", 200), ("colleague", 403), ("foreigner", 404)] {
        assert_eq!(app.call(who, "GET", &path, None).await.status, status, "{who}");
    }
}
