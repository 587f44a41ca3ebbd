//! The reference part of docs/cli.md, made from the commands themselves.

use crate::{error::Kind, legacy};
use clap::Command;
use std::fmt::Write as _;

/// The text. Writing to a String cannot fail.
pub fn reference(mut command: Command) -> String {
    command.build();
    let mut text = String::new();
    let _ = writeln!(text, "### Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | done |");
    for kind in Kind::ALL {
        let _ = writeln!(text, "| {} | {} |", kind.exit_code(), kind.words());
    }
    let _ = writeln!(text, "\n### Options of every command\n");
    options(&mut text, &command, true);
    let _ = writeln!(text, "\n### Commands\n");
    describe(&mut text, &command);
    let _ = writeln!(text, "### Older verbs\n\n| older | now |\n|---|---|");
    for (old, new) in legacy::verbs() {
        let _ = writeln!(text, "| `{old}` | `{new}` |");
    }
    text
}

fn describe(text: &mut String, command: &Command) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
        if sub.has_subcommands() {
            describe(text, sub);
            continue;
        }
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let name = sub.get_bin_name().unwrap_or_else(|| sub.get_name());
        let arguments: String = sub
            .get_positionals()
            .filter(|argument| !argument.is_hide_set())
            .map(|argument| {
                let value =
                    argument.get_value_names().and_then(|names| names.first()).map_or("", |name| name);
                let dots = if argument.get_num_args().is_some_and(|range| range.max_values() > 1) {
                    "…"
                } else {
                    ""
                };
                if argument.is_required_set() {
                    format!(" <{value}>{dots}")
                } else {
                    format!(" [{value}]{dots}")
                }
            })
            .collect();
        let _ = writeln!(text, "#### `{name}{arguments}`\n\n{about}.\n");
        options(text, sub, false);
        text.push('\n');
    }
}

/// The options of a command as a list; those of every command are told once.
fn options(text: &mut String, command: &Command, global: bool) {
    for option in
        command.get_opts().filter(|option| option.is_global_set() == global && !option.is_hide_set())
    {
        list(text, option);
    }
    let flags = command.get_arguments().filter(|argument| {
        !argument.is_positional()
            && !argument.get_action().takes_values()
            && argument.is_global_set() == global
            && !argument.is_hide_set()
            && !matches!(argument.get_id().as_str(), "help" | "version")
    });
    for flag in flags {
        list(text, flag);
    }
}

fn list(text: &mut String, option: &clap::Arg) {
    let Some(long) = option.get_long() else { return };
    let value = match option.get_value_names().and_then(|names| names.first()) {
        Some(name) if option.get_action().takes_values() => format!(" {name}"),
        _ => String::new(),
    };
    let help = option.get_help().map(ToString::to_string).unwrap_or_default();
    let defaults: Vec<String> =
        option.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let default = match defaults.as_slice() {
        [only] if option.get_action().takes_values() && !only.is_empty() => format!(" (default {only})"),
        _ => String::new(),
    };
    let _ = writeln!(text, "- `--{long}{value}`: {help}{default}");
}
