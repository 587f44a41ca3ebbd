//! The durable record of a piece of work, and the store that keeps it.
//!
//! An operation is accepted in the same transaction as the status that clients see, claimed by one conductor at a
//! time under an *epoch*, and driven step by step; see the crate `magnum-operations` for the engine and its
//! guarantees. This module holds only the words that the engine and the database share.

use crate::ids::OperationId;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{str::FromStr, time::Duration};
use uuid::Uuid;

/// Where an operation stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Accepted; another operation of the same subject must end first.
    Queued,
    /// To be driven forward by whoever claims it.
    Running,
    /// Failed; what it made is being undone.
    Unwinding,
    /// Ended well.
    Done,
    /// Ended badly, undone.
    Failed,
    /// Given up in favour of a later operation, which takes care of what was made.
    Superseded,
    /// Ended badly, and something could not be undone: a person must look.
    Stuck,
}

impl OperationState {
    /// Every state.
    pub const ALL: &'static [OperationState] = &[
        OperationState::Queued,
        OperationState::Running,
        OperationState::Unwinding,
        OperationState::Done,
        OperationState::Failed,
        OperationState::Superseded,
        OperationState::Stuck,
    ];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            OperationState::Queued => "queued",
            OperationState::Running => "running",
            OperationState::Unwinding => "unwinding",
            OperationState::Done => "done",
            OperationState::Failed => "failed",
            OperationState::Superseded => "superseded",
            OperationState::Stuck => "stuck",
        }
    }

    /// Nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            OperationState::Done
                | OperationState::Failed
                | OperationState::Superseded
                | OperationState::Stuck
        )
    }
}

impl FromStr for OperationState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        OperationState::ALL
            .iter()
            .copied()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("unknown operation state {text:?}"))
    }
}

/// One accepted piece of work.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its id; a nudge on the bus carries only this.
    pub id: OperationId,
    /// Which operation, e.g. `cluster_create`.
    pub kind: String,
    /// What it works on (a cluster's UUID). At most one operation of a subject is live.
    pub subject: Uuid,
    /// What was asked, as JSON of the kind's own parameter type. Secrets in it are sealed.
    pub params: Value,
    /// Where it stands.
    pub state: OperationState,
    /// Raised by every claim: who holds an older one has lost it.
    pub epoch: i64,
    /// Failures in a row of the present step.
    pub attempt: i32,
    /// When it must have ended; later it fails with a time-out.
    pub deadline: Timestamp,
    /// The first cause of failure, for people.
    pub failure: Option<String>,
    /// Asked to stop at the next step, since a later operation takes over.
    pub cancelled: bool,
    /// The request that caused it.
    pub request_id: String,
    /// The caller's project.
    pub project_id: String,
    /// The caller.
    pub user_id: String,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// What happened to a step. The pair (step, event) is written at most once per operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEvent {
    /// About to be applied for the first time: from here on it may have had an effect, so it is undone on failure.
    Begun,
    /// Applied, with its output.
    Done,
    /// Undone.
    Undone,
}

impl StepEvent {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            StepEvent::Begun => "begun",
            StepEvent::Done => "done",
            StepEvent::Undone => "undone",
        }
    }
}

/// One line of an operation's log.
#[derive(Clone, Debug, PartialEq)]
pub struct StepEntry {
    /// The step's name.
    pub step: String,
    /// What happened to it.
    pub event: StepEvent,
    /// The step's output, for later steps and for a repetition. Secrets in it are sealed.
    pub output: Value,
}

/// The right to write for an operation: valid while the store's epoch is this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fence {
    /// The operation.
    pub operation: OperationId,
    /// The epoch of the claim.
    pub epoch: i64,
}

/// A successful claim.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The operation as it now is, its epoch already raised.
    pub operation: Operation,
    /// Its log so far, oldest first.
    pub log: Vec<StepEntry>,
    /// The store's own time at the claim.
    pub now: Timestamp,
}

/// The state of a renewed lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    /// The store's own time at the renewal.
    pub now: Timestamp,
    /// A later operation asks this one to stop.
    pub cancelled: bool,
}

/// Why a store refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another conductor claimed the operation: stop at once, write nothing.
    #[error("the lease on operation {0} was lost to another conductor")]
    LostLease(OperationId),
    /// The store itself failed; what was asked may or may not have happened.
    #[error("the operation store failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps operations. All times are the store's own, never the host's, and every write is conditional on the epoch.
#[async_trait]
pub trait OperationStore: Send + Sync + 'static {
    /// A write to the domain's rows, opaque to the engine.
    type Change: Send + Sync + Clone + std::fmt::Debug + 'static;

    /// Up to `limit` operations that may be claimed now: live, due, and leased by nobody. The longest due first.
    async fn due(&self, limit: usize) -> Result<Vec<OperationId>, StoreError>;

    /// Takes the operation for `lease`, if nobody holds it and it is live and due; raises its epoch.
    async fn claim(
        &self,
        operation: OperationId,
        owner: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, StoreError>;

    /// Extends the lease to `lease` from now.
    async fn renew(&self, fence: Fence, lease: Duration) -> Result<Lease, StoreError>;

    /// Writes a line of the log together with `changes`, in one transaction; a line that is there already is kept
    /// and then `changes` are not applied a second time. Resets the attempt counter.
    async fn record(
        &self,
        fence: Fence,
        entry: StepEntry,
        changes: Vec<Self::Change>,
    ) -> Result<(), StoreError>;

    /// Applies `changes` without a line in the log (progress that may be written again).
    async fn progress(&self, fence: Fence, changes: Vec<Self::Change>) -> Result<(), StoreError>;

    /// Releases the lease until `after` from now, or until somebody wakes the operation. `attempt` is stored. Returns how
    /// long it really waits: not at all when it was woken while it was driven.
    async fn wait(&self, fence: Fence, after: Duration, attempt: i32) -> Result<Duration, StoreError>;

    /// Marks the operation as failed and to be undone; the first `cause` is kept. Resets the attempt counter.
    async fn unwind(&self, fence: Fence, cause: &str, changes: Vec<Self::Change>) -> Result<(), StoreError>;

    /// Ends the operation in a final state and lets the next queued one of its subject run.
    async fn finish(
        &self,
        fence: Fence,
        state: OperationState,
        changes: Vec<Self::Change>,
    ) -> Result<(), StoreError>;
}
