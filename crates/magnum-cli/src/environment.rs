//! What the program is started in. The binary reads it; nothing else here looks at the process.

use magnum_types::{Clock, Entropy};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// The program's surroundings.
#[derive(Clone)]
pub struct Environment {
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// The directory that the program was started in.
    pub directory: PathBuf,
    /// Both standard output and standard error are terminals.
    pub is_terminal: bool,
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
