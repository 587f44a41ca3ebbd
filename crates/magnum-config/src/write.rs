//! Writing configuration: one option so that it reads back unchanged, one file so that only its owner reads it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::ConfigError;
use crate::ini::is_space;
use crate::template;

/// The line or lines `name = value`, ending in a newline, that a load reads back as exactly `value`.
///
/// Fails for texts that the dialect cannot express: with carriage returns, or of several lines of which one after
/// the first is empty or has white space at an end.
pub fn assignment(name: &str, value: &str) -> Result<String, ConfigError> {
    let unwritable = |problem| ConfigError::Unwritable { name: name.to_owned(), problem };
    if value.contains('\r') {
        return Err(unwritable("it holds a carriage return"));
    }
    let escaped = template::escape(value);
    let (first, more) =
        escaped.split_once('\n').map_or((escaped.as_str(), None), |(first, more)| (first, Some(more)));
    let first = if first.trim_matches(is_space) != first || first.starts_with(['"', '\'']) {
        format!("\"{first}\"")
    } else {
        first.to_owned()
    };
    let mut text = if first.is_empty() { format!("{name} =\n") } else { format!("{name} = {first}\n") };
    for line in more.into_iter().flat_map(|more| more.split('\n')) {
        if line.is_empty() {
            return Err(unwritable("it holds an empty line"));
        }
        if line.trim_matches(is_space) != line {
            return Err(unwritable("a line of it begins or ends with white space"));
        }
        text.push_str(&format!("    {line}\n"));
    }
    Ok(text)
}

/// Writes a file that only its owner can read (mode 600), replacing one of that name in one step.
/// Fails when the directory is missing or not writable; the old file is then untouched.
pub fn write_private(path: &Path, text: &str) -> Result<(), ConfigError> {
    let failed = |source| ConfigError::Write { path: path.to_owned(), source };
    let draft = draft_beside(path).map_err(failed)?;
    write_new(&draft, text).and_then(|()| fs::rename(&draft, path)).map_err(failed)
}

fn draft_beside(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"))?;
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(".new");
    Ok(path.with_file_name(draft))
}

/// The draft is created and not opened, so that one left by a crash cannot lend its wider rights to the secret.
fn write_new(draft: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
