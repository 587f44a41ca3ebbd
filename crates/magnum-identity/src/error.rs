//! What can go wrong outside a request: files, and what is written in them.

use std::{io, path::PathBuf};

/// A failure of the identity service itself. Never holds a password or a hash.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file could not be read or written.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// `read`, `write` …
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `users.yaml` says something that cannot be followed.
    #[error("{}: {entry}: {problem}; {remedy}", path.display())]
    Users {
        /// The file.
        path: PathBuf,
        /// Which entry of it, such as `user 3 (alice)`, or which line.
        entry: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// Another file of the directory is damaged.
    #[error("{} is damaged ({problem}); {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do, and what that costs.
        remedy: &'static str,
    },
    /// Another process serves this directory.
    #[error("another process is using {}: stop it, or give this one a directory of its own", path.display())]
    InUse {
        /// The file that it has locked.
        path: PathBuf,
    },
    /// A setting is unusable.
    #[error("{name} is unusable: {problem}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A password was to be changed of a user who is not in `users.yaml`.
    #[error("there is no user {name} of domain {domain} with a password in {}", path.display())]
    NoUser {
        /// The user's name.
        name: String,
        /// Its domain's name.
        domain: String,
        /// The file.
        path: PathBuf,
    },
    /// Hashing or sealing failed.
    #[error("cannot {doing}")]
    Crypto {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl IdentityError {
    pub(crate) fn file(doing: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        Self::File { doing, path: path.to_owned(), source }
    }

    pub(crate) fn crypto<E>(doing: &'static str) -> impl Fn(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Self::Crypto { doing, source: Box::new(source) }
    }
}
