//! The verbs of the old `magnum` command, so that old scripts run: `cluster-create` is `cluster create`, and so on.
//! A bay is a cluster, and a baymodel its template.

use clap::{Arg, ArgAction, Command};
use std::{collections::BTreeSet, ffi::OsString};

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

/// A command line in today's words.
pub struct Translated {
    /// It.
    pub arguments: Vec<OsString>,
    /// Whether it had an old verb.
    pub is_old: bool,
}

/// The command line with an old verb in today's words. Whoever writes `openstack`'s `coe` in front is understood too, and
/// whoever asks for an old verb's help.
pub fn translated(arguments: Vec<OsString>, command: &Command) -> Translated {
    let word_at = |at: usize| arguments.get(at).and_then(|word| word.to_str());
    let found = first_word(&arguments, command).and_then(|at| {
        let at = if word_at(at) == Some("help") { at + 1 } else { at };
        let new = match word_at(at)? {
            "coe" => None,
            word => Some(VERBS.iter().find(|(old, _)| *old == word)?.1),
        };
        Some((at, new))
    });
    let Some((at, new)) = found else { return Translated { arguments, is_old: false } };
    let (before, after) = arguments.split_at(at);
    let words = new.unwrap_or_default().iter().map(OsString::from);
    Translated {
        arguments: before.iter().cloned().chain(words).chain(after.iter().skip(1).cloned()).collect(),
        is_old: new.is_some(),
    }
}

/// What the old client's completion of bash asks for: all verbs and options, in one line.
pub fn words(command: &Command) -> String {
    let mut words: BTreeSet<String> = VERBS.iter().map(|(old, _)| (*old).to_owned()).collect();
    words.extend(
        command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(|sub| sub.get_name().to_owned()),
    );
    add_options(&mut words, command);
    words.into_iter().collect::<Vec<_>>().join(" ")
}

fn add_options(words: &mut BTreeSet<String>, command: &Command) {
    for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
        words.extend(option.get_long().map(|name| format!("--{name}")));
        words.extend(option.get_short().map(|name| format!("-{name}")));
    }
    command.get_subcommands().for_each(|sub| add_options(words, sub));
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
