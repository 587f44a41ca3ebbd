//! Kubernetes through `kubectl`: what one node asks of the API, and what a master does for all.

use super::{Context, Facts, complaint, must, unit};
use crate::{
    error::StepError,
    machine::{Command, Machine, Output},
};
use jiff::Timestamp;
use magnum_types::plan::{Kubectl, Text};
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) mod drain;
pub(super) mod manifests;
pub(super) mod marks;
pub(super) mod pods;
pub(super) mod rollout;

/// Longest list of nodes that is read, in bytes. A node that has many images is shown with tens of kilobytes.
const LIST_LIMIT: u64 = 128 * 1024 * 1024;

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<Node>,
}

/// A node as the API shows it.
#[derive(Deserialize)]
pub(crate) struct Node {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    unschedulable: bool,
    #[serde(default)]
    taints: Vec<Taint>,
}

#[derive(Deserialize)]
struct Taint {
    key: String,
    #[serde(default)]
    value: String,
    effect: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    #[serde(default)]
    message: String,
    /// When the kubelet last said so; to the second, by the machine's own clock.
    #[serde(default, rename = "lastHeartbeatTime")]
    said: Option<Timestamp>,
}

impl Node {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.metadata.name
    }

    /// `True`, `False`, or `Unknown` also where the API says nothing.
    pub(crate) fn ready(&self) -> &str {
        self.readiness().map_or("Unknown", |condition| &condition.status)
    }

    fn readiness(&self) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.kind == "Ready")
    }
}

/// The API answers and has all that it begins with, such as the roles that everybody needs.
pub(super) fn api(
    context: &Context<'_>,
    kubectl: &Kubectl,
    address: &str,
    server: &str,
) -> Result<(), StepError> {
    let connected = context.machine.connects(address).map_err(|error| format!("{address}: {error}"));
    match connected.and_then(|()| answers(context.machine, kubectl)) {
        Ok(()) => Ok(()),
        Err(error) if server.is_empty() => Err(StepError::NotYet(error)),
        Err(error) => {
            let active = Command::new("systemctl", &["is-active", "--quiet", server]);
            let runs = context.machine.run(&active)?.success;
            let cause = if runs { None } else { unit::cause(context, server) };
            Err(StepError::NotYet(cause.unwrap_or(error)))
        }
    }
}

pub(super) fn ready(
    context: &Context<'_>,
    kubectl: &Kubectl,
    node: &str,
    kubelet: &str,
) -> Result<(), StepError> {
    let text = must(context, &command(kubectl, &["get", "node", node, "-o", "json"]).keeping(LIST_LIMIT))?;
    let found: Node = read(&text).map_err(StepError::NotYet)?;
    match found.readiness() {
        Some(condition)
            if condition.status == "True" && is_of_another_kubelet(context, condition, kubelet) =>
        {
            Err(StepError::NotYet(format!(
                "{node} has not told since its kubelet was started whether it is ready"
            )))
        }
        Some(condition) if condition.status == "True" => Ok(()),
        Some(condition) => Err(StepError::NotYet(format!("{node} is not ready: {}", condition.message))),
        None => Err(StepError::NotYet(format!("{node} has not told yet whether it is ready"))),
    }
}

/// A kubelet speaks as soon as it has started. Where its word is as old as this, its clock was set meanwhile, and the API
/// itself would have noticed that it is silent.
const STALE: i64 = 60;

fn is_of_another_kubelet(context: &Context<'_>, condition: &Condition, kubelet: &str) -> bool {
    let Some(started) = context.state.state.started_at.get(kubelet) else { return false };
    let age = context.machine.wall().as_second() - started.as_second();
    (0..STALE).contains(&age) && condition.said.is_some_and(|said| said.as_second() < started.as_second())
}

pub(super) fn forget(context: &Context<'_>, kubectl: &Kubectl, nodes: &[String]) -> Result<(), StepError> {
    for node in nodes {
        must(context, &command(kubectl, &["delete", "node", node, "--ignore-not-found", "--wait=false"]))?;
    }
    Ok(())
}

