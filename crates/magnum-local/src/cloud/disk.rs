//! Where the local cloud's state is kept: small files, each replaced as a whole, so that a process that is killed at any
//! instruction leaves the old content or the new one.

use async_trait::async_trait;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// What a file is called while it is being written.
const UNFINISHED: &str = "new";

/// Files by name. Names are made by this crate: words, at most one slash, and `.json`.
#[async_trait]
pub trait Disk: Send + Sync + 'static {
    /// Every file's name and content.
    async fn load(&self) -> io::Result<Vec<(String, Vec<u8>)>>;

    /// Replaces a file, or makes it. When this returns, the new content survives a power cut.
    async fn write(&self, name: &str, bytes: Vec<u8>) -> io::Result<()>;

    /// Takes a file away; one that is not there is no fault.
    async fn remove(&self, name: &str) -> io::Result<()>;
}

/// Files in a directory, for their owner's eyes only: the directory has mode 700 and the files 600, since they hold the
/// secrets by which nodes join.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Makes the directory if it is not there.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path.join("stacks"))?;
        Ok(Self(path.to_owned()))
    }

    fn read_all(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        for (directory, prefix) in [(self.0.clone(), ""), (self.0.join("stacks"), "stacks/")] {
            for entry in fs::read_dir(directory)? {
                let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
                match path.extension().and_then(|extension| extension.to_str()) {
                    // Written by a process that did not come to the end: the file itself has the old content.
                    Some(UNFINISHED) => fs::remove_file(path)?,
                    Some("json") => {
                        found.push((format!("{prefix}{}", name.to_string_lossy()), fs::read(path)?));
                    }
                    _ => {}
                }
            }
        }
        Ok(found)
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_added_extension(UNFINISHED);
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    sync_directory(path)
}

/// The directory's entry must survive as well.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[async_trait]
impl Disk for Directory {
    async fn load(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let own = self.clone();
        blocking(move || own.read_all()).await
    }

    async fn write(&self, name: &str, bytes: Vec<u8>) -> io::Result<()> {
        let path = self.0.join(name);
        blocking(move || replace(&path, &bytes)).await
    }

    async fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.0.join(name);
        blocking(move || match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync_directory(&path),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn files_are_replaced_for_their_owners_eyes_only_and_unfinished_ones_forgotten() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("deep/cloud");
        let disk = Directory::open(&root).unwrap();
        disk.write("stacks/a.json", b"one".to_vec()).await.unwrap();
        disk.write("stacks/a.json", b"two".to_vec()).await.unwrap();
        disk.write("keypairs.json", b"{}".to_vec()).await.unwrap();
        fs::write(root.join("stacks/b.json.new"), "ha").unwrap();

        let mut found = Directory::open(&root).unwrap().load().await.unwrap();
        found.sort();
        let expected = [("keypairs.json", "{}"), ("stacks/a.json", "two")];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())));
        assert!(!root.join("stacks/b.json.new").exists());
        let mode = |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("stacks/a.json"), mode("stacks"), mode("")), (0o600, 0o700, 0o700));

        disk.remove("stacks/a.json").await.unwrap();
        disk.remove("stacks/a.json").await.unwrap();
        assert_eq!(disk.load().await.unwrap().len(), 1);
    }
}
