//! The durable operation engine: drives accepted work to its end, whatever dies on the way. It knows no cluster.
//!
//! An operation is a *list of steps* ([`OperationKind`]), its progress a log in the database. For each step the
//! engine does **look → begin → apply → record**:
//!
//! 1. *look*: is the effect there already? (A conductor may have died between the effect and its record.)
//! 2. *begin*: a line in the log, written before the first apply, so that a failure knows what may need undoing.
//! 3. *apply*: make the effect, by a name or id that was stored before.
//! 4. *record*: the step's output and the changes of the domain's rows, in one transaction under the epoch.
//!
//! Guarantees, each pinned by tests that run every operation of the conductor:
//! * a step is applied at least once, and its effect exists once where the cloud has a key to look by;
//! * once a step is recorded, no earlier step runs again;
//! * waiting is a row with a time ([`Progress::Pending`]), not a task: ten thousand clusters cost rows;
//! * two conductors never write for the same operation: a claim raises the epoch, and each remote write is bounded
//!   by the lease under which it began;
//! * a failure unwinds every begun step in reverse and ends *failed*; what cannot be undone ends *stuck*, by name;
//! * every operation ends by its deadline, with the first cause.

pub mod engine;
pub mod retry;
pub mod runner;
pub mod step;

pub use engine::{Engine, EngineSettings, Ran};
pub use retry::Backoff;
pub use runner::{Nudges, Runner, RunnerSettings};
pub use step::{Effect, Look, OperationKind, Progress, Step, StepContext, StepError, Undo};
