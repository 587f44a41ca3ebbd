//! etcd: readiness, and the members that one of them takes in or out.
//!
//! A member is added before it starts, and until then etcd knows its peer URL but no name. Such a one is listed with
//! the name under which this node added it, or else with its id: others need its URL to start with the right list.
//!
//! It comes without a vote (a learner, in etcd's words) and gets one when it has caught up: with a vote from the start,
//! the second member would take the majority from the first until it serves, and for ever if it never does.

use super::{Context, Facts, must};
use crate::{error::StepError, machine::Command};
use magnum_types::plan::{Etcdctl, Text};
use serde::Deserialize;

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    members: Vec<Listed>,
}

/// A member as etcdctl shows it.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "ID")]
    id: u64,
    #[serde(default)]
    name: String,
    #[serde(rename = "peerURLs", default)]
    peer_urls: Vec<String>,
    #[serde(rename = "isLearner", default)]
    is_learner: bool,
}

struct Member {
    id: String,
    name: String,
    peer_urls: Vec<String>,
    started: bool,
    /// It has no vote yet.
    learns: bool,
}

impl Member {
    fn is_among(&self, names: &[String], urls: &[String]) -> bool {
        names.contains(&self.name) || self.peer_urls.iter().any(|url| urls.contains(url))
    }
}

pub(super) fn ready(context: &mut Context<'_>, etcdctl: &Etcdctl) -> Result<Facts, StepError> {
    must(context, &command(etcdctl, &["endpoint", "health"]))?;
    Ok(facts(&list(context, etcdctl)?))
}

pub(super) fn members(
    context: &mut Context<'_>,
    etcdctl: &Etcdctl,
    add: Option<&(String, String)>,
    remove: &[String],
    remove_urls: &[String],
) -> Result<Facts, StepError> {
    let goes = |member: &Member| member.is_among(remove, remove_urls);
    let (leaving, staying): (Vec<_>, Vec<_>) = list(context, etcdctl)?.into_iter().partition(goes);
    if staying.is_empty() && !leaving.is_empty() {
        let names: Vec<&str> = leaving.iter().map(|member| member.name.as_str()).collect();
        return Err(StepError::Never(format!("{} would be etcd's last to go", names.join(", "))));
    }
    take_out(context, etcdctl, leaving)?;
    for member in staying.iter().filter(|member| member.learns) {
        promote(context, etcdctl, member)?;
    }
    if let Some((name, url)) = add {
        take_in(context, etcdctl, &staying, name, url)?;
    }
    Ok(facts(&list(context, etcdctl)?))
}

/// All of them, in whatever order etcd lets them go: it keeps one that serves while one that does not would be missed.
fn take_out(context: &mut Context<'_>, etcdctl: &Etcdctl, mut leaving: Vec<Member>) -> Result<(), StepError> {
    // Whoever leaves last can still tell of the others; that is this node itself, if it must.
    leaving.sort_by_key(|member| (member.name == context.state.state.name, member.started && !member.learns));
    let mut kept = None;
    for member in &leaving {
        match must(context, &command(etcdctl, &["member", "remove", &member.id])) {
            Ok(_) => {
                context.state.state.etcd_added.retain(|url, _| !member.peer_urls.contains(url));
                context.state.save(context.machine)?;
            }
            Err(error) => kept = kept.or(Some(error)),
        }
    }
    kept.map_or(Ok(()), Err)
}

/// Gives a member its vote, which etcd does once it has caught up.
fn promote(context: &mut Context<'_>, etcdctl: &Etcdctl, member: &Member) -> Result<(), StepError> {
    if !member.started {
        return Err(StepError::NotYet(format!("etcd's member {} has not started yet", member.name)));
    }
    must(context, &command(etcdctl, &["member", "promote", &member.id])).map(drop)
}

fn take_in(
    context: &mut Context<'_>,
    etcdctl: &Etcdctl,
    present: &[Member],
    name: &str,
    url: &str,
) -> Result<(), StepError> {
    // Written down first: once it is added, etcd has only its URL.
    if context.state.state.etcd_added.get(url).map(String::as_str) != Some(name) {
        context.state.state.etcd_added.insert(url.to_owned(), name.to_owned());
        context.state.save(context.machine)?;
    }
    if present.iter().any(|member| member.peer_urls.iter().any(|known| known == url)) {
        return Ok(());
    }
    if let Some(namesake) = present.iter().find(|member| member.name == name) {
        let urls = namesake.peer_urls.join(", ");
        return Err(StepError::NotYet(format!("etcd has another member {name} at {urls}")));
    }
    // Each member more than serves makes a quorum harder to have.
    if let Some(waiting) = present.iter().find(|member| !member.started) {
        return Err(StepError::NotYet(format!("etcd's member {} has not started yet", waiting.name)));
    }
    must(context, &command(etcdctl, &["endpoint", "health", "--cluster"]))?;
    let url = format!("--peer-urls={url}");
    must(context, &command(etcdctl, &["member", "add", name, &url, "--learner"])).map(drop)
}

fn list(context: &Context<'_>, etcdctl: &Etcdctl) -> Result<Vec<Member>, StepError> {
    let text = must(context, &command(etcdctl, &["member", "list"]))?;
    let list: List = serde_json::from_str(&text)
        .map_err(|error| StepError::NotYet(format!("etcd's list of members is not readable: {error}")))?;
    let known = |url: &String| context.state.state.etcd_added.get(url).cloned();
    let member = |listed: Listed| {
        let id = format!("{:x}", listed.id);
        let started = !listed.name.is_empty();
        let added = || listed.peer_urls.iter().find_map(known).unwrap_or_else(|| id.clone());
        let name = if started { listed.name.clone() } else { added() };
        Member { id, name, peer_urls: listed.peer_urls, started, learns: listed.is_learner }
    };
    Ok(list.members.into_iter().map(member).collect())
}

fn facts(members: &[Member]) -> Facts {
    let mut pairs: Vec<String> = members
        .iter()
        .flat_map(|member| member.peer_urls.iter().map(move |url| format!("{}={url}", member.name)))
        .collect();
    pairs.sort();
    let learners: Vec<&str> =
        members.iter().filter(|member| member.learns).map(|member| member.name.as_str()).collect();
    Facts::from([
        ("etcd_members".to_owned(), Text(pairs.join(","))),
        ("etcd_learners".to_owned(), Text(learners.join(","))),
    ])
}

fn command(etcdctl: &Etcdctl, words: &[&str]) -> Command {
    let options = [
        "--endpoints",
        &etcdctl.endpoints,
        "--cacert",
        &etcdctl.ca,
        "--cert",
        &etcdctl.certificate,
        "--key",
        &etcdctl.key,
        "--write-out",
        "json",
    ];
    let arguments: Vec<&str> = options.iter().chain(words).copied().collect();
    // Old releases speak etcd's version 2 unless they are told.
    Command::new(&etcdctl.program, &arguments).seeing("ETCDCTL_API", "3")
}
