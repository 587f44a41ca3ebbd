//! What an operation is made of: steps, their outcomes, and what a step is given to work with.

use async_trait::async_trait;
use jiff::Timestamp;
use magnum_types::operation::{Operation, StepEntry, StepEvent};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{error::Error as StdError, time::Duration};

/// A kind of operation: a name, its steps in order, and how its end shows in the domain's rows.
#[async_trait]
pub trait OperationKind<C>: Send + Sync {
    /// The name in the database, e.g. `cluster_create`.
    fn name(&self) -> &'static str;

    /// The steps, first to last.
    fn steps(&self) -> &[Box<dyn Step<C>>];

    /// The domain's changes when every step is done.
    async fn succeeded(&self, cx: &StepContext) -> Result<Vec<C>, StepError>;

    /// The domain's changes as soon as the operation is known to fail, before it is undone. `cause` is for people.
    fn failing(&self, cx: &StepContext, cause: &str) -> Vec<C>;

    /// The domain's changes when it has failed and been undone. `left` names what could not be undone.
    fn failed(&self, cx: &StepContext, cause: &str, left: Option<&str>) -> Vec<C>;
}

/// One step.
#[async_trait]
pub trait Step<C>: Send + Sync {
    /// The name in the log and in messages, e.g. `stack_create`.
    fn name(&self) -> &'static str;

    /// Is the effect there already? Reads only.
    async fn look(&self, cx: &StepContext) -> Result<Look<C>, StepError>;

    /// Makes the effect. Runs only after `look` said [`Look::Absent`], and may run again after a crash.
    async fn apply(&self, cx: &StepContext) -> Result<Progress<C>, StepError>;

    /// Takes the effect away; must do nothing gracefully if it is not there. The default is for steps that leave
    /// nothing behind.
    async fn undo(&self, _cx: &StepContext) -> Result<Undo<C>, StepError> {
        Ok(Undo::Done)
    }
}

/// What a step gives when it is done: its output for later steps, and changes of the domain's rows.
#[derive(Debug)]
pub struct Effect<C> {
    /// Kept in the log. Secrets in it must be sealed.
    pub output: Value,
    /// Applied in the transaction that records the step.
    pub changes: Vec<C>,
}

impl<C> Effect<C> {
    /// Nothing to remember.
    pub fn nothing() -> Self {
        Self { output: Value::Null, changes: Vec::new() }
    }

    /// An output for later steps.
    pub fn of(output: impl Serialize) -> Result<Self, StepError> {
        let output = serde_json::to_value(output)
            .map_err(|source| StepError::fatal("a step's output is not JSON").caused_by(source))?;
        Ok(Self { output, changes: Vec::new() })
    }

    /// The same effect with changes of the domain's rows.
    #[must_use]
    pub fn with(mut self, changes: impl IntoIterator<Item = C>) -> Self {
        self.changes.extend(changes);
        self
    }
}

/// What a look found.
#[derive(Debug)]
pub enum Look<C> {
    /// Not there: apply.
    Absent,
    /// There and finished.
    Done(Effect<C>),
    /// There and under way: look again after the time; the changes show progress.
    Pending(Duration, Vec<C>),
}

/// How far an apply got.
#[derive(Debug)]
pub enum Progress<C> {
    /// Finished.
    Done(Effect<C>),
    /// Under way: look again after the time.
    Pending(Duration),
}

/// How far an undo got.
#[derive(Debug)]
pub enum Undo<C> {
    /// Nothing of the step is left.
    Done,
    /// Under way: undo again after the time; the changes are part of it, or show progress.
    Pending(Duration, Vec<C>),
}

impl<C> Undo<C> {
    /// Under way, with nothing to change meanwhile.
    pub fn pending(after: Duration) -> Self {
        Self::Pending(after, Vec::new())
    }
}

/// A failed look, apply or undo.
#[derive(Debug, thiserror::Error)]
#[error("{public}")]
pub struct StepError {
    /// For people: it becomes the cluster's `status_reason`.
    pub public: String,
    /// Whether trying again can help.
    pub retryable: bool,
    /// For the log.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StepError {
    /// An error that trying again does not cure.
    pub fn fatal(public: impl Into<String>) -> Self {
        Self { public: public.into(), retryable: false, source: None }
    }

    /// An error that may pass by itself.
    pub fn retryable(public: impl Into<String>) -> Self {
        Self { public: public.into(), retryable: true, source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// What a step is given: the operation, the outputs of earlier steps, and the time.
#[derive(Clone, Debug)]
pub struct StepContext {
    /// The operation.
    pub operation: Operation,
    /// Its log so far.
    pub log: Vec<StepEntry>,
    /// The store's time when the step began.
    pub now: Timestamp,
}

impl StepContext {
    /// The operation's parameters.
    ///
    /// # Errors
    /// When they are not of this type: a row written by an incompatible version.
    pub fn params<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        serde_json::from_value(self.operation.params.clone()).map_err(|source| {
            StepError::fatal(format!("the parameters of {} cannot be read", self.operation.kind))
                .caused_by(source)
        })
    }

    /// The output of an earlier step, or `None` where it did not run.
    ///
    /// # Errors
    /// When it is not of this type: a row written by an incompatible version.
    pub fn output<T: DeserializeOwned>(&self, step: &str) -> Result<Option<T>, StepError> {
        let Some(entry) = self.entry(step, StepEvent::Done) else { return Ok(None) };
        serde_json::from_value(entry.output.clone()).map(Some).map_err(|source| {
            StepError::fatal(format!("the output of step {step} cannot be read")).caused_by(source)
        })
    }

    /// Whether the step has been begun, so that it may have had an effect.
    pub fn has_begun(&self, step: &str) -> bool {
        self.entry(step, StepEvent::Begun).is_some()
    }

    pub(crate) fn entry(&self, step: &str, event: StepEvent) -> Option<&StepEntry> {
        self.log.iter().find(|entry| entry.step == step && entry.event == event)
    }
}
