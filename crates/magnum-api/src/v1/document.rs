//! Pieces that documents share: times, links, label differences, and the answers' shapes.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use jiff::Timestamp;
use magnum_types::{Labels, labels::LabelDifference};
use serde_json::{Map, Value, json};

/// A time as clients parse it, or null.
pub fn time(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |time| Value::from(time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()))
}

/// Labels as an object.
pub fn labels(labels: &Labels) -> Value {
    Value::Object(labels.0.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect())
}

/// The links of one item of a collection.
pub fn links(base: &str, path: &str) -> Value {
    json!([
        {"href": format!("{base}/v1/{path}"), "rel": "self"},
        {"href": format!("{base}/{path}"), "rel": "bookmark"},
    ])
}

/// Adds the three fields that compare labels with those of the parent.
pub fn put_difference(document: &mut Map<String, Value>, difference: &LabelDifference) {
    document.insert("labels_overridden".to_owned(), labels(&difference.overridden));
    document.insert("labels_added".to_owned(), labels(&difference.added));
    document.insert("labels_skipped".to_owned(), labels(&difference.skipped));
}

/// The fields of a `json!` object.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// A list of items, with the address of the next page when there is one.
pub fn collection(name: &str, items: Vec<Value>, next: Option<String>) -> Response {
    let mut body = Map::new();
    body.insert(name.to_owned(), Value::Array(items));
    if let Some(next) = next {
        body.insert("next".to_owned(), Value::from(next));
    }
    Json(Value::Object(body)).into_response()
}

/// 202 with the object's UUID: the work is accepted.
pub fn accepted(uuid: impl ToString) -> Response {
    (StatusCode::ACCEPTED, Json(json!({"uuid": uuid.to_string()}))).into_response()
}

/// 201 with the new object and where it is.
pub fn created(location: String, document: Value) -> Response {
    (StatusCode::CREATED, [(header::LOCATION, location)], Json(document)).into_response()
}
