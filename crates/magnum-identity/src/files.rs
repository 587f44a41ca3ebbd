//! Files of this crate: each is only its owner's, and each is replaced as a whole, so that a process that dies while it
//! writes leaves the old one.

use crate::error::IdentityError;
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Rights of anybody but the owner.
const OTHERS: u32 = 0o077;

/// Makes a directory that only its owner enters, if there is none.
pub(crate) fn private_directory(path: &Path) -> Result<(), IdentityError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| IdentityError::file("make the directory", path, source))
}

/// The text of a file, whose rights are narrowed to its owner's if they are wider. `None` when there is no such file.
pub(crate) fn read_private(path: &Path) -> Result<Option<String>, IdentityError> {
    let failed = |source| IdentityError::file("read", path, source);
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & OTHERS != 0 {
        tracing::warn!(path = %path.display(), "the file could be read by others; it is its owner's alone now");
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    }
    Ok(Some(text))
}

/// Puts a file of mode 600 in the place of the one of that name, in one step that lasts when the power fails after it.
/// On failure the old file is untouched.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), IdentityError> {
    replace(path, text).map_err(|source| IdentityError::file("write", path, source))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let draft = draft_beside(path)?;
    // Made and not opened: one that a crash left must not lend its rights.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn draft_beside(path: &Path) -> io::Result<PathBuf> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "not the name of a file"))?;
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(".new");
    Ok(path.with_file_name(draft))
}

/// Keeps a second process away from the directory, as long as it is held.
pub(crate) fn lock(path: &Path) -> Result<File, IdentityError> {
    let failed = |source| IdentityError::file("open", path, source);
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(IdentityError::InUse { path: path.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}
