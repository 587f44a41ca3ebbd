//! The same done to several objects: one that fails does not keep the others from their turn.

use crate::{
    cli::Cli,
    error::{CliError, Kind, Result},
};

/// How it went so far.
pub struct Several {
    count: usize,
    failed: usize,
    first: Option<CliError>,
}

impl Several {
    /// That many objects.
    pub fn of(count: usize) -> Self {
        Self { count, failed: 0, first: None }
    }

    /// Takes in how one ended. A failure among several is told at once, since the next ones may take long.
    ///
    /// # Errors
    /// Ctrl-C, which is meant for all.
    pub fn take(&mut self, cli: &mut Cli, ended: Result) -> Result {
        let Err(error) = ended else { return Ok(()) };
        if error.kind == Kind::Interrupted {
            return Err(error);
        }
        if self.count > 1 {
            cli.screen.note(&error.text());
        }
        self.failed += 1;
        self.first.get_or_insert(error);
        Ok(())
    }

    /// How all ended.
    ///
    /// # Errors
    /// When one failed; the exit code is that of the first one that did.
    pub fn end(self, nouns: &str) -> Result {
        match self.first {
            None => Ok(()),
            Some(only) if self.count == 1 => Err(only),
            Some(first) => {
                Err(CliError::new(first.kind, format!("{} of {} {nouns} failed", self.failed, self.count))
                    .advise("the lines above say why"))
            }
        }
    }
}
