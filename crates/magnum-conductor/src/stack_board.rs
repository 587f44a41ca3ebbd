//! What Heat says about the stacks that operations wait for: one listing per project for all of them, never a call
//! per cluster per tick. A listing is shared by everybody who asks within its short life.

use jiff::Timestamp;
use magnum_openstack::{
    CloudError,
    heat::{Heat, Stack, StackList},
};
use magnum_types::Clock;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::sync::Mutex;

/// How long a stack is asked about after nobody did, so that operations that take turns share a listing.
const KEPT_MILLIS: i64 = 30_000;

/// The board.
pub struct StackBoard {
    clock: Arc<dyn Clock>,
    projects: std::sync::Mutex<HashMap<String, Arc<Mutex<Project>>>>,
}

#[derive(Default)]
struct Project {
    asked: HashMap<String, Timestamp>,
    listed_at: Option<Timestamp>,
    stacks: HashMap<String, Stack>,
}

impl StackBoard {
    /// An empty board.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, projects: std::sync::Mutex::default() }
    }

    /// The stack as Heat lists it, at most `age` old; `None` when Heat has no such stack.
    ///
    /// # Errors
    /// When the listing fails; nothing older is given out instead.
    pub async fn stack(
        &self,
        heat: &Heat,
        project_id: &str,
        stack_id: &str,
        age: Duration,
    ) -> Result<Option<Stack>, CloudError> {
        let project = {
            let mut projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
            // A project that nobody holds and nobody asked about lately costs nothing any more.
            projects.retain(|id, held| {
                id == project_id
                    || Arc::strong_count(held) > 1
                    || held.try_lock().is_ok_and(|p| !p.asked.is_empty())
            });
            Arc::clone(projects.entry(project_id.to_owned()).or_default())
        };
        // One listing at a time per project: who waits here finds the answer of the one before.
        let mut project = project.lock().await;
        let now = self.clock.now();
        let known = project.asked.insert(stack_id.to_owned(), now).is_some();
        let fresh = project
            .listed_at
            .is_some_and(|at| millis_since(now, at) < i64::try_from(age.as_millis()).unwrap_or(0));
        if !(fresh && known) {
            project.asked.retain(|_, asked| millis_since(now, *asked) < KEPT_MILLIS);
            let ids: Vec<String> = project.asked.keys().cloned().collect();
            let listed = heat.stack_list(&StackList { ids: &ids, ..Default::default() }).await?;
            project.stacks = listed.into_iter().map(|stack| (stack.id.clone(), stack)).collect();
            project.listed_at = Some(now);
        }
        Ok(project.stacks.get(stack_id).cloned())
    }

    /// Forgets what is known of a stack, after a change was sent to it.
    pub async fn forget(&self, project_id: &str) {
        let project = self.projects.lock().unwrap_or_else(PoisonError::into_inner).get(project_id).cloned();
        if let Some(project) = project {
            project.lock().await.listed_at = None;
        }
    }
}

fn millis_since(now: Timestamp, then: Timestamp) -> i64 {
    now.as_millisecond().saturating_sub(then.as_millisecond())
}
