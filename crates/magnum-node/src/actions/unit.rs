//! A systemd unit, enabled and running with its present files.

use super::{Context, must};
use crate::{
    error::{StepError, first_line},
    machine::Command,
};

/// Between the two tries of a start.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(2);

pub(super) fn apply(context: &mut Context<'_>, name: &str) -> Result<(), StepError> {
    let changes = context.state.state.changes;
    let current = context.state.state.started.get(name).is_some_and(|at| *at >= changes);
    let asks = |context: &Context<'_>, question: &str| -> Result<bool, StepError> {
        Ok(context.machine.run(&Command::new("systemctl", &[question, "--quiet", name]))?.success)
    };
    if current && asks(context, "is-active")? && asks(context, "is-enabled")? {
        return Ok(());
    }
    must(context, &Command::new("systemctl", &["daemon-reload"]))?;
    must(context, &Command::new("systemctl", &["enable", name]))?;
    let verb = if current { "start" } else { "restart" };
    if start(context, verb, name).is_err() {
        // A unit may fail once on a booting machine; one that fails twice has a reason that waiting does not cure, and
        // whoever waits for the cluster should read it now.
        context.machine.sleep(AGAIN);
        if let Err(error) = start(context, verb, name) {
            return Err(StepError::Never(cause(context, name).unwrap_or_else(|| error.to_string())));
        }
    }
    context.state.state.started.insert(name.to_owned(), changes);
    context.state.save(context.machine)?;
    Ok(())
}

fn start(context: &Context<'_>, verb: &str, name: &str) -> Result<(), StepError> {
    // Earlier tries may have used up the starts that systemd allows in a row.
    context.machine.run(&Command::new("systemctl", &["reset-failed", name]))?;
    must(context, &Command::new("systemctl", &[verb, name]).within(180)).map(drop)
}

/// systemctl only says that a start failed; the unit's own last words say why.
fn cause(context: &Context<'_>, name: &str) -> Option<String> {
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
