//! The steps' actions, one module each. Every action looks first: what holds already is left alone, so a plan may be
//! applied any number of times, and from the top after a crash.

use crate::{
    error::{StepError, first_line},
    machine::{Command, Machine, Output},
    server::Server,
    state::StateFile,
};
use magnum_types::plan::{Action, Bootstrap, Proxies, Text};
use std::{collections::BTreeMap, time::Duration};

pub(crate) mod certificate;
mod etcd;
mod file;
mod images;
pub(crate) mod kube;
mod packages;
mod program;
mod swarm;
mod unit;
mod volume;

/// What an action found out, for the report.
pub type Facts = BTreeMap<String, Text>;

/// What an action works with.
pub struct Context<'a> {
    /// The machine.
    pub machine: &'a dyn Machine,
    /// Magnum, and whoever has files.
    pub server: &'a dyn Server,
    /// What Magnum knows this node by.
    pub token: Text,
    /// When the step's time is over, by the machine's steady clock.
    pub deadline: Duration,
    /// What user-data said.
    pub bootstrap: &'a Bootstrap,
    /// What must survive.
    pub state: &'a mut StateFile,
    /// By which files and packages are fetched.
    pub proxies: &'a Proxies,
}

impl Context<'_> {
    /// Seconds that the step still has, at least one.
    fn left(&self) -> u64 {
        self.deadline.saturating_sub(self.machine.now()).as_secs().max(1)
    }
}

/// Looks, and acts on a difference. [`Action::Signal`] is not done here, since it speaks to Heat.
///
/// # Errors
/// [`StepError::NotYet`] when another try may succeed.
pub fn apply(context: &mut Context<'_>, action: &Action) -> Result<Facts, StepError> {
    match action {
        Action::File { path, mode, content } => file::apply(context, path, *mode, content.0.as_bytes())?,
        Action::NoFile { path } => file::remove(context, path)?,
        Action::NodeKey { path } => {
            let key = context.state.state.key.clone();
            file::apply(context, path, 0o600, key.0.as_bytes())?;
        }
        Action::Packages { programs } => packages::apply(context, programs)?,
        Action::Unit { name, watches } => unit::apply(context, name, watches)?,
        Action::Program { path, candidates, says, named, url, sha256 } => {
            program::apply(context, &program::Wanted { path, candidates, says, named, url, sha256 })?;
        }
        Action::Archive { url, sha256, directory } => program::unpack(context, url, sha256, directory)?,
        Action::Certificate { identity, key, certificate, revision } => {
            certificate::apply(context, &certificate::Wanted { identity, key, certificate, revision })?;
        }
        Action::Images { directory } => images::apply(context, directory)?,
        Action::EtcdReady { etcdctl } => return etcd::ready(context, etcdctl),
        Action::EtcdMembers { etcdctl, add, remove, remove_urls } => {
            return etcd::members(context, etcdctl, add.as_ref(), remove, remove_urls);
        }
        Action::KubeApply { kubectl, set, manifest, client_side, absent } => {
            return kube::manifests::apply(context, kubectl, set, manifest, *client_side, absent);
        }
        Action::KubeApi { kubectl, address, server } => kube::api(context, kubectl, address, server)?,
        Action::KubeRolledOut { kubectl, workloads } => kube::rollout::wait(context, kubectl, workloads)?,
        Action::KubePodsAnew { kubectl, node, namespace, label, watches } => {
            kube::pods::anew(context, kubectl, &kube::pods::Pods { node, namespace, label, watches })?;
        }
        Action::KubeReady { kubectl, node, kubelet } => kube::ready(context, kubectl, node, kubelet)?,
        Action::KubeMarks { kubectl, nodes } => kube::marks::apply(context, kubectl, nodes)?,
        Action::KubeDrain { kubectl, nodes, untouched } => {
            kube::drain::apply(context, kubectl, nodes, untouched)?;
        }
        Action::KubeForget { kubectl, nodes } => kube::forget(context, kubectl, nodes)?,
        Action::PodRange { kubectl, node, range } => kube::pod_range(context, kubectl, node, range)?,
        Action::KubeVersion { kubelet } => return kube::versions(context, kubelet),
        Action::Volume { volume_id, mount, file_system } => {
            volume::apply(context, volume_id, mount, file_system)?
        }
        Action::SwarmInit { advertise_address } => swarm::init(context, advertise_address)?,
        Action::SwarmJoin { token, managers, advertise_address } => {
            swarm::join(context, token, managers, advertise_address)?;
        }
        Action::SwarmReady { manager } => swarm::ready(context, *manager)?,
        Action::SwarmDrain { nodes } => swarm::drain(context, nodes)?,
        Action::SwarmForget { nodes } => swarm::forget(context, nodes)?,
        Action::SwarmTokens {} => return swarm::tokens(context),
        Action::EngineVersion {} => return swarm::engine_version(context),
        Action::Signal {} => {}
    }
    Ok(Facts::new())
}

/// Runs a command that must succeed, and gives its standard output.
fn must(context: &Context<'_>, command: &Command) -> Result<String, StepError> {
    tracing::debug!(?command, "running");
    let output = context.machine.run(command)?;
    if output.success { Ok(output.stdout) } else { Err(StepError::NotYet(complaint(command, &output))) }
}

/// What a failed command says about itself: the first line that is an error by its own words, else the first at all.
fn complaint(command: &Command, output: &Output) -> String {
    let text = if output.stderr.trim().is_empty() { &output.stdout } else { &output.stderr };
    let is_error = |line: &&str| {
        let line = line.trim_start().to_ascii_lowercase();
        line.starts_with("e:") || line.starts_with("error") || line.contains("error:")
    };
    let line = first_line(text.lines().find(is_error).unwrap_or(text));
    if line.is_empty() {
        format!("{} failed", command.program)
    } else {
        format!("{}: {line}", command.program)
    }
}
