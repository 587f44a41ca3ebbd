//! Docker Swarm: founding, joining, readiness, and what a manager does for others. All of it through the `docker`
//! command on the engine's local socket.

use super::{Context, Facts, must};
use crate::{error::StepError, machine::Command};
use magnum_types::plan::Text;
use serde::Deserialize;

/// What the engine knows of its Swarm.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Membership {
    #[serde(default)]
    local_node_state: String,
    #[serde(default)]
    control_available: bool,
    #[serde(default)]
    error: String,
}

/// One line of the list of nodes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    #[serde(rename = "ID")]
    id: String,
    hostname: String,
    status: String,
    #[serde(default)]
    availability: String,
    #[serde(default)]
    manager_status: String,
}

/// One line of a node's tasks.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Task {
    current_state: String,
}

fn docker(arguments: &[&str]) -> Command {
    Command::new("docker", arguments)
}

fn membership(context: &Context<'_>) -> Result<Membership, StepError> {
    let text = must(context, &docker(&["info", "--format", "{{json .Swarm}}"]))?;
    serde_json::from_str(&text)
        .map_err(|error| StepError::NotYet(format!("docker info is not readable: {error}")))
}

pub(super) fn init(context: &mut Context<'_>, advertise_address: &str) -> Result<(), StepError> {
    let present = membership(context)?;
    match present.local_node_state.as_str() {
        "active" if present.control_available => {}
        "active" => return Err(StepError::Never("the engine is already a worker of a Swarm".to_owned())),
        "inactive" => {
            must(context, &docker(&["swarm", "init", "--advertise-addr", advertise_address]).within(120))?;
        }
        other => return Err(unusual(other, &present)),
    }
    context.state.state.founded = true;
    context.state.state.joined = true;
    context.state.save(context.machine)?;
    Ok(())
}

pub(super) fn join(
    context: &mut Context<'_>,
    token: &Text,
    managers: &[String],
    advertise_address: &str,
) -> Result<(), StepError> {
    let present = membership(context)?;
    match present.local_node_state.as_str() {
        "active" => {}
        "inactive" => enter(context, token, managers, advertise_address)?,
        // A first join that broke off leaves this behind. A node that was a member once is not thrown out of its
        // Swarm for it: a manager would lose its log.
        "error" if !context.state.state.joined => {
            must(context, &docker(&["swarm", "leave", "--force"]))?;
            return Err(unusual("error", &present));
        }
        other => return Err(unusual(other, &present)),
    }
    context.state.state.joined = true;
    context.state.save(context.machine)?;
    Ok(())
}

fn enter(
    context: &Context<'_>,
    token: &Text,
    managers: &[String],
    advertise_address: &str,
) -> Result<(), StepError> {
    let mut last = StepError::NotYet("no manager to join".to_owned());
    for manager in managers {
        let command = docker(&["swarm", "join", "--advertise-addr", advertise_address, "--token"])
            .secret(&token.0)
            .plain(manager);
        match must(context, &command) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
        // The engine goes on with a join in the background; another one would only get in its way.
        if membership(context)?.local_node_state != "inactive" {
            break;
        }
    }
    Err(last)
}

pub(super) fn ready(context: &Context<'_>, manager: bool) -> Result<(), StepError> {
    let present = membership(context)?;
    if present.local_node_state != "active" {
        return Err(unusual(&present.local_node_state, &present));
    }
    if !manager {
        return Ok(());
    }
    if !present.control_available {
        return Err(StepError::NotYet("the engine is not a manager yet".to_owned()));
    }
    let reach = docker(&["node", "inspect", "--format", "{{.ManagerStatus.Reachability}}", "self"]);
    match must(context, &reach)?.trim() {
        "reachable" => Ok(()),
        other => Err(StepError::NotYet(format!("the manager is {other}"))),
    }
}

