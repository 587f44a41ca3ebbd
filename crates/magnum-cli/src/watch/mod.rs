//! Waiting for the end of what was asked, and showing how it goes.
//!
//! What is waited for is the operation that the request caused: the service keeps the request's id with it. A service
//! without operations (upstream's) is watched by the cluster's status.

mod block;
mod look;
mod view;

use crate::{
    cli::{Cli, text},
    client::Api,
    commands::cluster::changed,
    error::{CliError, Kind, Result},
};
use clap::Args;
use look::{Seen, look};
use magnum_openstack::container_infra::Reply;
use std::time::{Duration, Instant};
use view::View;

/// Whether to wait, and how.
#[derive(Args)]
pub struct WaitOptions {
    /// Wait for the end, and show on standard error how it goes
    #[arg(long, help_heading = "Waiting")]
    pub wait: bool,
    #[command(flatten)]
    pub limits: WaitLimits,
}

/// How long to wait, and how often to look.
#[derive(Args)]
pub struct WaitLimits {
    /// Give up waiting after so many minutes (exit code 4); the work goes on
    #[arg(long, value_name = "MINUTES", default_value_t = 120.0, value_parser = positive, help_heading = "Waiting")]
    wait_timeout: f64,
    /// Look every so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = positive, help_heading = "Waiting")]
    wait_interval: f64,
}

/// What is waited for.
pub struct Wanted<'a> {
    /// The cluster, by its UUID or name.
    pub cluster: &'a str,
    /// The request that asked for it.
    pub request_id: Option<&'a str>,
    /// How it ends well.
    pub goal: Goal,
    /// When the waiting began: limits count from here.
    pub since: Instant,
}

impl<'a> Wanted<'a> {
    /// What this request asked of this cluster, waited for from now on.
    pub fn new(cluster: &'a str, request_id: Option<&'a str>, goal: Goal) -> Self {
        Self { cluster, request_id, goal, since: Instant::now() }
    }
}

/// How an operation ends well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goal {
    /// The cluster is there, and nothing is in progress.
    Done,
    /// The cluster is gone.
    Gone,
}

enum Verdict {
    Going,
    Well,
    Badly(String),
}

fn positive(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 && number <= 1e6 => Ok(number),
        _ => Err("give a number above 0".to_owned()),
    }
}

/// The service took on a change of a cluster, and names that cluster: see [`watch`].
///
/// # Errors
/// As [`watch`].
pub async fn watch_change(
    cli: &mut Cli,
    api: &Api,
    options: &WaitOptions,
    reply: &Reply,
    accepted: &str,
) -> Result {
    let cluster = text(&reply.body, "uuid");
    let wanted = Wanted::new(cluster, reply.request_id.as_deref(), Goal::Done);
    watch(cli, api, options, &wanted, accepted).await
}

/// Says that the request was accepted or, if that was asked for, waits for its end and shows what then is.
///
/// # Errors
/// When it ends badly, or not in time, or is not waited for any longer.
pub async fn watch(
    cli: &mut Cli,
    api: &Api,
    options: &WaitOptions,
    wanted: &Wanted<'_>,
    accepted: &str,
) -> Result {
    if !options.wait {
        return cli.accepted(accepted, &changed(wanted.cluster));
    }
    if !accepted.is_empty() {
        cli.screen.note(accepted);
    }
    let mut view = View::new(cli.environment.terminal);
    let ended = wait(cli, api, &options.limits, wanted, &mut view).await;
    view.end(&mut cli.screen);
    ended?;
    match wanted.goal {
        Goal::Gone => cli.done(&format!("Cluster {} is gone.", wanted.cluster)),
        Goal::Done => {
            let shown = api.get(&["clusters", wanted.cluster], &[]).await?;
            cli.show(&shown)
        }
    }
}

async fn wait(cli: &mut Cli, api: &Api, limits: &WaitLimits, wanted: &Wanted<'_>, view: &mut View) -> Result {
    let begun = wanted.since;
    let limit = Duration::from_secs_f64(limits.wait_timeout * 60.0);
    let interval = Duration::from_secs_f64(limits.wait_interval);
    let mut interrupted = Box::pin(tokio::signal::ctrl_c());
    let mut troubled = false;
    loop {
        let seen = tokio::select! {
            seen = look(api, wanted) => seen,
            _ = &mut interrupted => return Err(given_up(wanted, Kind::Interrupted, "interrupted")),
        };
        match seen {
            Ok(seen) => {
                troubled = false;
                view.show(&mut cli.screen, &seen, cli.environment.clock.now(), begun.elapsed());
                match verdict(&seen, wanted) {
                    Verdict::Well => return Ok(()),
                    Verdict::Badly(reason) => {
                        return Err(CliError::new(Kind::Failed, reason)
                            .advise(format!("`magnum cluster diagnose {}` says more", wanted.cluster)));
                    }
                    Verdict::Going => {}
                }
            }
            // A service that restarts is no reason to lose sight of what it does.
            Err(error) if error.kind == Kind::Failed => {
                if !troubled {
                    view.end(&mut cli.screen);
                    cli.screen.note(&format!("the service cannot be asked, trying again: {}", error.message));
                }
                troubled = true;
            }
            Err(error) => return Err(error),
        }
        let Some(left) = limit.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) else {
            return Err(given_up(wanted, Kind::TimedOut, "the time to wait is over"));
        };
        tokio::select! {
            () = tokio::time::sleep(interval.min(left)) => {}
            _ = &mut interrupted => return Err(given_up(wanted, Kind::Interrupted, "interrupted")),
        }
    }
}

fn given_up(wanted: &Wanted<'_>, kind: Kind, why: &str) -> CliError {
    CliError::new(kind, format!("{why}; the operation on cluster {} goes on", wanted.cluster)).advise(
        format!(
            "`magnum cluster wait {0}` waits further, `magnum cluster diagnose {0}` says how it stands",
            wanted.cluster
        ),
    )
}

fn verdict(seen: &Seen, wanted: &Wanted<'_>) -> Verdict {
    let Some(cluster) = &seen.cluster else {
        return match wanted.goal {
            Goal::Gone => Verdict::Well,
            Goal::Done => Verdict::Badly(format!("cluster {} is gone", wanted.cluster)),
        };
    };
    let reason = |fallback: &str| {
        let own = seen.operation.as_ref().map_or("", |operation| text(operation, "status_reason"));
        let words = if own.is_empty() { text(cluster, "status_reason") } else { own };
        if words.is_empty() { fallback.to_owned() } else { words.to_owned() }
    };
    if let Some(operation) = &seen.operation {
        return match text(operation, "state") {
            "done" if wanted.goal == Goal::Done => Verdict::Well,
            "failed" | "stuck" => Verdict::Badly(reason("the operation failed")),
            "superseded" => Verdict::Badly("the operation gave way to a later one".to_owned()),
            _ => Verdict::Going,
        };
    }
    let status = text(cluster, "status");
    match status {
        _ if status.ends_with("_IN_PROGRESS") => Verdict::Going,
        _ if status.ends_with("_FAILED") => Verdict::Badly(reason(status)),
        // The row goes a moment after the status.
        _ if wanted.goal == Goal::Gone => Verdict::Going,
        _ => Verdict::Well,
    }
}
