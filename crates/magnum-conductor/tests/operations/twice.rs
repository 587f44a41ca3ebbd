//! Every step is applied and undone once more than it should be, as a conductor does that died between an effect and
//! its record. What a step makes must be there once all the same.

use crate::{
    picture::Picture,
    rig::{Drove, Kinds},
    scenario::Scenario,
};
use async_trait::async_trait;
use magnum_operations::{Look, OperationKind, Progress, Step, StepContext, StepError, Undo};
use magnum_types::Change;
use std::sync::Arc;

macro_rules! one_test_each {
    (($check:ident) $($name:ident)*) => {
        mod $check {
            $(#[tokio::test]
            async fn $name() {
                super::$check(crate::scenario::Scenario::named(stringify!($name))).await;
            })*
        }
    };
}

with_scenarios!(one_test_each(a_step_applied_twice_has_its_effect_once));

async fn a_step_applied_twice_has_its_effect_once(scenario: Scenario) {
    let clean = scenario.clean_run().await;
    let (rig, operation) = scenario.accepted().await;
    let drove = rig.conductor_of(None, dress).drive(operation).await;
    assert_eq!(drove, Drove::Ended(scenario.end()));
    assert_eq!(Picture::of(&rig).await, clean.picture);
}

fn dress(kinds: Kinds) -> Kinds {
    kinds.into_iter().map(|kind| Arc::new(TwiceKind::new(kind)) as Arc<dyn OperationKind<Change>>).collect()
}

struct TwiceKind {
    inner: Arc<dyn OperationKind<Change>>,
    steps: Vec<Box<dyn Step<Change>>>,
}

impl TwiceKind {
    fn new(inner: Arc<dyn OperationKind<Change>>) -> Self {
        let step = |number| Box::new(TwiceStep { kind: inner.clone(), number }) as Box<dyn Step<Change>>;
        let steps = (0..inner.steps().len()).map(step).collect();
        Self { inner, steps }
    }
}

#[async_trait]
impl OperationKind<Change> for TwiceKind {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn steps(&self) -> &[Box<dyn Step<Change>>] {
        &self.steps
    }

    async fn succeeded(&self, cx: &StepContext) -> Result<Vec<Change>, StepError> {
        self.inner.succeeded(cx).await
    }

    fn failing(&self, cx: &StepContext, cause: &str) -> Vec<Change> {
        self.inner.failing(cx, cause)
    }

    fn failed(&self, cx: &StepContext, cause: &str, left: Option<&str>) -> Vec<Change> {
        self.inner.failed(cx, cause, left)
    }
}

struct TwiceStep {
    kind: Arc<dyn OperationKind<Change>>,
    number: usize,
}

impl TwiceStep {
    fn inner(&self) -> &dyn Step<Change> {
        self.kind.steps()[self.number].as_ref()
    }
}

#[async_trait]
impl Step<Change> for TwiceStep {
    fn name(&self) -> &'static str {
        self.inner().name()
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        self.inner().look(cx).await
    }

    async fn apply(&self, cx: &StepContext) -> Result<Progress<Change>, StepError> {
        let first = self.inner().apply(cx).await?;
        if matches!(first, Progress::Pending(_)) {
            return Ok(first);
        }
        // The first one's output is lost with the process: a look finds the effect, or it is made again.
        match self.inner().look(cx).await? {
            Look::Done(effect) => Ok(Progress::Done(effect)),
            Look::Pending(after, _) => Ok(Progress::Pending(after)),
            Look::Absent => self.inner().apply(cx).await,
        }
    }

    async fn undo(&self, cx: &StepContext) -> Result<Undo<Change>, StepError> {
        match self.inner().undo(cx).await? {
            Undo::Done => self.inner().undo(cx).await,
            pending => Ok(pending),
        }
    }
}
