//! What becomes of a stack: pure changes of one record. Each is followed by [`Stack::settle`], so a record that is written
//! never waits for a second write to say what it means; a process that dies between two writes loses nothing but time.

use super::stack::{Action, Cx, NetworkPhase, Phase, Stack, Status, Trouble};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// How long a delete tries before it says why it cannot.
const DELETE_MINUTES: i64 = 5;

/// One thing that the machine is to do for a stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    Network,
    Make(Uuid),
    Remove(Uuid),
    NetworkRemove,
}

/// How often something refused is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    /// Not at all.
    None,
    /// For so many seconds.
    Seconds(i64),
    /// As long as the stack has time.
    Deadline,
}

impl Patience {
    fn is_over(self, since: Timestamp, now: Timestamp) -> bool {
        match self {
            Self::None => true,
            Self::Seconds(seconds) => now.duration_since(since) >= SignedDuration::from_secs(seconds),
            Self::Deadline => false,
        }
    }
}

fn after(now: Timestamp, minutes: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(Timestamp::MAX)
}

/// The trouble as it is now, or the reason when patience is over.
pub(super) fn troubled(
    old: Option<&Trouble>,
    reason: &str,
    patience: Patience,
    now: Timestamp,
) -> Result<Trouble, String> {
    let since = old.map_or(now, |trouble| trouble.since);
    if patience.is_over(since, now) {
        return Err(reason.to_owned());
    }
    Ok(Trouble { reason: reason.to_owned(), since })
}

impl Stack {
    /// Begins an action: the members are brought in line with the parameters when it is settled.
    pub fn begin(&mut self, action: Action, cx: &Cx<'_>) {
        (self.action, self.status) = (action, Status::InProgress);
        self.reason = format!("Stack {} started", action.word());
        let minutes = if action == Action::Delete { DELETE_MINUTES } else { i64::from(self.timeout_mins) };
        self.deadline = after(cx.now, minutes);
        match action {
            Action::Delete => {
                self.members.iter_mut().for_each(|member| {
                    member.leaving = true;
                    member.trouble = None;
                });
                self.network.trouble = None;
            }
            _ => {
                if let NetworkPhase::Failed(_) = self.network.phase {
                    self.network.phase = NetworkPhase::Wanted;
                }
                self.network.trouble = None;
                self.fit(cx);
            }
        }
        self.note_own(cx);
    }

    fn note_own(&mut self, cx: &Cx<'_>) {
        let (name, status, reason) = (self.name.clone(), self.status_line(), self.reason.clone());
        self.note(cx, &name, self.id, &status, &reason);
    }

    pub(super) fn end(&mut self, status: Status, reason: String, cx: &Cx<'_>) {
        (self.status, self.reason) = (status, reason);
        self.note_own(cx);
    }

    /// What the machine is to do now.
    pub fn work(&self) -> Vec<Work> {
        let deleting = self.action == Action::Delete;
        if deleting && !self.is_working() {
            return Vec::new();
        }
        // A member that failed and was replaced goes even when the update failed as well.
        let going = self.members.iter().filter(|member| member.leaving);
        let mut work: Vec<Work> = going.map(|member| Work::Remove(member.id)).collect();
        if deleting {
            if work.is_empty() && self.holds_network() {
                work.push(Work::NetworkRemove);
            }
            return work;
        }
        if self.is_working() {
            match self.network.phase {
                NetworkPhase::Wanted => work.push(Work::Network),
                NetworkPhase::Made => {
                    // The one that takes its place has the same host name.
                    let in_the_way = |name: &str| self.members.iter().any(|m| m.leaving && m.name == name);
                    let wanted = self.staying().filter(|m| m.phase == Phase::Wanted && !in_the_way(&m.name));
                    work.extend(wanted.map(|member| Work::Make(member.id)));
                }
                NetworkPhase::Failed(_) | NetworkPhase::Gone => {}
            }
        }
        work
    }

    /// Ends what is going on, if it has come to an end.
    pub fn settle(&mut self, cx: &Cx<'_>) {
        if !self.is_working() {
            return;
        }
        if self.action == Action::Delete {
            if self.members.is_empty() && !self.holds_network() {
                self.deleted = Some(cx.now);
                self.forget_secrets();
                self.end(Status::Complete, "Stack DELETE completed successfully".to_owned(), cx);
            }
            return;
        }
        if let Some(reason) = self.first_failure() {
            let reason = format!("Resource {} failed: {reason}", self.action.word());
            self.fail(reason, cx);
            return;
        }
        let ready = self.network.phase == NetworkPhase::Made
            && self.members.iter().all(|member| !member.leaving && member.phase == Phase::Ready);
        if ready {
            self.before = None;
            let reason = format!("Stack {} completed successfully", self.action.word());
            self.end(Status::Complete, reason, cx);
        }
    }

