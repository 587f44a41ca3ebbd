//! `magnum standalone clean`: takes away what the installation made, and itself.

use super::{arguments::Clean, certificates, connect, installation, made, place::Place, variable, welcome};
use crate::arguments::print;
use anyhow::{Result, bail};

/// Removes every container, network and volume of the installation, the node images that it made, its folder and its
/// entries in clouds.yaml. An image on which another installation's nodes stand stays; that is said.
///
/// # Errors
/// A process that still works in the folder, an engine that does not answer, or a clouds.yaml that cannot be changed;
/// nothing is removed then.
pub async fn clean(arguments: Clean) -> Result<()> {
    let place = Place::find(arguments.at.data.clone(), variable)?;
    let (installation, images) = (installation(&place)?, made::all(&place)?);
    // The folder goes as a whole: it had better be the right one.
    if installation.is_none() && images.is_empty() && !place.path(certificates::CA).exists() {
        return print(&format!("there is no installation in {}", place.root().display()));
    }
    if !arguments.yes {
        bail!(
            "this takes away all clusters of {}, which cannot be undone: say --yes",
            place.root().display()
        );
    }
    let claim = place.claim()?;
    let engine = connect(&arguments.at, installation.clone().unwrap_or_default()).await?;
    // Without an id nothing was labelled with one.
    if installation.is_some() {
        welcome::forget(&arguments.at, &place)?;
        engine.remove_all().await?;
    }
    for image in images {
        if !engine.image_remove(&image).await? {
            print(&format!("the node image {image} stays: other containers stand on it"))?;
        }
    }
    place.remove()?;
    drop(claim);
    print("clean: no container, network, volume, node image or file of this installation is left")
}
