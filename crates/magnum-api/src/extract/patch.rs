//! The patch dialect: JSON-Patch's `add`, `replace` and `remove` only, on documents of one level and their maps.
//! Maps may come as objects, as JSON text or as the text of a Python literal. Unlike upstream, label keys with dots
//! can be addressed, and JSON pointer escapes (`~0`, `~1`) work in them.

use crate::extract::words;
use magnum_types::ServiceError;
use serde_json::{Map, Value};

/// More operations than this in one patch are refused.
const MAX_OPERATIONS: usize = 1000;

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Gives a value to what has none.
    Add,
    /// Changes a value.
    Replace,
    /// Takes a value away.
    Remove,
}

/// One operation.
#[derive(Clone, PartialEq, Debug)]
pub struct PatchOp {
    /// What to do.
    pub verb: Verb,
    /// The attribute.
    pub attribute: String,
    /// The key inside of the attribute's map.
    pub key: Option<String>,
    /// The new value; null for `remove`.
    pub value: Value,
}

/// What a resource lets a patch do.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Attributes that no patch may name, besides those refused everywhere.
    pub internal: &'static [&'static str],
    /// Attributes that cannot be removed.
    pub mandatory: &'static [&'static str],
    /// Attributes that are maps.
    pub maps: &'static [&'static str],
    /// Attributes that are lists.
    pub lists: &'static [&'static str],
}

/// Attributes that no patch of any resource may name.
const READ_ONLY: &[&str] = &["created_at", "id", "links", "updated_at", "uuid", "project_id", "user_id"];

/// Reads the operations of a body.
pub fn read(body: Value) -> Result<Vec<PatchOp>, ServiceError> {
    let Value::Array(items) = body else {
        return Err(ServiceError::invalid(format!(
            "The request body must be a list of patch operations, not {}",
            words::shown(&body)
        )));
    };
    if items.len() > MAX_OPERATIONS {
        return Err(ServiceError::invalid(format!("A patch holds at most {MAX_OPERATIONS} operations")));
    }
    items.into_iter().map(operation).collect()
}

fn operation(item: Value) -> Result<PatchOp, ServiceError> {
    let Value::Object(mut item) = item else {
        return Err(ServiceError::invalid(format!(
            "A patch operation must be a map, not {}",
            words::shown(&item)
        )));
    };
    let value = item.shift_remove("value");
    let mut word = |name: &str| match item.shift_remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(ServiceError::invalid(format!(
            "Invalid value for {name} of a patch operation: {} is not a text",
            words::shown(&other)
        ))),
        None => Err(ServiceError::invalid(format!("A patch operation needs {name}"))),
    };
    let path = word("path")?;
    let verb = match word("op")?.as_str() {
        "add" => Verb::Add,
        "replace" => Verb::Replace,
        "remove" => Verb::Remove,
        other => {
            return Err(ServiceError::invalid(format!(
                "Invalid patch operation {other:?}: use 'add', 'replace' or 'remove'"
            )));
        }
    };
    if let Some(unknown) = item.keys().next() {
        return Err(ServiceError::invalid(format!("Unknown attribute {unknown} of a patch operation")));
    }
    let (attribute, key) = split(&path)?;
    match (verb, value) {
        (Verb::Remove, _) => Ok(PatchOp { verb, attribute, key, value: Value::Null }),
        (_, Some(value)) => Ok(PatchOp { verb, attribute, key, value }),
        (_, None) => Err(ServiceError::invalid(format!("The patch operation on {path} needs a value"))),
    }
}

/// `/attribute` or `/attribute/key`.
fn split(path: &str) -> Result<(String, Option<String>), ServiceError> {
    let wrong = || {
        ServiceError::invalid(format!(
            "Invalid patch path {path:?}: it must read /<attribute> or /<attribute>/<key>"
        ))
    };
    let rest = path.strip_prefix('/').ok_or_else(wrong)?;
    let (attribute, key) = match rest.split_once('/') {
        Some((attribute, key)) => (attribute, Some(key)),
        None => (rest, None),
    };
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if attribute.is_empty() || !attribute.chars().all(is_word) {
        return Err(wrong());
    }
    let is_key = |c: char| is_word(c) || c == '.' || c == '~';
    if key.is_some_and(|key| key.is_empty() || !key.chars().all(is_key)) {
        return Err(wrong());
    }
    Ok((attribute.to_owned(), key.map(|key| key.replace("~1", "/").replace("~0", "~"))))
}

/// Applies `operations` to `document`, which holds every attribute of the resource (null where it has none).
pub fn apply(
    document: &mut Map<String, Value>,
    operations: &[PatchOp],
    rules: Rules,
) -> Result<(), ServiceError> {
    for operation in operations {
        let name = operation.attribute.as_str();
        if READ_ONLY.contains(&name) || rules.internal.contains(&name) {
            return Err(ServiceError::invalid(format!(
                "'/{name}' is an internal attribute and can not be updated"
            )));
        }
        if operation.verb == Verb::Remove && operation.key.is_none() && rules.mandatory.contains(&name) {
            return Err(ServiceError::invalid(format!(
                "'/{name}' is a mandatory attribute and can not be removed"
            )));
        }
        match &operation.key {
            None => apply_to_attribute(document, operation, rules)?,
            Some(key) => apply_to_key(document, operation, key, rules)?,
        }
    }
    Ok(())
}

