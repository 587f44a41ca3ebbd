//! Where standalone mode keeps its things: one folder, this user's alone, with a lock against a second process.

use super::{certificates, configuration};
use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File, Permissions, TryLockError},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Bytes below which a disk is called full.
const FULL: u64 = 64 << 10;

/// The folder of one installation.
#[derive(Clone, Debug)]
pub struct Place {
    root: PathBuf,
}

/// Held while a process works on the folder; dropped, or the process gone, it is free.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

impl Place {
    /// `folder`, or the one below the user's data (`XDG_DATA_HOME`, `~/.local/share`).
    ///
    /// # Errors
    /// When neither is known.
    pub fn find(folder: Option<PathBuf>, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        if let Some(root) = folder {
            let root =
                std::path::absolute(&root).with_context(|| format!("the folder {}", root.display()))?;
            return Ok(Self { root });
        }
        let root = base(&environment, "XDG_DATA_HOME", ".local/share")
            .context("neither HOME nor XDG_DATA_HOME says where data are to be kept: give --data FOLDER")?;
        Ok(Self { root: root.join("magnum") })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Whether no installation was begun here: there is neither an authority nor a database. A user's own settings, the
    /// quickstart's log or what making the image left are none.
    ///
    /// # Errors
    /// When the folder cannot be looked into.
    pub fn is_fresh(&self) -> Result<bool> {
        for name in [certificates::CA, configuration::DATABASE] {
            let path = self.path(name);
            if path.try_exists().with_context(|| path.display().to_string())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The names of what is in the folder; none when there is no folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn entries(&self) -> Result<BTreeSet<OsString>> {
        let folder = || format!("the folder {}", self.root.display());
        match fs::read_dir(&self.root) {
            Ok(found) => found.map(|entry| Ok(entry.with_context(folder)?.file_name())).collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(error).with_context(folder),
        }
    }

    /// Takes away all but what is among `kept`, and the folder if it is empty then.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn keep_only(&self, kept: &BTreeSet<OsString>) -> Result<()> {
        for name in self.entries()?.difference(kept) {
            let path = self.root.join(name);
            let is_folder = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
            let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.with_context(|| path.display().to_string())?;
        }
        self.remove_empty()
    }

    /// Takes the folder away if nothing is in it; one on which a file system is mounted stays.
    ///
    /// # Errors
    /// When it is empty and cannot be removed.
    pub fn remove_empty(&self) -> Result<()> {
        match fs::remove_dir(&self.root) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty | ErrorKind::ResourceBusy
                ) =>
            {
                Ok(())
            }
            other => other.with_context(|| format!("the folder {}", self.root.display())),
        }
    }

    /// What an error says, with the remedy where the folder's disk is full. That disk is looked at too: the database's own
    /// words for it are many.
    pub fn remedied(&self, error: anyhow::Error) -> anyhow::Error {
        let said = error.chain().any(|cause| {
            let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            matches!(kind, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
                || cause.to_string().contains("disk is full")
        });
        let disk = self.root.ancestors().find_map(|path| rustix::fs::statvfs(path).ok());
        let is_full = disk.is_some_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < FULL);
        if !said && !is_full {
            return error;
        }
        error.context(format!(
            "the disk of {} is full: make room on it, or give --data a folder on another one",
            self.root.display()
        ))
    }

    /// Makes the folder, mode 700.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn prepare(&self) -> Result<()> {
        let folder = || format!("the folder {}", self.root.display());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root).with_context(folder)?;
        fs::set_permissions(&self.root, Permissions::from_mode(0o700)).with_context(folder)
    }

    /// Makes the folder and takes it for this process.
    ///
    /// # Errors
    /// When it cannot be made or written, or another process has it.
    pub fn claim(&self) -> Result<Claim> {
        self.prepare()?;
        let path = self.path("lock");
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| path.display().to_string())?;
        match lock.try_lock() {
            Ok(()) => Ok(Claim { _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!(
                "another magnum standalone works in {}: stop it first, or give this one --data FOLDER and --port",
                self.root.display()
            ),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// What a file holds; none when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Replaces a file as a whole: after a crash it is the old or the new one. Its mode is 600.
    ///
    /// # Errors
    /// When it cannot be written, as on a full disk; the old one is there still.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let (path, fresh) = (self.path(name), self.path(&format!(".{name}.new")));
        let written = || -> std::io::Result<()> {
            let mut file =
                File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            File::open(&self.root)?.sync_all()
        };
        let written = written();
        if written.is_err() {
            // Half of it is of no use. That it could not be written is the trouble to tell.
            let _ = fs::remove_file(&fresh);
        }
        written.with_context(|| path.display().to_string())
    }

    /// Takes a file away; one that is not there is no fault.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_file(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.with_context(|| path.display().to_string()),
        }
    }

    /// Takes the folder away; one on which a file system is mounted is emptied.
    ///
    /// # Errors
    /// When something in it cannot be removed.
    pub fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == ErrorKind::ResourceBusy && self.entries()?.is_empty() => Ok(()),
            other => other.with_context(|| format!("the folder {}", self.root.display())),
        }
    }
}

