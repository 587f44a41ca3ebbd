//! The verbs of the old `magnum` command, so that old scripts run: `cluster-create` is `cluster create`, and so on.
//! A bay is a cluster, and a baymodel its template.

use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;

/// Old verb → new words.
#[rustfmt::skip]
const VERBS: &[(&str, &[&str])] = &[
    ("baymodel-create", &["cluster", "template", "create"]),
    ("baymodel-delete", &["cluster", "template", "delete"]),
    ("baymodel-list", &["cluster", "template", "list"]),
    ("baymodel-show", &["cluster", "template", "show"]),
    ("baymodel-update", &["cluster", "template", "update"]),
    ("bay-config", &["cluster", "config"]),
    ("bay-create", &["cluster", "create"]),
    ("bay-delete", &["cluster", "delete"]),
    ("bay-list", &["cluster", "list"]),
    ("bay-show", &["cluster", "show"]),
    ("bay-update", &["cluster", "update"]),
    ("ca-rotate", &["ca", "rotate"]),
    ("ca-show", &["ca", "show"]),
    ("ca-sign", &["ca", "sign"]),
    ("cluster-config", &["cluster", "config"]),
    ("cluster-create", &["cluster", "create"]),
    ("cluster-delete", &["cluster", "delete"]),
    ("cluster-list", &["cluster", "list"]),
    ("cluster-resize", &["cluster", "resize"]),
    ("cluster-show", &["cluster", "show"]),
    ("cluster-template-create", &["cluster", "template", "create"]),
    ("cluster-template-delete", &["cluster", "template", "delete"]),
    ("cluster-template-list", &["cluster", "template", "list"]),
    ("cluster-template-show", &["cluster", "template", "show"]),
    ("cluster-template-update", &["cluster", "template", "update"]),
    ("cluster-update", &["cluster", "update"]),
    ("cluster-upgrade", &["cluster", "upgrade"]),
    ("nodegroup-create", &["nodegroup", "create"]),
    ("nodegroup-delete", &["nodegroup", "delete"]),
    ("nodegroup-list", &["nodegroup", "list"]),
    ("nodegroup-show", &["nodegroup", "show"]),
    ("nodegroup-update", &["nodegroup", "update"]),
    ("quotas-create", &["quotas", "create"]),
    ("quotas-delete", &["quotas", "delete"]),
    ("quotas-list", &["quotas", "list"]),
    ("quotas-show", &["quotas", "show"]),
    ("quotas-update", &["quotas", "update"]),
    ("service-list", &["service", "list"]),
    ("stats-list", &["stats", "list"]),
];

/// Every old verb and what it is now.
pub fn verbs() -> impl Iterator<Item = (&'static str, String)> {
    VERBS.iter().map(|(old, new)| (*old, new.join(" ")))
}

/// The command line with an old verb in today's words. Whoever writes `openstack`'s `coe` in front is understood too.
pub fn translated(arguments: Vec<OsString>, command: &Command) -> Vec<OsString> {
    let Some(at) = first_word(&arguments, command) else { return arguments };
    let Some(word) = arguments.get(at).and_then(|word| word.to_str()) else { return arguments };
    let new: &[&str] = match VERBS.iter().find(|(old, _)| *old == word) {
        Some((_, new)) => new,
        None if word == "coe" => &[],
        None => return arguments,
    };
    let (before, after) = arguments.split_at(at);
    let new = new.iter().map(OsString::from);
    before.iter().cloned().chain(new).chain(after.iter().skip(1).cloned()).collect()
}

/// Where the first argument is that is neither an option nor an option's value. The program's name comes before.
fn first_word(arguments: &[OsString], command: &Command) -> Option<usize> {
    let mut skip = false;
    for (at, argument) in arguments.iter().enumerate().skip(1) {
        if skip {
            skip = false;
            continue;
        }
        let argument = argument.to_str()?;
        if !argument.starts_with('-') {
            return Some(at);
        }
        let names = |option: &&Arg| match argument.strip_prefix("--") {
            Some(long) => {
                option.get_long() == Some(long)
                    || option.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
            }
            None => option.get_short().is_some_and(|short| argument == format!("-{short}")),
        };
        let option = command.get_arguments().find(names);
        skip = option.is_some_and(|option| matches!(option.get_action(), ArgAction::Set | ArgAction::Append));
    }
    None
}