fn apply_to_attribute(
    document: &mut Map<String, Value>,
    operation: &PatchOp,
    rules: Rules,
) -> Result<(), ServiceError> {
    let name = operation.attribute.as_str();
    let Some(present) = document.get_mut(name) else {
        return Err(ServiceError::invalid(format!(
            "The attribute {name} is unknown: a patch cannot change it"
        )));
    };
    if operation.verb == Verb::Add && !is_void(present) {
        return Err(ServiceError::invalid(format!(
            "The attribute {name} has a value already: use the operation 'replace' instead"
        )));
    }
    let (is_map, is_list) = (rules.maps.contains(&name), rules.lists.contains(&name));
    *present = match (&operation.value, operation.verb) {
        (_, Verb::Remove) => Value::Null,
        (value, _) if is_map && !words::is_unset(value) => Value::Object(words::map(name, value)?),
        (value, _) if is_list && !words::is_unset(value) => Value::Array(words::list(name, value)?),
        (Value::Object(_) | Value::Array(_), _) => {
            return Err(ServiceError::invalid(format!(
                "Invalid value for {name}: {} is not allowed here",
                words::shown(&operation.value)
            )));
        }
        (value, _) => value.clone(),
    };
    Ok(())
}

/// An empty map or list counts as no value: clients `add` to it.
fn is_void(value: &Value) -> bool {
    value.is_null()
        || value.as_object().is_some_and(Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty)
}

fn apply_to_key(
    document: &mut Map<String, Value>,
    operation: &PatchOp,
    key: &str,
    rules: Rules,
) -> Result<(), ServiceError> {
    let name = operation.attribute.as_str();
    if !rules.maps.contains(&name) {
        return Err(ServiceError::invalid(format!("The attribute {name} is no map: it has no key {key:?}")));
    }
    let present = document.entry(name).or_insert(Value::Null);
    if present.is_null() {
        *present = Value::Object(Map::new());
    }
    let Value::Object(map) = present else {
        return Err(ServiceError::invalid(format!("The attribute {name} is no map: it has no key {key:?}")));
    };
    let missing = || ServiceError::invalid(format!("The attribute {name} has no key {key:?}"));
    match operation.verb {
        Verb::Add => {
            map.insert(key.to_owned(), operation.value.clone());
        }
        Verb::Replace => *map.get_mut(key).ok_or_else(missing)? = operation.value.clone(),
        Verb::Remove => drop(map.shift_remove(key).ok_or_else(missing)?),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RULES: Rules =
        Rules { internal: &["stack_id"], mandatory: &["coe"], maps: &["labels"], lists: &[] };

    fn patched(operations: Value) -> Result<Value, ServiceError> {
        let Value::Object(mut document) = json!({"name": "a", "coe": "swarm", "node_count": 1, "keypair": null, "labels": {"k": "v"}, "stack_id": null})
        else {
            unreachable!("a map");
        };
        apply(&mut document, &read(operations)?, RULES)?;
        Ok(Value::Object(document))
    }

    #[test]
    fn each_operation_does_its_work() {
        assert_eq!(patched(json!([{"op": "replace", "path": "/name", "value": "b"}])).unwrap()["name"], "b");
        assert_eq!(
            patched(json!([{"op": "add", "path": "/keypair", "value": "b"}])).unwrap()["keypair"],
            "b"
        );
        assert_eq!(patched(json!([{"op": "remove", "path": "/name"}])).unwrap()["name"], Value::Null);
        assert_eq!(
            patched(json!([{"op": "replace", "path": "/labels/k", "value": 2}])).unwrap()["labels"]["k"],
            2
        );
        assert_eq!(patched(json!([{"op": "remove", "path": "/labels/k"}])).unwrap()["labels"], json!({}));
    }

    #[test]
    fn a_map_comes_as_object_json_text_or_python_literal() {
        for value in [json!({"x": "y"}), json!("{\"x\": \"y\"}"), json!("{'x': 'y'}")] {
            let document = patched(json!([{"op": "replace", "path": "/labels", "value": value}])).unwrap();
            assert_eq!(document["labels"], json!({"x": "y"}), "{value}");
        }
    }

    #[test]
    fn a_label_key_with_dots_is_reachable() {
        let document = patched(json!([{"op": "add", "path": "/labels/a.b~1c", "value": "y"}])).unwrap();
        assert_eq!(document["labels"]["a.b/c"], "y");
    }

    #[test]
    fn what_the_dialect_does_not_know_is_refused() {
        let wrong = [
            json!({}),
            json!([1]),
            json!([{"op": "move", "path": "/name", "from": "/x"}]),
            json!([{"op": "test", "path": "/name", "value": "a"}]),
            json!([{"op": "replace", "path": "/name"}]),
            json!([{"op": "replace", "path": "name", "value": "a"}]),
            json!([{"op": "replace", "path": "/name.x", "value": "a"}]),
            json!([{"op": "replace", "path": "/colour", "value": "a"}]),
            json!([{"op": "add", "path": "/colour", "value": "a"}]),
            json!([{"op": "add", "path": "/name", "value": "b"}]),
            json!([{"op": "remove", "path": "/coe"}]),
            json!([{"op": "replace", "path": "/uuid", "value": "b"}]),
            json!([{"op": "replace", "path": "/stack_id", "value": "b"}]),
            json!([{"op": "replace", "path": "/name", "value": {"a": 1}}]),
            json!([{"op": "replace", "path": "/labels/missing", "value": "b"}]),
            json!([{"op": "replace", "path": "/name/x", "value": "b"}]),
            json!([{"op": "replace", "path": "/labels", "value": "['a']"}]),
            json!([{"op": "replace", "path": "/name", "value": "b", "extra": 1}]),
        ];
        for operations in wrong {
            assert!(patched(operations.clone()).is_err(), "{operations}");
        }
    }
}
