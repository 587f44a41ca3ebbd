//! A node's life: register once, then one plan after the other. It ends only with the machine.

use crate::{
    actions::{certificate, kube},
    apply::{Node, Outcome},
    error::{CallError, NodeError},
};
use magnum_types::plan::{HealthCheck, Plan, RegisterRequest, Report, StepResult, Text};
use std::time::Duration;

/// Longest pause between two tries of a call, in seconds.
const LONGEST_PAUSE: u64 = 30;
/// After so long without a registration Heat is told why; we go on trying.
const PATIENCE: Duration = Duration::from_secs(600);
/// The same when the server knows us and refuses.
const PATIENCE_WHEN_REFUSED: Duration = Duration::from_secs(120);

/// Shortest pause between two askings for the present plan because a certificate is due.
const RENEWAL_PAUSE: Duration = Duration::from_secs(3600);

/// What is remembered from one call for a plan to the next.
#[derive(Default)]
struct Between {
    /// When health was last looked at.
    looked: Option<Duration>,
    /// When the present plan was last asked for again.
    renewed: Option<Duration>,
    /// That renewal came to no good end.
    unfinished: bool,
}

impl Node<'_> {
    /// Lives: returns only when `once` is set, after the first plan.
    ///
    /// # Errors
    /// When the state cannot be written; with `once`, also the failure of the plan.
    pub fn live(&mut self, once: bool) -> Result<(), NodeError> {
        // A failed plan is not tried again until there is a newer one, or we are started anew.
        let mut after = self.state.state.generation;
        let mut pause = 1;
        let mut between = Between::default();
        loop {
            self.look(&mut between)?;
            let token = self.token()?;
            let asked = self.machine.now();
            let renews = self.renews(&between);
            // The present plan again: its steps renew what is due, and start anew what runs with it.
            let newer_than = if renews { (after - 1).max(0) } else { after };
            let answer = self.server.plan(&token, newer_than, None);
            if renews && answer.is_ok() {
                between.renewed = Some(asked);
            }
            match answer {
                Ok(Some(document)) => {
                    pause = 1;
                    let (generation, outcome) = self.understand(document)?;
                    after = after.max(generation);
                    between.unfinished = renews && outcome != Outcome::Ready;
                    match outcome {
                        Outcome::Failed { step, error } if once => {
                            return Err(NodeError::PlanFailed { step, error });
                        }
                        Outcome::Ready if once => return Ok(()),
                        Outcome::Ready | Outcome::Superseded | Outcome::Failed { .. } => continue,
                    }
                }
                Ok(None) => {
                    pause = 1;
                    // The server holds the call; one that does not must not be asked without a pause.
                    if self.machine.now() < asked + Duration::from_secs(2) {
                        self.machine.sleep(Duration::from_secs(2));
                    }
                    continue;
                }
                Err(CallError::Unauthorized) => self.forget_token()?,
                Err(error) => tracing::warn!(%error, "no plan"),
            }
            self.machine.sleep(Duration::from_secs(pause));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A certificate is due, and the last try to renew one is long ago.
    fn renews(&self, between: &Between) -> bool {
        let wall = self.machine.wall();
        let due = self.state.state.identities.values().any(|identity| identity.is_due(wall));
        let rested = between.renewed.is_none_or(|at| self.machine.now() >= at + RENEWAL_PAUSE);
        (due || between.unfinished) && rested
    }

    /// Looks at what the last plan wants looked at, if it is time, and says what it is like. Said once: there will be
    /// something newer to say before a broken connection is mended.
    fn look(&mut self, between: &mut Between) -> Result<(), NodeError> {
        let Some(HealthCheck::Kubernetes { kubectl, every, authorities }) = &self.state.state.health else {
            return Ok(());
        };
        let pause = Duration::from_secs(u64::from(*every));
        if between.looked.is_some_and(|at| self.machine.now() < at + pause) {
            return Ok(());
        }
        between.looked = Some(self.machine.now());
        let mut health = kube::health(self.machine, kubectl);
        if !authorities.is_empty() {
            health.insert("certificates".to_owned(), certificate::authorities(self.machine, authorities));
        }
        let health = Some(health);
        let generation = self.state.state.generation;
        let report = Report { generation, result: StepResult::Alive, health, ..Report::default() };
        let token = self.token()?;
        match self.server.report(&token, &report) {
            Ok(()) => Ok(()),
            Err(CallError::Unauthorized) => self.forget_token(),
            Err(error) => {
                tracing::warn!(%error, "health is not reported");
                Ok(())
            }
        }
    }

    /// Applies a plan, or says that a newer server speaks of things that this program does not know.
    fn understand(&mut self, document: serde_json::Value) -> Result<(i64, Outcome), NodeError> {
        let generation = document.get("generation").and_then(serde_json::Value::as_i64).unwrap_or(0);
        match serde_json::from_value::<Plan>(document) {
            Ok(plan) => Ok((plan.generation, self.apply(&plan)?)),
            Err(error) => {
                let report = Report { generation, step: "plan".to_owned(), ..Report::default() };
                let error = format!("this node program does not understand the plan: {error}");
                Ok((generation, self.fail(report, error)?))
            }
        }
    }

    /// The token; registers first when there is none. Returns only with a token.
    ///
    /// # Errors
    /// When the key is damaged or the state cannot be written.
    pub(crate) fn token(&mut self) -> Result<Text, NodeError> {
        if let Some(token) = &self.state.state.token {
            return Ok(token.clone());
        }
        let request = RegisterRequest {
            cluster: self.bootstrap.cluster.clone(),
            instance_id: self.state.state.instance_id.clone(),
            join_secret: self.bootstrap.join_secret.clone(),
            csr: self.state.request()?,
        };
        let begun = self.machine.now();
        let (mut pause, mut told) = (1, false);
        loop {
            let error = match self.server.register(&request) {
                Ok(answer) => {
                    let token = Text(answer.token);
                    self.state.state.token = Some(token.clone());
                    self.state.state.name = answer.name;
                    self.state.save(self.machine)?;
                    tracing::info!(name = self.state.state.name, "registered");
                    return Ok(token);
                }
                Err(error) => error,
            };
            tracing::warn!(%error, "not registered yet");
            let refused = matches!(error, CallError::Refused { status: 403, .. } | CallError::Unauthorized);
            let patience = if refused { PATIENCE_WHEN_REFUSED } else { PATIENCE };
            if !told && self.machine.now() >= begun + patience {
                self.signal_failure(&format!("registration: {error}"));
                told = true;
            }
            self.machine.sleep(Duration::from_secs(pause));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The server does not know us any more: the next call registers again, with the same key.
    pub(crate) fn forget_token(&mut self) -> Result<(), NodeError> {
        tracing::warn!("the token is not accepted, registering again");
        self.state.state.token = None;
        self.state.save(self.machine)
    }
}
