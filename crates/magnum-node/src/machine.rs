//! The machine as the steps see it: files, commands, time. The real one is [`Host`]; tests play another.

use crate::error::MachineError;
use jiff::Timestamp;
use std::{fmt, io::Read, time::Duration};

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
    /// Variables that it sees beside the usual ones.
    pub environment: Vec<(String, String)>,
    /// Most that is kept of each of its outputs, in bytes.
    pub keeps: u64,
}

/// What is kept of an output unless a command wants more, in bytes.
const USUALLY_KEPT: u64 = 1024 * 1024;

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
        Self {
            program: program.to_owned(),
            arguments,
            timeout: Duration::from_secs(60),
            environment: Vec::new(),
            keeps: USUALLY_KEPT,
        }
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

    /// The same with a variable in its environment.
    #[must_use]
    pub fn seeing(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// The same with more of its output kept, in bytes.
    #[must_use]
    pub fn keeping(mut self, bytes: u64) -> Self {
        self.keeps = bytes;
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
    /// Standard output, at most [`Command::keeps`].
    pub stdout: String,
    /// Standard error, at most [`Command::keeps`].
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

    /// Removes a file; one that is not there is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&self, path: &str) -> Result<(), MachineError>;

    /// Puts a file in another's place.
    ///
    /// # Errors
    /// When it cannot be moved.
    fn rename(&self, from: &str, to: &str) -> Result<(), MachineError>;

    /// Makes `path` a symbolic link to `target`, in place of what is there; missing directories are made (mode 755).
    ///
    /// # Errors
    /// When it cannot be made.
    fn link(&self, path: &str, target: &str) -> Result<(), MachineError>;

    /// Writes a file from a stream, with exactly this mode, and gives the SHA-256 (hex) of what came. It is not
    /// replaced by rename: the caller looks at the digest first.
    ///
    /// # Errors
    /// When the stream breaks off or is longer than `limit` bytes, or the file cannot be written.
    fn receive(
        &self,
        path: &str,
        mode: u32,
        limit: u64,
        content: &mut dyn Read,
    ) -> Result<String, MachineError>;

    /// The SHA-256 (hex) of a file's content, however long it is; `None` if there is none.
    ///
    /// # Errors
    /// When it is there but cannot be read.
    fn digest(&self, path: &str) -> Result<Option<String>, MachineError>;

    /// A file's length in bytes; `None` if there is none.
    ///
    /// # Errors
    /// When the file system does not tell.
    fn size(&self, path: &str) -> Result<Option<u64>, MachineError>;

    /// The names in a directory, none if there is no such directory.
    ///
    /// # Errors
    /// When it is there but cannot be read.
    fn list(&self, directory: &str) -> Result<Vec<String>, MachineError>;

    /// A program of this name, or at this absolute path, can be started.
    fn finds(&self, program: &str) -> bool;

    /// Somebody takes a connection at this socket address, which has no name in it; else the reason.
    fn connects(&self, address: &str) -> Result<(), String>;

    /// Time since some fixed moment.
    fn now(&self) -> Duration;

    /// The time of day. It may be wrong while a machine starts, and may jump.
    fn wall(&self) -> Timestamp;

    /// Waits.
    fn sleep(&self, duration: Duration);
}
