//! What a cluster is made of, per engine: the Heat stack, its parameters, and the plan of each node.
//!
//! A driver is pure code (design section 5): from a cluster's rows to a stack, from the stack's outputs to
//! addresses, from the registered nodes to plans. It calls nothing, so a test can print all that it decides. Read
//! [`driver`] first, then [`swarm`]; [`registry`] chooses the driver of a template.

pub mod driver;
pub mod error;
mod heat_stack;
pub mod inputs;
pub mod kubernetes;
pub mod labels;
pub mod local;
mod plan_steps;
pub mod registry;
pub mod removal;
mod stack_values;
pub mod swarm;
mod user_data;

pub use driver::{
    ClusterOutputs, Driver, Identity, MemberGroup, NodePlan, Provides, ScaleUpdate, SecretKind, SharedSecret,
    Stack,
};
pub use error::DriverError;
pub use inputs::{
    Authorities, CloudCredential, ClusterSpecView, DriverSettings, GroupInputs, GroupStackInputs,
    ImageInputs, ImageView, PlanInputs, ReleaseInputs, ScaleInputs, StackInputs, UpgradeInputs,
};
pub use labels::{LabelKind, LabelSpec, Warning};
pub use registry::{Registry, RegistrySettings};
pub use removal::{Member, choose_removals, resolve_removals};
