//! Programs from the distribution's packages. Packages are installed one by one, because their names differ between
//! releases: one that does not exist does no harm as long as every program is there in the end.

use super::{Context, must};
use crate::{
    error::StepError,
    machine::{Command, Machine},
};
use magnum_types::plan::Proxies;
use std::collections::BTreeMap;

pub(super) fn apply(context: &mut Context<'_>, programs: &BTreeMap<String, String>) -> Result<(), StepError> {
    let missing = |machine: &dyn Machine| -> Vec<(String, String)> {
        programs
            .iter()
            .filter(|(program, _)| !machine.finds(program))
            .map(|(a, b)| (a.clone(), b.clone()))
            .collect()
    };
    if missing(context.machine).is_empty() {
        return Ok(());
    }
    context.state.changing(context.machine)?;
    let manager = ["apt-get", "dnf", "zypper"].into_iter().find(|program| context.machine.finds(program));
    let Some(manager) = manager else {
        return Err(StepError::Never(format!(
            "the image lacks {} and has no package manager that we know",
            missing(context.machine)
                .iter()
                .map(|(program, _)| program.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        )));
    };
    if manager == "apt-get" {
        let update = Command::new("apt-get", &["-q", "-o", "DPkg::Lock::Timeout=240", "update"]).within(300);
        must(context, &by_proxy(update, context.proxies))?;
    }
    let mut complaint = None;
    for (program, package) in missing(context.machine) {
        // An earlier package may have brought it.
        if context.machine.finds(&program) {
            continue;
        }
        if let Err(error) = must(context, &by_proxy(install(manager, &package), context.proxies)) {
            complaint.get_or_insert(error);
        }
    }
    if missing(context.machine).is_empty() {
        return Ok(());
    }
    Err(complaint.unwrap_or_else(|| {
        let programs: Vec<_> = missing(context.machine).into_iter().map(|(program, _)| program).collect();
        StepError::NotYet(format!("the packages are installed, but {} is not there", programs.join(", ")))
    }))
}

fn install(manager: &str, package: &str) -> Command {
    match manager {
        "apt-get" => Command::new(
            "apt-get",
            // Present configuration files are ours: an earlier step wrote them.
            &["-q", "-y", "-o", "DPkg::Lock::Timeout=240", "-o", "Dpkg::Options::=--force-confold"],
        )
        .plain("--no-install-recommends")
        .plain("install"),
        other => Command::new(other, &["-y", "install"]),
    }
    .plain("--")
    .plain(package)
    .within(600)
}

/// Package managers are told of proxies by their environment.
fn by_proxy(command: Command, proxies: &Proxies) -> Command {
    let told =
        [("http_proxy", &proxies.http), ("https_proxy", &proxies.https), ("no_proxy", &proxies.besides)];
    told.into_iter()
        .filter(|(_, value)| !value.is_empty())
        .fold(command, |command, (name, value)| command.seeing(name, value))
}
