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
    programs::Programs,
    recipe::{BASE, FILES, REPOSITORY, Recipe, SUITE},
    room,
};
use crate::machines::{MachinesError, NodeImage};
use bollard::{
    body_try_stream,
    query_parameters::{BuildImageOptions, CreateImageOptions, RemoveImageOptions},
};
use futures_util::TryStreamExt;
use std::{
    collections::BTreeMap,
    io::Seek as _,
    os::unix::fs::PermissionsExt as _,
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
    /// Where about 600 MB, and Kubernetes' programs once more, may be written for a while: on a disk, and not mounted `nodev` or `noexec`.
    pub scratch: PathBuf,
    /// Debian's mirror. None is the one that this machine's own packages come from.
    pub mirror: Option<String>,
    /// What the engine builds on where debootstrap cannot run. None is `debian:bookworm-slim`.
    pub base: Option<String>,
    /// Kubernetes' programs, for an image that has them.
    pub kubernetes: Option<Programs>,
    /// `http_proxy` and its like, for a build by the engine; debootstrap has this process's environment.
    pub proxies: BTreeMap<String, String>,
}

impl Engine {
    /// The node image of this program's recipe, made when the engine does not have it: about a minute, most of which
    /// is the mirror's. `progress` is told what happens, a line at a time.
    pub async fn image_build(
        &self,
        settings: &ImageSettings,
        progress: &Progress<'_>,
    ) -> Result<NodeImage, MachinesError> {
        let recipe = Recipe::new(settings.kubernetes.as_ref());
        if let Some(image) = self.image_of(&recipe).await? {
            return Ok(image);
        }
        // Another process may be making it: then wait for that.
        let _lock = lock(&settings.scratch).await.map_err(failed)?;
        if let Some(image) = self.image_of(&recipe).await? {
            return Ok(image);
        }
        let made = tokio::time::timeout(LONG, async {
            match may_debootstrap().await {
                Ok(()) => self.build_from_packages(settings, &recipe, progress).await,
                Err(reason) => {
                    progress(&format!("node image: {reason}, so the engine builds it"));
                    self.build_from_base(settings, &recipe, progress).await.map_err(|error| {
                        cannot(
                            "making the node image",
                            format!("{error}. Debootstrap cannot be used either: {reason}"),
                        )
                    })
                }
            }
        });
        made.await.map_err(|_| cannot("making the node image", "it took more than half an hour"))??;
        let made = self.image_of(&recipe).await?;
        made.ok_or_else(|| MachinesError::NoImage(recipe.reference()))
    }

    async fn build_from_packages(
        &self,
        settings: &ImageSettings,
        recipe: &Recipe,
        progress: &Progress<'_>,
    ) -> Result<(), MachinesError> {
        room(
            &settings.scratch,
            SCRATCH,
            "the scratch directory of the node image",
            "or give --data another folder",
        )?;
        let place = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&settings.scratch).map_err(failed)?;
        let files = place.path().join("recipe");
        tokio::fs::create_dir(&files).await.map_err(failed)?;
        for (name, content) in FILES {
            tokio::fs::write(files.join(name), content).await.map_err(failed)?;
        }
        lay(settings, place.path()).await?;
        let root = place.path().join("root");
        let mut command = Command::new("sh");
        command.arg(files.join("build")).arg(&root).arg(SUITE).args(&settings.mirror);
        run(command, progress).await?;
        progress("node image: handing it to the engine");
        self.import(&root, recipe).await?;
        gone(place).await
    }

    async fn import(&self, root: &Path, recipe: &Recipe) -> Result<(), MachinesError> {
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
            tag: Some(recipe.tag()),
            message: Some("a node of a Magnum cluster".to_owned()),
            changes: recipe.changes(),
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
        let reference = recipe.reference();
        let removed = self.docker.remove_image(&reference, None::<RemoveImageOptions>, None).await;
        removed.map_err(|error| refused("removing half a node image", error))?;
        Err(cannot("making the node image", format!("its root cannot be read: tar: {status}")))
    }

    async fn build_from_base(
        &self,
        settings: &ImageSettings,
        recipe: &Recipe,
        progress: &Progress<'_>,
    ) -> Result<(), MachinesError> {
        let base = settings.base.as_deref().unwrap_or(BASE);
        self.image_fetch(base, progress).await?;
        let mut arguments = settings.proxies.clone();
        arguments.insert("BASE".to_owned(), base.to_owned());
        let options = BuildImageOptions {
            t: Some(recipe.reference()),
            labels: Some(labels::labels(recipe.labels())),
            buildargs: Some(arguments.into_iter().collect()),
            forcerm: true,
            ..BuildImageOptions::default()
        };
        let place = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&settings.scratch).map_err(failed)?;
        lay(settings, place.path()).await?;
        let (root, mirror) = (place.path().to_owned(), settings.mirror.clone());
        let spooled = tokio::task::spawn_blocking(move || context(&root, mirror.as_deref())).await;
        let context = spooled.map_err(std::io::Error::other).and_then(|context| context).map_err(failed)?;
        let context = ReaderStream::with_capacity(tokio::fs::File::from_std(context), 1 << 16);
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
        let built = docker.build_image(options, None, Some(body_try_stream(context))).try_for_each(|line| {
            line.stream.iter().flat_map(|text| text.lines()).for_each(tell);
            std::future::ready(Ok(()))
        });
        let built = built.await;
        gone(place).await?;
        let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        built.map_err(|error| refused(format!("building the node image on {base}, after {last:?}"), error))
    }
}

