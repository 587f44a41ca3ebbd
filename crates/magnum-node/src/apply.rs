//! Applies one plan: each step in order, each tried until it is done or its time is over, each reported.

use crate::{
    actions::{self, Context, Facts},
    error::{CallError, NodeError, StepError, first_line},
    machine::Machine,
    server::{Server, Signal},
    state::StateFile,
};
use magnum_types::plan::{Action, Bootstrap, Plan, PlanStep, Proxies, Report, StepResult};
use std::time::Duration;

/// Pauses between two tries are an eighth of the time that the step has waited already, so that no wait lasts much longer
/// than what it waits for; in these bounds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The node's parts, passed about together.
pub struct Node<'a> {
    /// The machine.
    pub machine: &'a dyn Machine,
    /// Magnum and Heat.
    pub server: &'a dyn Server,
    /// What user-data said.
    pub bootstrap: &'a Bootstrap,
    /// What must survive.
    pub state: StateFile,
}

/// How a plan ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every step is done.
    Ready,
    /// A step waited for another node, and there is a newer plan.
    Superseded,
    /// A step failed for good.
    Failed {
        /// The step.
        step: String,
        /// First line of its error.
        error: String,
    },
}

impl Node<'_> {
    /// Applies a plan to its end or to its first failed step.
    ///
    /// # Errors
    /// Only when the state cannot be written.
    pub fn apply(&mut self, plan: &Plan) -> Result<Outcome, NodeError> {
        tracing::info!(generation = plan.generation, steps = plan.steps.len(), "applying a plan");
        let count = plan.steps.len();
        if self.state.state.generation >= plan.generation {
            // Applied once before, and not to its end again until it is.
            self.state.state.generation = plan.generation - 1;
            self.state.save(self.machine)?;
        }
        // What was not done stays on record: the reports of later steps repeat it.
        let mut undone: Option<String> = None;
        for (index, step) in plan.steps.iter().enumerate() {
            let mut report = Report {
                generation: plan.generation,
                step: step.name.clone(),
                error: undone.clone(),
                ..Report::default()
            };
            match self.step(step, plan) {
                Err(StepError::Superseded) => return Ok(Outcome::Superseded),
                Ok(facts) => {
                    tracing::info!(step = step.name, "done");
                    report.facts = facts;
                }
                Err(error) => {
                    let error = first_line(&error.to_string());
                    if !step.optional {
                        return self.fail(report, error);
                    }
                    tracing::warn!(step = step.name, error, "not done, the plan goes on without it");
                    let error = format!("step {}: {error}", step.name);
                    report.error = Some(undone.get_or_insert(error).clone());
                }
            }
            report.result = if index + 1 == count { StepResult::Ready } else { StepResult::Done };
            self.report(&report)?;
        }
        if count == 0 {
            // Nothing to do is done; the server waits for the word.
            let generation = plan.generation;
            self.report(&Report { generation, result: StepResult::Ready, ..Report::default() })?;
        }
        self.state.state.generation = plan.generation;
        self.state.state.health.clone_from(&plan.health);
        // An identity that no step wants any more must not be renewed for ever.
        let wanted = |name: &str| {
            let is = |step: &PlanStep| matches!(&step.action, Action::Certificate { identity, .. } if identity == name);
            plan.steps.iter().any(is)
        };
        self.state.state.identities.retain(|name, _| wanted(name));
        self.state.save(self.machine)?;
        Ok(Outcome::Ready)
    }

    /// Reports a failed step, and tells Heat while it still waits for this member.
    pub(crate) fn fail(&mut self, mut report: Report, error: String) -> Result<Outcome, NodeError> {
        let step = report.step.clone();
        tracing::error!(step, error, "failed");
        report.result = StepResult::Failed;
        report.error = Some(error.clone());
        self.report(&report)?;
        self.signal_failure(&format!("step {step}: {error}"));
        Ok(Outcome::Failed { step, error })
    }

    /// Tells Heat that this member will not come, unless it came already.
    pub(crate) fn signal_failure(&self, reason: &str) {
        if self.state.state.signalled {
            return;
        }
        let signal = Signal::Failure(first_line(&format!("{}: {reason}", self.name())));
        if let Err(error) = self.server.signal(self.bootstrap, &self.name(), &signal) {
            // Magnum has the report, or Heat's own time-out ends the wait.
            tracing::warn!(%error, "Heat does not take the failure");
        }
    }

    fn name(&self) -> String {
        let state = &self.state.state;
        if state.name.is_empty() { state.instance_id.clone() } else { state.name.clone() }
    }

    /// Tries a step until it is done, fails for good, or its time is over.
    fn step(&mut self, step: &PlanStep, plan: &Plan) -> Result<Facts, StepError> {
        let begun = self.machine.now();
        let deadline = begun + Duration::from_secs(u64::from(step.timeout));
        loop {
            let error = match self.attempt(step, deadline, &plan.proxies) {
                Ok(facts) => return Ok(facts),
                Err(error @ StepError::Never(_)) => return Err(error),
                Err(error) => error,
            };
            let now = self.machine.now();
            let pause = (now.saturating_sub(begun) / 8).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            if now + pause >= deadline {
                return Err(error);
            }
            tracing::debug!(step = step.name, %error, "not done yet");
            if !step.yields {
                self.machine.sleep(pause);
            } else if self.is_superseded(plan.generation, pause) {
                tracing::info!(step = step.name, %error, "there is a newer plan");
                return Err(StepError::Superseded);
            }
        }
    }

    /// Pauses, and says whether a newer plan than that of this generation came meanwhile.
    fn is_superseded(&mut self, generation: i64, pause: Duration) -> bool {
        let begun = self.machine.now();
        let newer = match self.token() {
            Ok(token) => self.server.plan(&token, generation, Some(pause)),
            Err(error) => Err(CallError::Unavailable(error.to_string())),
        };
        let is_newer = match newer {
            Ok(plan) => plan.is_some(),
            // Whoever asks next gets another token, or says why there is none.
            Err(error) => {
                tracing::debug!(%error, "whether there is a newer plan is not known");
                false
            }
        };
        let asked = self.machine.now().saturating_sub(begun);
        if !is_newer && asked < pause {
            self.machine.sleep(pause - asked);
        }
        is_newer
    }

    fn attempt(
        &mut self,
        step: &PlanStep,
        deadline: Duration,
        proxies: &Proxies,
    ) -> Result<Facts, StepError> {
        if matches!(step.action, Action::Signal {}) {
            return self.signal();
        }
        let token = self.token()?;
        let mut context = Context {
            machine: self.machine,
            server: self.server,
            token,
            deadline,
            bootstrap: self.bootstrap,
            state: &mut self.state,
            proxies,
        };
        actions::apply(&mut context, &step.action)
    }

    /// Once only: Heat's condition is met for the stack's life.
    fn signal(&mut self) -> Result<Facts, StepError> {
        if !self.state.state.signalled {
            self.server
                .signal(self.bootstrap, &self.name(), &Signal::Success)
                .map_err(|error| StepError::NotYet(format!("Heat's wait condition: {error}")))?;
            self.state.state.signalled = true;
            self.state.save(self.machine)?;
        }
        Ok(Facts::new())
    }

    /// Delivers a report, however long that takes: others wait for what it says.
    fn report(&mut self, report: &Report) -> Result<(), NodeError> {
        let mut pause = 1;
        loop {
            let token = self.token()?;
            match self.server.report(&token, report) {
                Ok(()) => return Ok(()),
                Err(CallError::Refused { status, text }) => {
                    // The plan is no longer of interest, say; the next one will tell.
                    tracing::warn!(status, text, "the report is refused");
                    return Ok(());
                }
                Err(CallError::Unauthorized) => self.forget_token()?,
                Err(error) => tracing::warn!(%error, "the report is not delivered"),
            }
            self.machine.sleep(Duration::from_secs(pause));
            pause = (pause * 2).min(30);
        }
    }
}
