//! The machine as the steps see it: files, commands, time. The real one is [`Host`]; tests play another.

use crate::error::MachineError;
use std::{fmt, time::Duration};

mod host;

pub use host::Host;

/// A command line. Debug hides what is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// The program, looked for in the path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// How long it may take before it is ended.
    pub timeout: Duration,
}

/// One argument.
#[derive(Clone, PartialEq, Eq)]
pub enum Argument {
    /// May be shown.
    Plain(String),
    /// Must not be shown.
    Secret(String),
}

impl Argument {
    /// The text for the program.
    pub fn as_str(&self) -> &str {
        match self {
            Argument::Plain(text) | Argument::Secret(text) => text,
        }
    }
}

impl Command {
    /// A command with plain arguments that may take a minute.
    pub fn new(program: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| Argument::Plain((*argument).to_owned())).collect();
        Self { program: program.to_owned(), arguments, timeout: Duration::from_secs(60) }
    }

    /// The same with one more, secret argument.
    #[must_use]
    pub fn secret(mut self, argument: &str) -> Self {
        self.arguments.push(Argument::Secret(argument.to_owned()));
        self
    }

    /// The same with one more argument.
    #[must_use]
    pub fn plain(mut self, argument: &str) -> Self {
        self.arguments.push(Argument::Plain(argument.to_owned()));
        self
    }

    /// The same with another time, in seconds.
    #[must_use]
    pub fn within(mut self, seconds: u64) -> Self {
        self.timeout = Duration::from_secs(seconds);
        self
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        for argument in &self.arguments {
            match argument {
                Argument::Plain(text) => write!(f, " {text}")?,
                Argument::Secret(_) => f.write_str(" [secret]")?,
            }
        }
        Ok(())
    }
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Its status was 0.
    pub success: bool,
    /// Standard output, at most a mebibyte.
    pub stdout: String,
    /// Standard error, at most a mebibyte.
    pub stderr: String,
}

/// The machine.
pub trait Machine {
    /// Runs a command to its end or its time.
    ///
    /// # Errors
    /// When it cannot be started or must be ended; a status other than 0 is no error here.
    fn run(&self, command: &Command) -> Result<Output, MachineError>;

    /// A file's content; `None` if there is none.
    ///
    /// # Errors
    /// When it is there but cannot be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, MachineError>;

    /// A file's permission bits; `None` if there is none.
    ///
    /// # Errors
    /// When the file system does not tell.
    fn mode(&self, path: &str) -> Result<Option<u32>, MachineError>;

    /// Replaces a file by rename, with exactly this mode; missing directories are made (mode 755).
    ///
    /// # Errors
    /// When it cannot be written.
    fn write(&self, path: &str, mode: u32, content: &[u8]) -> Result<(), MachineError>;

    /// The names in a directory, none if there is no such directory.
    ///
    /// # Errors
    /// When it is there but cannot be read.
    fn list(&self, directory: &str) -> Result<Vec<String>, MachineError>;

    /// A program of this name can be started.
    fn finds(&self, program: &str) -> bool;

    /// Time since some fixed moment.
    fn now(&self) -> Duration;

    /// Waits.
    fn sleep(&self, duration: Duration);
}
