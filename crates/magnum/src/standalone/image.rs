//! `magnum standalone image`: the image that nodes start from.

use super::{arguments::Image, connect, made, place::Place, variable};
use crate::arguments::print;
use anyhow::{Context, Result};
use magnum_drivers::kubernetes::versions;
use magnum_local::{
    engine::{Engine, ImageSettings, Programs, Progress},
    machines::NodeImage,
};
use std::{collections::BTreeMap, io::Write as _, path::Path};

/// What is said to programs on the way to the network.
const PROXIES: &[&str] = &["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// How the lines begin that say what is being done; the others are what programs say that do it.
const OWN: &str = "node image:";

/// Name of the folder in the installation's in which an image is built.
const SCRATCH: &str = "scratch";
/// What making an image may have in the installation's folder.
pub const OWN_FILES: [&str; 2] = [SCRATCH, made::FILE];

/// Makes the image, or takes a published one; prints what it is called, its digest and its size. One that fails leaves
/// nothing.
///
/// # Errors
/// No engine, no way to Debian's packages, a full disk, or a published image that is no node image.
pub async fn make(arguments: Image) -> Result<()> {
    let place = Place::find(arguments.at.data.clone(), variable)?;
    // Images carry no installation's label.
    let engine = connect(&arguments.at, String::new()).await?;
    let progress = |line: &str| {
        if arguments.verbose || line.starts_with(OWN) {
            // Progress that nobody can read any more is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    };
    let image = match &arguments.from {
        Some(published) => engine.image_use(published, &progress).await?,
        None => {
            let kubernetes = match &arguments.kubernetes {
                Some(folder) => Some(kubernetes(folder).await?),
                None => None,
            };
            build(&engine, &place, kubernetes, &progress).await?
        }
    };
    print(&format!("{} {} {} MB", image.name, image.digest, image.size / 1_000_000))
}

/// The image of this program's recipe, built where the engine does not have it. That one is this installation's then, and
/// goes with it.
async fn build(
    engine: &Engine,
    place: &Place,
    kubernetes: Option<Programs>,
    progress: &Progress<'_>,
) -> Result<NodeImage> {
    let (name, there) = engine.image_planned(kubernetes.as_ref()).await?;
    if let Some(image) = there {
        return Ok(image);
    }
    place.prepare()?;
    let settings = ImageSettings {
        scratch: place.path(SCRATCH),
        kubernetes,
        proxies: proxies(),
        ..ImageSettings::default()
    };
    let mut noted = false;
    let built: Result<NodeImage> = async {
        // Before anything is there: a process that is killed must not leave what nobody knows of.
        noted = made::note(place, &name)?;
        std::fs::create_dir_all(&settings.scratch).context("a folder for building the image")?;
        Ok(engine.image_build(&settings, progress).await?)
    }
    .await;
    let built = built.map_err(|error| place.remedied(error));
    let struck = if noted && built.is_err() { made::strike(place, &name) } else { Ok(()) };
    let removed =
        std::fs::remove_dir_all(&settings.scratch).context("the folder in which the image was built");
    let removed = removed.and(place.remove_empty());
    // The first of several troubles is the one to tell.
    let built = built?;
    struck.and(removed)?;
    Ok(built)
}

/// Programs of a release that is supported, with the etcd that goes with it.
async fn kubernetes(folder: &Path) -> Result<Programs> {
    let programs = Programs::read(folder).await?;
    fits(programs.release(), programs.etcd()).with_context(|| folder.display().to_string())?;
    Ok(programs)
}

fn fits(release: &str, etcd: &str) -> Result<()> {
    versions::check(release)?;
    let wanted = versions::minor_of(release).map_or("", |minor| minor.etcd);
    anyhow::ensure!(
        wanted == etcd,
        "Kubernetes {release} goes with etcd {wanted}, and the image would have {etcd}: put etcd and etcdctl {wanted} beside \
         the kubelet"
    );
    Ok(())
}

fn proxies() -> BTreeMap<String, String> {
    PROXIES.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_is_not_supported_or_lacks_its_etcd_is_refused() {
        fits("v1.20.2", "3.4").unwrap();
        let refused = |release, etcd| fits(release, etcd).unwrap_err().to_string();
        assert!(refused("v1.19.0", "3.4").contains("v1.19.0"));
        assert!(refused("v1.36.0", "3.4").contains("put etcd and etcdctl 3.6"));
    }
}
