//! Drives one claimed operation as far as it goes now. See the crate's header for the guarantees.

use crate::{
    retry::Backoff,
    step::{Effect, Look, OperationKind, Progress, Step, StepContext, StepError, Undo},
};
use magnum_types::operation::{
    Claim, Fence, Lease, OperationState, OperationStore, StepEntry, StepEvent, StoreError,
};
use magnum_types::{Change, OperationId};
use serde_json::Value;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tracing::{Instrument, error, info, info_span, warn};

/// How the engine holds and retries.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// This conductor's name in the leases.
    pub owner: String,
    /// Length of a lease. A remote call ends before it does.
    pub lease: Duration,
    /// For retryable errors.
    pub backoff: Backoff,
    /// How long past its deadline an operation may go on undoing.
    pub undo_grace: Duration,
}

impl EngineSettings {
    /// Leases of 60 s, the default back-off, 30 minutes to undo.
    pub fn for_owner(owner: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            lease: Duration::from_secs(60),
            backoff: Backoff::default(),
            undo_grace: Duration::from_secs(1800),
        }
    }
}

/// Where a run left its operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ran {
    /// Somebody else has it, or it is not due.
    NotClaimed,
    /// It waits for its time, which comes so soon, or for a wake-up.
    Waiting(Duration),
    /// It has ended.
    Ended(OperationState),
}

/// The engine over a store whose domain changes are `C`.
pub struct Engine<S: OperationStore<Change = C>, C = Change> {
    store: Arc<S>,
    kinds: HashMap<&'static str, Arc<dyn OperationKind<C>>>,
    settings: EngineSettings,
}

