//! From options to the fields of a request: labels, JSON patches, switches that come in pairs.

use crate::error::{CliError, Result};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

/// Fields of a request's body.
#[derive(Default)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Puts a field in, if it is given.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// The body of a create.
    pub fn body(self) -> Value {
        Value::Object(self.0)
    }

    /// The operations of an update.
    pub fn patch(self) -> Vec<Value> {
        self.0.into_iter().map(|(name, value)| replace(&name, &value)).collect()
    }
}

/// An operation that replaces an attribute.
fn replace(name: &str, value: &Value) -> Value {
    // Upstream's service takes no objects in a patch, but their text.
    let value = if value.is_object() || value.is_array() { json!(value.to_string()) } else { value.clone() };
    json!({"op": "replace", "path": format!("/{name}"), "value": value})
}

/// A switch that comes as a pair of options; none when neither is given.
pub fn pair(on: bool, off: bool) -> Option<bool> {
    (on || off).then_some(on)
}

/// Labels as they are written: `--labels a=1,b=2` once, or `--labels a=1 --labels b=2,3`. A name that is given again
/// gets both values with a comma between.
///
/// # Errors
/// Something without `=`.
pub fn labels(option: &str, given: &[String]) -> Result<Option<Map<String, Value>>> {
    if given.is_empty() {
        return Ok(None);
    }
    let pieces: Vec<&str> = match given {
        [one] if one.matches('=').count() > 1 => one.split([',', ';']).collect(),
        several => several.iter().map(String::as_str).collect(),
    };
    let mut labels = Map::new();
    for piece in pieces.iter().map(|piece| piece.trim()).filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            CliError::usage(format!("{piece:?} is no label")).advise(format!("write --{option} NAME=VALUE"))
        })?;
        match labels.get_mut(name) {
            Some(Value::String(before)) => {
                before.push(',');
                before.push_str(value);
            }
            _ => {
                labels.insert(name.to_owned(), json!(value));
            }
        }
    }
    Ok(Some(labels))
}

/// Changes of labels one by one.
#[derive(Clone, Debug, Default, Args)]
pub struct LabelChanges {
    /// Set a label; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE")]
    set_labels: Vec<String>,
    /// Take a label away; may be given several times
    #[arg(long = "no-label", value_name = "NAME")]
    unset_labels: Vec<String>,
}

impl LabelChanges {
    /// The operations.
    ///
    /// # Errors
    /// A label without `=`.
    pub fn patch(&self) -> Result<Vec<Value>> {
        let mut operations = Vec::new();
        for piece in &self.set_labels {
            let (name, value) = piece.split_once('=').ok_or_else(|| {
                CliError::usage(format!("{piece:?} is no label")).advise("write --label NAME=VALUE")
            })?;
            operations.push(json!({"op": "add", "path": format!("/labels/{name}"), "value": value}));
        }
        let remove = |name: &String| json!({"op": "remove", "path": format!("/labels/{name}")});
        operations.extend(self.unset_labels.iter().map(remove));
        Ok(operations)
    }
}

/// The older way to write an update: an operation and what it works on.
#[derive(Clone, Debug, Default, Args)]
pub struct OldPatch {
    /// The older form: what to do with the attributes that follow
    #[arg(value_enum, requires = "attributes", value_name = "OPERATION")]
    operation: Option<Operation>,
    /// The older form: attributes, e.g. node_count=3 or labels/name=value
    #[arg(value_name = "PATH=VALUE")]
    attributes: Vec<String>,
}

/// What is done with an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// Set what has no value
    Add,
    /// Set
    Replace,
    /// Take the value away
    Remove,
}

