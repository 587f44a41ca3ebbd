//! Making the node image from Debian packages: by debootstrap where this process may (root, and the program is there),
//! otherwise by the engine itself on Debian's published image. Either way the same script makes a root a node's.
//!
//! A build leaves nothing behind: its directory goes with it, its mounts lie in a namespace of its own, and what a killed
//! one left in the scratch directory is removed by the next.

use super::{
    Engine, cannot,
    error::refused,
    image::LONG,
    labels,
    program::run,
    recipe::{self, BASE, FILES, REPOSITORY, SUITE},
    room,
};
use crate::machines::{MachinesError, NodeImage};
use bollard::{
    body_full, body_try_stream,
    query_parameters::{BuildImageOptions, CreateImageOptions, RemoveImageOptions},
};
use futures_util::TryStreamExt;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::PoisonError,
};
use tokio::process::Command;
use tokio_util::io::ReaderStream;

/// Told each line of what is being done.
pub type Progress<'a> = dyn Fn(&str) + Send + Sync + 'a;

/// Bytes that a root made of packages takes in the scratch directory, with the packages.
const SCRATCH: u64 = 700 << 20;

/// In front of the names of a build's directories.
const PREFIX: &str = "node-image-";

/// How a node image is made.
#[derive(Clone, Debug, Default)]
pub struct ImageSettings {
    /// Where about 600 MB may be written for a while: on a disk, and not mounted `nodev` or `noexec`.
    pub scratch: PathBuf,
    /// Debian's mirror. None is the one that this machine's own packages come from.
    pub mirror: Option<String>,
    /// What the engine builds on where debootstrap cannot run. None is `debian:bookworm-slim`.
    pub base: Option<String>,
    /// `http_proxy` and its like, for a build by the engine; debootstrap has this process's environment.
    pub proxies: BTreeMap<String, String>,
}

impl Engine {
    /// The node image of this program's recipe, made when the engine does not have it: about two minutes, most of which
    /// is the mirror's. `progress` is told what happens, a line at a time.
    pub async fn image_build(
        &self,
        settings: &ImageSettings,
        progress: &Progress<'_>,
    ) -> Result<NodeImage, MachinesError> {
        let digest = recipe::digest();
        if let Some(image) = self.image_of(&digest).await? {
            return Ok(image);
        }
        // Another process may be making it: then wait for that.
        let _lock = lock(&settings.scratch).await.map_err(failed)?;
        if let Some(image) = self.image_of(&digest).await? {
            return Ok(image);
        }
        let made = tokio::time::timeout(LONG, async {
            match may_debootstrap().await {
                Ok(()) => self.build_from_packages(settings, &digest, progress).await,
                Err(reason) => {
                    progress(&format!("node image: {reason}, so the engine builds it"));
                    self.build_from_base(settings, &digest, progress).await.map_err(|error| {
                        cannot(
                            "making the node image",
                            format!("{error}. Debootstrap cannot be used either: {reason}"),
                        )
                    })
                }
            }
        });
        made.await.map_err(|_| cannot("making the node image", "it took more than half an hour"))??;
        let made = self.image_of(&digest).await?;
        made.ok_or_else(|| MachinesError::NoImage(format!("{REPOSITORY}:{}", recipe::tag(&digest))))
    }

