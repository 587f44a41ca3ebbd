//! Values that clients may send as text: integers, booleans, maps.

use crate::extract::python_literal;
use magnum_types::{Labels, ServiceError};
use serde_json::{Map, Value};

/// Null and the empty text both mean that the client did not give a value.
pub fn is_unset(value: &Value) -> bool {
    matches!(value, Value::Null) || value.as_str().is_some_and(str::is_empty)
}

/// An integer within `min..=max`, also as text.
pub fn integer(name: &str, value: &Value, min: i32, max: i32) -> Result<i32, ServiceError> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| {
        ServiceError::invalid(format!("Invalid value for {name}: {} is not an integer", shown(value)))
    })?;
    i32::try_from(number).ok().filter(|number| (min..=max).contains(number)).ok_or_else(|| {
        let range =
            if max == i32::MAX { format!("at least {min}") } else { format!("between {min} and {max}") };
        ServiceError::invalid(format!("Invalid value for {name}: {number}; it must be {range}"))
    })
}

/// A boolean, also as one of the words that oslo understands.
pub fn boolean(name: &str, value: &Value) -> Result<bool, ServiceError> {
    let word = match value {
        Value::Bool(value) => return Ok(*value),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        _ => String::new(),
    };
    match word.as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err(ServiceError::invalid(format!(
            "Invalid value for {name}: {} is not a boolean; use true or false",
            shown(value)
        ))),
    }
}

/// A text; `max` characters at most.
pub fn text(name: &str, value: &Value, max: usize) -> Result<String, ServiceError> {
    let Value::String(text) = value else {
        return Err(ServiceError::invalid(format!(
            "Invalid value for {name}: {} is not a text",
            shown(value)
        )));
    };
    if text.chars().count() > max {
        return Err(ServiceError::invalid(format!(
            "Invalid value for {name}: it is longer than {max} characters"
        )));
    }
    Ok(text.clone())
}

/// A map of text to text. It may come as an object, as JSON text or as the text of a Python literal; values may be
/// numbers and booleans, which are kept in the spelling that clients compare with.
pub fn labels(name: &str, value: &Value) -> Result<Labels, ServiceError> {
    let map = map(name, value)?;
    map.into_iter()
        .map(|(key, value)| match label_text(&value) {
            Some(text) => Ok((key, text)),
            None => Err(ServiceError::invalid(format!(
                "Invalid value for {name}: the value of {key:?} must be a text, a number or a boolean, not {}",
                shown(&value)
            ))),
        })
        .collect()
}

/// An object, or a text that holds one.
pub fn map(name: &str, value: &Value) -> Result<Map<String, Value>, ServiceError> {
    let parsed = match value {
        Value::String(text) => python_literal::parse(text).map_err(|error| {
            ServiceError::invalid(format!("Invalid value for {name}: the text is no map: {error}"))
        })?,
        other => other.clone(),
    };
    match parsed {
        Value::Object(map) => Ok(map),
        other => {
            Err(ServiceError::invalid(format!("Invalid value for {name}: {} is not a map", shown(&other))))
        }
    }
}

/// A list, or a text that holds one.
pub fn list(name: &str, value: &Value) -> Result<Vec<Value>, ServiceError> {
    let parsed = match value {
        Value::String(text) => python_literal::parse(text).map_err(|error| {
            ServiceError::invalid(format!("Invalid value for {name}: the text is no list: {error}"))
        })?,
        other => other.clone(),
    };
    match parsed {
        Value::Array(list) => Ok(list),
        other => {
            Err(ServiceError::invalid(format!("Invalid value for {name}: {} is not a list", shown(&other))))
        }
    }
}

/// A label's value as text, in Python's spelling of booleans.
pub fn label_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        _ => None,
    }
}

/// A value as an error message shows it: never longer than a line.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
        other => {
            let text = other.to_string();
            if text.chars().count() > 80 {
                text.chars().take(77).chain("...".chars()).collect()
            } else {
                text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_integer_may_come_as_text() {
        assert_eq!(integer("node_count", &json!("3"), 0, i32::MAX).unwrap(), 3);
        assert_eq!(integer("node_count", &json!(3), 0, i32::MAX).unwrap(), 3);
    }

    #[test]
    fn what_is_no_integer_is_refused_by_name() {
        for wrong in [json!("three"), json!(1.5), json!(true), json!([1]), json!(99_999_999_999_i64)] {
            let error = integer("node_count", &wrong, 0, i32::MAX).unwrap_err();
            assert!(error.public.contains("node_count"), "{}", error.public);
        }
        assert!(integer("node_count", &json!(-1), 0, i32::MAX).unwrap_err().public.contains("at least 0"));
    }

    #[test]
    fn the_boolean_words_of_every_client_are_understood() {
        for (word, meaning) in
            [("True", true), ("on", true), ("1", true), ("y", true), ("False", false), ("n", false)]
        {
            assert_eq!(boolean("public", &json!(word)).unwrap(), meaning, "{word}");
        }
        assert!(boolean("public", &json!("maybe")).is_err());
        assert!(boolean("public", &json!({})).is_err());
    }

    #[test]
    fn label_values_become_text() {
        let read = labels("labels", &json!({"a": 1, "b": true, "c": "x", "d": 1.5})).unwrap();
        assert_eq!(read.0.into_values().collect::<Vec<_>>(), ["1", "True", "x", "1.5"]);
        assert!(labels("labels", &json!({"a": []})).unwrap_err().public.contains("\"a\""));
    }

    #[test]
    fn a_map_may_come_as_a_python_literal_or_as_json_text() {
        assert_eq!(labels("labels", &json!("{'a': 'b'}")).unwrap().get("a"), Some("b"));
        assert_eq!(labels("labels", &json!("{\"a\": \"b\"}")).unwrap().get("a"), Some("b"));
        assert!(labels("labels", &json!("a=b")).is_err());
    }
}
