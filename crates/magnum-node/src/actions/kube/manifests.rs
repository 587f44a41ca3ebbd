//! Manifests, applied by the server side so that what others set in the same objects stays theirs.

use super::{command, must};
use crate::{
    actions::{Context, Facts, complaint},
    error::StepError,
};
use magnum_types::plan::{Kubectl, Text};
use magnum_x509::token::sha256_hex;

const DIRECTORY: &str = "/etc/kubernetes/magnum";

pub(in crate::actions) fn apply(
    context: &mut Context<'_>,
    kubectl: &Kubectl,
    set: &str,
    manifest: &Text,
    client_side: bool,
    absent: &[Vec<String>],
) -> Result<Facts, StepError> {
    let state = if manifest.0.trim().is_empty() { "off" } else { "on" };
    let told = Facts::from([(format!("addon.{set}"), Text(state.to_owned()))]);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if set.is_empty() || set.starts_with('.') || !set.bytes().all(plain) {
        return Err(StepError::Never(format!("{set:?} cannot name a set of manifests")));
    }
    let digest = digest(manifest, absent);
    if context.state.state.applied.get(set) == Some(&digest) {
        return Ok(told);
    }
    if !manifest.0.trim().is_empty() {
        // kubectl takes a file that begins with a brace for JSON to its end; ours may go on with other documents.
        let text = format!("---\n{}", manifest.0);
        let path = format!("{DIRECTORY}/{set}.yaml");
        context.machine.write(&path, 0o600, text.as_bytes())?;
        let mut words = vec!["apply"];
        if !client_side {
            words.extend(["--server-side", "--force-conflicts", "--field-manager=magnum"]);
        }
        words.extend(["-f", path.as_str()]);
        must(context, &command(kubectl, &words).within(180))?;
    }
    for object in absent {
        delete(context, kubectl, object)?;
    }
    context.state.state.applied.insert(set.to_owned(), digest);
    context.state.save(context.machine)?;
    Ok(told)
}

fn delete(context: &Context<'_>, kubectl: &Kubectl, object: &[String]) -> Result<(), StepError> {
    let mut words = vec!["delete", "--ignore-not-found", "--wait=false"];
    words.extend(object.iter().map(String::as_str));
    let command = command(kubectl, &words);
    let output = context.machine.run(&command)?;
    // Without its kind there is no object either.
    if output.success || output.stderr.contains("doesn't have a resource type") {
        return Ok(());
    }
    Err(StepError::NotYet(complaint(&command, &output)))
}

fn digest(manifest: &Text, absent: &[Vec<String>]) -> String {
    let absent: Vec<String> = absent.iter().map(|object| object.join(" ")).collect();
    sha256_hex(format!("{}\n{}", sha256_hex(manifest.0.as_bytes()), absent.join("\n")).as_bytes())
}
