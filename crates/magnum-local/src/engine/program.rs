//! Programs that are run on this machine while an image is made.

use super::{Progress, build::failed, cannot};
use crate::machines::MachinesError;
use std::{collections::VecDeque, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// Lines of a failed program that are told.
const LAST_LINES: usize = 4;

/// Runs a program of many lines, and ends it and all that it started when nobody waits for it any more.
pub(super) async fn run(mut command: Command, progress: &Progress<'_>) -> Result<(), MachinesError> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let mut group = Group(child.id());
    let output = child.stdout.take().ok_or_else(|| failed(std::io::Error::other("it has no output")))?;
    let mut lines = BufReader::new(output).lines();
    let mut last = VecDeque::new();
    while let Some(line) = lines.next_line().await.map_err(failed)? {
        progress(&line);
        last.push_back(line);
        if last.len() > LAST_LINES {
            last.pop_front();
        }
    }
    let status = child.wait().await.map_err(failed)?;
    group.0 = None;
    if status.success() {
        return Ok(());
    }
    let last = last.into_iter().collect::<Vec<_>>().join("; ");
    let full = last.contains("No space left on device");
    let cure = if full { ": make room on the disk of the scratch directory" } else { "" };
    Err(cannot("making the node image", format!("{status}: {last}{cure}")))
}

/// A group of processes, killed when this is dropped before they have ended.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let group = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            let killed = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            tracing::debug!(?killed, "ended a build that nobody waits for");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn every_line_is_told_and_a_failure_tells_the_last_ones() {
        let heard = Mutex::new(Vec::new());
        let hear = |line: &str| heard.lock().unwrap().push(line.to_owned());
        run(shell("echo one; echo two"), &hear).await.unwrap();
        assert_eq!(*heard.lock().unwrap(), ["one", "two"]);
        let error =
            run(shell("for i in 1 2 3 4 5 6; do echo line $i; done; exit 3"), &hear).await.unwrap_err();
        let error = error.to_string();
        assert!(error.ends_with("exit status: 3: line 3; line 4; line 5; line 6"), "{error}");
        let full = run(shell("echo 'tar: x: No space left on device'; exit 2"), &hear).await.unwrap_err();
        assert!(full.to_string().ends_with("make room on the disk of the scratch directory"), "{full}");
    }

    #[tokio::test]
    async fn a_build_that_nobody_waits_for_ends_with_all_that_it_started() {
        let here = tempfile::tempdir().unwrap();
        let mark = here.path().join("mark");
        let script = format!("(sleep 1; touch {}) & echo started; wait", mark.display());
        let heard = std::sync::Arc::new(tokio::sync::Notify::new());
        let hear = {
            let heard = heard.clone();
            move |_: &str| heard.notify_one()
        };
        let build = tokio::spawn(async move { run(shell(&script), &hear).await });
        heard.notified().await;
        build.abort();
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert!(!mark.exists(), "a grandchild went on");
    }
}
