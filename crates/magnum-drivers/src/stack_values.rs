//! What the drivers' stacks are filled with alike: parameters by name, and values that several engines need.

use crate::{
    error::DriverError,
    inputs::DriverSettings,
    labels::{self, Warning},
};
use indexmap::IndexMap;
use magnum_types::{Cluster, Labels};
use serde_json::{Value, json};

/// What workers publish unless a label opens more: the range that orchestrators publish in.
const PUBLISHED: &[(u16, u16)] = &[(30000, 32767)];

/// A label's value, unless it is empty.
pub(crate) fn label<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    labels.get(name).filter(|value| !value.is_empty())
}

/// Octavia's provider that is part of the network instead of a machine.
const OVN: &str = "ovn";
/// The only algorithm that it has.
const OVN_ALGORITHM: &str = "SOURCE_IP_PORT";

/// How load balancers choose a member; `None` for what the templates say.
pub(crate) fn lb_algorithm(labels: &Labels) -> Option<&str> {
    if label(labels, "octavia_provider") == Some(OVN) {
        return Some(OVN_ALGORITHM);
    }
    label(labels, "octavia_lb_algorithm")
}

/// What the provider ovn cannot do: what Octavia would refuse is refused, and what it would leave out is told.
pub(crate) fn check_ovn(labels: &Labels, balanced: bool) -> Result<Vec<Warning>, DriverError> {
    if label(labels, "octavia_provider") != Some(OVN) {
        return Ok(Vec::new());
    }
    if let Some(other) = label(labels, "octavia_lb_algorithm").filter(|named| *named != OVN_ALGORITHM) {
        return Err(DriverError::LabelValue {
            label: "octavia_lb_algorithm".to_owned(),
            value: other.to_owned(),
            allowed: format!("{OVN_ALGORITHM} or absent with octavia_provider {OVN}, which has no other"),
        });
    }
    let mut warnings = Vec::new();
    if balanced && label(labels, "master_lb_allowed_cidrs").is_some() {
        warnings.push(Warning(format!(
            "octavia_provider {OVN}: Octavia may refuse master_lb_allowed_cidrs with it, and the cluster would fail; \
             another provider admits them"
        )));
    }
    Ok(warnings)
}

/// Minutes that Heat and the nodes get.
pub(crate) fn timeout_minutes(cluster: &Cluster, settings: &DriverSettings) -> i32 {
    cluster.create_timeout.filter(|minutes| *minutes > 0).unwrap_or(settings.create_timeout).max(1)
}

/// The configured address with the version that nodes expect.
pub(crate) fn magnum_url(settings: &DriverSettings) -> String {
    let url = settings.magnum_url.trim_end_matches('/');
    if url.ends_with("/v1") { url.to_owned() } else { format!("{url}/v1") }
}

/// Security group rules of the workers for everybody outside: ping, SSH, the published range, what the engine
/// publishes besides, and what the label `open_ports` asks for.
pub(crate) fn node_rules(labels: &Labels, besides: &[(u16, u16)]) -> Value {
    let asked = label(labels, "open_ports").and_then(labels::ports).unwrap_or_default();
    let mut rules = vec![json!({"protocol": "icmp"}), rule("tcp", (22, 22))];
    let mut open: Vec<(u16, u16)> = PUBLISHED.iter().chain(besides).copied().collect();
    open.extend(asked);
    // Neutron refuses the same rule twice.
    open.sort_unstable();
    open.dedup();
    for range in open {
        rules.extend(
            [rule("tcp", range), rule("udp", range)].into_iter().filter(|new| *new != rule("tcp", (22, 22))),
        );
    }
    Value::Array(rules)
}

pub(crate) fn rule(protocol: &str, (first, last): (u16, u16)) -> Value {
    json!({"protocol": protocol, "port_range_min": first, "port_range_max": last})
}

/// A list as Heat takes one for a parameter.
pub(crate) fn comma_separated(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Value::String(texts.join(","))
        }
        other => other,
    }
}

/// The addresses in an output. While a stack is being built it is empty, null or holds nulls: those are none yet.
pub(crate) fn addresses(value: Option<&Value>) -> Vec<String> {
    let entries = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

/// Parameters by name.
#[derive(Default)]
pub(crate) struct Values(pub(crate) IndexMap<String, Value>);

impl Values {
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Sets what is there and not empty.
    pub(crate) fn given(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.set(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ovn_has_one_algorithm() {
        let labels = |pairs: &[(&str, &str)]| {
            Labels::from_iter(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
        };
        let ovn = ("octavia_provider", "ovn");
        assert_eq!(lb_algorithm(&labels(&[ovn])), Some("SOURCE_IP_PORT"));
        assert_eq!(lb_algorithm(&labels(&[("octavia_lb_algorithm", "SOURCE_IP")])), Some("SOURCE_IP"));
        assert_eq!(lb_algorithm(&labels(&[])), None);

        assert_eq!(check_ovn(&labels(&[("octavia_provider", "amphora")]), true).unwrap(), []);
        assert_eq!(check_ovn(&labels(&[ovn]), false).unwrap(), []);
        assert_eq!(check_ovn(&labels(&[ovn]), true).unwrap(), []);
        let said = check_ovn(&labels(&[ovn, ("master_lb_allowed_cidrs", "10.0.0.0/8")]), true).unwrap();
        assert!(said.len() == 1 && said[0].0.contains("master_lb_allowed_cidrs"), "{said:?}");
        let round = labels(&[ovn, ("octavia_lb_algorithm", "ROUND_ROBIN")]);
        let refused = check_ovn(&round, true).unwrap_err().to_string();
        assert!(refused.contains("octavia_lb_algorithm") && refused.contains("SOURCE_IP_PORT"), "{refused}");
    }
}
