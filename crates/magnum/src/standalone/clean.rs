//! `magnum standalone clean`: takes away what the installation made, and itself.

use super::{arguments::Clean, engine, place::Place, variable, welcome};
use crate::arguments::print;
use anyhow::{Result, bail};
use magnum_types::SystemEntropy;

/// Removes every container, network and volume of the installation, its folder and its entries in clouds.yaml. Node
/// images stay, for the next installation; what they are called is said.
///
/// # Errors
/// A process that still works in the folder, or an engine that does not answer; nothing is removed then.
pub async fn clean(arguments: Clean) -> Result<()> {
    let place = Place::find(arguments.at.data.clone(), variable)?;
    if !place.root().is_dir() {
        return print(&format!("there is no installation in {}", place.root().display()));
    }
    if !arguments.yes {
        bail!(
            "this takes away all clusters of {}, which cannot be undone: say --yes",
            place.root().display()
        );
    }
    let claim = place.claim()?;
    let engine = engine(&arguments.at, &place, &SystemEntropy).await?;
    engine.remove_all().await?;
    welcome::forget(&arguments.at, &place)?;
    place.remove()?;
    drop(claim);
    print("clean: no container, network, volume or file of this installation is left")
}
