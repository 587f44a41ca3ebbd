//! Programs of one release, brought by the image or fetched, and archives. Nothing is put in its place before its
//! digest is right.

use super::{Context, file::must_be_absolute, must};
use crate::{
    error::{StepError, first_line},
    machine::Command,
};
use std::time::Duration;

/// Longest file that is fetched, in bytes.
const LIMIT: u64 = 1024 * 1024 * 1024;

/// What [`magnum_types::plan::Action::Program`] says.
pub(super) struct Wanted<'a> {
    pub(super) path: &'a str,
    pub(super) candidates: &'a [String],
    pub(super) says: &'a str,
    pub(super) named: &'a [String],
    pub(super) url: &'a str,
    pub(super) sha256: &'a str,
}

pub(super) fn apply(context: &mut Context<'_>, wanted: &Wanted<'_>) -> Result<(), StepError> {
    must_be_absolute(wanted.path)?;
    if context.machine.finds(wanted.path) {
        return Ok(());
    }
    let named = wanted.named.iter().map(|candidate| (candidate, ""));
    let asked = wanted.candidates.iter().map(|candidate| (candidate, wanted.says));
    for (candidate, says) in named.chain(asked) {
        if will_do(context, candidate, says, wanted)? {
            context.state.changing(context.machine)?;
            context.machine.link(wanted.path, candidate)?;
            return Ok(());
        }
    }
    if wanted.url.is_empty() {
        return Err(StepError::Never(missing(wanted)));
    }
    context.state.changing(context.machine)?;
    fetch(context, wanted.url, wanted.sha256, wanted.path, 0o755)
}

/// It is there, of the release, and the very file if that is told.
fn will_do(
    context: &Context<'_>,
    candidate: &str,
    says: &str,
    wanted: &Wanted<'_>,
) -> Result<bool, StepError> {
    if candidate == wanted.path || !candidate.starts_with('/') || !context.machine.finds(candidate) {
        return Ok(false);
    }
    if !says.is_empty() {
        // A program that cannot even say its version is not the one, whatever the reason; it must not end the search.
        let said = match context.machine.run(&Command::new(candidate, &["--version"])) {
            Ok(output) => output.stdout + &output.stderr,
            Err(error) => {
                tracing::warn!(candidate, %error, "the candidate does not run");
                return Ok(false);
            }
        };
        if !said.contains(says) {
            tracing::info!(candidate, says = first_line(&said), wanted = says, "of another release");
            return Ok(false);
        }
    }
    let digest = || context.machine.digest(candidate);
    Ok(wanted.sha256.is_empty() || digest()?.is_some_and(|digest| same(&digest, wanted.sha256)))
}

fn missing(wanted: &Wanted<'_>) -> String {
    let name = wanted.path.rsplit('/').next().unwrap_or(wanted.path);
    let release = if wanted.says.is_empty() { String::new() } else { format!(" ({})", wanted.says) };
    let places: Vec<&str> =
        wanted.candidates.iter().map(String::as_str).chain(std::iter::once(wanted.path)).collect();
    format!("the image lacks {name}{release}, looked for at {}, and no URL is known", places.join(", "))
}

pub(super) fn unpack(
    context: &mut Context<'_>,
    url: &str,
    sha256: &str,
    directory: &str,
) -> Result<(), StepError> {
    must_be_absolute(directory)?;
    let mark = format!("{} {directory}", sha256.to_ascii_lowercase());
    if context.state.state.archives.contains(&mark) {
        return Ok(());
    }
    context.state.changing(context.machine)?;
    let archive = format!("{}/.magnum-archive", directory.trim_end_matches('/'));
    fetch(context, url, sha256, &archive, 0o600)?;
    let unpacked = must(context, &Command::new("tar", &["-xzf", &archive, "-C", directory]).within(600));
    context.machine.remove(&archive)?;
    unpacked?;
    context.state.state.archives.insert(mark);
    context.state.save(context.machine)?;
    Ok(())
}

/// Fetches a file of this digest to a path, by way of a file beside it.
fn fetch(context: &Context<'_>, url: &str, sha256: &str, path: &str, mode: u32) -> Result<(), StepError> {
    if sha256.is_empty() {
        return Err(StepError::Never(format!("{url} has no digest, so it is not fetched")));
    }
    let beside = format!("{path}.magnum-part");
    let fail = |error: String| StepError::NotYet(format!("{url}: {error}"));
    let mut stream = context
        .server
        .fetch(url, context.proxies.for_url(url), Duration::from_secs(context.left()))
        .map_err(|error| fail(error.to_string()))?;
    let received = context.machine.receive(&beside, mode, LIMIT, &mut *stream);
    let fault = match received {
        Ok(digest) if same(&digest, sha256) => {
            context.machine.rename(&beside, path)?;
            return Ok(());
        }
        Ok(digest) => fail(format!("its SHA-256 is {digest} and should be {sha256}")),
        Err(error) => fail(error.to_string()),
    };
    // What came is of no use, and may be large.
    context.machine.remove(&beside)?;
    Err(fault)
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other.trim())
}
