//! The `magnum` command's frame: reads the process, runs the command line, and ends with its exit code.

use crate::standalone;
use anyhow::{Context, Result};
use clap::{Command, CommandFactory as _, FromArgMatches as _};
use magnum_cli::{CliError, Environment, Kind, Parsed, Program, Terminal, TerminalSize};
use magnum_types::{SystemClock, SystemEntropy};
use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
    sync::Arc,
};
use tracing_subscriber::EnvFilter;

/// Runs the command line that the process was started with.
pub fn run() -> ExitCode {
    let parsed = match Program::parse_from(std::env::args_os().collect(), nouns()) {
        Ok(parsed) => parsed,
        Err(error) => return misread(&error),
    };
    let program = match parsed {
        Parsed::Own(program) => program,
        // A service, and no client of one.
        Parsed::Other { given, .. } => {
            return match standalone::Arguments::from_arg_matches(&given) {
                Ok(arguments) => standalone::run(arguments),
                Err(error) => misread(&error),
            };
        }
    };
    if program.debug() {
        show_calls();
    }
    let ended = crate::process::prepare(None).and_then(|runtime| {
        let environment = environment()?;
        Ok(runtime.block_on(program.run(environment)))
    });
    match ended {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&CliError::new(Kind::Failed, format!("{error:#}"))),
    }
}

/// The nouns that are not the client's.
fn nouns() -> Vec<Command> {
    vec![standalone::Arguments::command().name("standalone")]
}

/// The generated part of docs/cli.md.
pub fn reference() -> String {
    Program::reference(&nouns())
}

/// Help goes to standard output, a mistake to standard error.
fn misread(error: &clap::Error) -> ExitCode {
    // Nothing can be done when that is closed.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(Kind::Usage.exit_code()) } else { ExitCode::SUCCESS }
}

fn failed(error: &CliError) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{}", error.text());
    ExitCode::from(error.kind.exit_code())
}

/// Every call of the cloud on standard error: service, method, path, outcome. Tokens are no part of it.
fn show_calls() {
    let shown = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("magnum_openstack=debug"))
        .with_writer(std::io::stderr)
        .without_time()
        .with_ansi(false)
        .try_init();
    if let Err(error) = shown {
        let _ = writeln!(std::io::stderr(), "calls cannot be shown: {error}");
    }
}

fn environment() -> Result<Environment> {
    Ok(Environment {
        variables: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        home: std::env::home_dir(),
        directory: std::env::current_dir().context("the present folder is gone: change to another one")?,
        terminal: terminal(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    })
}

/// The terminal, unless it is none or calls itself one whose cursor cannot be moved, as those of editors do.
fn terminal() -> Option<Terminal> {
    let is_there = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
    let is_dumb = std::env::var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
    (is_there && !is_dumb).then(|| Terminal::new(terminal_size))
}

fn terminal_size() -> Option<TerminalSize> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    Some(TerminalSize { rows: size.ws_row.into(), columns: size.ws_col.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standalone(line: &str) -> standalone::Arguments {
        let words = line.split(' ').map(Into::into).collect();
        match Program::parse_from(words, nouns()) {
            Ok(Parsed::Other { noun, given }) => {
                assert_eq!(noun, "standalone");
                standalone::Arguments::from_arg_matches(&given).unwrap()
            }
            Ok(Parsed::Own(_)) => panic!("{line}: a command of the client"),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    #[test]
    fn the_tree_of_commands_is_sound() {
        let read = Program::parse_from(
            ["magnum", "standalone", "image", "--verbose"].map(Into::into).into(),
            nouns(),
        );
        assert!(read.is_ok());
        assert!(reference().contains("#### `magnum standalone image`"));
    }

    #[test]
    fn debug_is_taken_before_the_noun_and_after_it() {
        for line in [
            "magnum --debug standalone",
            "magnum standalone --debug",
            "magnum --debug standalone --port 9512",
        ] {
            assert!(standalone(line).serve.debug, "{line}");
        }
        assert!(!standalone("magnum standalone").serve.debug);
        assert!(standalone("magnum standalone image").action.is_some());
    }
}
