//! `magnum standalone`: a whole Magnum in one process, for a laptop or a trial.
//!
//! The services are those of any cloud: they read a `magnum.conf`, and call Keystone, Heat, Nova, Neutron, Glance and
//! Cinder by the catalogue. Here these are in the same process, behind the same HTTPS port: `magnum-identity`, and
//! `magnum-local`, whose stacks are containers on this machine's Docker Engine. This module only puts the parts together.

mod arguments;
mod certificates;
mod clean;
mod configuration;
mod doors;
mod identity;
mod image;
mod made;
mod place;
mod serve;
mod welcome;

pub use arguments::Arguments;

use crate::process;
use anyhow::Result;
use arguments::{Action, Where};
use magnum_local::engine::{Engine, EngineSettings};
use magnum_types::Entropy;
use place::Place;
use std::process::ExitCode;

/// The name under which nodes reach this process: it leads to the host's own address in their network.
pub const NODE_NAME: &str = "magnum.internal";
/// Name of the file with the key that seals secrets in the database.
const SEALING_KEY: &str = "sealing-key";
/// Name of the file with the installation's id, which is a label of everything in the engine.
const INSTALLATION: &str = "installation";

/// Runs what the command line asks for.
pub fn run(arguments: Arguments) -> ExitCode {
    let Arguments { action, serve } = arguments;
    match action {
        None => process::run(serve::serve(serve)),
        Some(Action::Image(image)) => process::run(image::make(image)),
        Some(Action::Clean(clean)) => process::run(clean::clean(clean)),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

/// The id of the installation in `place`, if it has one already.
fn installation(place: &Place) -> Result<Option<String>> {
    Ok(place.read(INSTALLATION)?.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()))
}

/// The engine, for what carries the label of the installation in `place`; its id is drawn at the first time.
async fn engine(at: &Where, place: &Place, entropy: &dyn Entropy) -> Result<Engine> {
    let known = installation(place)?;
    let id = known.clone().unwrap_or_else(|| entropy.uuid().to_string());
    let engine = connect(at, id.clone()).await?;
    if known.is_none() {
        place.write(INSTALLATION, &id)?;
    }
    Ok(engine)
}

/// The engine, for what carries an installation's label.
async fn connect(at: &Where, installation: String) -> Result<Engine> {
    Ok(Engine::connect(EngineSettings { host: at.docker_host.clone(), installation }).await?)
}
