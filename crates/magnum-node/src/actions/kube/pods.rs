//! Pods that read files of their node only when they start, such as the certificate that they serve with.

use super::{command, must};
use crate::{
    actions::{Context, unit::digest},
    error::StepError,
};
use magnum_types::plan::Kubectl;

/// Which pods, and what they read.
pub(in crate::actions) struct Pods<'a> {
    pub node: &'a str,
    pub namespace: &'a str,
    pub label: &'a str,
    pub watches: &'a [String],
}

/// Their controller makes others in their place.
pub(in crate::actions) fn anew(
    context: &mut Context<'_>,
    kubectl: &Kubectl,
    pods: &Pods<'_>,
) -> Result<(), StepError> {
    let digest = digest(context, pods.watches)?;
    let known = format!("pods {}/{}", pods.namespace, pods.label);
    if context.state.state.watched.get(&known) == Some(&digest) {
        return Ok(());
    }
    let here = format!("--field-selector=spec.nodeName={}", pods.node);
    let words = ["-n", pods.namespace, "delete", "pods", "-l", pods.label, &here, "--wait=false"];
    must(context, &command(kubectl, &words))?;
    context.state.state.watched.insert(known, digest);
    context.state.save(context.machine)?;
    Ok(())
}
