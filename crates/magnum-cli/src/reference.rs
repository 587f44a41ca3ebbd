//! The reference part of docs/cli.md, made from the commands themselves.

use crate::{error::Kind, legacy};
use clap::{Arg, Command, builder::PossibleValue};
use std::fmt::Write as _;

/// The text, of a whole tree of commands. Writing to a String cannot fail.
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
        if sub.has_subcommands() && sub.is_subcommand_required_set() {
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
        sub.get_positionals().filter(|argument| !argument.is_hide_set()).for_each(|one| list(text, one));
        options(text, sub, false);
        text.push('\n');
        // It does something by itself, and has further verbs.
        describe(text, sub);
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

fn list(text: &mut String, option: &Arg) {
    let help = option.get_help().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(text, "- `{}`: {help}{}", spelling(option), further(option));
}

/// How it is written: `-f, --format FORMAT`, `--merge[=FILE]`, `CLUSTER`.
fn spelling(option: &Arg) -> String {
    let value = option.get_value_names().and_then(|names| names.first()).map_or("", |name| name);
    let Some(long) = option.get_long() else { return value.to_owned() };
    let short = option.get_short().map(|name| format!("-{name}, ")).unwrap_or_default();
    let takes_none = option.get_num_args().is_some_and(|range| range.min_values() == 0);
    let value = match (option.is_require_equals_set(), takes_none) {
        _ if !option.get_action().takes_values() => String::new(),
        (true, true) => format!("[={value}]"),
        (true, false) => format!("={value}"),
        (false, true) => format!(" [{value}]"),
        (false, false) => format!(" {value}"),
    };
    format!("{short}--{long}{value}")
}

/// What is allowed, what it is unless it is given, and the variable that gives it, too.
fn further(option: &Arg) -> String {
    if !option.get_action().takes_values() {
        return String::new();
    }
    let mut text = String::new();
    let allowed = option.get_possible_values();
    let allowed: Vec<&str> =
        allowed.iter().filter(|value| !value.is_hide_set()).map(PossibleValue::get_name).collect();
    if let [others @ .., last] = allowed.as_slice() {
        let _ = write!(text, ": {} or {last}", others.join(", "));
    }
    if let Some(variable) = option.get_env() {
        let _ = write!(text, " [env: {}]", variable.to_string_lossy());
    }
    if let [only] = option.get_default_values()
        && !only.is_empty()
    {
        let _ = write!(text, " (default {})", only.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{ArgAction, builder::PossibleValuesParser};

    #[test]
    fn an_option_is_written_as_it_is_typed() {
        let merge = Arg::new("merge").long("merge").value_name("FILE").num_args(0..=1).require_equals(true);
        assert_eq!(spelling(&merge), "--merge[=FILE]");
        let equals = Arg::new("a").long("a").value_name("B").num_args(1).require_equals(true);
        assert_eq!(spelling(&equals), "--a=B");
        let optional = Arg::new("a").long("a").value_name("B").num_args(0..=1);
        assert_eq!(spelling(&optional), "--a [B]");
        assert_eq!(
            spelling(&Arg::new("c").short('c').long("column").value_name("COLUMN")),
            "-c, --column COLUMN"
        );
        assert_eq!(spelling(&Arg::new("wait").long("wait").action(ArgAction::SetTrue)), "--wait");
        assert_eq!(spelling(&Arg::new("cluster").value_name("CLUSTER")), "CLUSTER");
    }

    #[test]
    fn what_is_allowed_is_told() {
        let format = Arg::new("f").long("f").default_value("a");
        let format = format.value_parser(PossibleValuesParser::new(["a", "b", "c"]));
        assert_eq!(further(&format), ": a, b or c (default a)");
        assert_eq!(further(&Arg::new("wait").long("wait").action(ArgAction::SetTrue)), "");
        assert_eq!(further(&Arg::new("host").long("host").env("HOST")), " [env: HOST]");
    }
}
