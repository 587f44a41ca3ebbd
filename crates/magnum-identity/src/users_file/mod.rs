//! `users.yaml`: the domains, projects, users and role assignments of this cloud, written by its operator.
//!
//! The file is read at the start and by [`crate::Identity::reload`]. A clear password in it is replaced by its hash at
//! once, in its place, so that comments and order stay.

mod edit;
mod entries;
mod first;

pub(crate) use edit::{password_replaced, passwords_hashed};
pub(crate) use first::first_start;
pub use first::{FirstStart, FirstUser};

use crate::{error::IdentityError, people::People};
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::path::Path;

/// The file's name in the directory.
pub(crate) const NAME: &str = "users.yaml";

/// The whole file.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    #[serde(default)]
    domains: Vec<DomainEntry>,
    #[serde(default)]
    projects: Vec<ProjectEntry>,
    #[serde(default)]
    users: Vec<UserEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DomainEntry {
    name: String,
    id: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default = "yes")]
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectEntry {
    name: String,
    id: Option<String>,
    domain: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default = "yes")]
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    name: String,
    id: Option<String>,
    domain: Option<String>,
    password: Option<Spanned<String>>,
    #[serde(default = "yes")]
    enabled: bool,
    email: Option<String>,
    description: Option<String>,
    default_project: Option<String>,
    #[serde(default)]
    roles: Vec<GrantEntry>,
}

/// Roles at one place: a project, a domain or `system: all`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantEntry {
    project: Option<String>,
    /// The domain; beside `project` that of the project.
    domain: Option<String>,
    system: Option<String>,
    roles: Vec<String>,
}

fn yes() -> bool {
    true
}

/// The file's entries, unchecked. A syntax error is told by its line, never with the line itself: it may hold a
/// password.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Document, IdentityError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_events: 1_000_000, max_aliases: 0, max_depth: 16 },
        with_snippet: false,
    };
    let document: Option<Document> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| IdentityError::Users {
            path: path.to_owned(),
            entry: error.location().map_or("the file".to_owned(), |place| format!("line {}", place.line())),
            problem: one_line(&error.to_string()),
            remedy: "correct it; the comment at the top of a fresh file shows the form".to_owned(),
        })?;
    Ok(document.unwrap_or_default())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The file's people, checked. Clear passwords must have been replaced.
pub(crate) fn people(path: &Path, text: &str) -> Result<People, IdentityError> {
    entries::people(path, &parse(path, text)?)
}
