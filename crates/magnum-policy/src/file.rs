//! Reading the operator's files: one `policy.yaml` or `policy.json`, then folders of further files.
//!
//! Later files win over earlier ones. A missing file under a default name is no override at all;
//! a missing file under any other name is a mistake and said so. Sizes and aliases are bounded,
//! because the file is read again while the service runs.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use indexmap::IndexMap;
use serde_json::Value;

use crate::PolicyError;

/// No policy file is larger, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The names under which a policy file may be missing.
const DEFAULT_NAMES: [&str; 2] = ["policy.yaml", "policy.json"];

/// A rule as a file has it.
#[derive(Debug)]
pub(crate) struct FileRule {
    pub(crate) value: Value,
    pub(crate) path: PathBuf,
}

/// The rules of all files, by name.
pub(crate) type FileRules = IndexMap<String, FileRule>;

/// What a file looked like when it was last seen; different stamps mean it must be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    path: PathBuf,
    /// Modification time, size in bytes and, where there is one, the file's number on its disk.
    seen: Option<(Option<SystemTime>, u64, u64)>,
}

/// The stamps of everything that `read` would look at.
pub(crate) fn stamps(files: &[PathBuf], dirs: &[PathBuf]) -> Vec<Stamp> {
    // A folder that cannot be listed is reported by `read`; here its own stamp is enough.
    let inside = dirs.iter().flat_map(|dir| files_in(dir).unwrap_or_default());
    files.iter().chain(dirs).cloned().chain(inside).map(stamp).collect()
}

fn stamp(path: PathBuf) -> Stamp {
    let seen =
        std::fs::metadata(&path).ok().map(|data| (data.modified().ok(), data.len(), number_on_disk(&data)));
    Stamp { path, seen }
}

#[cfg(unix)]
fn number_on_disk(data: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(data)
}

#[cfg(not(unix))]
fn number_on_disk(_data: &std::fs::Metadata) -> u64 {
    0
}

/// Reads all files and folders.
pub(crate) fn read(files: &[PathBuf], dirs: &[PathBuf]) -> Result<FileRules, PolicyError> {
    let mut rules = FileRules::new();
    for path in files {
        match read_text(path) {
            Ok(text) => add(&mut rules, path, &text)?,
            Err(PolicyError::Unreadable { source, .. })
                if source.kind() == ErrorKind::NotFound && has_default_name(path) => {}
            Err(error) => return Err(error),
        }
    }
    for dir in dirs {
        for path in files_in(dir)? {
            add(&mut rules, &path, &read_text(&path)?)?;
        }
    }
    Ok(rules)
}

fn has_default_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| DEFAULT_NAMES.iter().any(|default| name == *default))
}

/// The folder's files in order of their names; hidden files and sub-folders are passed over, and a
/// folder that does not exist has none.
fn files_in(dir: &Path) -> Result<Vec<PathBuf>, PolicyError> {
    let unreadable = |source| PolicyError::Unreadable { path: dir.to_owned(), source };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let hidden = entry.file_name().as_encoded_bytes().first() == Some(&b'.');
        if !hidden && entry.path().is_file() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_text(path: &Path) -> Result<String, PolicyError> {
    let unreadable = |source| PolicyError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size > MAX_BYTES {
        return Err(PolicyError::TooLarge { path: path.to_owned(), size, limit: MAX_BYTES });
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn add(rules: &mut FileRules, path: &Path, text: &str) -> Result<(), PolicyError> {
    match parse(path, text)? {
        Value::Null => Ok(()),
        Value::Object(found) => {
            rules.extend(
                found.into_iter().map(|(name, value)| (name, FileRule { value, path: path.to_owned() })),
            );
            Ok(())
        }
        _ => Err(PolicyError::NotAMapping { path: path.to_owned() }),
    }
}

/// JSON is tried first on what looks like it: its tabs are not valid YAML everywhere.
fn parse(path: &Path, text: &str) -> Result<Value, PolicyError> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Value::Null);
    }
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 100_000,
            max_aliases: 100,
            max_depth: 16,
        },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|source| PolicyError::Syntax { path: path.to_owned(), source: Box::new(source) })
}
