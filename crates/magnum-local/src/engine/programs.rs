//! Kubernetes' programs for a node image, from a directory of this machine: those of one release, perhaps the etcd that
//! goes with it, and images of containers that its nodes are to have from the start.
//!
//! Everything is looked at before anything is built, and put where the plans of nodes look for it. Names that lead to one
//! file, as those of an all-in-one program do, go on doing so in the image.

use super::{build::failed, cannot};
use crate::machines::MachinesError;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::Command;

/// What nodes need of a release; kubectl says its version in another way than the others.
const PROGRAMS: &[&str] =
    &["kubelet", "kube-proxy", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"];
/// What may be beside them; without, Debian's is installed.
const ETCD: &[&str] = &["etcd", "etcdctl"];
/// The line of etcd that Debian 12 has.
const DEBIAN_ETCD: &str = "3.4";
/// Where programs are in the directory: in itself, in a published archive of a release, or in the root of a system.
const PLACES: &[&str] = &["", "bin", "server/bin", "kubernetes/server/bin", "usr/local/bin"];
/// Where archives of container images are in it.
const IMAGES: &[&str] = &["images", "opt/images"];
/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a directory has.
#[derive(Clone, Debug)]
pub struct Programs {
    release: String,
    etcd: Option<String>,
    /// Path in the image → what is there.
    parts: BTreeMap<String, Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    File {
        source: PathBuf,
        mode: u32,
        sha256: String,
    },
    /// The same file under another name of the same directory.
    Link(String),
}

impl Programs {
    /// Reads a directory.
    ///
    /// # Errors
    /// A program that is missing, does not run here, or is of another release than the kubelet.
    pub async fn read(directory: &Path) -> Result<Self, MachinesError> {
        let place =
            PLACES.iter().map(|place| directory.join(place)).find(|place| place.join("kubelet").exists());
        let place = place.ok_or_else(|| refused(directory, "there is no kubelet in it, nor in its bin"))?;
        let release = version(&place.join("kubelet"), &["--version"]).await?;
        let release = release
            .split_whitespace()
            .find(|word| word.starts_with("v1."))
            .ok_or_else(|| refused(directory, "its kubelet does not say a release of Kubernetes"))?
            .to_owned();
        for name in PROGRAMS {
            let path = place.join(name);
            if !path.exists() {
                return Err(refused(directory, format!("there is no {name} beside the kubelet")));
            }
            let ask: &[&str] = if *name == "kubectl" { &["version", "--client"] } else { &["--version"] };
            let said = version(&path, ask).await?;
            // A word of its own, so that v1.20.20 is not taken for v1.20.2.
            let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
            if !said.split(|c| !is_word(c)).any(|word| word == release) {
                let first = said.lines().next().unwrap_or_default();
                return Err(refused(directory, format!("its {name} is not of {release}: {first}")));
            }
        }
        let etcd = match place.join("etcd").exists() {
            true => Some(etcd_line(directory, &place).await?),
            false => None,
        };
        let (directory, own, line) = (directory.to_owned(), release.clone(), etcd.clone());
        let parts = tokio::task::spawn_blocking(move || parts(&directory, &place, &own, line.as_deref()));
        let parts = parts.await.map_err(io::Error::other).and_then(|parts| parts).map_err(failed)?;
        Ok(Self { release, etcd, parts })
    }

    /// The release, as `v1.36.0`.
    #[must_use]
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The line of etcd, as `3.6`, that an image with these programs has.
    #[must_use]
    pub fn etcd(&self) -> &str {
        self.etcd.as_deref().unwrap_or(DEBIAN_ETCD)
    }

    /// All that decides what comes of them, a line each.
    pub(super) fn told(&self) -> String {
        let mut told = format!("kubernetes {}\n", self.release);
        for (path, part) in &self.parts {
            told += &match part {
                Part::File { mode, sha256, .. } => format!("{path} {mode:o} {sha256}\n"),
                Part::Link(to) => format!("{path} -> {to}\n"),
            };
        }
        told
    }

    /// Puts them into a root that is empty or a system's.
    pub(super) async fn lay(&self, root: &Path) -> io::Result<()> {
        let (parts, root) = (self.parts.clone(), root.to_owned());
        let laid = tokio::task::spawn_blocking(move || {
            for (path, part) in &parts {
                let path = root.join(path);
                let above = path.ancestors().skip(1).take_while(|above| *above != root);
                for directory in above.collect::<Vec<_>>().into_iter().rev().filter(|above| !above.exists()) {
                    std::fs::create_dir(directory)?;
                    // Whatever this process keeps from others: nodes have users.
                    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755))?;
                }
                match part {
                    Part::File { source, mode, .. } => {
                        std::fs::copy(source, &path)?;
                        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(*mode))?;
                    }
                    Part::Link(to) => symlink(to, &path)?,
                }
            }
            Ok(())
        });
        laid.await.map_err(io::Error::other)?
    }
}

