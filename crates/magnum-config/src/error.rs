//! What can be wrong with a configuration, and what merely deserves a word.
//!
//! Every error says where the text stands, which option it is about, what is wrong and what to do. The value
//! itself is repeated only when it holds no secret; the type of the option decides that, not the caller.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of a configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// Line of the option's name, counted from 1.
        line: usize,
    },
    /// An environment variable, by name.
    Environment(String),
    /// The option's own default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(out, "{}:{line}", path.display()),
            Self::Environment(name) => write!(out, "environment variable {name}"),
            Self::Default => out.write_str("built-in default"),
        }
    }
}

/// A line that does not follow the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Syntax {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it and how to mend it; never the line's text, which may hold a password.
    pub problem: &'static str,
}

impl Syntax {
    pub(crate) fn new(line: usize, problem: &'static str) -> Self {
        Self { line, problem }
    }
}

/// A value that its option may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: option {name} in [{group}]{}: {problem}", shown(value.as_deref()))]
pub struct BadValue {
    /// Where the value stands.
    pub origin: Origin,
    /// The option's group.
    pub group: String,
    /// The option's name.
    pub name: String,
    /// The value, unless it is or contains a secret.
    pub value: Option<String>,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// Why a configuration could not be loaded or written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A named file or directory is missing or cannot be read.
    #[error("cannot read configuration {}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A file of our own could not be written.
    #[error("cannot write configuration {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A file has a line outside the grammar.
    #[error("{}:{}: {}", path.display(), source.line, source.problem)]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line and its problem.
        #[source]
        source: Syntax,
    },
    /// An option's value is not one it may have.
    #[error(transparent)]
    Value(Box<BadValue>),
    /// A value that the file dialect has no way to write, such as one with an empty line in it.
    #[error("the value of option {name} cannot be written to a configuration file: {problem}")]
    Unwritable {
        /// The option's name.
        name: String,
        /// Which part of the value is the obstacle.
        problem: &'static str,
    },
    /// A section was asked for an option that the table does not declare: a fault of this program.
    #[error("option {name} in [{group}] is not declared in the option table")]
    Undeclared {
        /// The group asked for.
        group: String,
        /// The name asked for.
        name: String,
    },
}

fn shown(value: Option<&str>) -> String {
    value.map(|text| format!(" = {text:?}")).unwrap_or_default()
}

/// Something that does not stop the service but that its operator should know. Each is reported once per load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// No option has this name; it is skipped.
    UnknownOption {
        /// Where it stands first.
        origin: Origin,
        /// The group it stands in.
        group: String,
        /// The name as written.
        name: String,
        /// The declared name that looks most like it.
        suggestion: Option<String>,
    },
    /// No group has this name; all it holds is skipped.
    UnknownGroup {
        /// Where its first option stands.
        origin: Origin,
        /// The group as written.
        group: String,
        /// The declared group that looks most like it.
        suggestion: Option<String>,
    },
    /// An old name that still works.
    Deprecated {
        /// Where it stands first.
        origin: Origin,
        /// The old `[group] name`.
        old: String,
        /// The `[group] name` to write instead.
        new: String,
    },
    /// A file with a secret in it can be read by more users than its owner.
    ReadableSecret {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOption { origin, group, name, suggestion } => {
                write!(out, "{origin}: unknown option {name} in [{group}] is skipped")?;
                suggestion.as_ref().map_or(Ok(()), |other| write!(out, "; did you mean {other}?"))
            }
            Self::UnknownGroup { origin, group, suggestion } => {
                write!(out, "{origin}: unknown group [{group}] is skipped")?;
                suggestion.as_ref().map_or(Ok(()), |other| write!(out, "; did you mean [{other}]?"))
            }
            Self::Deprecated { origin, old, new } => {
                write!(out, "{origin}: {old} is an old name, write {new} instead")
            }
            Self::ReadableSecret { path, mode } => {
                write!(
                    out,
                    "{} holds a secret and has mode {mode:03o}; take the rights of group and others away (mode 600)",
                    path.display()
                )
            }
        }
    }
}
