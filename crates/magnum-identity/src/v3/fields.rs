//! Reading a request's body field by field, so that what is wrong is named by its path.

use super::refusal::Refusal;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Map, Value};

/// The parsed body.
pub(crate) struct Body(Map<String, Value>);

/// One object of a body, and where it is.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl Body {
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(_) => Err(Refusal::bad("The body must be a JSON object.")),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                Err(Refusal::bad(format!("The body is no valid JSON: see line {line}, column {column}.")))
            }
        }
    }

    /// The object under `key`, which must be there.
    pub fn object(&self, key: &str) -> Result<Fields<'_>, Refusal> {
        let root = Fields { path: String::new(), map: &self.0 };
        root.object(key)?.ok_or_else(|| root.missing(key))
    }
}

impl<'a> Fields<'a> {
    fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}/{key}", self.path) }
    }

    /// 400 for the field `key` of this object.
    pub fn wrong(&self, key: &str, problem: &str) -> Refusal {
        Refusal::field(&self.at(key), problem)
    }

    pub fn missing(&self, key: &str) -> Refusal {
        self.wrong(key, "it is required")
    }

    /// Refuses fields that are not in `known`: what cannot be done must not look done.
    pub fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(self.wrong(key, "this identity service does not support it")),
            None => Ok(()),
        }
    }

    /// Whether the field is there, be it null.
    pub fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub fn text(&self, key: &str) -> Result<Option<&'a str>, Refusal> {
        let text = |value: &'a Value| value.as_str().ok_or_else(|| self.wrong(key, "it must be a text"));
        self.value(key).map(text).transpose()
    }

    pub fn required(&self, key: &str) -> Result<&'a str, Refusal> {
        self.text(key)?.filter(|text| !text.is_empty()).ok_or_else(|| self.missing(key))
    }

    /// A name of 1 to 255 bytes.
    pub fn name(&self, key: &str) -> Result<&'a str, Refusal> {
        let name = self.required(key)?;
        if name.trim().is_empty() || name.len() > 255 {
            return Err(self.wrong(key, "it must have 1 to 255 bytes"));
        }
        Ok(name)
    }

    pub fn flag(&self, key: &str) -> Result<Option<bool>, Refusal> {
        let flag = |value: &Value| value.as_bool().ok_or_else(|| self.wrong(key, "it must be true or false"));
        self.value(key).map(flag).transpose()
    }

    pub fn count(&self, key: &str) -> Result<Option<u64>, Refusal> {
        let count = |value: &Value| value.as_u64().ok_or_else(|| self.wrong(key, "it must be a number"));
        self.value(key).map(count).transpose()
    }

    pub fn object(&self, key: &str) -> Result<Option<Fields<'a>>, Refusal> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let map = value.as_object().ok_or_else(|| self.wrong(key, "it must be an object"))?;
        Ok(Some(Fields { path: self.at(key), map }))
    }

    pub fn list(&self, key: &str) -> Result<&'a [Value], Refusal> {
        let Some(value) = self.value(key) else { return Ok(&[]) };
        value.as_array().map(Vec::as_slice).ok_or_else(|| self.wrong(key, "it must be a list"))
    }

    /// A moment in the future, with or without a time zone; UTC without one.
    pub fn future(&self, key: &str, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let local =
            || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        let moment = text.parse::<Timestamp>().ok().or_else(local);
        let moment =
            moment.ok_or_else(|| self.wrong(key, "it must be a time such as 2030-01-31T12:00:00Z"))?;
        if moment <= now {
            return Err(self.wrong(key, "it must be in the future"));
        }
        Ok(Some(moment))
    }

    /// Names of roles given as `[{"name": …}]` or `[{"id": …}]`. Clients of users who may not list roles send a name as
    /// an id.
    pub fn roles(&self, key: &str, named: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, Refusal> {
        let mut roles = Vec::new();
        for item in self.list(key)? {
            let text = |key: &str| item.get(key).and_then(Value::as_str);
            let role = match (text("name"), text("id")) {
                (Some(name), _) => name.to_owned(),
                (None, Some(id)) => named(id).ok_or_else(|| Refusal::not_found("role", id))?,
                (None, None) => return Err(self.wrong(key, "each role must have a name or an id")),
            };
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        Ok(roles)
    }
}

/// A moment as tokens and trusts show it: `2026-01-31T12:00:00.000000Z`.
pub(crate) fn stamp(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
