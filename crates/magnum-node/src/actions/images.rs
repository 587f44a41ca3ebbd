//! Container images from archives in the machine's image, so that a cluster comes up without any registry.

use super::{Context, must};
use crate::{error::StepError, machine::Command};

pub(super) fn apply(context: &mut Context<'_>, directory: &str) -> Result<(), StepError> {
    let directory = directory.trim_end_matches('/');
    for name in context.machine.list(directory)? {
        if !name.ends_with(".tar") {
            continue;
        }
        let path = format!("{directory}/{name}");
        let Some(size) = context.machine.size(&path)? else { continue };
        if context.state.state.images.get(&path) == Some(&size) {
            continue;
        }
        must(
            context,
            &Command::new("ctr", &["--namespace", "k8s.io", "images", "import", &path]).within(600),
        )?;
        context.state.state.images.insert(path, size);
        context.state.save(context.machine)?;
    }
    Ok(())
}
