//! What can go wrong: a policy that cannot be loaded, and a request that is refused.
//!
//! The two are kept apart because they meet different people: the first the operator at start or
//! reload, the second the caller as a 403.

use std::path::PathBuf;

use crate::{Rule, Scope};

/// Why the operator's policy could not be loaded. The rules in force stay as they were.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file or folder is missing or may not be read.
    #[error("policy file {} cannot be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is larger than a policy can sensibly be.
    #[error("policy file {} has {size} bytes, more than the {limit} allowed", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The bound in bytes.
        limit: u64,
    },
    /// A file is neither YAML nor JSON.
    #[error("policy file {} is not valid yaml", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the parser said, with line and column.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file is valid YAML but not a mapping of rule names.
    #[error("policy file {} is not a mapping of rule names to rules", path.display())]
    NotAMapping {
        /// The file.
        path: PathBuf,
    },
    /// Rules that refer to each other in a ring.
    #[error("policy rule {rule} refers to itself, directly or through other rules")]
    Cycle {
        /// One rule of the ring.
        rule: String,
    },
    /// Rules that refer to each other through too many levels.
    #[error("policy rule {rule} is nested more than {limit} levels deep")]
    TooDeep {
        /// The rule where the bound was reached.
        rule: String,
        /// The bound in levels.
        limit: usize,
    },
}

/// A request that policy refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Denied {
    /// The rule that was asked.
    pub rule: Rule,
    /// What made it refuse.
    pub cause: Cause,
}

/// What made a rule refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The caller does not satisfy the rule's expression.
    Expression,
    /// The caller's token has a scope that the rule does not take.
    Scope(Scope),
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rule = self.rule.name();
        match self.cause {
            Cause::Expression => write!(f, "Policy doesn't allow {rule} to be performed."),
            Cause::Scope(scope) => {
                write!(f, "Policy doesn't allow {rule} to be performed with a {}-scoped token.", scope.name())
            }
        }
    }
}
