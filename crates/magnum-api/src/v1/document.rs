//! Pieces that documents share: times, links, label differences, and the answers' shapes.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use jiff::Timestamp;
use magnum_types::{Labels, ServiceError, labels::LabelDifference};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A time as clients parse it, or null.
pub fn time(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |time| Value::from(time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()))
}

/// [`time`] for documents that are written as they are read.
pub struct Time(pub Option<Timestamp>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_none(),
            Some(time) => serializer.collect_str(&time.strftime("%Y-%m-%dT%H:%M:%S+00:00")),
        }
    }
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

/// [`links`] for documents that are written as they are read.
pub struct Links<'a> {
    /// Where the service is.
    pub base: &'a str,
    /// The collection's name.
    pub collection: &'static str,
    /// Which item of it.
    pub item: Uuid,
}

impl Serialize for Links<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Link<'a> {
            href: Text<'a>,
            rel: &'static str,
        }
        let Self { base, collection, item } = self;
        [
            Link { href: Text(format_args!("{base}/v1/{collection}/{item}")), rel: "self" },
            Link { href: Text(format_args!("{base}/{collection}/{item}")), rel: "bookmark" },
        ]
        .serialize(serializer)
    }
}

struct Text<'a>(std::fmt::Arguments<'a>);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
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

/// The fields of a document that is to be changed.
///
/// # Errors
/// When it is no object.
pub fn fields(document: &impl Serialize) -> Result<Map<String, Value>, ServiceError> {
    let failed = |error| ServiceError::internal("a document is no object").caused_by(error);
    serde_json::from_value(serde_json::to_value(document).map_err(failed)?).map_err(failed)
}

/// A list of items, with the address of the next page when there is one.
pub fn collection(name: &'static str, items: &[impl Serialize], next: Option<String>) -> Response {
    Json(Collection { name, items, next }).into_response()
}

struct Collection<'a, T> {
    name: &'static str,
    items: &'a [T],
    next: Option<String>,
}

impl<T: Serialize> Serialize for Collection<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(None)?;
        body.serialize_entry(self.name, self.items)?;
        if let Some(next) = &self.next {
            body.serialize_entry("next", next)?;
        }
        body.end()
    }
}

/// 202 with the object's UUID: the work is accepted.
pub fn accepted(uuid: impl ToString) -> Response {
    (StatusCode::ACCEPTED, Json(json!({"uuid": uuid.to_string()}))).into_response()
}

/// 201 with the new object and where it is.
pub fn created(location: String, document: Value) -> Response {
    (StatusCode::CREATED, [(header::LOCATION, location)], Json(document)).into_response()
}
