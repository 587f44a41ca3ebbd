//! `magnum standalone image`: the image that nodes start from.

use super::{arguments::Image, engine, place::Place, variable};
use crate::arguments::print;
use anyhow::{Context, Result};
use magnum_local::engine::ImageSettings;
use magnum_types::SystemEntropy;
use std::{collections::BTreeMap, io::Write as _};

/// What is said to programs on the way to the network.
const PROXIES: &[&str] = &["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// How the lines begin that say what is being done; the others are what programs say that do it.
const OWN: &str = "node image:";

/// Makes the image, or takes a published one; prints what it is called, its digest and its size.
///
/// # Errors
/// No engine, no way to Debian's packages, a full disk, or a published image that is no node image.
pub async fn make(arguments: Image) -> Result<()> {
    let place = Place::find(arguments.at.data.clone(), variable)?;
    place.prepare()?;
    let engine = engine(&arguments.at, &place, &SystemEntropy).await?;
    let progress = |line: &str| {
        if arguments.verbose || line.starts_with(OWN) {
            // Progress that nobody can read any more is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    };
    let image = match &arguments.from {
        Some(published) => engine.image_use(published, &progress).await?,
        None => {
            let settings = ImageSettings {
                scratch: place.path("scratch"),
                proxies: proxies(),
                ..ImageSettings::default()
            };
            std::fs::create_dir_all(&settings.scratch).context("a folder for building the image")?;
            let built = engine.image_build(&settings, &progress).await;
            let removed = std::fs::remove_dir_all(&settings.scratch);
            // The first of two troubles is the one to tell.
            let built = built?;
            removed.context("the folder in which the image was built")?;
            built
        }
    };
    print(&format!("{} {} {} MB", image.name, image.digest, image.size / 1_000_000))
}

fn proxies() -> BTreeMap<String, String> {
    PROXIES.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?))).collect()
}
