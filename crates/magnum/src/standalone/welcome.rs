//! How users come in: their entries in clouds.yaml.

use super::{
    INSTALLATION,
    arguments::Where,
    certificates,
    place::{self, Place},
    variable,
};
use anyhow::{Context, Result};
use magnum_identity::{
    Identity,
    clouds::{self, CloudEntry},
};
use std::path::PathBuf;

/// Name of the entry, of the user, and of its project.
const ENTRIES: &[(&str, &str, &str)] = &[("magnum", "demo", "demo"), ("magnum-admin", "admin", "admin")];

/// Whether clouds.yaml can take our entries, which is asked before anything is begun.
///
/// # Errors
/// One that cannot be read, or not be changed without rewriting what is in it.
pub fn check(at: &Where) -> Result<()> {
    Ok(clouds::check(&file(at)?)?)
}

/// Sees to it that clouds.yaml has an entry for the first two users, and returns the entries' names. A user whose entry
/// is not there gets a new password: the one before is known to nobody.
///
/// # Errors
/// A clouds.yaml that cannot be read, understood or written; it is left as it was.
pub async fn entries(
    at: &Where,
    place: &Place,
    identity: &Identity,
    auth_url: &str,
) -> Result<(PathBuf, Vec<String>)> {
    let path = file(at)?;
    let mut names = Vec::new();
    for (name, user, project) in ENTRIES {
        let slot = slot(place, user)?;
        if let Some(name) = clouds::find(&path, &slot, auth_url)? {
            names.push(name);
            continue;
        }
        let entry = CloudEntry {
            auth_url: auth_url.to_owned(),
            username: (*user).to_owned(),
            password: identity.renew_password("Default", user).await?,
            project_name: (*project).to_owned(),
            user_domain_name: "Default".to_owned(),
            project_domain_name: "Default".to_owned(),
            region_name: "RegionOne".to_owned(),
            cacert: Some(place.path(certificates::CA)),
        };
        names.push(clouds::write(&path, name, &slot, &entry)?);
    }
    Ok((path, names))
}

/// Takes the entries out again.
///
/// # Errors
/// As [`entries`].
pub fn forget(at: &Where, place: &Place) -> Result<()> {
    let path = file(at)?;
    for (_, user, _) in ENTRIES {
        clouds::remove(&path, &slot(place, user)?)?;
    }
    Ok(())
}

fn file(at: &Where) -> Result<PathBuf> {
    match &at.clouds {
        Some(file) => std::path::absolute(file).with_context(|| file.display().to_string()),
        None => place::clouds_file(variable),
    }
}

/// By which an entry is known again.
fn slot(place: &Place, user: &str) -> Result<String> {
    let installation = place.read(INSTALLATION)?.context("the installation has no id")?;
    Ok(format!("{}/{user}", installation.trim()))
}