/// Puts what the image has beside packages into `layer` of a build's directory.
async fn lay(settings: &ImageSettings, place: &Path) -> Result<(), MachinesError> {
    let layer = place.join("layer");
    tokio::fs::create_dir(&layer).await.map_err(failed)?;
    // It becomes the root's own.
    tokio::fs::set_permissions(&layer, std::fs::Permissions::from_mode(0o755)).await.map_err(failed)?;
    match &settings.kubernetes {
        Some(programs) => programs.lay(&layer).await.map_err(failed),
        None => Ok(()),
    }
}

/// Takes a build's directory away.
async fn gone(place: tempfile::TempDir) -> Result<(), MachinesError> {
    // Many files: not on a thread that others wait for.
    let removed = tokio::task::spawn_blocking(move || place.close()).await;
    removed.map_err(std::io::Error::other).and_then(|removed| removed).map_err(failed)
}

/// What the engine builds from, in a file of the build's directory: the recipe, what makes the base's packages come from
/// the mirror, and the layer, which may be too large for this process to hold.
fn context(place: &Path, mirror: Option<&str>) -> std::io::Result<std::fs::File> {
    let sources = mirror.map(|mirror| format!("deb {mirror} {SUITE} main\n"));
    let sources = sources.as_deref().map(|sources| ("sources.list", sources));
    let mut archive = tar::Builder::new(tempfile::tempfile_in(place)?);
    archive.follow_symlinks(false);
    for (name, content) in FILES.iter().copied().chain(sources) {
        // The engine looks for this one at the top.
        let path = if name == "Dockerfile" { name.to_owned() } else { format!("recipe/{name}") };
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(u64::try_from(content.len()).unwrap_or(u64::MAX));
        archive.append_data(&mut header, path, content.as_bytes())?;
    }
    archive.append_dir_all("layer", place.join("layer"))?;
    let mut file = archive.into_inner()?;
    file.rewind()?;
    Ok(file)
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
    fn a_named_mirror_and_the_layer_reach_a_build_by_the_engine() {
        let here = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(here.path().join("layer/usr/lib")).unwrap();
        std::os::unix::fs::symlink("kube", here.path().join("layer/usr/lib/kubelet")).unwrap();
        let names = |mirror: Option<&str>| -> Vec<String> {
            let mut archive = tar::Archive::new(context(here.path(), mirror).unwrap());
            let entries = archive.entries().unwrap();
            entries.map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
        };
        let has = |names: &[String], name: &str| names.iter().any(|found| found == name);
        let plain = names(None);
        assert!(
            has(&plain, "Dockerfile") && has(&plain, "recipe/setup") && has(&plain, "layer/usr/lib/kubelet")
        );
        assert!(!has(&plain, "recipe/sources.list"));
        assert!(has(&names(Some("http://mirror/debian")), "recipe/sources.list"));
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
        let base = match engine.image_of(&Recipe::new(None)).await.unwrap() {
            Some(image) => format!("{REPOSITORY}:{}", image.name),
            None => BASE.to_owned(),
        };
        let recipe = Recipe::of(&format!("test{}", std::process::id()));
        let scratch = tempfile::tempdir().unwrap();
        let settings =
            ImageSettings { base: Some(base), scratch: scratch.path().into(), ..Default::default() };
        engine.build_from_base(&settings, &recipe, &|line| eprintln!("{line}")).await.unwrap();
        let made = engine.image_of(&recipe).await.unwrap().unwrap();
        let inspected = engine.docker.inspect_image(&made.digest).await.unwrap();
        let removed = engine.docker.remove_image(&made.digest, None::<RemoveImageOptions>, None).await;
        assert_eq!(made.coes, ["swarm"]);
        assert_eq!(inspected.config.unwrap().entrypoint.unwrap(), [crate::engine::recipe::ENTRY]);
        removed.unwrap();
    }
}
