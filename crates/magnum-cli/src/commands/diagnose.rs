//! Why a cluster is not complete, or not healthy: what the service knows, put in one place and in order.

use crate::{
    cli::{Cli, text},
    client::Api,
    error::{CliError, Kind, Result},
    output::{Format, plain},
};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A node that says nothing for so long is called silent.
const SILENT_SECONDS: i64 = 300;

/// See [`ClusterCommand::Diagnose`](crate::commands::cluster::ClusterCommand::Diagnose).
#[derive(Args)]
#[command(after_help = "Exit code 0 when nothing is wrong (something may be in progress), 1 otherwise.")]
pub struct Diagnose {
    /// Name or UUID
    cluster: String,
}

/// What the service knows.
struct Known {
    cluster: Value,
    /// The newest one; a service without operations has none.
    operation: Option<Value>,
    nodes: Vec<Value>,
}

/// What follows from it.
#[derive(Debug, PartialEq, Default)]
struct Diagnosis {
    is_well: bool,
    findings: Vec<String>,
    advice: Vec<String>,
}

impl Diagnose {
    /// Runs it.
    ///
    /// # Errors
    /// When something is wrong with the cluster, too.
    pub async fn run(self, cli: &mut Cli) -> Result {
        let api = cli.api()?;
        let known = ask(&api, &self.cluster).await?;
        let diagnosis = diagnose(&known, cli.environment.clock.now());
        let (name, status) = (plain(text(&known.cluster, "name")), text(&known.cluster, "status"));
        match cli.output.format {
            Format::Table if cli.output.columns.is_empty() => {
                let mut lines = vec![format!("Cluster {name} ({}): {status}", text(&known.cluster, "uuid"))];
                lines.extend(diagnosis.findings.iter().map(|finding| format!("- {finding}")));
                if !diagnosis.advice.is_empty() {
                    lines.push("What to do:".to_owned());
                    lines.extend(diagnosis.advice.iter().map(|advice| format!("- {advice}")));
                }
                cli.screen.print(&lines.join("\n"))?;
            }
            _ => cli.show(&json!({
                "uuid": known.cluster.get("uuid"),
                "name": known.cluster.get("name"),
                "status": status,
                "is_well": diagnosis.is_well,
                "findings": diagnosis.findings,
                "advice": diagnosis.advice,
                "operation": known.operation,
                "nodes": known.nodes,
            }))?,
        }
        if diagnosis.is_well {
            Ok(())
        } else {
            Err(CliError::new(Kind::Failed, format!("cluster {name} is not well")))
        }
    }
}

async fn ask(api: &Api, ident: &str) -> Result<Known> {
    let cluster = api.get(&["clusters", ident], &[]).await?;
    let uuid = text(&cluster, "uuid");
    // A service that lacks these lists still tells status and reason.
    let or_none = |answer: Result<Vec<Value>>| match answer {
        Err(error) if error.kind == Kind::NotFound => Ok(Vec::new()),
        other => other,
    };
    let newest = vec![("limit", "1".to_owned())];
    let operations = or_none(api.list(&["clusters", uuid, "operations"], "operations", &newest).await)?;
    let operation = operations.into_iter().next();
    let nodes = or_none(api.list(&["clusters", uuid, "nodes"], "nodes", &[]).await)?;
    Ok(Known { cluster, operation, nodes })
}

