//! Requests as other people's clients put them on the wire, replayed byte for byte where it matters: gophercloud and
//! Terraform, Horizon's panel, Skyline, the cluster autoscaler and auto-healer, openstacksdk with Ansible, the exporter.

use crate::{
    app::{App, Reply},
    certificates::csr,
};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

/// One request as it was recorded. `{cluster}`, `{template}` and `{csr}` are those of the test; a client whose name ends in
/// `(admin)` is an administrator's, all others the owner's.
struct Recorded {
    client: &'static str,
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    status: u16,
    /// A text of the answer.
    answer: &'static str,
}

const JSON: (&str, &str) = ("content-type", "application/json");
const LATEST: (&str, &str) = ("openstack-api-version", "container-infra latest");

#[rustfmt::skip]
const RECORDED: &[Recorded] = &[
    Recorded { client: "gophercloud", method: "GET", path: "/", headers: &[("accept", "application/json")], body: "",
        status: 200, answer: "\"max_version\":\"1.14\"" },
    Recorded { client: "gophercloud", method: "POST", path: "/v1/clustertemplates", headers: &[JSON, ("accept", "application/json")],
        body: r#"{"name":"","coe":"swarm-mode","image_id":"debian-12","external_network_id":"public","flavor_id":"m1.small","floating_ip_enabled":true,"labels":{"a":"b"},"master_lb_enabled":false,"public":false,"registry_enabled":false,"tls_disabled":false,"hidden":false}"#,
        status: 201, answer: "\"labels\":{\"a\":\"b\"}" },
    Recorded { client: "gophercloud", method: "POST", path: "/v1/clusters", headers: &[JSON, ("accept", "application/json")],
        body: r#"{"name":"","cluster_template_id":"{template}","create_timeout":null,"discovery_url":"","master_count":1,"node_count":1,"labels":{}}"#,
        status: 202, answer: "\"uuid\":" },
    Recorded { client: "gophercloud", method: "PATCH", path: "/v1/clusters/{cluster}", headers: &[JSON, ("accept", "application/json")],
        body: r#"[{"op":"replace","path":"/node_count","value":3}]"#, status: 202, answer: "\"uuid\":\"{cluster}\"" },
    Recorded { client: "gophercloud", method: "POST", path: "/v1/clusters/{cluster}/actions/resize",
        headers: &[JSON, ("openstack-api-version", "container-infra 1.7")],
        body: r#"{"node_count":2,"nodes_to_remove":["6f70656e-0000-4000-8000-000000000001"],"nodegroup":"default-worker"}"#,
        status: 202, answer: "\"uuid\"" },
    Recorded { client: "gophercloud", method: "GET", path: "/v1/clusters/{cluster}/nodegroups?role=worker",
        headers: &[("openstack-api-version", "container-infrastructure-management 1.9")], body: "",
        status: 200, answer: "\"default-worker\"" },
    Recorded { client: "Terraform", method: "POST", path: "/v1/clusters/{cluster}/nodegroups", headers: &[JSON, ("openstack-api-version", "container-infra 1.9")],
        body: r#"{"name":"tf","node_count":1,"min_node_count":1,"role":"worker","merge_labels":true,"labels":{"x":"y"}}"#,
        status: 202, answer: "\"status\":\"CREATE_IN_PROGRESS\"" },
    Recorded { client: "Terraform", method: "PATCH", path: "/v1/clusters/{cluster}/nodegroups/default-worker",
        headers: &[JSON, ("openstack-api-version", "container-infra 1.9")],
        body: r#"[{"op":"replace","path":"/max_node_count","value":5}]"#, status: 202, answer: "\"max_node_count\":5" },
    Recorded { client: "Terraform", method: "PATCH", path: "/v1/clustertemplates/{template}", headers: &[JSON],
        body: r#"[{"op":"replace","path":"/labels","value":"{'kube_tag':'v1.33','q':'a'}"},{"op":"remove","path":"/docker_volume_size"}]"#,
        status: 200, answer: "\"kube_tag\":\"v1.33\"" },
    Recorded { client: "gophercloud", method: "POST", path: "/v1/certificates", headers: &[JSON, ("accept", "application/json")],
        body: r#"{"bay_uuid":"{cluster}","csr":"{csr}"}"#, status: 201, answer: "BEGIN CERTIFICATE-----" },
    Recorded { client: "gophercloud (admin)", method: "POST", path: "/v1/quotas", headers: &[JSON, ("accept", "application/json")],
        body: r#"{"project_id":"p-admin","resource":"Cluster","hard_limit":10}"#, status: 201, answer: "\"hard_limit\":10" },
    Recorded { client: "gophercloud", method: "GET", path: "/v1/clusters/detail?limit=1", headers: &[("accept", "application/json")], body: "",
        status: 200, answer: "\"next\":\"http://magnum.example:9511/v1/clusters/detail?" },
    Recorded { client: "Terraform", method: "GET", path: "/v1/certificates/{cluster}", headers: &[("accept", "application/json")], body: "",
        status: 200, answer: "\"pem\":\"-----BEGIN CERTIFICATE" },
    Recorded { client: "Terraform", method: "POST", path: "/v1/clusters/{cluster}/actions/upgrade",
        headers: &[JSON, ("openstack-api-version", "container-infra 1.8")],
        body: r#"{"cluster_template":"{template}","max_batch_size":1}"#, status: 400, answer: "not supported" },
    Recorded { client: "Terraform", method: "POST", path: "/v1/clusters/{cluster}/actions/resize",
        headers: &[JSON, ("openstack-api-version", "container-infra 1.10")],
        body: r#"{"node_count":0,"nodegroup":"default-worker"}"#, status: 202, answer: "\"uuid\":\"{cluster}\"" },
    Recorded { client: "Terraform", method: "PATCH", path: "/v1/clusters/{cluster}/nodegroups/default-worker",
        headers: &[JSON, ("openstack-api-version", "container-infra 1.9")],
        body: r#"[{"op":"replace","path":"/min_node_count","value":1}]"#, status: 202, answer: "\"min_node_count\":1" },
    Recorded { client: "Terraform", method: "DELETE", path: "/v1/clusters/{cluster}", headers: &[("accept", "application/json")], body: "",
        status: 204, answer: "" },
    Recorded { client: "old Terraform", method: "PATCH", path: "/v1/clusters/{cluster}", headers: &[JSON],
        body: r#"[{"op":"replace","path":"/node_count","value":"4"}]"#, status: 202, answer: "\"uuid\"" },
    Recorded { client: "magnum-ui", method: "POST", path: "/v1/clusters", headers: &[JSON, ("openstack-api-version", "container-infra 1.13")],
        body: r#"{"name":"ui","cluster_template_id":"{template}","node_count":"3","master_count":"1","master_lb_enabled":"False","floating_ip_enabled":"True","create_timeout":"60","keypair":"","discovery_url":"","docker_volume_size":"","labels":{"a":"1"},"merge_labels":"True"}"#,
        status: 202, answer: "\"uuid\"" },
    Recorded { client: "magnum-ui", method: "PATCH", path: "/v1/clusters/{cluster}", headers: &[JSON, ("openstack-api-version", "container-infra 1.13")],
        body: r#"[{"op":"replace","path":"/node_count","value":"3"}]"#, status: 202, answer: "\"uuid\":\"{cluster}\"" },
    Recorded { client: "magnum-ui", method: "POST", path: "/v1/clustertemplates", headers: &[JSON, ("openstack-api-version", "container-infra 1.13")],
        body: r#"{"name":"ui","coe":"swarm-mode","image_id":"debian-12","external_network_id":"public","flavor_id":"m1.small","master_flavor_id":"","docker_volume_size":"","fixed_network":"","fixed_subnet":"","dns_nameserver":"","http_proxy":"","https_proxy":"","no_proxy":"","keypair_id":"","network_driver":"","volume_driver":"","public":"False","registry_enabled":"False","tls_disabled":"False","floating_ip_enabled":"True","master_lb_enabled":"False","labels":{}}"#,
        status: 201, answer: "\"docker_volume_size\":null" },
    Recorded { client: "magnum-ui", method: "GET", path: "/v1/stats?project_id=p-demo", headers: &[("openstack-api-version", "container-infra 1.13")], body: "",
        status: 200, answer: "\"clusters\":" },
    Recorded { client: "magnum-ui", method: "GET", path: "/v1/clusters/detail?limit=1000", headers: &[("openstack-api-version", "container-infra 1.13")], body: "",
        status: 200, answer: "\"cluster_id\":" },
    Recorded { client: "Skyline", method: "POST", path: "/v1/clusters/{cluster}/actions/upgrade", headers: &[JSON],
        body: r#"{"cluster_template":"{template}","max_batch_size":1,"nodegroup":"default-master"}"#,
        status: 400, answer: "not supported" },
    Recorded { client: "Skyline", method: "GET", path: "/v1/quotas/p-demo/Cluster", headers: &[], body: "", status: 200, answer: "\"hard_limit\":20" },
    Recorded { client: "autoscaler", method: "GET", path: "/v1/clusters/{cluster}/nodegroups/", headers: &[LATEST], body: "",
        status: 200, answer: "\"max_node_count\":" },
    Recorded { client: "autoscaler", method: "POST", path: "/v1/clusters/{cluster}/actions/resize", headers: &[JSON, LATEST],
        body: r#"{"node_count":1,"nodes_to_remove":["2"],"nodegroup":"default-worker"}"#, status: 202, answer: "\"uuid\"" },
    Recorded { client: "autoscaler", method: "GET", path: "/v1/clusters/{cluster}/nodegroups/default-worker", headers: &[LATEST], body: "",
        status: 200, answer: "\"min_node_count\":" },
    Recorded { client: "autoscaler", method: "POST", path: "/v1/clusters/{cluster}/actions/resize", headers: &[JSON, LATEST],
        body: r#"{"node_count":1,"nodes_to_remove":["6f70656e-0000-4000-8000-000000000001"],"nodegroup":"default-worker"}"#,
        status: 202, answer: "\"uuid\"" },
    Recorded { client: "auto-healer", method: "PATCH", path: "/v1/clusters/{cluster}", headers: &[JSON, LATEST],
        body: r#"[{"op":"replace","path":"/health_status","value":"UNHEALTHY"},{"op":"replace","path":"/health_status_reason","value":"{'api':'ok','node-0':'NotReady'}"}]"#,
        status: 202, answer: "\"uuid\"" },
    Recorded { client: "openstacksdk", method: "POST", path: "/v1/clusters/{cluster}/actions/resize", headers: &[JSON, ("accept", "")],
        body: r#"{"node_count":2}"#, status: 202, answer: "\"uuid\"" },
    Recorded { client: "Ansible", method: "GET", path: "/v1/clusters", headers: &[("accept", "application/json")], body: "",
        status: 200, answer: "\"cluster_template_id\":\"" },
    Recorded { client: "Ansible", method: "POST", path: "/v1/clusters", headers: &[JSON, ("accept", "application/json")],
        body: r#"{"name":"a","cluster_template_id":"{template}","create_timeout":180,"master_count":1,"node_count":1,"labels":{"int":1,"flag":true}}"#,
        status: 202, answer: "\"uuid\"" },
    Recorded { client: "openstacksdk", method: "POST", path: "/v1/clusters/{cluster}/actions/upgrade", headers: &[JSON, ("accept", "")],
        body: r#"{"cluster_template":"{template}"}"#, status: 400, answer: "not supported" },
    Recorded { client: "Ansible", method: "POST", path: "/v1/clustertemplates", headers: &[JSON, ("accept", "application/json")],
        body: r#"{"name":"a","coe":"swarm","image_id":"debian-12","external_network_id":"public","network_driver":"docker","docker_storage_driver":"overlay2","labels":{"int":1,"flag":true},"server_type":"vm","floating_ip_enabled":true}"#,
        status: 201, answer: "\"docker_storage_driver\":\"overlay2\"" },
    Recorded { client: "magnumclient", method: "PATCH", path: "/v1/clusters/{cluster}/?rollback=True", headers: &[JSON, LATEST],
        body: r#"[{"op":"replace","path":"/node_count","value":"2"}]"#, status: 202, answer: "\"uuid\"" },
    Recorded { client: "magnumclient", method: "PATCH", path: "/v1/certificates/{cluster}", headers: &[("content-type", "application/octet-stream"), ("accept", "*/*"), LATEST],
        body: "", status: 400, answer: "'rotate_ca_certificate' is not supported" },
    Recorded { client: "magnumclient", method: "PATCH", path: "/v1/credentials/{cluster}", headers: &[("content-type", "application/octet-stream"), ("accept", "*/*"), LATEST],
        body: "", status: 202, answer: "\"uuid\":\"{cluster}\"" },
    Recorded { client: "magnumclient", method: "DELETE", path: "/v1/clusters/{cluster}", headers: &[("content-type", "application/octet-stream"), ("accept", "*/*"), LATEST],
        body: "", status: 204, answer: "" },
    Recorded { client: "magnumclient", method: "POST", path: "/v1/clusters/{cluster}/nodegroups/", headers: &[JSON, LATEST],
        body: r#"{"name":"ng","node_count":1,"min_node_count":0,"max_node_count":null,"role":"worker","image_id":null,"flavor_id":null,"docker_volume_size":null,"labels":{},"node_labels":{},"node_taints":[]}"#,
        status: 202, answer: "\"name\":\"ng\"" },
    Recorded { client: "bookmark", method: "GET", path: "/clusters/{cluster}", headers: &[], body: "", status: 200, answer: "\"uuid\":\"{cluster}\"" },
    Recorded { client: "exporter", method: "GET", path: "/v1/clusters", headers: &[("accept", "application/json")], body: "",
        status: 200, answer: "\"stack_id\":" },
    Recorded { client: "kolla's HAProxy", method: "GET", path: "/healthcheck", headers: &[], body: "", status: 200, answer: "" },
    Recorded { client: "a browser", method: "GET", path: "/v1/clusters", headers: &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")], body: "",
        status: 200, answer: "\"clusters\":" },
    Recorded { client: "an XML client", method: "GET", path: "/v1/clusters", headers: &[("accept", "application/xml")], body: "",
        status: 406, answer: "" },
    Recorded { client: "a json-patch client", method: "PATCH", path: "/v1/clusters/{cluster}", headers: &[("content-type", "application/json-patch+json")],
        body: r#"[{"op":"replace","path":"/node_count","value":3}]"#, status: 415, answer: "" },
];

async fn replay(app: &App, recorded: &Recorded, cluster: &str, template: &str) -> Reply {
    let csr = csr().replace('\n', "\\n");
    let fill = |text: &str| {
        text.replace("{cluster}", cluster).replace("{template}", template).replace("{csr}", &csr)
    };
    let token = if recorded.client.ends_with("(admin)") { "admin" } else { "owner" };
    let mut request = Request::builder()
        .method(recorded.method)
        .uri(fill(recorded.path))
        .header("host", "magnum.example:9511")
        .header("x-auth-token", token);
    for (name, value) in recorded.headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::from(fill(recorded.body))).unwrap()).await
}

#[tokio::test]
async fn every_recorded_request_is_answered_as_its_client_needs() {
    let mut wrong = Vec::new();
    for recorded in RECORDED {
        let app = App::start().await;
        let cluster = app.living_cluster("c1").await.to_string();
        let template = app.template(json!({"name": "free"})).await;
        let reply = replay(&app, recorded, &cluster, &template).await;
        let text = match &reply.body {
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        let answer = recorded.answer.replace("{cluster}", &cluster);
        if reply.status != recorded.status || !text.contains(&answer) {
            let Recorded { client, method, path, status, .. } = recorded;
            wrong.push(format!(
                "{client}: {method} {path}: {} instead of {status}, {answer:?} in {text}",
                reply.status
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// gophercloud decodes into Go's types: a null, a number or a text in the wrong place is fatal there.
#[tokio::test]
async fn documents_have_the_types_that_go_decodes() {
    let app = App::start().await;
    let cluster = app.living_cluster("c1").await;
    let document = app.call_at("", "owner", "GET", &format!("/v1/clusters/{cluster}"), None).await.body;
    for (field, fits) in [
        ("create_timeout", Value::is_i64 as fn(&Value) -> bool),
        ("master_count", Value::is_i64),
        ("node_count", Value::is_i64),
        ("labels", Value::is_object),
        ("labels_added", Value::is_object),
        ("labels_overridden", Value::is_object),
        ("labels_skipped", Value::is_object),
        ("links", Value::is_array),
        ("master_addresses", Value::is_array),
        ("node_addresses", Value::is_array),
        ("floating_ip_enabled", Value::is_boolean),
        ("master_lb_enabled", Value::is_boolean),
        ("created_at", Value::is_string),
        ("stack_id", |value| value.is_string() || value.is_null()),
        ("updated_at", |value| value.is_string() || value.is_null()),
        ("health_status_reason", |value| value.is_object() || value.is_null()),
    ] {
        assert!(document.get(field).is_some_and(fits), "{field}: {:?}", document.get(field));
    }
    let group = app.get(&format!("/v1/clusters/{cluster}/nodegroups/default-worker")).await.body;
    assert!(group["id"].is_i64() && group["is_default"].is_boolean(), "{group}");
}