/// The kubelet tells that it is ready as soon as the API knows the range; without one it speaks every ten seconds only.
pub(super) fn pod_range(
    context: &Context<'_>,
    kubectl: &Kubectl,
    node: &str,
    range: &str,
) -> Result<(), StepError> {
    let known = must(context, &command(kubectl, &["get", "node", node, "-o", "jsonpath={.spec.podCIDR}"]))?;
    if !known.trim().is_empty() {
        return Ok(());
    }
    let spec = serde_json::json!({"spec": {"podCIDR": range, "podCIDRs": [range]}}).to_string();
    must(context, &command(kubectl, &["patch", "node", node, "--type=merge", "-p", &spec])).map(drop)
}

pub(super) fn versions(context: &Context<'_>, kubelet: &str) -> Result<Facts, StepError> {
    // `Kubernetes v1.20.2`; `containerd github.com/containerd/containerd 1.6.20 …`.
    let word = |program: &str, place: usize| -> Result<Text, StepError> {
        let text = must(context, &Command::new(program, &["--version"]))?;
        let word = text.split_whitespace().nth(place).map(|word| Text(word.to_owned()));
        word.ok_or_else(|| StepError::NotYet(format!("{program} does not tell its version")))
    };
    Ok(Facts::from([
        ("kube_version".to_owned(), word(kubelet, 1)?),
        ("container_version".to_owned(), word("containerd", 2)?),
    ]))
}

/// A command to the API.
pub(crate) fn command(kubectl: &Kubectl, words: &[&str]) -> Command {
    let arguments: Vec<&str> =
        ["--kubeconfig", &kubectl.kubeconfig, "--request-timeout=30s"].iter().chain(words).copied().collect();
    Command::new(&kubectl.program, &arguments)
}

/// All nodes that the API knows.
fn nodes(context: &Context<'_>, kubectl: &Kubectl) -> Result<Vec<Node>, StepError> {
    let text = must(context, &command(kubectl, &["get", "nodes", "-o", "json"]).keeping(LIST_LIMIT))?;
    Ok(read::<List>(&text).map_err(StepError::NotYet)?.items)
}

fn read<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("kubectl's answer is not readable: {error}"))
}

/// What `ok` and the nodes' readiness look like to someone who has little time.
pub(crate) fn health(machine: &dyn Machine, kubectl: &Kubectl) -> BTreeMap<String, String> {
    let api = "api".to_owned();
    match served(machine, kubectl) {
        Ok(nodes) => {
            let nodes = nodes.iter().map(|node| (format!("{}.Ready", node.name()), node.ready().to_owned()));
            std::iter::once((api, "ok".to_owned())).chain(nodes).collect()
        }
        Err(error) => BTreeMap::from([(api, error)]),
    }
}

fn served(machine: &dyn Machine, kubectl: &Kubectl) -> Result<Vec<Node>, String> {
    answers(machine, kubectl)?;
    Ok(read::<List>(&said(quick(machine, kubectl, &["get", "nodes", "-o", "json"])?)?)?.items)
}

/// Whether the API says of itself that it is ready.
fn answers(machine: &dyn Machine, kubectl: &Kubectl) -> Result<(), String> {
    let mut answer = quick(machine, kubectl, &["get", "--raw=/readyz"])?;
    // Releases before 1.16 only have the older path.
    if !answer.1.success && answer.1.stderr.contains("NotFound") {
        answer = quick(machine, kubectl, &["get", "--raw=/healthz"])?;
    }
    let said = said(answer)?;
    if said.trim() == "ok" { Ok(()) } else { Err(crate::error::first_line(&said)) }
}

/// A question that must not take long.
fn quick(machine: &dyn Machine, kubectl: &Kubectl, words: &[&str]) -> Result<(Command, Output), String> {
    let arguments: Vec<&str> =
        ["--kubeconfig", &kubectl.kubeconfig, "--request-timeout=5s"].iter().chain(words).copied().collect();
    let command = Command::new(&kubectl.program, &arguments).within(10).keeping(LIST_LIMIT);
    let output = machine.run(&command).map_err(|error| error.to_string())?;
    Ok((command, output))
}

fn said((command, output): (Command, Output)) -> Result<String, String> {
    if output.success { Ok(output.stdout) } else { Err(complaint(&command, &output)) }
}
