//! Nodes that are about to leave: no new pods, and the present ones go elsewhere. Those that stay after all get work
//! again, unless an operator had cordoned them.

use super::{Node, command, must, nodes};
use crate::{actions::Context, error::StepError};
use magnum_types::plan::Kubectl;

/// The note at a node that we cordoned. A node that an operator cordoned has none, and is left as it is.
const LEAVING: &str = "magnum.openstack.org/leaving";

pub(in crate::actions) fn apply(
    context: &Context<'_>,
    kubectl: &Kubectl,
    leaving: &[String],
    untouched: &[String],
) -> Result<(), StepError> {
    let known = nodes(context, kubectl)?;
    for node in &known {
        let name = node.name().to_owned();
        if node.metadata.annotations.contains_key(LEAVING)
            && !leaving.contains(&name)
            && !untouched.contains(&name)
        {
            // The note goes last: a stop between the two leaves something to come back for.
            must(context, &command(kubectl, &["uncordon", &name]))?;
            must(context, &command(kubectl, &["annotate", "node", &name, &format!("{LEAVING}-")]))?;
        }
    }
    let leaving: Vec<&Node> =
        known.iter().filter(|node| leaving.iter().any(|name| name == node.name())).collect();
    for node in &leaving {
        if !node.spec.unschedulable {
            let note = format!("{LEAVING}=true");
            must(context, &command(kubectl, &["annotate", "node", node.name(), "--overwrite", &note]))?;
            must(context, &command(kubectl, &["cordon", node.name()]))?;
        }
    }
    // The pods of a node that is not ready cannot be seen to end; its machine's end is theirs.
    let living: Vec<&Node> = leaving.into_iter().filter(|node| node.ready() == "True").collect();
    let mut busy = Vec::new();
    for (place, node) in living.iter().enumerate() {
        // A node that cannot be emptied must not take the time of the others.
        let share = context.left() / (living.len() - place).max(1) as u64;
        let seconds = share.saturating_sub(5).max(1);
        let words = [
            "drain",
            node.name(),
            "--ignore-daemonsets",
            "--delete-emptydir-data",
            "--force",
            &format!("--timeout={seconds}s"),
        ];
        if let Err(error) = must(context, &command(kubectl, &words).within(seconds + 5)) {
            busy.push(format!("{}: {error}", node.name()));
        }
    }
    if busy.is_empty() { Ok(()) } else { Err(StepError::NotYet(busy.join(", "))) }
}
