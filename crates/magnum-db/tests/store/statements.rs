//! What a read costs: one statement, however long the page; and what it gains: a page is of one moment.

use crate::{
    ground::{Ground, cases},
    samples::{accepted, claim, complete, fence, resize},
};
use magnum_db::{ClusterSummary, Filter, GroupChange, Mode, Page, Tenancy};
use magnum_types::{Change, ClusterPatch, NodeGroupPatch, OperationState, OperationStore, Status};
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{Mutex, OnceLock},
};
use tokio_util::sync::CancellationToken;
use tracing::{
    Event, Instrument, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    filter::Targets,
    layer::{Context, Layer, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

cases![a_read_is_one_statement_however_long_the_page, a_page_shows_clusters_and_groups_of_one_moment,];

/// Statements that the driver told of, by the span that they were sent in.
static SENT: Mutex<Option<HashMap<u64, usize>>> = Mutex::new(None);
const SPAN: &str = "counted statements";
/// The verbs of the statements that only set up a connection.
const SET_UP: [&str; 2] = ["SET", "PRAGMA"];

/// Counts what the database driver logs of every statement, but for those that set up a new connection: whether a read
/// needs one is up to the pool.
struct Counting;

/// The first word of a statement.
#[derive(Default)]
struct Verb(String);

impl Visit for Verb {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "summary" {
            value.split_whitespace().next().unwrap_or_default().clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Counting {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let within = context.event_scope(event).into_iter().flatten().find(|span| span.name() == SPAN);
        let mut verb = Verb::default();
        event.record(&mut verb);
        if let (Some(span), "sqlx::query", false) =
            (within, event.metadata().target(), SET_UP.contains(&&*verb.0))
        {
            let mut sent = SENT.lock().unwrap();
            *sent.get_or_insert_default().entry(span.id().into_u64()).or_default() += 1;
        }
    }
}

/// The result of a piece of work, and how many statements it sent.
async fn counted<T>(work: impl Future<Output = T>) -> (T, usize) {
    static ON: OnceLock<()> = OnceLock::new();
    ON.get_or_init(|| {
        let wanted = Targets::new()
            .with_target("sqlx::query", tracing::Level::DEBUG)
            .with_target("store", tracing::Level::INFO);
        tracing_subscriber::registry().with(Counting.with_filter(wanted)).init();
    });
    let span = tracing::info_span!("counted statements");
    let id = span.id().expect("the span is on").into_u64();
    let count = || SENT.lock().unwrap().get_or_insert_default().remove(&id).unwrap_or(0);
    count();
    let done = work.instrument(span.clone()).await;
    (done, count())
}

async fn a_read_is_one_statement_however_long_the_page(ground: Ground) {
    let store = &ground.store;
    let (all, filter, page) = (Tenancy::All, Filter::default(), Page::default());
    for wanted in [1, 7] {
        while store.cluster_count("p1").await.unwrap() < wanted {
            accepted(&ground, "p1", "c").await;
        }
        let (found, sent) = counted(store.cluster_summaries(all, &filter, &page)).await;
        let found: Vec<ClusterSummary> = found.unwrap();
        assert_eq!((found.len(), sent), (usize::try_from(wanted).unwrap(), 1), "clusters");
        assert!(found.iter().all(|cluster| cluster.nodegroups.len() == 2));
        let next = Page { marker: Some(found[0].cluster.uuid.0), ..page.clone() };
        assert_eq!(
            counted(store.cluster_summaries(all, &filter, &next)).await.0.unwrap().len(),
            found.len() - 1
        );
        let ident = found[0].cluster.uuid.to_string();
        assert_eq!(counted(store.cluster_summary(all, &ident)).await.1, 1, "one cluster");
        assert_eq!(counted(store.cluster_get(all, &ident)).await.1, 1, "one whole cluster");
        assert_eq!(counted(store.template_list(all, &filter, &page)).await.1, 1, "templates");
        let groups = store.nodegroup_list(all, found[0].cluster.uuid, None, &page);
        assert_eq!(counted(groups).await.1, 1, "node groups");
        assert_eq!(counted(store.stats_get(all)).await.1, 1, "stats");
    }
}

/// Cluster and group are always both in progress, or both at rest: each change of them is one transaction.
fn assert_of_one_moment(summary: &ClusterSummary) {
    let busy = |status: Status| status == Status::UpdateInProgress;
    let groups = summary.nodegroups.iter().filter(|group| busy(group.status)).count();
    assert_eq!(groups, usize::from(busy(summary.cluster.status)), "{summary:?}");
}

async fn a_page_shows_clusters_and_groups_of_one_moment(ground: Ground) {
    let mut clusters = Vec::new();
    for name in ["a", "b", "c"] {
        clusters.push(complete(&ground, "p1", name).await);
    }
    let (store, stop) = (ground.store.clone(), CancellationToken::new());
    let stopped = stop.clone();
    let reader = tokio::spawn(async move {
        let (filter, page) = (Filter::default(), Page::default());
        let mut seen = [0, 0];
        while !stopped.is_cancelled() {
            let found = store.cluster_summaries(Tenancy::All, &filter, &page).await.unwrap();
            for summary in &found {
                assert_of_one_moment(summary);
                seen[usize::from(summary.cluster.status == Status::UpdateInProgress)] += 1;
            }
            let ident = found[0].cluster.uuid.to_string();
            assert_of_one_moment(&store.cluster_summary(Tenancy::All, &ident).await.unwrap());
            let whole = store.cluster_get(Tenancy::All, &ident).await.unwrap();
            assert_of_one_moment(&ClusterSummary::from(&whole));
            // The writer has its turns too.
            tokio::time::sleep(std::time::Duration::from_micros(200)).await;
        }
        seen
    });
    for round in 0..8 {
        for view in &clusters {
            let id = view.cluster.uuid;
            let worker = view.nodegroups.iter().find(|group| group.name == "default-worker").unwrap().uuid;
            let patch = NodeGroupPatch {
                status: Some(Status::UpdateInProgress),
                node_count: Some(round),
                ..NodeGroupPatch::default()
            };
            let mut accept = resize(&ground, id, Mode::Exclusive);
            accept.nodegroup = GroupChange::Patch(worker, Box::new(patch));
            let operation = accept.operation.id;
            ground.store.accept_operation(accept).await.unwrap();
            let held = claim(&ground, operation).await;
            let done = ClusterPatch { status: Some(Status::UpdateComplete), ..ClusterPatch::default() };
            let changes = vec![
                Change::Cluster(id, Box::new(done)),
                Change::NodeGroups(id, Status::UpdateComplete, None),
            ];
            ground.store.finish(fence(&held), OperationState::Done, changes).await.unwrap();
        }
    }
    stop.cancel();
    let seen = reader.await.unwrap();
    assert!(seen.iter().all(|times| *times > 0), "both moments were to be seen: {seen:?}");
}
