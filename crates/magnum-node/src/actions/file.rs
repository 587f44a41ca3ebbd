//! A file with exactly this content and mode, or none.

use super::Context;
use crate::error::StepError;

pub(super) fn apply(
    context: &mut Context<'_>,
    path: &str,
    mode: u32,
    content: &[u8],
) -> Result<(), StepError> {
    must_be_absolute(path)?;
    let same = context.machine.mode(path)? == Some(mode)
        && context.machine.read(path)?.is_some_and(|present| present == content);
    if !same {
        // Noted before the change: a stop between the two restarts a unit once too often, never once too little.
        context.state.changing(context.machine)?;
        context.machine.write(path, mode, content)?;
    }
    Ok(())
}

pub(super) fn remove(context: &mut Context<'_>, path: &str) -> Result<(), StepError> {
    must_be_absolute(path)?;
    if context.machine.mode(path)?.is_some() {
        context.state.changing(context.machine)?;
        context.machine.remove(path)?;
    }
    Ok(())
}

/// Files of a plan are where it says, and nowhere else.
pub(super) fn must_be_absolute(path: &str) -> Result<(), StepError> {
    if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(StepError::Never(format!("{path} is no absolute path")));
    }
    Ok(())
}
