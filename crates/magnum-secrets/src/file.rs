//! Bundles as files: `<name>.crt`, `.key`, `.int` and the sealed `.pass`, mode 600, in `[certificates] storage_path`.
//! For one host only: the API and the conductor must see the same directory.

use crate::{BundleName, CertificateBundle, CertificateStore, SecretError};
use async_trait::async_trait;
use magnum_x509::SealingKeys;
use secrecy::{ExposeSecret, SecretString};
use std::{
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The parts of a bundle. The certificate marks a complete one: it is written last and goes first.
const PARTS: [&str; 4] = ["crt", "key", "pass", "int"];
/// What a part is called while it is being written.
const BESIDE: [&str; 4] = ["crt.new", "key.new", "pass.new", "int.new"];

/// The store.
pub struct FileStore {
    directory: PathBuf,
    keys: Arc<SealingKeys>,
}

impl FileStore {
    /// A store in `directory`, which is made (mode 700) when the first bundle is stored.
    pub fn new(directory: impl Into<PathBuf>, keys: Arc<SealingKeys>) -> Self {
        Self { directory: directory.into(), keys }
    }

    /// A reference is a plain file name: nothing that leads out of the directory.
    fn path(&self, reference: &str, suffix: &str) -> Result<PathBuf, SecretError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if reference.is_empty() || !reference.chars().all(plain) {
            return Err(SecretError::NotFound(reference.to_owned()));
        }
        Ok(self.directory.join(format!("{reference}.{suffix}")))
    }

    /// Takes away whatever there is of a bundle, half-written files included.
    async fn remove(&self, reference: &str) -> Result<(), SecretError> {
        for suffix in PARTS.into_iter().chain(BESIDE) {
            match tokio::fs::remove_file(self.path(reference, suffix)?).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(SecretError::Unavailable(error.into())),
            }
        }
        Ok(())
    }

    async fn read(&self, reference: &str, suffix: &str) -> Result<Option<String>, SecretError> {
        match tokio::fs::read_to_string(self.path(reference, suffix)?).await {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SecretError::Unavailable(error.into())),
        }
    }
}

fn context(reference: &str) -> String {
    format!("certificate file {reference}")
}

/// Writes beside and renames, so that a file is whole or absent.
fn write(path: &Path, content: &str) -> io::Result<()> {
    use io::Write;
    let beside = path.with_extension(format!(
        "{}.new",
        path.extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default()
    ));
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

#[async_trait]
impl CertificateStore for FileStore {
    async fn store(&self, name: &BundleName, bundle: &CertificateBundle) -> Result<String, SecretError> {
        let reference = name.as_text();
        let sealed = self
            .keys
            .seal(&context(&reference), bundle.passphrase.expose_secret().as_bytes())
            .map_err(|error| SecretError::unusable(&reference, "it cannot be sealed", error))?;
        let mut files = vec![
            (self.path(&reference, "key")?, bundle.private_key.expose_secret().to_owned()),
            (self.path(&reference, "pass")?, sealed),
        ];
        if let Some(intermediates) = &bundle.intermediates {
            files.push((self.path(&reference, "int")?, intermediates.clone()));
        }
        files.push((self.path(&reference, "crt")?, bundle.certificate.clone()));
        // What an earlier try left must not mix with this one.
        self.remove(&reference).await?;
        let directory = self.directory.clone();
        tokio::task::spawn_blocking(move || -> io::Result<()> {
            use std::os::unix::fs::DirBuilderExt;
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
            for (path, content) in &files {
                write(path, content)?;
            }
            // The new names last, too, should the machine lose power.
            std::fs::File::open(&directory)?.sync_all()
        })
        .await
        .map_err(|error| SecretError::Unavailable(error.into()))?
        .map_err(|error| SecretError::Unavailable(error.into()))?;
        Ok(reference)
    }

    async fn find(&self, name: &BundleName) -> Result<Option<String>, SecretError> {
        let reference = name.as_text();
        Ok(self.read(&reference, "crt").await?.map(|_| reference))
    }

    async fn load(&self, reference: &str) -> Result<CertificateBundle, SecretError> {
        let missing = || SecretError::NotFound(reference.to_owned());
        let certificate = self.read(reference, "crt").await?.ok_or_else(missing)?;
        let private_key = self.read(reference, "key").await?.ok_or_else(missing)?;
        let passphrase = self.read(reference, "pass").await?.ok_or_else(missing)?;
        let passphrase =
            crate::database::open_passphrase(&self.keys, &context(reference), reference, &passphrase)?;
        Ok(CertificateBundle {
            certificate,
            private_key: SecretString::from(private_key),
            passphrase,
            intermediates: self.read(reference, "int").await?,
        })
    }

    async fn certificate(&self, reference: &str) -> Result<String, SecretError> {
        self.read(reference, "crt").await?.ok_or_else(|| SecretError::NotFound(reference.to_owned()))
    }

    async fn delete(&self, name: &BundleName, reference: Option<&str>) -> Result<(), SecretError> {
        let own = name.as_text();
        for reference in [reference, Some(own.as_str())].into_iter().flatten() {
            match self.remove(reference).await {
                // A reference of another kind of store names nothing here.
                Ok(()) | Err(SecretError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
