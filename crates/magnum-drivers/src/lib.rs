//! What a cluster is made of, per engine: the Heat stack, its parameters, and the plan of each node.
//!
//! A driver is pure code (design section 5): from a cluster's rows to a stack, from the stack's outputs to
//! addresses, from the registered nodes to plans. It calls nothing, so a test can print all that it decides. Read
//! [`driver`] first, then [`swarm`]; [`registry`] chooses the driver of a template.

pub mod driver;
pub mod error;
pub mod inputs;
pub mod labels;
pub mod registry;
pub mod removal;
pub mod swarm;

pub use driver::{ClusterOutputs, Driver, MemberGroup, Provides, ScaleUpdate, Stack};
pub use error::DriverError;
pub use inputs::{ClusterSpecView, DriverSettings, GroupStackInputs, PlanInputs, ScaleInputs, StackInputs};
pub use labels::{LabelKind, LabelSpec, Warning};
pub use registry::{Registry, RegistrySettings};
pub use removal::{Member, choose_removals, resolve_removals};