pub(super) fn tokens(context: &Context<'_>) -> Result<Facts, StepError> {
    let mut facts = Facts::new();
    for role in ["worker", "manager"] {
        let token = must(context, &docker(&["swarm", "join-token", "--quiet", role]))?.trim().to_owned();
        if token.is_empty() {
            return Err(StepError::NotYet(format!("the engine tells no token for a {role}")));
        }
        facts.insert(format!("swarm_{role}_token"), Text(token));
    }
    if context.state.state.founded {
        facts.insert("swarm_founder".to_owned(), Text(context.state.state.instance_id.clone()));
    }
    Ok(facts)
}

pub(super) fn engine_version(context: &Context<'_>) -> Result<Facts, StepError> {
    let version = must(context, &docker(&["version", "--format", "{{.Server.Version}}"]))?.trim().to_owned();
    Ok(Facts::from([("engine_version".to_owned(), Text(version))]))
}

/// The label of a node that was drained because it is about to leave. A node that an operator drained has none, and
/// is left as it is.
const LEAVING: &str = "magnum.leaving=true";

pub(super) fn drain(context: &Context<'_>, hostnames: &[String]) -> Result<(), StepError> {
    take_back(context, hostnames)?;
    if hostnames.is_empty() {
        return Ok(());
    }
    let mut busy = Vec::new();
    for node in nodes(context, hostnames)? {
        if !node.availability.eq_ignore_ascii_case("drain") {
            let update = ["node", "update", "--availability", "drain", "--label-add", LEAVING, &node.id];
            must(context, &docker(&update))?;
        }
        // A dead node stops nothing, and its tasks are elsewhere already.
        if node.status.eq_ignore_ascii_case("ready") {
            let tasks: Vec<Task> =
                lines(&must(context, &docker(&["node", "ps", "--format", "{{json .}}", &node.id]))?)?;
            let running = tasks.iter().filter(|task| task.current_state.starts_with("Running")).count();
            if running > 0 {
                busy.push(format!("{running} tasks still run on {}", node.hostname));
            }
        }
    }
    if busy.is_empty() { Ok(()) } else { Err(StepError::NotYet(busy.join(", "))) }
}

/// Gives work again to nodes that were to leave and stay after all.
fn take_back(context: &Context<'_>, leaving: &[String]) -> Result<(), StepError> {
    let filter = format!("node.label={LEAVING}");
    let marked: Vec<Node> =
        lines(&must(context, &docker(&["node", "ls", "--filter", &filter, "--format", "{{json .}}"]))?)?;
    for node in marked.iter().filter(|node| !leaving.contains(&node.hostname)) {
        let update = ["node", "update", "--availability", "active", "--label-rm", "magnum.leaving", &node.id];
        must(context, &docker(&update))?;
    }
    Ok(())
}

pub(super) fn forget(context: &Context<'_>, hostnames: &[String]) -> Result<(), StepError> {
    let known = nodes(context, hostnames)?;
    for node in &known {
        // A new server may have the old one's name: then the living one stays.
        let namesakes = known.iter().filter(|other| other.hostname == node.hostname).count();
        if namesakes > 1 && node.status.eq_ignore_ascii_case("ready") {
            continue;
        }
        if !node.manager_status.is_empty() {
            must(context, &docker(&["node", "demote", &node.id]))?;
        }
        must(context, &docker(&["node", "rm", "--force", &node.id]))?;
    }
    Ok(())
}

/// The Swarm's nodes with one of these names.
fn nodes(context: &Context<'_>, hostnames: &[String]) -> Result<Vec<Node>, StepError> {
    let all: Vec<Node> = lines(&must(context, &docker(&["node", "ls", "--format", "{{json .}}"]))?)?;
    Ok(all.into_iter().filter(|node| hostnames.contains(&node.hostname)).collect())
}

fn lines<T: for<'a> Deserialize<'a>>(text: &str) -> Result<Vec<T>, StepError> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line))
        .collect::<Result<_, _>>()
        .map_err(|error| StepError::NotYet(format!("docker's answer is not readable: {error}")))
}

fn unusual(state: &str, present: &Membership) -> StepError {
    let error = if present.error.is_empty() { String::new() } else { format!(": {}", present.error) };
    StepError::NotYet(format!("the engine's Swarm state is {state}{error}"))
}
