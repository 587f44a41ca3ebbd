//! The API's description in OpenAPI 3.1, made from the same tables that its tests compare with the router and with the
//! documents that handlers show: a route, or a field of a document, that is not described fails the build.
//!
//! `docs/openapi.json` is this document as it is served at `/v1/openapi.json`.

mod operations;
mod schemas;

use crate::{
    microversion::{MAXIMUM, MINIMUM},
    router,
};
use axum::Json;
use operations::{Operation, operation};
use serde_json::{Map, Value, json};

pub use schemas::{Noun, fields};

/// The operations that tell what has no effect of what was asked.
const WARN: &[&str] =
    &["clustertemplate_create", "clustertemplate_update", "cluster_create", "nodegroup_create"];

/// `GET /v1/openapi.json`
pub async fn show() -> Json<Value> {
    Json(document())
}

/// The whole description.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in router::routes() {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        if let (Some(described), Value::Object(item)) = (operation(&route.method, route.path), item) {
            item.insert(route.method.as_str().to_lowercase(), operation_object(described, &route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "OpenStack Container Infrastructure Management (Magnum)",
            "version": format!("1.{MAXIMUM}"),
            "description": format!(
                "Microversions 1.{MINIMUM} to 1.{MAXIMUM}, chosen by the header OpenStack-API-Version. Requests \
                 without it are served as 1.1."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token", "description": "A Keystone token"},
                "node": {"type": "http", "scheme": "bearer", "description": "What a node got when it registered"},
            },
            "parameters": parameters(),
        },
    })
}

/// Arguments that several operations have.
fn parameters() -> Value {
    let query = |name: &str, schema: Value, words: &str| json!({"name": name, "in": "query", "schema": schema, "description": words});
    let text = || json!({"type": "string"});
    json!({
        "limit": query("limit", json!({"type": "integer", "minimum": 1}), "Items at most; never more than the server's own limit"),
        "marker": query("marker", text(), "The last item of the page before: its UUID, of a quota its number"),
        "sort_key": query("sort_key", text(), "Field to sort by; default id"),
        "sort_dir": query("sort_dir", json!({"enum": ["asc", "desc"]}), "Direction; default asc"),
        "project_id": query("project_id", text(), "Only this project's; another one than the caller's is for administrators"),
        "status": query("status", text(), "Only clusters in this status"),
        "name": query("name", text(), "Only objects of this name"),
        "role": query("role", text(), "Only node groups of this role"),
        "all_tenants": query("all_tenants", json!({"type": "boolean"}), "Quotas of all projects"),
        "type": query("type", json!({"enum": ["cluster"]}), "What is counted"),
        "ca_cert_type": query("ca_cert_type", text(), "kubernetes, kubelet, etcd or front-proxy; default kubernetes"),
        "rollback": query("rollback", json!({"type": "boolean"}), "Let Heat put the old state back when the update fails; since 1.3"),
        "after": query("after", json!({"type": "integer"}), "Hold the answer until the plan is newer than this generation"),
        "hold": query("hold", json!({"type": "integer", "minimum": 0}), "Seconds to hold it at most, where that is less than the server would"),
        "OpenStack-API-Version": {"name": "OpenStack-API-Version", "in": "header", "schema": text(),
            "description": "container-infra <major>.<minor> or container-infra latest"},
    })
}

fn operation_object(described: &Operation, route: &router::Route) -> Value {
    let mut object = Map::new();
    object.insert("operationId".to_owned(), json!(described.id));
    object.insert("summary".to_owned(), json!(described.summary));
    object.insert("tags".to_owned(), json!([tag(route.path)]));
    if let Some(since) = described.since {
        object.insert("x-openstack-min-microversion".to_owned(), json!(format!("1.{since}")));
    }
    let mut arguments: Vec<Value> = placeholders(route.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let reference = |name: &str| json!({"$ref": format!("#/components/parameters/{name}")});
    arguments.extend(described.arguments.iter().map(|name| reference(name)));
    match route.access {
        router::Access::Public => {}
        router::Access::Node if described.id == "node_register" || described.id == "node_program" => {}
        router::Access::Node => {
            object.insert("security".to_owned(), json!([{"node": []}]));
        }
        router::Access::Token => {
            arguments.push(reference("OpenStack-API-Version"));
            object.insert("security".to_owned(), json!([{"token": []}]));
        }
    }
    if !arguments.is_empty() {
        object.insert("parameters".to_owned(), Value::Array(arguments));
    }
    if let Some(body) = described.body.schema() {
        let content = json!({"application/json": {"schema": body}});
        object.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    object.insert("responses".to_owned(), responses(described));
    Value::Object(object)
}

fn responses(described: &Operation) -> Value {
    let mut success = json!({"description": "Done, or accepted"});
    if let (Some(schema), Value::Object(success)) = (described.answer.schema(), &mut success) {
        success.insert("content".to_owned(), json!({"application/json": {"schema": schema}}));
    }
    if let (true, Value::Object(success)) = (WARN.contains(&described.id), &mut success) {
        let text = "What has no effect, or will fail, of what was asked; code 299, a list";
        let header = json!({"description": text, "schema": {"type": "string"}});
        success.insert("headers".to_owned(), json!({"Warning": header}));
    }
    let errors = json!({"$ref": "#/components/schemas/Errors"});
    json!({
        described.success.to_string(): success,
        "default": {"description": "Refused or failed", "content": {"application/json": {"schema": errors}}},
    })
}

/// The collection that a path is about.
fn tag(path: &str) -> &str {
    path.trim_start_matches("/v1")
        .trim_start_matches('/')
        .split('/')
        .next()
        .filter(|tag| !tag.is_empty())
        .unwrap_or("versions")
}

/// The names in braces.
fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// Whether a route is described.
pub fn describes(method: &http::Method, path: &str) -> bool {
    operation(method, path).is_some()
}