fn refused(directory: &Path, reason: impl std::fmt::Display) -> MachinesError {
    let doing = format!("taking Kubernetes' programs from {}", directory.display());
    cannot(doing, format!("{reason}. Name the directory with {} of one release", PROGRAMS.join(", ")))
}

/// What a program says.
async fn version(program: &Path, arguments: &[&str]) -> Result<String, MachinesError> {
    let doing = || format!("asking {} for its version", program.display());
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let said = tokio::time::timeout(PATIENCE, command.output()).await;
    let said = said.map_err(|_| cannot(doing(), format!("no answer in {} seconds", PATIENCE.as_secs())))?;
    let said = said.map_err(|error| cannot(doing(), error.to_string()))?;
    Ok(format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr)))
}

async fn etcd_line(directory: &Path, place: &Path) -> Result<String, MachinesError> {
    if !place.join("etcdctl").exists() {
        return Err(refused(directory, "there is no etcdctl beside its etcd"));
    }
    let said = version(&place.join("etcd"), &["--version"]).await?;
    let line = said.lines().find_map(|line| {
        let mut numbers = line.strip_prefix("etcd Version: ")?.split('.');
        Some(format!("{}.{}", numbers.next()?, numbers.next()?))
    });
    line.ok_or_else(|| refused(directory, "its etcd does not say its version"))
}

fn parts(
    directory: &Path,
    place: &Path,
    release: &str,
    etcd: Option<&str>,
) -> io::Result<BTreeMap<String, Part>> {
    let mut parts = BTreeMap::new();
    programs(&mut parts, place, &format!("usr/lib/kubernetes/{release}/bin"), PROGRAMS)?;
    if let Some(line) = etcd {
        programs(&mut parts, place, &format!("usr/lib/etcd/{line}/bin"), ETCD)?;
    }
    for place in IMAGES.iter().map(|place| directory.join(place)).filter(|place| place.is_dir()) {
        for entry in std::fs::read_dir(place)? {
            let source = entry?.path();
            let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(".tar") && source.is_file() {
                let sha256 = digest(&source)?;
                parts.insert(format!("opt/images/{name}"), Part::File { source, mode: 0o644, sha256 });
            }
        }
    }
    Ok(parts)
}

/// Each file once, under the first of its names.
fn programs(parts: &mut BTreeMap<String, Part>, place: &Path, into: &str, names: &[&str]) -> io::Result<()> {
    let mut known: BTreeMap<PathBuf, &str> = BTreeMap::new();
    for name in names {
        let source = place.join(name).canonicalize()?;
        let part = match known.get(&source) {
            Some(first) => Part::Link((*first).to_owned()),
            None => {
                known.insert(source.clone(), name);
                Part::File { sha256: digest(&source)?, mode: 0o755, source }
            }
        };
        parts.insert(format!("{into}/{name}"), part);
    }
    Ok(())
}

