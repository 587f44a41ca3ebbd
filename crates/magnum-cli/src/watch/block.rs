//! What a wait looks like on a terminal: lines that fit on it. A block that is higher than the terminal could not be drawn
//! over, since what has scrolled away is out of the cursor's reach; so what is done already makes room for what is not.

use super::{
    look::Seen,
    view::{clock, first_error, one_line, ready, steps},
};
use crate::{cli::text, environment::TerminalSize};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// Nodes that are shown one by one.
const MAX_NODES: usize = 12;
/// Lines of the first error; all of it is told at the end.
const MAX_ERROR_LINES: usize = 4;

/// How long a step took, or has been running.
fn lasted(step: &Value, now: Timestamp) -> Option<Duration> {
    let at = |name: &str| text(step, name).parse::<Timestamp>().ok();
    let (begin, end) = (at("started_at")?, at("finished_at").unwrap_or(now));
    Duration::try_from(end.duration_since(begin)).ok()
}

/// Everything that there is room for. The cursor is left on a line of its own below.
pub fn block(seen: &Seen, now: Timestamp, elapsed: Duration, size: TerminalSize) -> Vec<String> {
    let mut head = Vec::new();
    let cluster = seen.cluster.as_ref();
    let name = cluster.map_or("", |cluster| text(cluster, "name"));
    let status = cluster.map_or("gone", |cluster| text(cluster, "status"));
    head.push(format!("{}  {status}  {}", one_line(name), clock(elapsed)));
    if let Some(operation) = &seen.operation {
        head.push(format!("  {} {}", one_line(text(operation, "kind")), one_line(text(operation, "state"))));
    }
    let count = (!seen.nodes.is_empty())
        .then(|| format!("  {} of {} nodes that are known are ready", ready(seen), seen.nodes.len()));
    let error = first_error(seen).map(|error| folded(&error, size.columns)).unwrap_or_default();

    let fixed = head.len() + usize::from(count.is_some()) + error.len() + 1;
    let room = size.rows.saturating_sub(fixed);
    let mut nodes = node_lines(seen);
    let mut steps = step_lines(seen, now);
    // What is under way comes first: half of the room at least is the steps', and what they leave is the nodes'.
    let for_nodes = nodes.len().min(MAX_NODES + 1);
    shorten_steps(&mut steps, room.saturating_sub(for_nodes).max(room.div_ceil(2)));
    shorten(&mut nodes, room.saturating_sub(steps.len()).min(MAX_NODES + 1));

    let steps = steps.into_iter().map(|(_, line)| line);
    let mut lines: Vec<String> =
        head.into_iter().chain(steps).chain(count).chain(nodes).chain(error).collect();
    lines.truncate(size.rows.saturating_sub(1).max(1));
    lines
}

/// Each step, and whether it is done.
fn step_lines(seen: &Seen, now: Timestamp) -> Vec<(bool, String)> {
    let line = |step: &Value| {
        let lasted = lasted(step, now).map(clock).unwrap_or_default();
        let state = text(step, "state");
        let mut line = format!("    {state:<8} {:<28} {lasted}", one_line(text(step, "name")));
        if let Some(tries) = step.get("tries").and_then(Value::as_i64).filter(|tries| *tries > 1) {
            line.push_str(&format!("  try {tries}"));
        }
        (state == "done", line)
    };
    steps(seen).map(line).collect()
}

fn node_lines(seen: &Seen) -> Vec<String> {
    let line = |node: &Value| {
        let (name, state, step) = (text(node, "name"), text(node, "state"), text(node, "step"));
        format!("    {state:<12} {:<32} {}", one_line(name), one_line(step))
    };
    seen.nodes.iter().filter(|node| text(node, "state") != "ready").map(line).collect()
}

/// The first steps that are done become one line, as many as must.
fn shorten_steps(steps: &mut Vec<(bool, String)>, room: usize) {
    if steps.len() > room {
        let done = steps.iter().take_while(|(done, _)| *done).count();
        let gone = done.min(steps.len() + 1 - room.min(steps.len()));
        if gone > 1 {
            steps.drain(..gone);
            steps.insert(0, (true, format!("    done     {gone} steps")));
        }
    }
    // More of them under way than there are lines: the latest.
    let surplus = steps.len().saturating_sub(room);
    steps.drain(..surplus);
}

/// What there is no room for is counted.
fn shorten(lines: &mut Vec<String>, room: usize) {
    if lines.len() > room {
        let shown = room.saturating_sub(1);
        let more = lines.len() - shown;
        lines.truncate(shown);
        if room > 0 {
            lines.push(format!("    and {more} more"));
        }
    }
}

/// The first error over several lines, since what is right of the edge is not seen.
fn folded(error: &str, columns: usize) -> Vec<String> {
    let width = columns.saturating_sub(4).max(16);
    let mut lines = vec!["  first error:".to_owned()];
    for word in error.split(' ') {
        let is_last = lines.len() == MAX_ERROR_LINES;
        let Some(line) = lines.last_mut() else { break };
        if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else if is_last {
            line.push_str(" …");
            break;
        } else {
            lines.push(format!("    {word}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{super::view::tests::seen, *};
    use serde_json::json;

    const NOW: &str = "2026-01-01T00:01:12Z";

    fn drawn(seen: &Seen, rows: usize, columns: usize) -> Vec<String> {
        block(seen, NOW.parse().unwrap(), Duration::from_secs(75), TerminalSize { rows, columns })
    }

    #[test]
    fn a_block_shows_steps_nodes_time_and_the_first_error() {
        let text = drawn(&seen(), 24, 80).join("\n");
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
    fn what_is_done_makes_room_for_what_is_not_on_a_low_terminal() {
        let mut seen = seen();
        let step = |number: usize| {
            let state = if number < 19 { "done" } else { "running" };
            json!({"name": format!("step-{number}"), "state": state})
        };
        seen.operation = Some(json!({"kind": "cluster_create", "state": "running",
            "steps": (0..20).map(step).collect::<Vec<_>>()}));
        seen.nodes = (0..30).map(|n| json!({"name": format!("n-{n}"), "state": "installing"})).collect();
        for rows in [2, 3, 6, 10, 24, 50] {
            let lines = drawn(&seen, rows, 80);
            assert!(lines.len() < rows, "{rows}: {lines:#?}");
            assert!(lines[0].starts_with("c1  CREATE_IN_PROGRESS"), "{rows}: {lines:#?}");
            if rows >= 6 {
                assert!(lines.iter().any(|line| line.contains("running  step-19")), "{rows}: {lines:#?}");
            }
        }
        let lines = drawn(&seen, 24, 80);
        let told = |words: &str| lines.iter().any(|line| line.contains(words));
        assert!(told("done     ") && told(" steps") && !told("step-0 "), "{lines:#?}");
        let shown = lines.iter().filter(|line| line.contains("installing")).count();
        assert!(told(&format!("and {} more", 30 - shown)), "{lines:#?}");
    }

    #[test]
    fn a_long_error_is_folded_at_the_edge_and_ends() {
        let words = "nine char ".repeat(60);
        let lines = folded(words.trim(), 40);
        assert_eq!(lines.len(), MAX_ERROR_LINES);
        assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:#?}");
        assert!(lines[3].ends_with('…'), "{lines:#?}");
    }
}