/// The clouds.yaml that clients read: the user's (`XDG_CONFIG_HOME/openstack`, `~/.config/openstack`).
///
/// # Errors
/// When neither is known.
pub fn clouds_file(environment: impl Fn(&str) -> Option<String>) -> Result<PathBuf> {
    let base = base(&environment, "XDG_CONFIG_HOME", ".config")
        .context("neither HOME nor XDG_CONFIG_HOME says where clouds.yaml is to be: give --clouds FILE")?;
    Ok(base.join("openstack/clouds.yaml"))
}

/// A base folder of the XDG specification, which asks that a relative path be ignored.
fn base(environment: &impl Fn(&str) -> Option<String>, variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = environment(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || environment("HOME").filter(|home| !home.is_empty());
    set.or_else(|| Some(PathBuf::from(home()?).join(below_home)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Place) {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::find(Some(directory.path().join("data")), |_| None).unwrap();
        (directory, place)
    }

    #[test]
    fn the_folder_is_the_users_alone_and_one_process_has_it() {
        let (_directory, place) = place();
        let claim = place.claim().unwrap();
        assert_eq!(fs::metadata(place.root()).unwrap().permissions().mode() & 0o777, 0o700);
        let error = format!("{:#}", place.claim().unwrap_err());
        assert!(error.contains("another magnum standalone") && error.contains("--data"), "{error}");
        drop(claim);
        place.claim().unwrap();
        place.remove().unwrap();
        place.remove().unwrap();
        assert!(!place.root().exists());
    }

    #[test]
    fn a_folder_is_fresh_until_it_has_an_authority_or_a_database() {
        let (_directory, place) = place();
        assert!(place.is_fresh().unwrap());
        place.prepare().unwrap();
        place.write("node-images", "one").unwrap();
        assert!(place.is_fresh().unwrap());
        for name in ["ca.pem", "magnum.sqlite"] {
            place.write(name, "").unwrap();
            assert!(!place.is_fresh().unwrap(), "{name}");
            place.remove_file(name).unwrap();
        }
        assert!(place.is_fresh().unwrap());
    }

    #[test]
    fn what_was_there_before_is_kept_and_nothing_else() {
        let (directory, place) = place();
        assert!(place.entries().unwrap().is_empty());
        place.prepare().unwrap();
        fs::create_dir(place.path("magnum.conf.d")).unwrap();
        fs::write(place.path("magnum.conf.d/mine.conf"), "").unwrap();
        let kept = place.entries().unwrap();
        place.write("ca.pem", "").unwrap();
        fs::create_dir(place.path("cloud")).unwrap();
        fs::write(place.path("cloud/stack.json"), "").unwrap();
        std::os::unix::fs::symlink(directory.path(), place.path("link")).unwrap();
        place.keep_only(&kept).unwrap();
        assert_eq!(place.entries().unwrap(), kept);
        assert!(place.path("magnum.conf.d/mine.conf").exists() && directory.path().exists());
        place.keep_only(&BTreeSet::new()).unwrap();
        assert!(!place.root().exists());
        place.keep_only(&BTreeSet::new()).unwrap();
    }

    #[test]
    fn a_full_disk_is_told_with_the_remedy_and_nothing_else_is() {
        let (_directory, place) = place();
        let told = |error: anyhow::Error| format!("{:#}", place.remedied(error));
        let full = std::io::Error::from(ErrorKind::StorageFull);
        let full = told(anyhow::Error::new(full).context("ca.pem"));
        assert!(
            full.contains("is full: make room on it, or give --data") && full.contains(": ca.pem: "),
            "{full}"
        );
        assert!(told(anyhow::anyhow!("the database's disk is full")).contains("--data"));
        assert_eq!(told(anyhow::anyhow!("the port is taken")), "the port is taken");
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_hidden_from_others() {
        let (_directory, place) = place();
        let _claim = place.claim().unwrap();
        assert_eq!(place.read("key").unwrap(), None);
        place.write("key", "one").unwrap();
        fs::set_permissions(place.path("key"), Permissions::from_mode(0o644)).unwrap();
        place.write("key", "two").unwrap();
        assert_eq!(place.read("key").unwrap().as_deref(), Some("two"));
        assert_eq!(fs::metadata(place.path("key")).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!place.path(".key.new").exists());
    }

    #[test]
    fn folders_are_found_as_the_xdg_specification_says() {
        let of = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let found = |pairs| Place::find(None, of(pairs)).map(|place| place.root);
        assert_eq!(found(&[("HOME", "/home/u")]).unwrap(), Path::new("/home/u/.local/share/magnum"));
        let set = &[("HOME", "/home/u"), ("XDG_DATA_HOME", "/data")];
        assert_eq!(found(set).unwrap(), Path::new("/data/magnum"));
        let relative = &[("HOME", "/home/u"), ("XDG_DATA_HOME", "data")];
        assert_eq!(found(relative).unwrap(), Path::new("/home/u/.local/share/magnum"));
        assert!(format!("{:#}", found(&[]).unwrap_err()).contains("--data"));
        let clouds = clouds_file(of(&[("HOME", "/home/u")])).unwrap();
        assert_eq!(clouds, Path::new("/home/u/.config/openstack/clouds.yaml"));
    }
}