fn one_line(words: &str) -> String {
    plain(words).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn diagnose(known: &Known, now: Timestamp) -> Diagnosis {
    let mut diagnosis = Diagnosis { is_well: true, ..Diagnosis::default() };
    let status = text(&known.cluster, "status");
    let (failed, working) = (status.ends_with("_FAILED"), status.ends_with("_IN_PROGRESS"));
    diagnosis.is_well &= !failed;
    diagnosis.status_and_faults(&known.cluster, failed);
    if let Some(operation) = &known.operation {
        diagnosis.operation(operation);
    }
    diagnosis.nodes(known, failed || working, now);
    diagnosis.health(&known.cluster);
    diagnosis.advise(known, status, failed, working);
    if diagnosis.findings.is_empty() {
        diagnosis.findings.push("nothing is wrong as far as the service knows".to_owned());
    }
    diagnosis
}

impl Diagnosis {
    fn find(&mut self, finding: String) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn status_and_faults(&mut self, cluster: &Value, failed: bool) {
        let reason = one_line(text(cluster, "status_reason"));
        if !reason.is_empty() {
            self.find(format!("{}: {reason}", if failed { "reason" } else { "the service says" }));
        }
        for (group, fault) in cluster.get("faults").and_then(Value::as_object).into_iter().flatten() {
            let fault = one_line(fault.as_str().unwrap_or_default());
            if !fault.is_empty() && fault != reason {
                self.find(format!("node group {}: {fault}", one_line(group)));
            }
        }
    }

    fn operation(&mut self, operation: &Value) {
        let (kind, state) = (one_line(text(operation, "kind")), text(operation, "state"));
        if matches!(state, "done" | "superseded") {
            return;
        }
        self.is_well &= !matches!(state, "failed" | "stuck" | "unwinding");
        self.find(format!(
            "{kind} is {state} since {}, asked by request {}",
            text(operation, "created_at"),
            one_line(text(operation, "request_id"))
        ));
        for step in operation.get("steps").and_then(Value::as_array).into_iter().flatten() {
            let (name, state, error) =
                (one_line(text(step, "name")), text(step, "state"), text(step, "error"));
            let tries = step.get("tries").and_then(Value::as_i64).unwrap_or(1);
            if !error.is_empty() {
                self.find(format!("step {name} failed: {}", one_line(error)));
            } else if state == "running" && tries > 1 {
                self.find(format!("step {name} is being tried for the {tries}. time"));
            } else if state == "running" {
                self.find(format!("step {name} is running since {}", text(step, "started_at")));
            }
        }
        let reason = one_line(text(operation, "status_reason"));
        if !reason.is_empty() && !self.findings.iter().any(|finding| finding.contains(&reason)) {
            self.find(format!("first cause: {reason}"));
        }
    }

    fn nodes(&mut self, known: &Known, unfinished: bool, now: Timestamp) {
        for node in &known.nodes {
            let (name, state) = (one_line(text(node, "name")), text(node, "state"));
            let step = one_line(text(node, "step"));
            let silent = text(node, "reported_at")
                .parse::<Timestamp>()
                .map(|at| now.duration_since(at).as_secs())
                .ok()
                .filter(|seconds| *seconds > SILENT_SECONDS);
            if state == "failed" {
                self.is_well = false;
                self.find(format!("node {name}: step {step} failed: {}", one_line(text(node, "error"))));
            } else if let Some(seconds) = silent {
                self.is_well = false;
                self.find(format!(
                    "node {name} is {state} and has said nothing for {} minutes",
                    seconds / 60
                ));
            } else if state != "ready" {
                self.find(format!(
                    "node {name} is {state}{}",
                    if step.is_empty() { step } else { format!(", at step {step}") }
                ));
            }
        }
        let count = |name: &str| known.cluster.get(name).and_then(Value::as_u64).unwrap_or(0);
        let expected = count("node_count") + count("master_count");
        let seen = known.nodes.len() as u64;
        if unfinished && seen < expected && !text(&known.cluster, "status").starts_with("DELETE") {
            self.find(format!("{} of {expected} nodes have not made themselves known", expected - seen));
        }
    }

    fn health(&mut self, cluster: &Value) {
        if text(cluster, "health_status") != "UNHEALTHY" {
            return;
        }
        self.is_well = false;
        self.find("the cluster is UNHEALTHY".to_owned());
        let reasons = cluster.get("health_status_reason").and_then(Value::as_object);
        for (thing, word) in reasons.into_iter().flatten() {
            let word = one_line(word.as_str().unwrap_or_default());
            if !matches!(word.as_str(), "ok" | "True" | "true") {
                self.find(format!("{}: {word}", one_line(thing)));
            }
        }
    }

    fn advise(&mut self, known: &Known, status: &str, failed: bool, working: bool) {
        let all = self.findings.join("\n").to_ascii_lowercase();
        let name = plain(text(&known.cluster, "name"));
        let mut advise = |words: String| self.advice.push(words);
        if all.contains("quota") || all.contains("exceeded") {
            advise("make room in the project's quota: `openstack quota show --usage`".to_owned());
        }
        if all.contains("no valid host") {
            advise(
                "the cloud has no room for the flavor: choose a smaller one, or ask the operator".to_owned(),
            );
        }
        if all.contains("have not made themselves known") || all.contains("has said nothing") {
            advise(
                "see what the servers say: `openstack console log show SERVER`; a node must reach Magnum's API and \
                 the image's packages from its network"
                    .to_owned(),
            );
        }
        if all.contains("api_address: not reached") {
            advise(
                "the nodes may be well: look at what is in front of them, the load balancer (`openstack loadbalancer \
                 status show`), the floating IP and the security groups"
                    .to_owned(),
            );
        }
        if working {
            advise(format!("`magnum cluster wait {name}` shows how it goes on"));
        }
        match (failed, status) {
            (true, "CREATE_FAILED") => advise(format!(
                "remove the cause, then `magnum cluster delete {name}` and create it again: what a failed create \
                 had made is taken away already"
            )),
            (true, "DELETE_FAILED") => {
                advise(format!("remove the cause, then `magnum cluster delete {name}` again"));
            }
            (true, _) => advise("remove the cause, then ask for the same change again".to_owned()),
            _ => {}
        }
        if known.operation.as_ref().is_some_and(|operation| text(operation, "state") == "stuck") {
            advise(
                "something could not be taken back: an operator must look; give him the request's id"
                    .to_owned(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T01:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_failed_create_is_told_by_its_causes_in_order() {
        let known = Known {
            cluster: json!({"name": "c1", "status": "CREATE_FAILED", "status_reason": "No valid host was found.",
                "node_count": 2, "master_count": 1, "faults": {"default-worker": "No valid host was found.",
                "default-master": "ResourceInError: kube_masters"}}),
            operation: Some(json!({"kind": "cluster_create", "state": "failed", "request_id": "req-1",
                "status_reason": "No valid host was found.", "created_at": "2026-01-01T00:00:00+00:00",
                "steps": [{"name": "trust", "state": "undone", "error": null},
                          {"name": "stack_create", "state": "undone", "error": "No valid host was found."}]})),
            nodes: vec![
                json!({"name": "c1-master-0", "state": "failed", "step": "etcd", "error": "refused"}),
            ],
        };
        let diagnosis = diagnose(&known, now());
        assert!(!diagnosis.is_well);
        assert_eq!(
            diagnosis.findings,
            [
                "reason: No valid host was found.",
                "node group default-master: ResourceInError: kube_masters",
                "cluster_create is failed since 2026-01-01T00:00:00+00:00, asked by request req-1",
                "step stack_create failed: No valid host was found.",
                "node c1-master-0: step etcd failed: refused",
                "2 of 3 nodes have not made themselves known",
            ]
        );
        assert!(diagnosis.advice.iter().any(|advice| advice.contains("smaller")), "{diagnosis:?}");
        assert!(diagnosis.advice.iter().any(|advice| advice.contains("cluster delete c1")), "{diagnosis:?}");
    }

    #[test]
    fn a_complete_cluster_is_well_unless_a_node_is_silent_or_its_health_bad() {
        let complete = |health: &str, reported: &str| Known {
            cluster: json!({"name": "c1", "status": "CREATE_COMPLETE", "health_status": health,
                "health_status_reason": {"api": "ok", "c1-node-0.Ready": "False"}}),
            operation: Some(json!({"kind": "cluster_create", "state": "done", "steps": []})),
            nodes: vec![json!({"name": "c1-node-0", "state": "ready", "reported_at": reported})],
        };
        let well = diagnose(&complete("HEALTHY", "2026-01-01T00:59:00+00:00"), now());
        assert!(well.is_well && well.findings.len() == 1, "{well:?}");
        let silent = diagnose(&complete("HEALTHY", "2026-01-01T00:30:00+00:00"), now());
        assert!(!silent.is_well && silent.findings[0].contains("30 minutes"), "{silent:?}");
        let ill = diagnose(&complete("UNHEALTHY", "2026-01-01T00:59:00+00:00"), now());
        assert_eq!(ill.findings, ["the cluster is UNHEALTHY", "c1-node-0.Ready: False"]);
        let looks_in_front = |of: &Diagnosis| of.advice.iter().any(|advice| advice.contains("loadbalancer"));
        assert!(!looks_in_front(&ill), "{ill:?}");
        let mut cut_off = complete("UNHEALTHY", "2026-01-01T00:59:00+00:00");
        cut_off.cluster["health_status_reason"]["api_address"] =
            json!("not reached at 172.24.4.7:6443 since t: x");
        assert!(looks_in_front(&diagnose(&cut_off, now())));
    }

    #[test]
    fn what_is_in_progress_is_not_wrong() {
        let known = Known {
            cluster: json!({"name": "c1", "status": "CREATE_IN_PROGRESS", "node_count": 1, "master_count": 1}),
            operation: Some(json!({"kind": "cluster_create", "state": "running", "request_id": "req-1",
                "created_at": "t", "steps": [{"name": "stack_create", "state": "running", "tries": 3}]})),
            nodes: vec![],
        };
        let diagnosis = diagnose(&known, now());
        assert!(diagnosis.is_well);
        assert!(diagnosis.findings.iter().any(|finding| finding.contains("the 3. time")), "{diagnosis:?}");
        assert!(diagnosis.advice.iter().any(|advice| advice.contains("cluster wait c1")), "{diagnosis:?}");
    }
}
