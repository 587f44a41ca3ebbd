//! A kubeconfig into another one: its cluster, user and context take the place of those of the same names, and what
//! else the file holds stays. Comments do not: kubectl loses them too.
//!
//! A YAML library reads `0644` as a number and would write another one. A file with a value that would not come back
//! as it was written is refused rather than changed.

use crate::{
    error::{CliError, Result},
    files::kubeconfig::LISTS,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};

/// The present text with `addition` in it.
///
/// # Errors
/// When the present text is no kubeconfig, or would not survive.
pub fn merged(path: &Path, present: &str, addition: &Value) -> Result<Value> {
    if present.trim().is_empty() {
        return Ok(addition.clone());
    }
    let refuse = |what: String| {
        CliError::usage(format!("{} {what}", path.display()))
            .advise("correct it, or write a file of its own with --dir and name both in KUBECONFIG")
    };
    let mut document: Value = serde_saphyr::from_str(present).map_err(|error| {
        let place = error.location().map(|at| format!(" at line {}", at.line())).unwrap_or_default();
        // The message itself may show a line with a key.
        refuse(format!("is no YAML{place}"))
    })?;
    if document.is_null() {
        return Ok(addition.clone());
    }
    let Some(fields) = document.as_object_mut() else { return Err(refuse("is no kubeconfig".to_owned())) };
    if fields.get("kind").is_some_and(|kind| kind != "Config") {
        return Err(refuse("is no kubeconfig".to_owned()));
    }
    let words: BTreeSet<&str> = present.split(|c: char| c.is_whitespace() || "[]{},".contains(c)).collect();
    for value in fields.values() {
        if let Some(odd) = unfaithful(value, &words) {
            return Err(refuse(format!("has a value that is read as {odd} and written otherwise: quote it")));
        }
    }
    for (list, _) in LISTS {
        let present = fields.entry(list).or_insert_with(|| json!([]));
        if present.is_null() {
            *present = json!([]);
        }
        let (Some(present), Some(added)) =
            (present.as_array_mut(), addition.get(list).and_then(Value::as_array))
        else {
            return Err(refuse(format!("has no list under {list}")));
        };
        for thing in added {
            match present.iter_mut().find(|other| other.get("name") == thing.get("name")) {
                Some(other) => other.clone_from(thing),
                None => present.push(thing.clone()),
            }
        }
    }
    for (name, value) in addition.as_object().into_iter().flatten() {
        if name == "current-context" || !fields.contains_key(name) {
            fields.insert(name.clone(), value.clone());
        }
    }
    Ok(document)
}

/// A number or truth value that is not written in the text as it would be written again.
fn unfaithful(value: &Value, words: &BTreeSet<&str>) -> Option<String> {
    match value {
        Value::Number(_) | Value::Bool(_) => {
            let written = value.to_string();
            (!words.contains(written.as_str())).then_some(written)
        }
        Value::Array(items) => items.iter().find_map(|item| unfaithful(item, words)),
        Value::Object(fields) => fields.values().find_map(|field| unfaithful(field, words)),
        Value::Null | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::kubeconfig::{Kubeconfig, User};

    fn addition() -> Value {
        Kubeconfig {
            cluster: "c1".into(),
            role: "admin".into(),
            server: "https://new:6443".into(),
            authority: None,
            user: User::Nobody,
        }
        .document()
    }

    fn merge(present: &str) -> Result<Value> {
        merged(Path::new("config"), present, &addition())
    }

    #[test]
    fn what_else_is_there_stays() {
        let present = "# mine\napiVersion: v1\nkind: Config\nclusters:\n- name: c1\n  cluster: {server: 'https://old'}\n\
                       - name: other\n  cluster:\n    server: https://other\n    insecure-skip-tls-verify: true\n\
                       users:\n- name: other\n  user: {token: '0123'}\ncontexts: []\ncurrent-context: other\n\
                       extensions:\n- name: x\n  extension: {n: 7}\n";
        let document = merge(present).unwrap();
        assert_eq!(document["clusters"][0]["cluster"]["server"], "https://new:6443");
        assert_eq!(document["clusters"][1]["cluster"]["insecure-skip-tls-verify"], true);
        assert_eq!(document["users"][0]["user"]["token"], "0123");
        assert_eq!(document["users"][1]["name"], "c1-admin");
        assert_eq!(document["extensions"][0]["extension"]["n"], 7);
        assert_eq!(document["current-context"], "c1");
        assert_eq!(document["contexts"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn an_empty_file_becomes_the_new_one() {
        for present in ["", "  \n", "# only a remark\n", "null\n"] {
            assert_eq!(merge(present).unwrap(), addition(), "{present:?}");
        }
        let fresh = merge("apiVersion: v1\nkind: Config\nclusters: null\n").unwrap();
        assert_eq!(fresh["clusters"][0]["name"], "c1");
    }

    #[test]
    fn what_would_be_lost_or_is_something_else_is_refused() {
        for present in [
            "users:\n- name: other\n  user: {token: 0644}\n",
            "users:\n- name: other\n  user: {flag: yes}\n",
            "users:\n- name: other\n  user: {n: 1e3}\n",
            "[1, 2]",
            "kind: Pod\n",
            "clusters: 7\n",
            "clusters: {a: b}\n",
            "a: [\n",
        ] {
            let error = merge(present).unwrap_err();
            assert!(error.advice.is_some(), "{present:?}: {error}");
        }
    }
}
