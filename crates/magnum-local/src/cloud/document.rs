//! The document that this Heat reads in the place of a template, JSON that says `"magnum_local": 1`, and what it makes of
//! parameters. The driver `local` writes it and tells its fields in `magnum-drivers`; here is what is refused.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The only version of the language.
const VERSION: u32 = 1;
/// Most members of a group: a machine has room for far fewer, and a mistyped number should not be tried.
const MAX_MEMBERS: u32 = 100;
/// Most groups and files.
const MAX_PARTS: usize = 64;

/// Parameters by name, as they were given or by default.
pub(crate) type Parameters = IndexMap<String, Value>;

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    magnum_local: u32,
    #[serde(default)]
    pub parameters: IndexMap<String, Declared>,
    pub network: NetworkOf,
    pub groups: Vec<Group>,
    pub files: Vec<File>,
    pub values: IndexMap<String, Filling>,
    #[serde(default)]
    pub outputs: IndexMap<String, Output>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declared {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    #[serde(default)]
    pub hidden: bool,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NetworkOf {
    Own,
    Parameter(String),
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub resource: String,
    pub server: String,
    pub word: String,
    pub count: Count,
    pub image: String,
    pub flavor: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<String>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Count {
    Fixed(u32),
    Parameter(String),
}

/// A file of every node; exactly one of the last four says what it is.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(super) path: String,
    #[serde(default)]
    pub(super) mode: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fill: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Filling {
    Parameter(String),
    Text(String),
    Signal(SignalPart),
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SignalPart {
    Url,
    Token,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Output {
    Addresses(String),
    FirstAddress(String),
    Network,
}

/// A parameter's value as a text.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(as_text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

impl Document {
    /// Reads a template as clients send it: a text, or an object that a client has read already.
    pub fn read(template: &Value) -> Result<Self, String> {
        let read: Result<Self, _> = match template {
            Value::String(text) => serde_json::from_str(text),
            other => serde_json::from_value(other.clone()),
        };
        let document = read.map_err(|error| {
            format!(
                "The template is not one of the local cloud, which reads JSON with \"magnum_local\": {VERSION}: {error}"
            )
        })?;
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), String> {
        if self.magnum_local != VERSION {
            return Err(format!("magnum_local: version {} is not known, only {VERSION}", self.magnum_local));
        }
        if self.groups.len() > MAX_PARTS || self.files.len() > MAX_PARTS {
            return Err(format!("More than {MAX_PARTS} groups or files"));
        }
        let mut named: Vec<&String> = Vec::new();
        for group in &self.groups {
            if let Count::Parameter(name) = &group.count {
                named.push(name);
            }
            named.extend([&group.image, &group.flavor]);
            named.extend(&group.remove);
            let word = |text: &str| {
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            };
            if !word(&group.resource) || !word(&group.server) || !word(&group.word) {
                return Err(format!("groups: {} has a name that is no word", group.resource));
            }
            if self.groups.iter().filter(|other| other.resource == group.resource).count() > 1 {
                return Err(format!("groups: {} is there twice", group.resource));
            }
        }
        if let NetworkOf::Parameter(name) = &self.network {
            named.push(name);
        }
        named.extend(self.values.values().filter_map(|filling| match filling {
            Filling::Parameter(name) => Some(name),
            _ => None,
        }));
        if let Some(name) = named.into_iter().find(|name| !self.parameters.contains_key(*name)) {
            return Err(format!("The Parameter ({name}) is used and not declared."));
        }
        let group = |name: &str| self.groups.iter().any(|group| group.resource == name);
        for (name, output) in &self.outputs {
            if let Output::Addresses(of) | Output::FirstAddress(of) = output
                && !group(of)
            {
                return Err(format!("outputs: {name} is of the group {of}, which is not there"));
            }
        }
        self.files.iter().try_for_each(|file| file.check(self))
    }

    /// The given parameters, laid over `old` ones and the defaults.
    pub fn parameters(
        &self,
        given: &serde_json::Map<String, Value>,
        old: &Parameters,
    ) -> Result<Parameters, String> {
        if let Some(name) = given.keys().find(|name| !self.parameters.contains_key(*name)) {
            return Err(format!("The Parameter ({name}) was not defined in template."));
        }
        let mut all = Parameters::new();
        for (name, declared) in &self.parameters {
            let value = given.get(name).or_else(|| old.get(name)).or(declared.default.as_ref());
            let value = value.ok_or_else(|| format!("The Parameter ({name}) was not provided."))?;
            all.insert(name.clone(), value.clone());
        }
        for group in &self.groups {
            self.count(group, &all)?;
        }
        Ok(all)
    }

    /// How many members a group is to have.
    pub fn count(&self, group: &Group, parameters: &Parameters) -> Result<u32, String> {
        let (count, name) = match &group.count {
            Count::Fixed(count) => (Some(*count), group.resource.as_str()),
            Count::Parameter(name) => {
                (parameters.get(name).and_then(|v| as_text(v).parse().ok()), name.as_str())
            }
        };
        count.filter(|count| *count <= MAX_MEMBERS).ok_or_else(|| {
            format!("Parameter '{name}' is invalid: a number from 0 to {MAX_MEMBERS} is needed")
        })
    }

    /// The members that a group is to lose, as they were named: by index or by server.
    pub fn removals(&self, group: &Group, parameters: &Parameters) -> Vec<String> {
        let Some(value) = group.remove.as_ref().and_then(|name| parameters.get(name)) else {
            return Vec::new();
        };
        let text = as_text(value);
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}

impl File {
    fn check(&self, document: &Document) -> Result<(), String> {
        let said = [&self.fill, &self.text, &self.base64, &self.link];
        if said.into_iter().flatten().count() != 1 {
            return Err(format!("files: {} needs one of fill, text, base64 and link", self.path));
        }
        let sound = self.path.starts_with('/') && !self.path.split('/').any(|part| part == "..");
        if !sound || self.path.contains('\0') || self.mode > 0o7777 {
            return Err(format!("files: {} is no absolute path, or its mode is none", self.path));
        }
        match &self.base64 {
            Some(name) if !document.values.contains_key(name) => {
                Err(format!("files: {} is the value {name}, which is not there", self.path))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub(in crate::cloud) fn document() -> Value {
        json!({
            "magnum_local": 1,
            "parameters": {
                "count": {}, "image": {}, "flavor": {"default": ""}, "gone": {"default": []},
                "secret": {"hidden": true},
            },
            "network": "own",
            "groups": [{
                "resource": "nodes", "server": "node", "word": "node", "count": "count", "image": "image",
                "flavor": "flavor", "remove": "gone",
            }],
            "files": [
                {"path": "/a", "mode": 384, "fill": "_ __A__ __B__x__A____ __C__"},
                {"path": "/b", "mode": 420, "base64": "__B64__"},
                {"path": "/c", "mode": 420, "text": "__A__"},
                {"path": "/d", "link": "/c"},
            ],
            "values": {
                "__A__": {"parameter": "secret"}, "__B__": {"text": "b"}, "__B64__": {"text": "aGk="},
                "__T__": {"signal": "token"},
            },
            "outputs": {"api": {"first_address": "nodes"}, "all": {"addresses": "nodes"}, "net": "network"},
        })
    }

    pub(in crate::cloud) fn given(value: Value) -> serde_json::Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn parameters_are_checked_as_heat_does() {
        let document = Document::read(&document()).unwrap();
        let read = |value: Value| document.parameters(&given(value), &Parameters::new());
        let good = read(json!({"count": "3", "image": "i", "secret": "s"})).ok().unwrap();
        assert_eq!(document.count(&document.groups[0], &good).unwrap(), 3);
        for (wrong, words) in [
            (json!({"image": "i", "secret": "s"}), "(count) was not provided"),
            (json!({"count": 1, "image": "i", "secret": "s", "x": 1}), "(x) was not defined"),
            (json!({"count": "many", "image": "i", "secret": "s"}), "'count' is invalid"),
            (json!({"count": 101, "image": "i", "secret": "s"}), "'count' is invalid"),
            (json!({"count": -1, "image": "i", "secret": "s"}), "'count' is invalid"),
        ] {
            let error = read(wrong).err().unwrap();
            assert!(error.contains(words), "{error}");
        }
        let changed = document.parameters(&given(json!({"gone": ["1", "7"]})), &good).ok().unwrap();
        assert_eq!(document.removals(&document.groups[0], &changed), ["1", "7"]);
    }

    #[test]
    fn what_is_no_document_is_refused_in_words() {
        let change = |pointer: &str, value: Value| {
            let mut changed = document();
            *changed.pointer_mut(pointer).unwrap() = value;
            Document::read(&changed).err().unwrap()
        };
        for (error, words) in [
            (Document::read(&json!("heat_template_version: 2018-08-31")).err().unwrap(), "magnum_local"),
            (change("/magnum_local", json!(2)), "version 2"),
            (change("/groups/0/count", json!("nowhere")), "(nowhere) is used and not declared"),
            (change("/outputs/api", json!({"addresses": "others"})), "others"),
            (change("/files/0/path", json!("/etc/../x")), "no absolute path"),
            (change("/files/1/base64", json!("__NOT__")), "__NOT__"),
            (change("/files/3", json!({"path": "/x", "link": "a", "text": "b"})), "needs one of"),
            (change("/groups/0/word", json!("a b")), "no word"),
        ] {
            assert!(error.contains(words), "{error}");
        }
    }
}
