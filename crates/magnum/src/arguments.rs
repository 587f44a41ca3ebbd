//! The command line that all programs share: oslo.config's, so that service files of upstream start ours.

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser};
use magnum_config::{MagnumConfig, Sources, Warning};
use std::path::PathBuf;

/// Options of every program.
#[derive(Clone, Debug, Parser)]
pub struct Arguments {
    /// A configuration file; may be given several times, later ones win [default: /etc/magnum/magnum.conf and others]
    #[arg(long = "config-file", value_name = "FILE")]
    pub config_files: Vec<PathBuf>,
    /// A directory of *.conf files, read after the files
    #[arg(long = "config-dir", value_name = "DIR")]
    pub config_dirs: Vec<PathBuf>,
    /// Log at debug level
    #[arg(short, long)]
    pub debug: bool,
    /// Log into this file instead of to standard error
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<String>,
}

/// Options of the services.
#[derive(Clone, Debug, Parser)]
pub struct ServiceArguments {
    /// What all programs take.
    #[command(flatten)]
    pub common: Arguments,
    /// Print a commented sample of magnum.conf and exit
    #[arg(long)]
    pub sample_config: bool,
}

impl Arguments {
    /// Reads the configuration that the arguments name; command-line options win over it.
    ///
    /// # Errors
    /// An unreadable file, or the first value that its option may not have, by file, line, group and option.
    pub fn load(&self, program: &str) -> Result<(MagnumConfig, Vec<Warning>)> {
        let mut sources = Sources::new(program, &host_name());
        sources.files.clone_from(&self.config_files);
        sources.dirs.clone_from(&self.config_dirs);
        sources.environment = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        sources.home = std::env::home_dir();
        let (mut config, warnings) =
            MagnumConfig::load(&sources).context("the configuration cannot be used")?;
        config.log.debug |= self.debug;
        if self.log_file.is_some() {
            config.log.log_file.clone_from(&self.log_file);
        }
        Ok((config, warnings))
    }
}

/// Parses the command line of `program`; `--help` also lists every option of the configuration.
pub fn parse(program: &'static str, about: &'static str) -> ServiceArguments {
    let command = ServiceArguments::command().name(program).about(about).version(env!("CARGO_PKG_VERSION"));
    let command = command.after_long_help(magnum_config::reference_help());
    let matches = command.get_matches();
    <ServiceArguments as clap::FromArgMatches>::from_arg_matches(&matches)
        .unwrap_or_else(|error| error.exit())
}

/// This machine's name, the default of `[DEFAULT] host`.
pub fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_else(|_| "localhost".to_owned())
}

/// Prints the commented sample of `magnum.conf`.
///
/// # Errors
/// When standard output is closed.
pub fn print_sample() -> Result<()> {
    print(&magnum_config::sample()?)
}

/// A program's own output, on standard output.
///
/// # Errors
/// When standard output is closed.
pub fn print(text: &str) -> Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{text}").context("standard output is closed")
}