impl OldPatch {
    /// The operations.
    ///
    /// # Errors
    /// An attribute without a value where one is needed.
    pub fn patch(&self) -> Result<Vec<Value>> {
        let Some(operation) = self.operation else { return Ok(Vec::new()) };
        let word = match operation {
            Operation::Add => "add",
            Operation::Replace => "replace",
            Operation::Remove => "remove",
        };
        self.attributes
            .iter()
            .map(|attribute| {
                let (path, value) = match (attribute.split_once('='), operation) {
                    (Some((path, value)), Operation::Add | Operation::Replace) => (path, Some(value)),
                    (None, Operation::Remove) => (attribute.as_str(), None),
                    (Some((path, _)), Operation::Remove) => (path, None),
                    (None, _) => {
                        return Err(CliError::usage(format!("{attribute:?} has no value"))
                            .advise(format!("write {word} {attribute}=VALUE")));
                    }
                };
                let path = path.trim_start_matches('/');
                let Some(value) = value else { return Ok(json!({"op": word, "path": format!("/{path}")})) };
                let value = match path {
                    "labels" | "node_labels" => {
                        json!(
                            Value::Object(labels(path, &[value.to_owned()])?.unwrap_or_default()).to_string()
                        )
                    }
                    _ => json!(value),
                };
                Ok(json!({"op": word, "path": format!("/{path}"), "value": value}))
            })
            .collect()
    }
}

/// All operations of an update together.
///
/// # Errors
/// When there are none.
pub fn all(parts: Vec<Vec<Value>>) -> Result<Value> {
    let operations: Vec<Value> = parts.into_iter().flatten().collect();
    if operations.is_empty() {
        return Err(CliError::usage("nothing is to be changed").advise("give an option: --help lists them"));
    }
    Ok(Value::Array(operations))
}

/// Attributes that lose their value.
#[derive(Clone, Debug, Default, Args)]
pub struct Unset {
    /// Take an attribute's value away, e.g. fixed_network; may be given several times
    #[arg(long, value_name = "ATTRIBUTE")]
    unset: Vec<String>,
}

impl Unset {
    /// The operations.
    pub fn patch(&self) -> Vec<Value> {
        self.unset.iter().map(|name| json!({"op": "remove", "path": format!("/{name}")})).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[&str]) -> Value {
        let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
        json!(labels("labels", &given).unwrap())
    }

    #[test]
    fn labels_are_read_as_the_old_client_reads_them() {
        assert_eq!(read(&[]), Value::Null);
        assert_eq!(read(&["a=1,b=2"]), json!({"a": "1", "b": "2"}));
        assert_eq!(read(&["a=1;b=2"]), json!({"a": "1", "b": "2"}));
        assert_eq!(read(&["a=1,2"]), json!({"a": "1,2"}), "one label keeps its comma");
        assert_eq!(read(&["a=1,2", "b=x=y"]), json!({"a": "1,2", "b": "x=y"}));
        assert_eq!(read(&["a=1", "a=2"]), json!({"a": "1,2"}));
        assert!(labels("labels", &["a".to_owned()]).is_err());
    }

    #[test]
    fn the_older_form_of_an_update_is_understood() {
        let patch = |operation, attributes: &[&str]| {
            let attributes = attributes.iter().map(|text| (*text).to_owned()).collect();
            OldPatch { operation: Some(operation), attributes }.patch()
        };
        assert_eq!(
            patch(Operation::Replace, &["node_count=3", "/labels/a=b"]).unwrap(),
            [
                json!({"op": "replace", "path": "/node_count", "value": "3"}),
                json!({"op": "replace", "path": "/labels/a", "value": "b"}),
            ]
        );
        assert_eq!(
            patch(Operation::Add, &["labels=a=1,b=2"]).unwrap(),
            [json!({"op": "add", "path": "/labels", "value": "{\"a\":\"1\",\"b\":\"2\"}"})]
        );
        assert_eq!(
            patch(Operation::Remove, &["labels/a"]).unwrap(),
            [json!({"op": "remove", "path": "/labels/a"})]
        );
        assert!(patch(Operation::Add, &["node_count"]).is_err());
    }
}
