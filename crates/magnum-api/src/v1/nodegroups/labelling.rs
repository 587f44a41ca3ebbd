//! What a group's nodes are labelled and tainted with inside the engine (since 1.14). The keys follow what a kubelet may
//! set on itself; upstream answers 409 to anything else (spec 1.7).

use crate::extract::words;
use magnum_drivers::Driver;
use magnum_types::{Labels, NodeGroup, Role, ServiceError};
use serde_json::{Map, Value};

/// Keys of Kubernetes' own domains that a kubelet may set on its node.
const WELL_KNOWN: &[&str] = &[
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/instance-type",
    "kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];
const OWN_PREFIXES: &[&str] = &["kubelet.kubernetes.io", "node.kubernetes.io"];
const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// The labels; none when the map is empty.
pub fn labels(value: &Value) -> Result<Option<Labels>, ServiceError> {
    let labels = words::labels("node_labels", value)?;
    for key in labels.0.keys() {
        check_key("node_labels", key)?;
    }
    Ok(Some(labels).filter(|labels| !labels.0.is_empty()))
}

/// The taints; none when the list is empty. It may come as a list, as JSON text or as the text of a Python literal.
pub fn taints(value: &Value) -> Result<Option<Value>, ServiceError> {
    let list = words::list("node_taints", value)?;
    if list.is_empty() {
        return Ok(None);
    }
    list.into_iter().map(taint).collect::<Result<Vec<_>, _>>().map(|taints| Some(Value::Array(taints)))
}

fn taint(value: Value) -> Result<Value, ServiceError> {
    let wrong = |what: String| ServiceError::conflict(format!("Invalid value for node_taints: {what}"));
    let Value::Object(mut map) = value else {
        return Err(wrong(format!("{} is no map with key and effect", words::shown(&value))));
    };
    let mut checked = Map::new();
    for (name, required) in [("key", true), ("value", false), ("effect", true)] {
        match map.shift_remove(name) {
            Some(Value::String(text)) if !text.is_empty() => {
                checked.insert(name.to_owned(), Value::String(text));
            }
            None | Some(Value::Null) if !required => {}
            Some(Value::String(_)) if !required => {}
            other => return Err(wrong(format!("{name} must be a text, not {}", shown(other.as_ref())))),
        }
    }
    if let Some(unknown) = map.keys().next() {
        return Err(wrong(format!("a taint has no {unknown}: use key, value and effect")));
    }
    let effect = checked.get("effect").and_then(Value::as_str).unwrap_or_default();
    if !EFFECTS.contains(&effect) {
        return Err(wrong(format!("{effect:?} is no effect; use one of {}", EFFECTS.join(", "))));
    }
    Ok(Value::Object(checked))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "missing".to_owned(), words::shown)
}

/// Refuses a key of Kubernetes' own domains that a kubelet may not set.
fn check_key(field: &str, key: &str) -> Result<(), ServiceError> {
    let prefix = key.split_once('/').map_or("", |(prefix, _)| prefix);
    let within = |domain: &str| prefix == domain || prefix.ends_with(&format!(".{domain}"));
    let reserved = within("kubernetes.io") || within("k8s.io");
    let own = OWN_PREFIXES.iter().any(|domain| prefix == *domain || prefix.ends_with(&format!(".{domain}")));
    if reserved && !own && !WELL_KNOWN.contains(&key) {
        return Err(ServiceError::conflict(format!(
            "Invalid value for {field}: {key} belongs to Kubernetes itself; a node may only set keys of {} and the \
             well-known ones",
            OWN_PREFIXES.join(" and ")
        )));
    }
    Ok(())
}

/// Refuses labels and taints where nothing would read them.
pub fn check_driver(driver: &dyn Driver, group: &NodeGroup) -> Result<(), ServiceError> {
    let field = match (&group.node_labels, &group.node_taints) {
        (None, None) => return Ok(()),
        (Some(_), _) => "node_labels",
        (None, Some(_)) => "node_taints",
    };
    if group.kind() == Role::Master {
        return Err(ServiceError::conflict(format!(
            "Invalid value for {field}: a group of masters cannot have {field}"
        )));
    }
    if !driver.labels_nodes() {
        return Err(ServiceError::invalid(format!(
            "Invalid value for {field}: the driver {} does not support it; leave it out",
            driver.name()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_of_kubernetes_are_kept_to_what_a_kubelet_may_set() {
        for key in
            ["tier", "example.org/tier", "node.kubernetes.io/x", "a.node.kubernetes.io/x", "kubernetes.io/os"]
        {
            labels(&json!({ key: "v" })).unwrap();
        }
        for key in ["kubernetes.io/x", "a.k8s.io/x", "node-role.kubernetes.io/master"] {
            assert!(labels(&json!({ key: "v" })).unwrap_err().public.contains(key), "{key}");
        }
    }

    #[test]
    fn taints_have_a_key_and_a_known_effect() {
        let good =
            json!([{"key": "a", "value": "b", "effect": "NoSchedule"}, {"key": "c", "effect": "NoExecute"}]);
        assert_eq!(taints(&good).unwrap(), Some(good));
        assert_eq!(
            taints(&json!("[{'key': 'a', 'effect': 'NoExecute', 'value': None}]")).unwrap(),
            Some(json!([{"key": "a", "effect": "NoExecute"}]))
        );
        assert_eq!(taints(&json!([])).unwrap(), None);
        for wrong in [
            json!("text"),
            json!([1]),
            json!([{}]),
            json!([{"key": "a"}]),
            json!([{"key": "a", "effect": "Never"}]),
            json!([{"key": "a", "effect": "NoExecute", "colour": "red"}]),
            json!([{"key": 1, "effect": "NoExecute"}]),
        ] {
            assert!(taints(&wrong).unwrap_err().public.contains("node_taints"), "{wrong}");
        }
    }
}
