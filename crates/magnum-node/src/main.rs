//! `magnum-node`: makes the machine that it runs on a member of its cluster, and keeps it one.

use anyhow::Context as _;
use clap::Parser;
use magnum_node::{apply::Node, bootstrap, identity, machine::Host, server, state::StateFile};
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// Makes this machine a member of its cluster and keeps it one.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// What user-data left: where Magnum is, and the join secret. Without this file, variables of the environment tell
    /// it: `MAGNUM_NODE_` and the field's name in capitals.
    #[arg(long, default_value = "/etc/magnum/node.json")]
    config: String,
    /// Directory of what must survive a restart.
    #[arg(long, default_value = "/var/lib/magnum-node")]
    state: String,
    /// Directory below which files are read and written.
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// Nova's metadata document, asked when cloud-init left no instance id.
    #[arg(long, default_value = "http://169.254.169.254/openstack/latest/meta_data.json")]
    metadata_url: String,
    /// Stop after the first plan.
    #[arg(long)]
    once: bool,
}

fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env("MAGNUM_NODE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // The journal has its own clock and colours.
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .init();

    let arguments = Arguments::parse();
    let machine = Host::rooted(&arguments.root);
    let bootstrap =
        bootstrap::read(&machine, &arguments.config, variable).context("reading what user-data left")?;
    let (bundle, origin) = bootstrap::trusted(&machine, &bootstrap)?;
    let server = server::Http::new(&bootstrap, &bundle, &origin, &bootstrap::system_bundle(&machine)?)?;
    let instance_id = identity::instance_id(&machine, || server::metadata(&arguments.metadata_url))?;
    let state = StateFile::open(&machine, &arguments.state, &bootstrap.cluster, &instance_id)?;
    tracing::info!(cluster = bootstrap.cluster, instance_id, generation = state.state.generation, "started");
    Node { machine: &machine, server: &server, bootstrap: &bootstrap, state }.live(arguments.once)?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the binary reads the environment and passes it down")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
