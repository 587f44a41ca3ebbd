//! Lists as Keystone answers them: under their key, with links, filtered by what the query names.

use crate::identity::Identity;
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// A request's query.
pub(crate) type Query = axum::extract::Query<HashMap<String, String>>;

/// Whether a query's switch is on: there without a value, or with one that does not say no.
pub(crate) fn is_on(query: &Query, name: &str) -> bool {
    query.get(name).is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no"))
}

/// The items that the query admits by the fields named in `filters`, as an answer.
pub(crate) fn list(
    identity: &Identity,
    path: &str,
    items: Vec<Value>,
    query: &Query,
    filters: &[&str],
) -> Response {
    let admitted = |item: &Value| {
        filters.iter().all(|filter| match (query.get(*filter), item.get(*filter)) {
            (None, _) => true,
            (Some(wanted), Some(Value::String(text))) => wanted == text,
            (Some(wanted), Some(Value::Bool(true))) => {
                !matches!(wanted.to_ascii_lowercase().as_str(), "0" | "false")
            }
            (Some(wanted), Some(Value::Bool(false))) => {
                matches!(wanted.to_ascii_lowercase().as_str(), "0" | "false")
            }
            (Some(_), _) => false,
        })
    };
    let items: Vec<Value> = items.into_iter().filter(admitted).collect();
    let key = path.rsplit('/').next().unwrap_or(path);
    let mut document = Map::new();
    document.insert(key.to_owned(), items.into());
    document
        .insert("links".to_owned(), json!({ "next": null, "previous": null, "self": link(identity, path) }));
    Json(Value::Object(document)).into_response()
}

/// The address of `path`, which begins without a slash.
pub(crate) fn link(identity: &Identity, path: &str) -> String {
    format!("{}/{path}", identity.0.settings.public_url)
}

/// One object under its key.
pub(crate) fn one(key: &str, value: Value) -> Response {
    let mut document = Map::new();
    document.insert(key.to_owned(), value);
    Json(Value::Object(document)).into_response()
}
