//! A systemd unit, enabled and running with its present files.

use super::{Context, must};
use crate::{
    error::{StepError, first_line},
    machine::Command,
};
use magnum_x509::token::sha256_hex;

/// Between the two tries of a start.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(2);

pub(super) fn apply(context: &mut Context<'_>, name: &str, watches: &[String]) -> Result<(), StepError> {
    let changes = context.state.state.changes;
    // Taken before the start: a file that changes meanwhile means one start too many, never one too few.
    let digest = digest(context, watches)?;
    let current = if watches.is_empty() {
        context.state.state.started.get(name).is_some_and(|at| *at >= changes)
    } else {
        context.state.state.watched.get(name) == Some(&digest)
    };
    let asks = |context: &Context<'_>, question: &str| -> Result<bool, StepError> {
        Ok(context.machine.run(&Command::new("systemctl", &[question, "--quiet", name]))?.success)
    };
    if current && asks(context, "is-active")? && asks(context, "is-enabled")? {
        return Ok(());
    }
    must(context, &Command::new("systemctl", &["daemon-reload"]))?;
    must(context, &Command::new("systemctl", &["enable", name]))?;
    let verb = if current { "start" } else { "restart" };
    // Before the start, and kept before it: whoever waits for the unit's first word must not take an older one for it.
    context.state.state.started_at.insert(name.to_owned(), context.machine.wall());
    context.state.save(context.machine)?;
    if start(context, verb, name).is_err() {
        // A unit may fail once on a booting machine; one that fails twice has a reason that waiting does not cure, and
        // whoever waits for the cluster should read it now.
        context.machine.sleep(AGAIN);
        if let Err(error) = start(context, verb, name) {
            return Err(StepError::Never(cause(context, name).unwrap_or_else(|| error.to_string())));
        }
    }
    context.state.state.started.insert(name.to_owned(), changes);
    if watches.is_empty() {
        context.state.state.watched.remove(name);
    } else {
        context.state.state.watched.insert(name.to_owned(), digest);
    }
    context.state.save(context.machine)?;
    Ok(())
}

/// One digest over the contents of these files; one that is not there counts as empty.
pub(super) fn digest(context: &Context<'_>, paths: &[String]) -> Result<String, StepError> {
    let mut all = String::new();
    for path in paths {
        let digest = context.machine.digest(path)?.unwrap_or_else(|| sha256_hex(b""));
        all.push_str(&format!("{digest} {path}\n"));
    }
    Ok(sha256_hex(all.as_bytes()))
}

fn start(context: &Context<'_>, verb: &str, name: &str) -> Result<(), StepError> {
    // Earlier tries may have used up the starts that systemd allows in a row.
    context.machine.run(&Command::new("systemctl", &["reset-failed", name]))?;
    must(context, &Command::new("systemctl", &[verb, name]).within(180)).map(drop)
}

/// systemctl only says that a start failed; the unit's own last words say why.
pub(super) fn cause(context: &Context<'_>, name: &str) -> Option<String> {
    let command = Command::new("journalctl", &["--no-pager", "--output=cat", "--lines=30", "--unit", name]);
    let journal = context.machine.run(&command).ok().filter(|output| output.success)?.stdout;
    let tells = |line: &&str| {
        let line = line.to_ascii_lowercase();
        // What systemd adds afterwards tells nothing.
        ["failed to", "error", "fatal", "cannot", "unable"].iter().any(|word| line.contains(word))
            && !line.contains("failed to start")
    };
    let line = first_line(journal.lines().rev().find(tells)?);
    Some(format!("{name}: {line}"))
}