fn digest(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut std::fs::File::open(path)?, &mut digest)?;
    Ok(format!("{:x}", digest.finalize()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A directory whose programs are one, as it says by each name.
    fn directory(release: &str, kubectl: &str) -> tempfile::TempDir {
        let here = tempfile::tempdir().unwrap();
        let bin = here.path().join("usr/local/bin");
        std::fs::create_dir_all(&bin).unwrap();
        let script = format!(
            "#!/bin/sh\ncase $0 in *kubectl) echo 'GitVersion:\"{kubectl}\",';; *) echo Kubernetes {release};; esac\n"
        );
        std::fs::write(bin.join("kube"), script).unwrap();
        std::fs::set_permissions(bin.join("kube"), std::fs::Permissions::from_mode(0o755)).unwrap();
        for name in PROGRAMS {
            symlink("kube", bin.join(name)).unwrap();
        }
        std::fs::create_dir_all(here.path().join("opt/images")).unwrap();
        std::fs::write(here.path().join("opt/images/pause.tar"), "an image").unwrap();
        std::fs::write(here.path().join("opt/images/notes"), "none").unwrap();
        here
    }

    #[tokio::test]
    async fn programs_are_put_where_plans_look_and_one_file_stays_one() {
        let here = directory("v1.20.2", "v1.20.2");
        let programs = Programs::read(here.path()).await.unwrap();
        assert_eq!((programs.release(), programs.etcd()), ("v1.20.2", "3.4"));
        let root = tempfile::tempdir().unwrap();
        programs.lay(root.path()).await.unwrap();
        let bin = root.path().join("usr/lib/kubernetes/v1.20.2/bin");
        assert!(!bin.join("kubelet").is_symlink());
        assert_eq!(std::fs::metadata(bin.join("kubelet")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(std::fs::read_link(bin.join("kubectl")).unwrap(), Path::new("kubelet"));
        assert!(
            root.path().join("opt/images/pause.tar").exists()
                && !root.path().join("opt/images/notes").exists()
        );
        let before = programs.told();
        std::fs::write(here.path().join("opt/images/pause.tar"), "another image").unwrap();
        assert_ne!(Programs::read(here.path()).await.unwrap().told(), before);
    }

    #[tokio::test]
    async fn what_is_missing_or_of_another_release_is_named() {
        let here = directory("v1.20.2", "v1.20.20");
        let refused = Programs::read(here.path()).await.unwrap_err().to_string();
        assert!(refused.contains("kubectl is not of v1.20.2"), "{refused}");
        std::fs::remove_file(here.path().join("usr/local/bin/kube-scheduler")).unwrap();
        let refused = Programs::read(here.path()).await.unwrap_err().to_string();
        assert!(refused.contains("no kube-scheduler"), "{refused}");
        let empty = tempfile::tempdir().unwrap();
        let refused = Programs::read(empty.path()).await.unwrap_err().to_string();
        assert!(refused.contains("no kubelet") && refused.contains("kube-apiserver"), "{refused}");
    }

    #[tokio::test]
    async fn an_etcd_beside_them_is_taken_with_its_line() {
        let here = directory("v1.36.0", "v1.36.0");
        let bin = here.path().join("usr/local/bin");
        std::fs::write(bin.join("etcd"), "#!/bin/sh\necho etcd Version: 3.6.4\n").unwrap();
        std::fs::set_permissions(bin.join("etcd"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let refused = Programs::read(here.path()).await.unwrap_err().to_string();
        assert!(refused.contains("no etcdctl"), "{refused}");
        std::fs::copy(bin.join("etcd"), bin.join("etcdctl")).unwrap();
        let programs = Programs::read(here.path()).await.unwrap();
        assert_eq!(programs.etcd(), "3.6");
        assert!(programs.told().contains("usr/lib/etcd/3.6/bin/etcdctl"), "{}", programs.told());
    }
}