    async fn build_from_packages(
        &self,
        settings: &ImageSettings,
        digest: &str,
        progress: &Progress<'_>,
    ) -> Result<(), MachinesError> {
        room(
            &settings.scratch,
            SCRATCH,
            "the scratch directory of the node image",
            "or give --data another folder",
        )?;
        let place = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&settings.scratch).map_err(failed)?;
        for (name, content) in FILES {
            tokio::fs::write(place.path().join(name), content).await.map_err(failed)?;
        }
        let root = place.path().join("root");
        let mut command = Command::new("sh");
        command.arg(place.path().join("build")).arg(&root).arg(SUITE).args(&settings.mirror);
        run(command, progress).await?;
        progress("node image: handing it to the engine");
        self.import(&root, digest).await?;
        // Many files: not on a thread that others wait for.
        let removed = tokio::task::spawn_blocking(move || place.close()).await;
        removed.map_err(std::io::Error::other).and_then(|removed| removed).map_err(failed)
    }

    async fn import(&self, root: &Path, digest: &str) -> Result<(), MachinesError> {
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(root).args(["--numeric-owner", "-c", "."]);
        let mut tar = tar
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let output = tar.stdout.take().ok_or_else(|| failed(std::io::Error::other("tar has no output")))?;
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(REPOSITORY.to_owned()),
            tag: Some(recipe::tag(digest)),
            message: Some("a node of a Magnum cluster".to_owned()),
            changes: recipe::changes(digest),
            ..CreateImageOptions::default()
        };
        let body = body_try_stream(ReaderStream::with_capacity(output, 1 << 16));
        let docker = self.docker.clone().with_timeout(LONG);
        let imported = docker.create_image(Some(options), Some(body), None).try_collect::<Vec<_>>().await;
        imported.map_err(|error| refused("handing the node image to the engine", error))?;
        let status = tar.wait().await.map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        // Half a root must not be taken for an image.
        let reference = format!("{REPOSITORY}:{}", recipe::tag(digest));
        let removed = self.docker.remove_image(&reference, None::<RemoveImageOptions>, None).await;
        removed.map_err(|error| refused("removing half a node image", error))?;
        Err(cannot("making the node image", format!("its root cannot be read: tar: {status}")))
    }

    async fn build_from_base(
        &self,
        settings: &ImageSettings,
        digest: &str,
        progress: &Progress<'_>,
    ) -> Result<(), MachinesError> {
        let base = settings.base.as_deref().unwrap_or(BASE);
        self.image_fetch(base, progress).await?;
        let mut arguments = settings.proxies.clone();
        arguments.insert("BASE".to_owned(), base.to_owned());
        let options = BuildImageOptions {
            t: Some(format!("{REPOSITORY}:{}", recipe::tag(digest))),
            labels: Some(labels::labels(recipe::labels(digest))),
            buildargs: Some(arguments.into_iter().collect()),
            forcerm: true,
            ..BuildImageOptions::default()
        };
        let context = context(settings.mirror.as_deref()).map_err(failed)?;
        let docker = self.docker.clone().with_timeout(LONG);
        let last = std::sync::Mutex::new(String::new());
        let tell = |line: &str| {
            // The colours in which the engine tells what went to a step's standard error.
            let line = line.replace("\u{1b}[91m", "").replace("\u{1b}[0m", "");
            if !line.trim().is_empty() {
                progress(&line);
                *last.lock().unwrap_or_else(PoisonError::into_inner) = line;
            }
        };
        let built = docker.build_image(options, None, Some(body_full(context.into()))).try_for_each(|line| {
            line.stream.iter().flat_map(|text| text.lines()).for_each(tell);
            std::future::ready(Ok(()))
        });
        let built = built.await;
        let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        built.map_err(|error| refused(format!("building the node image on {base}, after {last:?}"), error))
    }
}

/// What the engine builds from: the recipe, and what makes the base's packages come from the mirror.
fn context(mirror: Option<&str>) -> std::io::Result<Vec<u8>> {
    let sources = mirror.map(|mirror| format!("deb {mirror} {SUITE} main\n"));
    let sources = sources.as_deref().map(|sources| ("sources.list", sources));
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in FILES.iter().copied().chain(sources) {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(u64::try_from(content.len()).unwrap_or(u64::MAX));
        archive.append_data(&mut header, name, content.as_bytes())?;
    }
    archive.into_inner()
}

