//! The fields of a request's object, taken out one by one: whatever is left at the end is unknown and refused. This
//! way a field cannot be read without being known, nor be forgotten in a list of known names.

use crate::extract::words;
use magnum_types::{Labels, ServiceError};
use serde_json::{Map, Value};

/// The fields that are not taken yet.
#[derive(Debug)]
pub struct Fields {
    map: Map<String, Value>,
}

impl Fields {
    /// The fields of `value`, which must be an object.
    pub fn of(value: Value) -> Result<Self, ServiceError> {
        match value {
            Value::Object(map) => Ok(Self { map }),
            other => Err(ServiceError::invalid(format!(
                "The request body must be a JSON object, not {}",
                words::shown(&other)
            ))),
        }
    }

    /// Takes a field; null and the empty text count as absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.map.shift_remove(name).filter(|value| !words::is_unset(value))
    }

    /// A text of at most `max` characters.
    pub fn text(&mut self, name: &str, max: usize) -> Result<Option<String>, ServiceError> {
        self.take(name).map(|value| words::text(name, &value, max)).transpose()
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &str, max: usize) -> Result<String, ServiceError> {
        self.text(name, max)?
            .ok_or_else(|| ServiceError::invalid(format!("Mandatory field missing: give a value for {name}")))
    }

    /// An integer within `min..=max`.
    pub fn integer(&mut self, name: &str, min: i32, max: i32) -> Result<Option<i32>, ServiceError> {
        self.take(name).map(|value| words::integer(name, &value, min, max)).transpose()
    }

    /// A boolean.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, ServiceError> {
        self.take(name).map(|value| words::boolean(name, &value)).transpose()
    }

    /// A map of labels.
    pub fn labels(&mut self, name: &str) -> Result<Option<Labels>, ServiceError> {
        self.take(name).map(|value| words::labels(name, &value)).transpose()
    }

    /// A list of texts; numbers in it are taken as text.
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, ServiceError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let wrong = || ServiceError::invalid(format!("Invalid value for {name}: it must be a list of texts"));
        let Value::Array(items) = value else { return Err(wrong()) };
        items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                Value::Number(number) => Ok(number.to_string()),
                _ => Err(wrong()),
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Some)
    }

    /// Ends the taking: a field that is left is read-only (when in `read_only`) or unknown, unless it is unset.
    pub fn finish(mut self, read_only: &[&str]) -> Result<(), ServiceError> {
        self.map.retain(|name, value| !(read_only.contains(&name.as_str()) && words::is_unset(value)));
        match self.map.keys().next() {
            None => Ok(()),
            Some(name) if read_only.contains(&name.as_str()) => {
                Err(ServiceError::invalid(format!("Cannot set read only field {name}: leave it out")))
            }
            Some(name) => Err(ServiceError::invalid(format!("Unknown attribute {name}: leave it out"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        let mut fields = Fields::of(json!({"name": "a", "colour": "red"})).unwrap();
        fields.text("name", 10).unwrap();
        assert!(fields.finish(&[]).unwrap_err().public.contains("colour"));
    }

    #[test]
    fn a_read_only_field_is_refused_only_with_a_value() {
        let fields = Fields::of(json!({"status": "ACTIVE"})).unwrap();
        assert!(fields.finish(&["status"]).unwrap_err().public.contains("read only field status"));
        Fields::of(json!({"status": null})).unwrap().finish(&["status"]).unwrap();
    }

    #[test]
    fn null_and_the_empty_text_count_as_absent() {
        let mut fields = Fields::of(json!({"name": "", "keypair": null})).unwrap();
        assert_eq!(fields.text("name", 10).unwrap(), None);
        assert!(fields.required_text("keypair", 10).unwrap_err().public.contains("keypair"));
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for wrong in [json!([]), json!("text"), json!(1), Value::Null] {
            assert!(Fields::of(wrong).unwrap_err().public.contains("JSON object"));
        }
    }
}
