//! Small words that the drivers' node plans are written in.

use magnum_types::{
    ClusterTemplate,
    plan::{Action, PlanStep, Text},
};
use std::collections::BTreeMap;

pub(crate) const MINUTE: u32 = 60;

pub(crate) fn step(name: &str, timeout: u32, action: Action) -> PlanStep {
    PlanStep { name: name.to_owned(), timeout, optional: false, yields: false, action }
}

/// A step whose failure does not keep the node from being ready.
pub(crate) fn optional(name: &str, timeout: u32, action: Action) -> PlanStep {
    PlanStep { optional: true, ..step(name, timeout, action) }
}

/// The same, of a step that waits for another node: a newer plan ends the wait.
pub(crate) fn yielding(name: &str, timeout: u32, action: Action) -> PlanStep {
    PlanStep { yields: true, ..optional(name, timeout, action) }
}

pub(crate) fn file(name: &str, path: &str, mode: u32, content: String) -> PlanStep {
    step(name, MINUTE, Action::File { path: path.to_owned(), mode, content: Text(content) })
}

/// A unit that is restarted when one of these files is another.
pub(crate) fn unit(name: &str, unit: &str, watches: &[&str]) -> PlanStep {
    let watches = watches.iter().map(|path| (*path).to_owned()).collect();
    step(name, 5 * MINUTE, Action::Unit { name: unit.to_owned(), watches })
}

pub(crate) fn programs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(program, package)| ((*program).to_owned(), (*package).to_owned())).collect()
}

/// The template's proxies as lines of a unit; `besides` is reached without them.
pub(crate) fn proxies(template: &ClusterTemplate, besides: &[&str]) -> String {
    let proxies = [("HTTP_PROXY", &template.http_proxy), ("HTTPS_PROXY", &template.https_proxy)];
    let proxies: Vec<_> = proxies
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref().filter(|value| !value.is_empty())?)))
        .collect();
    let mut text: String = proxies.iter().map(|(name, value)| environment(name, value)).collect();
    if !proxies.is_empty() {
        let mut exempt = vec!["localhost", "127.0.0.1"];
        exempt.extend(besides);
        exempt.extend(template.no_proxy.as_deref().filter(|list| !list.is_empty()));
        text.push_str(&environment("NO_PROXY", &exempt.join(",")));
    }
    text
}

/// One variable, quoted for systemd: `%` would be a specifier, and a line break would begin another setting.
fn environment(name: &str, value: &str) -> String {
    let value: String = value.chars().filter(|c| !c.is_control()).collect();
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    format!("Environment=\"{name}={value}\"\n")
}

/// An address and a port, an IPv6 address in brackets.
pub(crate) fn socket_address(address: &str, port: u16) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}
