//! The `magnum` command's frame: reads the process, runs the command line, and ends with its exit code.

use anyhow::{Context, Result};
use magnum_cli::{CliError, Environment, Kind, Program, Terminal, TerminalSize};
use magnum_types::{SystemClock, SystemEntropy};
use std::{
    ffi::OsString,
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
    sync::Arc,
};
use tracing_subscriber::EnvFilter;

/// Runs the command line that the process was started with.
pub fn run() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // A service, and no client of one: it has a command line of its own.
    if arguments.get(1).is_some_and(|noun| noun == "standalone") {
        let name = std::iter::once(OsString::from("magnum standalone"));
        return crate::standalone::run(name.chain(arguments.into_iter().skip(2)).collect());
    }
    let program = match Program::parse_from(arguments) {
        Ok(program) => program,
        Err(error) => {
            // Help goes to standard output, a mistake to standard error; nothing can be done when that is closed.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(Kind::Usage.exit_code())
            } else {
                ExitCode::SUCCESS
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
