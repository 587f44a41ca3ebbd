//! Labels and taints that Magnum gives nodes. What was given is noted at the node itself, so that any master can take
//! it back, and what the kubelet or an operator set stays.

use super::{Node, Taint, command, must, nodes};
use crate::{actions::Context, error::StepError};
use magnum_types::plan::{Kubectl, NodeMarks};
use std::collections::BTreeMap;

/// Where the given marks are noted, as JSON.
const NOTE: &str = "magnum.openstack.org/marks";

pub(in crate::actions) fn apply(
    context: &Context<'_>,
    kubectl: &Kubectl,
    wanted: &BTreeMap<String, NodeMarks>,
) -> Result<(), StepError> {
    if wanted.is_empty() {
        return Ok(());
    }
    for node in nodes(context, kubectl)? {
        if let Some(marks) = wanted.get(node.name()) {
            mark(context, kubectl, &node, marks)?;
        }
    }
    Ok(())
}

/// What there is to do at one node.
#[derive(Debug, Default)]
struct Change {
    labels: Vec<String>,
    taints: Vec<String>,
    /// Ours after the change.
    given: NodeMarks,
    /// Ours at any moment of the change: noted before it, so that a stop in its midst forgets nothing.
    meanwhile: NodeMarks,
}

fn mark(context: &Context<'_>, kubectl: &Kubectl, node: &Node, wanted: &NodeMarks) -> Result<(), StepError> {
    let noted = node.metadata.annotations.get(NOTE);
    let before = match noted.map(|text| serde_json::from_str::<NodeMarks>(text)) {
        None => NodeMarks::default(),
        Some(Ok(marks)) => marks,
        Some(Err(error)) => {
            tracing::warn!(node = node.name(), %error, "the note of given marks is not readable");
            NodeMarks::default()
        }
    };
    let change = change(node, wanted, &before)?;
    let note = |given: &NodeMarks| -> Result<(), StepError> {
        let text = serde_json::to_string(given)
            .map_err(|error| StepError::Never(format!("the marks cannot be noted: {error}")))?;
        edit(context, kubectl, "annotate", node, &[format!("{NOTE}={text}")])
    };
    if change.meanwhile != before {
        note(&change.meanwhile)?;
    }
    if !change.labels.is_empty() {
        edit(context, kubectl, "label", node, &change.labels)?;
    }
    if !change.taints.is_empty() {
        edit(context, kubectl, "taint", node, &change.taints)?;
    }
    if change.given != change.meanwhile {
        note(&change.given)?;
    }
    Ok(())
}

fn edit(
    context: &Context<'_>,
    kubectl: &Kubectl,
    verb: &str,
    node: &Node,
    changes: &[String],
) -> Result<(), StepError> {
    let mut words = vec![verb, "nodes", node.name(), "--overwrite"];
    words.extend(changes.iter().map(String::as_str));
    must(context, &command(kubectl, &words)).map(drop)
}

fn change(node: &Node, wanted: &NodeMarks, before: &NodeMarks) -> Result<Change, StepError> {
    let mut change = Change { meanwhile: before.clone(), ..Change::default() };
    let present = &node.metadata.labels;
    for (key, value) in &wanted.labels {
        let holds = present.get(key) == Some(value);
        if !holds {
            change.labels.push(format!("{key}={value}"));
        }
        // One that another gave already is not ours to take away later.
        if !holds || before.labels.get(key) == Some(value) {
            change.given.labels.insert(key.clone(), value.clone());
            change.meanwhile.labels.insert(key.clone(), value.clone());
        }
    }
    for (key, value) in &before.labels {
        if !wanted.labels.contains_key(key) && present.get(key) == Some(value) {
            change.labels.push(format!("{key}-"));
        }
    }

    let mut kept = Vec::new();
    for text in &wanted.taints {
        let taint = taint(text)?;
        let holds = node.spec.taints.iter().any(|present| present.is(&taint) && present.value == taint.value);
        if !holds {
            change.taints.push(text.clone());
        }
        if !holds || before.taints.contains(text) {
            change.given.taints.push(text.clone());
            if !change.meanwhile.taints.contains(text) {
                change.meanwhile.taints.push(text.clone());
            }
        }
        kept.push(taint);
    }
    for text in &before.taints {
        let taint = taint(text)?;
        let present =
            node.spec.taints.iter().any(|present| present.is(&taint) && present.value == taint.value);
        if present && !kept.iter().any(|kept| kept.is(&taint)) {
            change.taints.push(format!("{}:{}-", taint.key, taint.effect));
        }
    }
    Ok(change)
}

impl Taint {
    /// A node has at most one taint of a key and an effect.
    fn is(&self, other: &Taint) -> bool {
        self.key == other.key && self.effect == other.effect
    }
}

fn taint(text: &str) -> Result<Taint, StepError> {
    let (rest, effect) =
        text.rsplit_once(':').ok_or_else(|| StepError::Never(format!("{text:?} is no taint")))?;
    let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
    Ok(Taint { key: key.to_owned(), value: value.to_owned(), effect: effect.to_owned() })
}
