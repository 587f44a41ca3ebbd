//! A file with exactly this content and mode.

use super::Context;
use crate::error::StepError;

pub(super) fn apply(
    context: &mut Context<'_>,
    path: &str,
    mode: u32,
    content: &[u8],
) -> Result<(), StepError> {
    if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(StepError::Never(format!("{path} is no absolute path")));
    }
    let same = context.machine.mode(path)? == Some(mode)
        && context.machine.read(path)?.is_some_and(|present| present == content);
    if !same {
        // Noted before the change: a stop between the two restarts a unit once too often, never once too little.
        context.state.changing(context.machine)?;
        context.machine.write(path, mode, content)?;
    }
    Ok(())
}
