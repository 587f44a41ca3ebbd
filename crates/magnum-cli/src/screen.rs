//! Where words go: results to standard output, everything else to standard error, so that output can be piped while
//! a wait shows how it goes.

use crate::error::{CliError, Kind, Result};
use std::io::Write;

/// The two streams.
pub struct Screen {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
}

impl Screen {
    /// The process's own streams.
    pub fn process() -> Self {
        Self { out: Box::new(std::io::stdout()), err: Box::new(std::io::stderr()) }
    }

    /// A result.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn print(&mut self, text: &str) -> Result {
        let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        write!(self.out, "{text}{newline}")
            .and_then(|()| self.out.flush())
            .map_err(|error| CliError::new(Kind::Failed, "standard output is closed").caused_by(error))
    }

    /// A remark. Nobody may be listening, which changes nothing.
    pub fn note(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}").and_then(|()| self.err.flush());
    }

    /// Characters for the terminal as they are.
    pub fn draw(&mut self, text: &str) {
        let _ = write!(self.err, "{text}").and_then(|()| self.err.flush());
    }
}
