//! How a wait looks: a block that is drawn over and over on a terminal; elsewhere a line for each thing that is new.

use crate::{cli::text, output::plain, screen::Screen, watch::look::Seen};
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

/// Nodes that are shown one by one.
const MAX_NODES: usize = 12;
/// The longest line that is drawn; a longer one would be two.
const MAX_LINE: usize = 300;

/// See the module.
pub struct View {
    is_terminal: bool,
    /// Lines that the terminal shows.
    drawn: usize,
    /// What was said already.
    said: BTreeSet<String>,
}

impl View {
    /// A view of this kind.
    pub fn new(is_terminal: bool) -> Self {
        Self { is_terminal, drawn: 0, said: BTreeSet::new() }
    }

    /// Shows what was seen.
    pub fn show(&mut self, screen: &mut Screen, seen: &Seen, now: Timestamp, elapsed: Duration) {
        if !self.is_terminal {
            for line in news(seen) {
                if self.said.insert(line.clone()) {
                    screen.note(&format!("[{:>7}] {line}", clock(elapsed)));
                }
            }
            return;
        }
        let lines = block(seen, now, elapsed);
        let mut text = String::new();
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        // Without line wrapping, so that a line stays one.
        text.push_str("\x1b[J\x1b[?7l");
        for line in &lines {
            text.extend(line.chars().take(MAX_LINE));
            text.push('\n');
        }
        text.push_str("\x1b[?7h");
        screen.draw(&text);
        self.drawn = lines.len();
    }

    /// Leaves the terminal as it is for what comes next.
    pub fn end(&mut self, screen: &mut Screen) {
        if self.drawn > 0 {
            screen.draw("\x1b[?7h");
        }
        self.drawn = 0;
    }
}

fn one_line(words: &str) -> String {
    plain(words).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

fn steps(seen: &Seen) -> impl Iterator<Item = &Value> {
    let steps =
        seen.operation.as_ref().and_then(|operation| operation.get("steps")).and_then(Value::as_array);
    steps.into_iter().flatten()
}

/// How long a step took, or has been running.
fn lasted(step: &Value, now: Timestamp) -> Option<Duration> {
    let at = |name: &str| text(step, name).parse::<Timestamp>().ok();
    let (begin, end) = (at("started_at")?, at("finished_at").unwrap_or(now));
    Duration::try_from(end.duration_since(begin)).ok()
}

fn first_error(seen: &Seen) -> Option<String> {
    let own = seen.operation.as_ref().map_or("", |operation| text(operation, "status_reason"));
    if !own.is_empty() {
        return Some(one_line(own));
    }
    let failed = seen.nodes.iter().find(|node| text(node, "state") == "failed")?;
    let (name, step, error) = (text(failed, "name"), text(failed, "step"), text(failed, "error"));
    Some(one_line(&format!("node {name}: {step}: {error}")))
}

fn ready(seen: &Seen) -> usize {
    seen.nodes.iter().filter(|node| text(node, "state") == "ready").count()
}

/// Everything, for a terminal.
fn block(seen: &Seen, now: Timestamp, elapsed: Duration) -> Vec<String> {
    let mut lines = Vec::new();
    let cluster = seen.cluster.as_ref();
    let name = cluster.map_or("", |cluster| text(cluster, "name"));
    let status = cluster.map_or("gone", |cluster| text(cluster, "status"));
    lines.push(format!("{}  {status}  {}", one_line(name), clock(elapsed)));
    if let Some(operation) = &seen.operation {
        lines.push(format!("  {} {}", one_line(text(operation, "kind")), one_line(text(operation, "state"))));
    }
    for step in steps(seen) {
        let lasted = lasted(step, now).map(clock).unwrap_or_default();
        let mut line =
            format!("    {:<8} {:<28} {lasted}", text(step, "state"), one_line(text(step, "name")));
        if let Some(tries) = step.get("tries").and_then(Value::as_i64).filter(|tries| *tries > 1) {
            line.push_str(&format!("  try {tries}"));
        }
        lines.push(line);
    }
    if !seen.nodes.is_empty() {
        lines.push(format!("  {} of {} nodes that are known are ready", ready(seen), seen.nodes.len()));
    }
    for node in seen.nodes.iter().filter(|node| text(node, "state") != "ready").take(MAX_NODES) {
        let (name, state, step) = (text(node, "name"), text(node, "state"), text(node, "step"));
        lines.push(format!("    {:<12} {:<32} {}", state, one_line(name), one_line(step)));
    }
    if let Some(error) = first_error(seen) {
        lines.push(format!("  first error: {error}"));
    }
    lines
}

/// Everything as single sentences, so that new ones can be told from those that were said.
fn news(seen: &Seen) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(cluster) = &seen.cluster {
        lines.push(format!("cluster {}: {}", one_line(text(cluster, "name")), text(cluster, "status")));
    }
    for step in steps(seen) {
        let mut line = format!("step {}: {}", one_line(text(step, "name")), text(step, "state"));
        if let Some(tries) = step.get("tries").and_then(Value::as_i64).filter(|tries| *tries > 1) {
            line.push_str(&format!(", try {tries}"));
        }
        lines.push(line);
    }
    for node in &seen.nodes {
        let mut line = format!("node {}: {}", one_line(text(node, "name")), text(node, "state"));
        let step = text(node, "step");
        if !step.is_empty() && text(node, "state") != "ready" {
            line.push_str(&format!(", {}", one_line(step)));
        }
        lines.push(line);
    }
    if let Some(error) = first_error(seen) {
        lines.push(format!("first error: {error}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn seen() -> Seen {
        Seen {
            cluster: Some(json!({"name": "c1", "status": "CREATE_IN_PROGRESS"})),
            operation: Some(
                json!({"kind": "cluster_create", "state": "running", "status_reason": null, "steps": [
                    {"name": "trust", "state": "done", "tries": null, "started_at": "2026-01-01T00:00:00+00:00",
                     "finished_at": "2026-01-01T00:00:02+00:00"},
                    {"name": "stack_create", "state": "running", "tries": 3,
                     "started_at": "2026-01-01T00:00:02+00:00", "finished_at": null},
                ]}),
            ),
            nodes: vec![
                json!({"name": "c1-master-0", "state": "ready", "step": "signal"}),
                json!({"name": "c1-node-0", "state": "failed", "step": "etcd", "error": "refused\nand\u{1b}[2J more"}),
            ],
        }
    }

    #[test]
    fn a_block_shows_steps_nodes_time_and_the_first_error() {
        let now: Timestamp = "2026-01-01T00:01:12Z".parse().unwrap();
        let text = block(&seen(), now, Duration::from_secs(75)).join("\n");
        for words in [
            "c1  CREATE_IN_PROGRESS  1m15s",
            "cluster_create running",
            "done     trust                        2s",
            "running  stack_create                 1m10s  try 3",
            "1 of 2 nodes",
            "failed       c1-node-0",
            "first error: node c1-node-0: etcd: refused and[2J more",
        ] {
            assert!(text.contains(words), "{words:?} is missing in\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "what nodes say must not move the cursor");
    }

    #[test]
    fn without_a_terminal_only_what_is_new_is_said() {
        let first = news(&seen());
        assert!(first.contains(&"step stack_create: running, try 3".to_owned()), "{first:?}");
        assert!(first.contains(&"node c1-master-0: ready".to_owned()), "{first:?}");
        assert_eq!(first, news(&seen()));
    }
}
