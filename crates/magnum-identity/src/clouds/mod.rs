//! `clouds.yaml`, where OpenStack's clients look for their clouds: adding our entry to a file that is somebody else's.
//!
//! The file is edited as text, so that comments, order and style stay, and what comes out is read again and compared:
//! either only our entry has changed, or the file is not touched. Our entries stand between two comment lines by which they
//! are found again; an entry of the wanted name without them belongs to somebody else, and ours gets another
//! name.

mod merge;

pub use merge::{Merged, merge, without};

use crate::{error::IdentityError, files};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// A cloud, as clients need to know it.
#[derive(Debug, Clone)]
pub struct CloudEntry {
    /// Keystone's address, such as `https://127.0.0.1:9511/identity/v3`.
    pub auth_url: String,
    /// The user's name.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// The project's name.
    pub project_name: String,
    /// The name of the user's domain.
    pub user_domain_name: String,
    /// The name of the project's domain.
    pub project_domain_name: String,
    /// The region.
    pub region_name: String,
    /// The file with the authority that vouches for the server's certificate; the system's own without it.
    pub cacert: Option<PathBuf>,
}

impl CloudEntry {
    fn fields(&self) -> Value {
        let map = |fields: &[(&str, &str)]| {
            let fields = fields.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
            fields.collect::<Map<_, _>>()
        };
        let mut entry = Map::new();
        let auth = map(&[
            ("auth_url", &self.auth_url),
            ("username", &self.username),
            ("password", self.password.expose_secret()),
            ("project_name", &self.project_name),
            ("user_domain_name", &self.user_domain_name),
            ("project_domain_name", &self.project_domain_name),
        ]);
        entry.insert("auth".to_owned(), Value::Object(auth));
        entry.extend(map(&[
            ("region_name", &self.region_name),
            ("identity_api_version", "3"),
            ("interface", "public"),
        ]));
        if let Some(file) = &self.cacert {
            entry.insert("cacert".to_owned(), file.to_string_lossy().into());
        }
        Value::Object(entry)
    }
}

/// Why `clouds.yaml` was left as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloudsError {
    /// Its text cannot take another entry.
    #[error("{} {problem}; {remedy}", file.display())]
    Text {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it. Holds nothing of the file's values.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// It could not be read or written.
    #[error(transparent)]
    File(#[from] IdentityError),
}

impl CloudsError {
    /// The same of the text of the file at `path`.
    fn of(self, path: &Path) -> Self {
        match self {
            Self::Text { problem, remedy, .. } => Self::Text { file: path.to_owned(), problem, remedy },
            other => other,
        }
    }
}

/// Whether the file, if there is one, can take an entry, so that a caller knows before it begins anything. Its text is
/// left as it is. Blocks.
///
/// # Errors
/// As [`write()`]'s, but for what only writing shows.
pub fn check(path: &Path) -> Result<(), CloudsError> {
    let path = resolved(path)?;
    let Some(text) = files::read_private(&path)? else { return Ok(()) };
    let sample = CloudEntry {
        auth_url: String::new(),
        username: String::new(),
        password: String::new().into(),
        project_name: String::new(),
        user_domain_name: String::new(),
        project_domain_name: String::new(),
        region_name: String::new(),
        cacert: None,
    };
    merge(&text, "check", "check", &sample).map(drop).map_err(|error| error.of(&path))
}

/// Puts `entry` into the file, which is made (mode 600) if there is none, under `name` or the next free name. `slot`
/// tells our entries apart, and those of other installations: the entry of the same slot is replaced. Returns the name.
/// Blocks.
///
/// # Errors
/// As [`merge`]'s, and when the file cannot be read or written.
pub fn write(path: &Path, name: &str, slot: &str, entry: &CloudEntry) -> Result<String, CloudsError> {
    let path = resolved(path)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        files::private_directory(parent)?;
    }
    let before = files::read_private(&path)?;
    let merged =
        merge(before.as_deref().unwrap_or_default(), name, slot, entry).map_err(|error| error.of(&path))?;
    if before.as_deref() != Some(merged.text.as_str()) {
        files::write_private(&path, &merged.text)?;
    }
    Ok(merged.name)
}

/// The name of the entry of `slot`, if the file has it and it leads to `auth_url`. Blocks.
///
/// # Errors
/// When the file cannot be read.
pub fn find(path: &Path, slot: &str, auth_url: &str) -> Result<Option<String>, CloudsError> {
    let before = files::read_private(&resolved(path)?)?;
    Ok(before.as_deref().and_then(|text| merge::name_of(text, slot, auth_url)))
}

/// Takes the entry of `slot` out of the file, and the file away if nothing else is in it. Blocks.
///
/// # Errors
/// As [`without`]'s, and when the file cannot be read, written or removed.
pub fn remove(path: &Path, slot: &str) -> Result<(), CloudsError> {
    let path = resolved(path)?;
    let Some(before) = files::read_private(&path)? else { return Ok(()) };
    let after = without(&before, slot).map_err(|error| error.of(&path))?;
    if after.trim() == "clouds: {}" && before != after {
        let removed = std::fs::remove_file(&path);
        return Ok(removed.map_err(|source| IdentityError::file("remove", &path, source))?);
    }
    if after != before {
        files::write_private(&path, &after)?;
    }
    Ok(())
}

/// The file itself where the path is a link to it, so that the link stays.
fn resolved(path: &Path) -> Result<PathBuf, IdentityError> {
    match std::fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        Err(source) => Err(IdentityError::file("find", path, source)),
    }
}
