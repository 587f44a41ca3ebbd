//! What a load tells its operator without failing: names nobody reads, old names, secrets that others can read.
//!
//! Each is told once, at its first place, however often it occurs. Unknown names are only warned about, since
//! a file is shared between releases; but they are warned about, since a misspelt option is a silent outage.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::error::{Origin, Warning};
use crate::option::OptionSpec;
use crate::sources::Setting;
use crate::table::{GROUP_ALIASES, IGNORED_GROUPS, Table};

/// Least likeness (0 to 1) at which a declared name is suggested for an unknown one.
const LIKENESS: f64 = 0.8;

/// Looks through all settings. `auth_groups` are groups that hold credentials because an `auth_section` names them.
pub(crate) fn warnings(table: &Table, settings: &[Setting], auth_groups: &[String]) -> Vec<Warning> {
    let old_names = old_names(table);
    let groups: HashSet<&str> = table
        .options()
        .iter()
        .map(|option| option.group)
        .chain(old_names.keys().map(|(group, _)| *group))
        .chain(GROUP_ALIASES.iter().map(|(old, _)| *old))
        .collect();
    let mut told = HashSet::new();
    let mut secret_files = BTreeSet::new();
    let mut warnings = Vec::new();

    for setting in settings {
        let declared_in = if auth_groups.contains(&setting.group) && !groups.contains(setting.group.as_str())
        {
            "keystone_auth"
        } else {
            setting.group.as_str()
        };
        let key = (declared_in, setting.name.as_str());
        let renamed = old_names.get(&key).copied();
        let spec = table.get(key.0, key.1).or(renamed);
        note_secret(setting, spec, &mut secret_files);
        match (spec, renamed) {
            (Some(spec), Some(_)) if spec.ignored.is_none() && told.insert(key) => {
                let new_group = if declared_in == spec.group { setting.group.as_str() } else { spec.group };
                warnings.push(Warning::Deprecated {
                    origin: setting.origin.clone(),
                    old: format!("[{}] {}", setting.group, setting.name),
                    new: format!("[{new_group}] {}", spec.name),
                });
            }
            (None, _) => warnings.extend(
                unknown(table, &groups, setting, declared_in)
                    .filter(|warning| told.insert(key_of(warning, key))),
            ),
            _ => {}
        }
    }
    warnings.extend(readable_secrets(secret_files));
    warnings
}

fn old_names(table: &Table) -> HashMap<(&'static str, &'static str), &OptionSpec> {
    table
        .options()
        .iter()
        .flat_map(|spec| spec.old_names(GROUP_ALIASES).into_iter().map(move |old| (old, spec)))
        .collect()
}

/// An unknown group is told once for all its options.
fn key_of<'a>(warning: &Warning, key: (&'a str, &'a str)) -> (&'a str, &'a str) {
    if matches!(warning, Warning::UnknownGroup { .. }) { (key.0, "") } else { key }
}

fn unknown<'a>(
    table: &'a Table,
    groups: &HashSet<&'a str>,
    setting: &Setting,
    group: &str,
) -> impl Iterator<Item = Warning> + use<'a> {
    let from_environment = matches!(setting.origin, Origin::Environment(_));
    let origin = setting.origin.clone();
    let ignored = IGNORED_GROUPS.iter().any(|(known, _)| *known == group);
    let warning = if ignored {
        None
    } else if groups.contains(group) {
        let names = table.options().iter().filter(|option| option.group == group).map(|option| option.name);
        let suggestion = nearest(&setting.name, names);
        Some(Warning::UnknownOption {
            origin,
            group: setting.group.clone(),
            name: setting.name.clone(),
            suggestion,
        })
    } else if from_environment {
        // Other programs have variables of this form too.
        None
    } else {
        let suggestion = nearest(group, table.options().iter().map(|option| option.group));
        Some(Warning::UnknownGroup { origin, group: setting.group.clone(), suggestion })
    };
    warning.into_iter()
}

fn nearest<'a>(name: &str, declared: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = name.trim().to_lowercase();
    declared
        .map(|other| (strsim::jaro_winkler(&name, &other.to_lowercase()), other))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, other)| other.to_owned())
}

fn note_secret(setting: &Setting, spec: Option<&OptionSpec>, files: &mut BTreeSet<PathBuf>) {
    if let (Origin::File { path, .. }, true) =
        (&setting.origin, spec.is_some_and(|spec| spec.secret) && !setting.value.is_empty())
    {
        files.insert(path.clone());
    }
}

/// A file that vanished since it was read has nothing left to protect and is passed over.
fn readable_secrets(files: BTreeSet<PathBuf>) -> impl Iterator<Item = Warning> {
    files.into_iter().filter_map(|path| {
        let mode = fs::metadata(&path).ok()?.permissions().mode() & 0o777;
        (mode & 0o044 != 0).then_some(Warning::ReadableSecret { path, mode })
    })
}