    fn first_failure(&self) -> Option<String> {
        if let NetworkPhase::Failed(reason) = &self.network.phase {
            return Some(format!("private_network: {reason}"));
        }
        self.staying().find_map(|member| match &member.phase {
            Phase::Failed { reason, .. } => Some(format!(
                "resources.{}.resources[{}]: {}",
                member.group,
                member.index,
                member.named(reason)
            )),
            _ => None,
        })
    }

    /// Gives up what is going on.
    pub fn cancel(&mut self, reason: &str, cx: &Cx<'_>) {
        self.fail(reason.to_owned(), cx);
    }

    /// What goes on fails: an update is taken back where that was asked for.
    fn fail(&mut self, reason: String, cx: &Cx<'_>) {
        match self.before.take() {
            Some(before) if self.action == Action::Update && self.rollback => {
                (self.document, self.parameters) = (before.document, before.parameters);
                self.begin(Action::Rollback, cx);
                self.reason = format!("Stack ROLLBACK started: {reason}");
                // There may be nothing to take back.
                self.settle(cx);
            }
            _ => self.end(Status::Failed, reason, cx),
        }
    }

    /// Nothing joins a deleted stack: only what history shows is kept.
    fn forget_secrets(&mut self) {
        for (name, declared) in &self.document.parameters {
            if declared.hidden {
                self.parameters.shift_remove(name);
            }
        }
        self.before = None;
    }

    /// Fails what has had its time.
    pub fn expire(&mut self, cx: &Cx<'_>) {
        if !self.is_working() || cx.now < self.deadline {
            return;
        }
        let trouble = |trouble: Option<&Trouble>, else_: &str| {
            trouble.map_or_else(|| else_.to_owned(), |trouble| trouble.reason.clone())
        };
        let going = self.members.iter().find(|member| member.leaving);
        let going = going.map(|m| format!("{}: {}", m.name, trouble(m.trouble.as_ref(), "it does not go")));
        if self.action == Action::Delete {
            let reason = match going {
                Some(reason) => reason,
                None => {
                    format!("private_network: {}", trouble(self.network.trouble.as_ref(), "it does not go"))
                }
            };
            self.end(Status::Failed, format!("Stack DELETE timed out: {reason}"), cx);
            return;
        }
        let minutes = self.timeout_mins;
        if self.network.phase == NetworkPhase::Wanted {
            let words = trouble(self.network.trouble.as_ref(), "the network could not be made");
            self.network.phase = NetworkPhase::Failed(format!("timed out after {minutes} minutes: {words}"));
        }
        for member in self.members.iter_mut().filter(|member| !member.leaving) {
            let words = match member.phase {
                Phase::Wanted => trouble(member.trouble.as_ref(), "its server was not made"),
                Phase::Made => "its node did not say that it is ready".to_owned(),
                Phase::Ready | Phase::Failed { .. } => continue,
            };
            let reason = format!("timed out after {minutes} minutes: {words}");
            member.phase = Phase::Failed { reason, made: member.is_made() };
        }
        if self.first_failure().is_none() {
            let reason = format!("timed out after {minutes} minutes: {}", going.unwrap_or_default());
            self.fail(reason, cx);
        }
    }

    pub fn network_made(&mut self) {
        if self.network.phase == NetworkPhase::Wanted {
            self.network.phase = NetworkPhase::Made;
            self.network.trouble = None;
        }
    }

    pub fn network_gone(&mut self) {
        self.network.phase = NetworkPhase::Gone;
    }

    pub fn network_refused(&mut self, reason: &str, patience: Patience, cx: &Cx<'_>) {
        match troubled(self.network.trouble.as_ref(), reason, patience, cx.now) {
            Ok(trouble) => self.network.trouble = Some(trouble),
            Err(reason) if self.action == Action::Delete => {
                self.network.trouble = Some(Trouble { reason: reason.clone(), since: cx.now });
                self.end(Status::Failed, format!("Resource DELETE failed: private_network: {reason}"), cx);
            }
            Err(reason) => self.network.phase = NetworkPhase::Failed(reason),
        }
    }
}
