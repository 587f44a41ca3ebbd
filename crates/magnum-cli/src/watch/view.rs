//! How a wait looks: a block that is drawn over and over on a terminal; elsewhere a line for each thing that is new.

use super::{block::block, look::Seen};
use crate::{cli::text, environment::Terminal, output::plain, screen::Screen};
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

/// The longest line that is drawn; a longer one would be two.
const MAX_LINE: usize = 300;

/// See the module.
pub struct View {
    terminal: Option<Terminal>,
    /// Lines that the terminal shows.
    drawn: usize,
    /// What was said already.
    said: BTreeSet<String>,
}

impl View {
    /// A view on a terminal, or without one.
    pub fn new(terminal: Option<Terminal>) -> Self {
        Self { terminal, drawn: 0, said: BTreeSet::new() }
    }

    /// Shows what was seen.
    pub fn show(&mut self, screen: &mut Screen, seen: &Seen, now: Timestamp, elapsed: Duration) {
        let Some(terminal) = self.terminal else {
            for line in news(seen) {
                if self.said.insert(line.clone()) {
                    screen.note(&format!("[{:>7}] {line}", clock(elapsed)));
                }
            }
            return;
        };
        // Asked each time: a window changes its size.
        let lines = block(seen, now, elapsed, terminal.size());
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

    /// Leaves the terminal as it is for what comes next: the cursor below the block, at the edge, and nothing there, such
    /// as the `^C` that a terminal shows for the key.
    pub fn end(&mut self, screen: &mut Screen) {
        if self.terminal.is_some() {
            screen.draw("\r\x1b[J\x1b[?7h");
        }
        self.drawn = 0;
    }
}

pub(super) fn one_line(words: &str) -> String {
    plain(words).split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

pub(super) fn steps(seen: &Seen) -> impl Iterator<Item = &Value> {
    let steps =
        seen.operation.as_ref().and_then(|operation| operation.get("steps")).and_then(Value::as_array);
    steps.into_iter().flatten()
}

pub(super) fn first_error(seen: &Seen) -> Option<String> {
    let own = seen.operation.as_ref().map_or("", |operation| text(operation, "status_reason"));
    if !own.is_empty() {
        return Some(one_line(own));
    }
    let failed = seen.nodes.iter().find(|node| text(node, "state") == "failed")?;
    let (name, step, error) = (text(failed, "name"), text(failed, "step"), text(failed, "error"));
    Some(one_line(&format!("node {name}: {step}: {error}")))
}

pub(super) fn ready(seen: &Seen) -> usize {
    seen.nodes.iter().filter(|node| text(node, "state") == "ready").count()
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
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub(in crate::watch) fn seen() -> Seen {
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
    fn without_a_terminal_only_what_is_new_is_said() {
        let first = news(&seen());
        assert!(first.contains(&"step stack_create: running, try 3".to_owned()), "{first:?}");
        assert!(first.contains(&"node c1-master-0: ready".to_owned()), "{first:?}");
        assert_eq!(first, news(&seen()));
    }
}