/// Whether a root can be made without the engine, or why not.
async fn may_debootstrap() -> Result<(), &'static str> {
    if !rustix::process::geteuid().is_root() {
        return Err("debootstrap needs root");
    }
    let mut question = Command::new("sh");
    question.args(["-c", "PATH=$PATH:/usr/sbin:/sbin; command -v debootstrap && command -v unshare"]);
    let answer = question.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    match answer {
        Ok(status) if status.success() => Ok(()),
        _ => Err("debootstrap is not installed"),
    }
}

/// The right to build in this directory; what killed builds left there is removed.
async fn lock(scratch: &Path) -> std::io::Result<std::fs::File> {
    let scratch = scratch.to_owned();
    let locked = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&scratch)?;
        let file = std::fs::File::create(scratch.join("node-image.lock"))?;
        file.lock()?;
        for left in std::fs::read_dir(&scratch)? {
            let left = left?;
            if left.file_name().to_string_lossy().starts_with(PREFIX) && left.file_type()?.is_dir() {
                std::fs::remove_dir_all(left.path())?;
            }
        }
        Ok(file)
    });
    locked.await.map_err(std::io::Error::other)?
}

pub(super) fn failed(error: std::io::Error) -> MachinesError {
    let full = error.kind() == std::io::ErrorKind::StorageFull;
    let cure = if full { ": make room on the disk of the scratch directory" } else { "" };
    cannot("making the node image", format!("{error}{cure}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_killed_build_left_is_removed_by_the_next_and_nothing_else() {
        let here = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(here.path().join("node-image-old/root")).unwrap();
        std::fs::write(here.path().join("other"), "mine").unwrap();
        let lock = lock(here.path()).await.unwrap();
        assert!(!here.path().join("node-image-old").exists() && here.path().join("other").exists());
        let second = std::fs::File::open(here.path().join("node-image.lock")).unwrap();
        assert!(second.try_lock().is_err(), "the lock is held");
        drop(lock);
        assert!(second.try_lock().is_ok());
    }

    #[test]
    fn a_named_mirror_reaches_a_build_by_the_engine() {
        let names = |mirror: Option<&str>| -> Vec<String> {
            let bytes = context(mirror).unwrap();
            let mut archive = tar::Archive::new(bytes.as_slice());
            let entries = archive.entries().unwrap();
            entries.map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
        };
        assert!(
            names(None).contains(&"Dockerfile".to_owned())
                && !names(None).contains(&"sources.list".to_owned())
        );
        assert!(names(Some("http://mirror/debian")).contains(&"sources.list".to_owned()));
    }

    #[tokio::test]
    #[ignore = "downloads packages: run it with --run-ignored all"]
    #[allow(clippy::disallowed_methods)]
    async fn the_engine_builds_a_node_image_on_a_base() {
        let settings = crate::engine::EngineSettings {
            host: std::env::var("DOCKER_HOST").ok(),
            installation: "test".to_owned(),
        };
        let engine = match Engine::connect(settings).await {
            Ok(engine) => engine,
            Err(error) => return eprintln!("SKIP: {error}"),
        };
        // Whatever has apt will do as a base, and a node image needs no registry.
        let base = match engine.image_of(&recipe::digest()).await.unwrap() {
            Some(image) => format!("{REPOSITORY}:{}", image.name),
            None => BASE.to_owned(),
        };
        let digest = format!("test{}", std::process::id());
        let settings = ImageSettings { base: Some(base), ..ImageSettings::default() };
        engine.build_from_base(&settings, &digest, &|line| eprintln!("{line}")).await.unwrap();
        let made = engine.image_of(&digest).await.unwrap().unwrap();
        let inspected = engine.docker.inspect_image(&made.digest).await.unwrap();
        let removed = engine.docker.remove_image(&made.digest, None::<RemoveImageOptions>, None).await;
        assert_eq!(made.coes, ["swarm"]);
        assert_eq!(inspected.config.unwrap().entrypoint.unwrap(), [recipe::ENTRY]);
        removed.unwrap();
    }
}
