//! What the program is started in. The binary reads it; nothing else here looks at the process.

use magnum_types::{Clock, Entropy};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// A terminal whose cursor can be moved.
#[derive(Clone, Copy)]
pub struct Terminal {
    size: fn() -> Option<TerminalSize>,
}

/// How much a terminal shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TerminalSize {
    /// Lines.
    pub rows: usize,
    /// Characters of a line.
    pub columns: usize,
}

impl Terminal {
    /// A terminal that is asked so for its size.
    pub fn new(size: fn() -> Option<TerminalSize>) -> Self {
        Self { size }
    }

    /// Its size now; the usual one of those that do not know theirs.
    pub(crate) fn size(self) -> TerminalSize {
        let known = (self.size)().filter(|size| size.rows > 0 && size.columns > 0);
        known.unwrap_or(TerminalSize { rows: 24, columns: 80 })
    }
}

/// The program's surroundings.
#[derive(Clone)]
pub struct Environment {
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// The directory that the program was started in.
    pub directory: PathBuf,
    /// The terminal that both standard output and standard error are.
    pub terminal: Option<Terminal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Environment {
    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A path as the user gave it, from where the program was started.
    pub fn path(&self, given: &std::path::Path) -> PathBuf {
        let path = match (given.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => self.directory.join(given),
        };
        // Without `./`, which nobody wants to read.
        path.components().collect()
    }
}