impl<S, C> Engine<S, C>
where
    S: OperationStore<Change = C>,
    C: Send + Sync + 'static,
{
    /// An engine that knows these kinds of operation.
    pub fn new(store: Arc<S>, kinds: Vec<Arc<dyn OperationKind<C>>>, settings: EngineSettings) -> Self {
        let kinds = kinds.into_iter().map(|kind| (kind.name(), kind)).collect();
        Self { store, kinds, settings }
    }

    /// The store, for the runner's scan.
    pub fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// The kinds this engine knows.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<dyn OperationKind<C>>> {
        self.kinds.values()
    }

    /// Claims the operation and drives it until it waits or ends.
    ///
    /// # Errors
    /// [`StoreError::LostLease`] when another conductor took over (nothing to do), or a failing store: the
    /// operation stays claimed until its lease runs out, and is then taken up again.
    pub async fn run(&self, id: OperationId) -> Result<Ran, StoreError> {
        let Some(claim) = self.store.claim(id, &self.settings.owner, self.settings.lease).await? else {
            return Ok(Ran::NotClaimed);
        };
        let span = info_span!(
            "operation",
            operation.uuid = %id,
            operation.kind = %claim.operation.kind,
            cluster.uuid = %claim.operation.subject,
            request_id = %claim.operation.request_id,
        );
        self.drive(claim).instrument(span).await
    }

    async fn drive(&self, claim: Claim) -> Result<Ran, StoreError> {
        let Claim { operation, log, now } = claim;
        let fence = Fence { operation: operation.id, epoch: operation.epoch };
        let Some(kind) = self.kinds.get(operation.kind.as_str()).cloned() else {
            // A newer conductor beside us accepted it: leave it to that one.
            warn!("this conductor does not know the operation {}; left for another", operation.kind);
            let after = self.store.wait(fence, Duration::from_secs(10), operation.attempt).await?;
            return Ok(Ran::Waiting(after));
        };
        let mut cx = StepContext { operation, log, now };
        if cx.operation.state == OperationState::Running
            && let Some(ran) = self.forward(fence, kind.as_ref(), &mut cx).await?
        {
            return Ok(ran);
        }
        self.backward(fence, kind.as_ref(), &mut cx).await
    }

    /// Runs the steps from the first that is not recorded. `None`: the operation failed and must be undone.
    async fn forward(
        &self,
        fence: Fence,
        kind: &dyn OperationKind<C>,
        cx: &mut StepContext,
    ) -> Result<Option<Ran>, StoreError> {
        for step in kind.steps() {
            if cx.entry(step.name(), StepEvent::Done).is_some() {
                continue;
            }
            let lease = self.store.renew(fence, self.settings.lease).await?;
            cx.now = lease.now;
            if lease.cancelled {
                return self.supersede(fence).await.map(Some);
            }
            match self.step_forward(fence, step.as_ref(), cx).await? {
                Ok(StepRan::Recorded) => {}
                Ok(StepRan::Pending(after)) => {
                    if self.overdue(cx, after) {
                        let cause = format!("timed out while {}", describe(step.name()));
                        self.fail(fence, kind, cx, &cause).await?;
                        return Ok(None);
                    }
                    // The count of failures stays: a step that fails, waits and fails again gets nowhere.
                    let after = self.store.wait(fence, after, cx.operation.attempt).await?;
                    return Ok(Some(Ran::Waiting(after)));
                }
                Err(failure) => {
                    let attempt = cx.operation.attempt.saturating_add(1);
                    let delay = self.settings.backoff.delay(attempt, fence.operation.0.as_u128());
                    let retry = failure.retryable
                        && attempt < self.settings.backoff.attempts
                        && !self.overdue(cx, delay);
                    if retry {
                        warn!(
                            step = step.name(),
                            attempt,
                            error = %chain(&failure),
                            "a step failed and is tried again in {} s", delay.as_secs_f32()
                        );
                        let after = self.store.wait(fence, delay, attempt).await?;
                        return Ok(Some(Ran::Waiting(after)));
                    }
                    error!(step = step.name(), error = %chain(&failure), "the operation failed");
                    self.fail(fence, kind, cx, &failure.public).await?;
                    return Ok(None);
                }
            }
        }
        match kind.succeeded(cx).await {
            Ok(changes) => {
                self.store.finish(fence, OperationState::Done, changes).await?;
                info!("the operation is done");
                Ok(Some(Ran::Ended(OperationState::Done)))
            }
            Err(failure) => {
                error!(error = %chain(&failure), "the operation failed at its end");
                self.fail(fence, kind, cx, &failure.public).await?;
                Ok(None)
            }
        }
    }

    async fn step_forward(
        &self,
        fence: Fence,
        step: &dyn Step<C>,
        cx: &mut StepContext,
    ) -> Result<Result<StepRan, StepError>, StoreError> {
        let effect = match self.bounded(step.look(cx)).await {
            Err(failure) => return Ok(Err(failure)),
            Ok(Look::Done(effect)) => effect,
            Ok(Look::Pending(after, changes)) => {
                if !changes.is_empty() {
                    self.store.progress(fence, changes).await?;
                }
                return Ok(Ok(StepRan::Pending(after)));
            }
            Ok(Look::Absent) => {
                self.begin(fence, step, cx).await?;
                // The lease is fresh for the write: it ends before anybody else may begin.
                let Lease { cancelled, .. } = self.store.renew(fence, self.settings.lease).await?;
                if cancelled {
                    return Ok(Ok(StepRan::Pending(Duration::ZERO)));
                }
                match self.bounded(step.apply(cx)).await {
                    Err(failure) => return Ok(Err(failure)),
                    Ok(Progress::Pending(after)) => return Ok(Ok(StepRan::Pending(after))),
                    Ok(Progress::Done(effect)) => effect,
                }
            }
        };
        let Effect { output, changes } = effect;
        let entry = StepEntry { step: step.name().to_owned(), event: StepEvent::Done, output };
        self.store.record(fence, entry.clone(), changes).await?;
        cx.log.push(entry);
        cx.operation.attempt = 0;
        Ok(Ok(StepRan::Recorded))
    }

    async fn begin(&self, fence: Fence, step: &dyn Step<C>, cx: &mut StepContext) -> Result<(), StoreError> {
        if cx.has_begun(step.name()) {
            return Ok(());
        }
        let entry = StepEntry { step: step.name().to_owned(), event: StepEvent::Begun, output: Value::Null };
        self.store.record(fence, entry.clone(), Vec::new()).await?;
        cx.log.push(entry);
        Ok(())
    }

    /// Undoes every begun step, last first.
    async fn backward(
        &self,
        fence: Fence,
        kind: &dyn OperationKind<C>,
        cx: &mut StepContext,
    ) -> Result<Ran, StoreError> {
        let cause = cx.operation.failure.clone().unwrap_or_else(|| "the operation failed".to_owned());
        for step in kind.steps().iter().rev() {
            let touched = cx.has_begun(step.name()) || cx.entry(step.name(), StepEvent::Done).is_some();
            if !touched || cx.entry(step.name(), StepEvent::Undone).is_some() {
                continue;
            }
            let lease = self.store.renew(fence, self.settings.lease).await?;
            cx.now = lease.now;
            if lease.cancelled {
                return self.supersede(fence).await;
            }
            let failure = match self.bounded(step.undo(cx)).await {
                Ok(Undo::Done) => {
                    let event = StepEvent::Undone;
                    let entry = StepEntry { step: step.name().to_owned(), event, output: Value::Null };
                    self.store.record(fence, entry.clone(), Vec::new()).await?;
                    cx.log.push(entry);
                    cx.operation.attempt = 0;
                    continue;
                }
                Ok(Undo::Pending(after, changes)) if !self.undo_overdue(cx) => {
                    if !changes.is_empty() {
                        self.store.progress(fence, changes).await?;
                    }
                    let after = self.store.wait(fence, after, cx.operation.attempt).await?;
                    return Ok(Ran::Waiting(after));
                }
                Ok(Undo::Pending(..)) => StepError::fatal("it did not end in time"),
                Err(failure) => failure,
            };
            let attempt = cx.operation.attempt.saturating_add(1);
            if failure.retryable && attempt < self.settings.backoff.attempts && !self.undo_overdue(cx) {
                let delay = self.settings.backoff.delay(attempt, fence.operation.0.as_u128());
                warn!(step = step.name(), attempt, error = %chain(&failure), "an undo failed and is tried again");
                let after = self.store.wait(fence, delay, attempt).await?;
                return Ok(Ran::Waiting(after));
            }
            error!(step = step.name(), error = %chain(&failure), "a step cannot be undone");
            let left = format!("{} ({})", describe(step.name()), failure.public);
            let changes = kind.failed(cx, &cause, Some(&left));
            self.store.finish(fence, OperationState::Stuck, changes).await?;
            return Ok(Ran::Ended(OperationState::Stuck));
        }
        let changes = kind.failed(cx, &cause, None);
        self.store.finish(fence, OperationState::Failed, changes).await?;
        Ok(Ran::Ended(OperationState::Failed))
    }

    async fn fail(
        &self,
        fence: Fence,
        kind: &dyn OperationKind<C>,
        cx: &mut StepContext,
        cause: &str,
    ) -> Result<(), StoreError> {
        let changes = kind.failing(cx, cause);
        self.store.unwind(fence, cause, changes).await?;
        cx.operation.state = OperationState::Unwinding;
        cx.operation.attempt = 0;
        cx.operation.failure.get_or_insert_with(|| cause.to_owned());
        Ok(())
    }

    async fn supersede(&self, fence: Fence) -> Result<Ran, StoreError> {
        info!("the operation gives way to a later one");
        self.store.finish(fence, OperationState::Superseded, Vec::new()).await?;
        Ok(Ran::Ended(OperationState::Superseded))
    }

    /// A remote call under a lease must be over before the lease is.
    async fn bounded<T>(&self, call: impl Future<Output = Result<T, StepError>>) -> Result<T, StepError> {
        let limit = self.settings.lease.mul_f32(0.85);
        match tokio::time::timeout(limit, call).await {
            Ok(result) => result,
            Err(elapsed) => {
                Err(StepError::retryable("a call did not end within its lease").caused_by(elapsed))
            }
        }
    }

    /// Whether the deadline falls before the next look.
    fn overdue(&self, cx: &StepContext, after: Duration) -> bool {
        let after = jiff::SignedDuration::try_from(after).unwrap_or(jiff::SignedDuration::MAX);
        cx.now.checked_add(after).map_or(true, |next| next > cx.operation.deadline)
    }

    fn undo_overdue(&self, cx: &StepContext) -> bool {
        let grace =
            jiff::SignedDuration::try_from(self.settings.undo_grace).unwrap_or(jiff::SignedDuration::MAX);
        cx.operation.deadline.checked_add(grace).is_ok_and(|end| cx.now > end)
    }
}

enum StepRan {
    Recorded,
    Pending(Duration),
}

/// `stack_create` → "stack create".
fn describe(step: &str) -> String {
    step.replace('_', " ")
}

/// An error with its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
