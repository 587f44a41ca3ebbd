//! The option table as text: the sample file and the listing for `--help`.

use crate::error::ConfigError;
use crate::option::OptionSpec;
use crate::table::{GROUP_ALIASES, options};
use crate::write::assignment;

/// Columns of a comment in the sample file.
const WIDTH: usize = 100;

/// A complete `magnum.conf` in which every option stands commented out with its default. Without the comment signs
/// before the assignments it loads, and to the defaults. Fails only if a default could not be written, which
/// a test excludes.
pub fn sample() -> Result<String, ConfigError> {
    let mut text = String::new();
    let mut group = "";
    for option in in_groups() {
        if option.group != group {
            group = option.group;
            text.push_str(&format!("{}[{group}]\n", if text.is_empty() { "" } else { "\n" }));
        }
        text.push('\n');
        for line in wrapped(&format!("{} ({})", option.help, facts(option))) {
            text.push_str(&format!("# {line}\n"));
        }
        for line in default_lines(option)?.lines() {
            text.push_str(&format!("#{line}\n"));
        }
    }
    Ok(text)
}

/// The default as it stands in the table is already in the file's own notation, so its `$` are kept.
fn default_lines(option: &OptionSpec) -> Result<String, ConfigError> {
    match option.default {
        None => Ok(format!("{} =\n", option.name)),
        Some(default) if default.contains('$') => Ok(format!("{} = {default}\n", option.name)),
        Some(default) => assignment(option.name, default),
    }
}

/// One line for each option with its type, default and meaning, for `--help`.
pub fn reference_help() -> String {
    let mut text = String::new();
    for option in in_groups() {
        let OptionSpec { group, name, help, .. } = option;
        text.push_str(&format!("[{group}] {name} ({}): {help}\n", facts(option)));
    }
    text
}

/// Options in the order of the table, but those of one group together.
fn in_groups() -> Vec<&'static OptionSpec> {
    let mut groups: Vec<&str> = Vec::new();
    for option in options() {
        if !groups.contains(&option.group) {
            groups.push(option.group);
        }
    }
    groups.iter().flat_map(|group| options().iter().filter(move |option| option.group == *group)).collect()
}

fn facts(option: &OptionSpec) -> String {
    let mut facts = vec![option.kind.word().to_owned()];
    match (option.min, option.max) {
        (Some(min), Some(max)) => facts.push(format!("{min} to {max}")),
        (Some(min), None) => facts.push(format!("{min} or more")),
        (None, Some(max)) => facts.push(format!("{max} or less")),
        (None, None) => {}
    }
    if !option.choices.is_empty() {
        facts.push(format!("one of {}", option.choices.join(", ")));
    }
    match option.default {
        None => facts.push("unset by default".to_owned()),
        Some("") => facts.push("empty by default".to_owned()),
        Some(_) if option.secret => {}
        Some(default) => facts.push(format!("default {default}")),
    }
    if option.secret {
        facts.push("secret".to_owned());
    }
    if option.mutable {
        facts.push("may change while running".to_owned());
    }
    if option.ignored.is_some() {
        facts.push("without effect".to_owned());
    }
    if option.releases.is_empty() {
        facts.push("not in upstream".to_owned());
    } else if option.releases != "P, Z, 22, M" {
        facts.push(format!("upstream in {}", option.releases));
    }
    let old: Vec<String> =
        option.old_names(GROUP_ALIASES).iter().map(|(group, name)| format!("[{group}] {name}")).collect();
    if !old.is_empty() {
        facts.push(format!("formerly {}", old.join(", ")));
    }
    facts.join("; ")
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
