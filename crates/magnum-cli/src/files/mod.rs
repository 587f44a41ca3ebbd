//! Files that the program writes. Most hold a key, so all are for their owner only, none is overwritten unless that
//! is asked for, and a file that is replaced is replaced as a whole: whoever reads it sees the old one or the new one.

pub mod docker;
pub mod kubeconfig;
pub mod merge;
pub mod shell;

use crate::{
    environment::Environment,
    error::{CliError, Kind, Result},
};
use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Files that belong together.
pub struct Files<'a> {
    environment: &'a Environment,
    folder: PathBuf,
    force: bool,
    files: Vec<(&'static str, String)>,
}

impl<'a> Files<'a> {
    /// Files in this folder.
    pub fn new(environment: &'a Environment, folder: &Path, force: bool) -> Self {
        Self { environment, folder: environment.path(folder), force, files: Vec::new() }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// One of them.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Refuses what would overwrite a file. Asked before a key is made and a certificate signed in vain.
    ///
    /// # Errors
    /// Names the file that is there.
    pub fn check(&self, names: &[&str]) -> Result {
        let there = names.iter().map(|name| self.path(name)).find(|path| path.symlink_metadata().is_ok());
        match there {
            Some(path) if !self.force => Err(exists(&path)),
            _ => Ok(()),
        }
    }

    /// Adds a file.
    pub fn add(&mut self, name: &'static str, text: String) {
        self.files.push((name, text));
    }

    /// Writes them all.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn write(self) -> Result {
        make_folder(&self.folder)?;
        for (name, text) in &self.files {
            let path = self.path(name);
            if self.force { replace(self.environment, &path, text)? } else { create(&path, text)? }
        }
        Ok(())
    }
}

/// Makes a folder, for its owner only, unless it is there.
///
/// # Errors
/// Names the folder.
pub fn make_folder(folder: &Path) -> Result {
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| unwritable(folder, error))
}

fn exists(path: &Path) -> CliError {
    CliError::new(Kind::Usage, format!("{} exists already", path.display()))
        .advise("give --force to overwrite it, or --dir for another place")
}

fn unwritable(path: &Path, error: std::io::Error) -> CliError {
    CliError::new(Kind::Failed, format!("{} cannot be written", path.display()))
        .caused_by(error)
        .advise("check that the folder is yours and has space, or give another one")
}

fn open_new(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes a file that is not there yet.
fn create(path: &Path, text: &str) -> Result {
    let mut file = open_new(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(path),
        _ => unwritable(path, error),
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| unwritable(path, error))
}

/// Puts a file in the place of another, or where there is none.
///
/// # Errors
/// Names the file that cannot be written; then the old one is still there.
pub fn replace(environment: &Environment, path: &Path, text: &str) -> Result {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", environment.entropy.uuid()));
    let written = open_new(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    });
    written.map_err(|error| {
        // The half-written one is of no use to anybody; that it may be left is no new failure.
        let _ = std::fs::remove_file(&beside);
        unwritable(path, error)
    })
}
