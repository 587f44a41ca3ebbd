//! A step that asks for a short pause gets a short one: not the time until the next scan.

use crate::rows;
use async_trait::async_trait;
use magnum_db::{DatabaseSettings, NewOperation, Store};
use magnum_fakes::FakeCloud;
use magnum_operations::{
    Effect, Engine, EngineSettings, Look, Nudges, OperationKind, Progress, Runner, RunnerSettings, Step,
    StepContext, StepError,
};
use magnum_types::{
    CLUSTER_CREATE, Change, ClusterId, Entropy, OperationId, OperationState, SeededEntropy, SystemClock,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

const LOOKS: u32 = 10;

/// Is there at its tenth look, each 20 ms after the one before.
struct Slow {
    store: Store,
    looks: Arc<AtomicU32>,
}

#[async_trait]
impl Step<Change> for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    async fn look(&self, cx: &StepContext) -> Result<Look<Change>, StepError> {
        let look = self.looks.fetch_add(1, Ordering::SeqCst) + 1;
        if look == LOOKS {
            return Ok(Look::Done(Effect::nothing()));
        }
        // News that come while it is driven are looked at at once, however long the pause that it asks for.
        if look.is_multiple_of(2) {
            return Ok(Look::Pending(Duration::from_millis(20), Vec::new()));
        }
        self.store.wake(cx.operation.id).await.unwrap();
        Ok(Look::Pending(Duration::from_secs(3600), Vec::new()))
    }

    async fn apply(&self, _: &StepContext) -> Result<Progress<Change>, StepError> {
        unreachable!("it is looked at until it is there")
    }
}

struct Kind(Vec<Box<dyn Step<Change>>>);

#[async_trait]
impl OperationKind<Change> for Kind {
    fn name(&self) -> &'static str {
        CLUSTER_CREATE
    }

    fn steps(&self) -> &[Box<dyn Step<Change>>] {
        &self.0
    }

    async fn succeeded(&self, _: &StepContext) -> Result<Vec<Change>, StepError> {
        Ok(Vec::new())
    }

    fn failing(&self, _: &StepContext, _: &str) -> Vec<Change> {
        Vec::new()
    }

    fn failed(&self, _: &StepContext, _: &str, _: Option<&str>) -> Vec<Change> {
        Vec::new()
    }
}

/// One nudge, and never another.
struct Once(Option<OperationId>);

#[async_trait]
impl Nudges for Once {
    async fn next(&mut self) -> OperationId {
        match self.0.take() {
            Some(operation) => operation,
            None => std::future::pending().await,
        }
    }
}

#[tokio::test]
async fn short_pauses_are_kept_between_scans() {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SeededEntropy::new(5)));
    let cloud = FakeCloud::start_seeded(clock.clone(), 1).await.unwrap();
    let demo = cloud.account("demo").unwrap();
    let store =
        Store::connect(DatabaseSettings::new("sqlite://"), clock.clone(), entropy.clone()).await.unwrap();
    store.upgrade(None).await.unwrap();
    let template = store.template_create(&rows::template(&demo, entropy.uuid())).await.unwrap();
    let (cluster, operation) = (ClusterId(entropy.uuid()), OperationId(entropy.uuid()));
    let new = NewOperation {
        id: operation,
        kind: CLUSTER_CREATE,
        params: serde_json::Value::Null,
        timeout: Duration::from_secs(7200),
        request_id: "req-1".to_owned(),
        project_id: demo.project_id.clone(),
        user_id: demo.user_id.clone(),
    };
    let groups = [entropy.uuid(), entropy.uuid()];
    store.accept_cluster_create(rows::create(&demo, cluster, &template, groups, [1, 1], new)).await.unwrap();

    let looks = Arc::new(AtomicU32::new(0));
    let slow = Slow { store: store.clone(), looks: looks.clone() };
    let kinds: Vec<Arc<dyn OperationKind<Change>>> = vec![Arc::new(Kind(vec![Box::new(slow)]))];
    let engine = Engine::new(Arc::new(store.clone()), kinds, EngineSettings::for_owner("one"));
    let settings = RunnerSettings { poll: Duration::from_secs(600), ..RunnerSettings::default() };
    let (runner, stop) = (Runner::new(Arc::new(engine), clock, settings), CancellationToken::new());
    let stopped = stop.clone();
    let running = tokio::spawn(async move { runner.run(Once(Some(operation)), stopped).await });
    let begun = Instant::now();
    while store.operation_get(operation).await.unwrap().state != OperationState::Done {
        assert!(begun.elapsed() < Duration::from_secs(60), "it waits for a scan, after {looks:?} looks");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(looks.load(Ordering::SeqCst), LOOKS);
    stop.cancel();
    running.await.unwrap();
}
