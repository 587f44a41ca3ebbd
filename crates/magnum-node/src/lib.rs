//! The program that runs on every node of a cluster (design section 6).
//!
//! It registers the machine with Magnum, asks for its plan, applies the plan's steps in order, reports each one and
//! tells Heat when the machine is ready; then it waits for newer plans. It talks only outwards. It may be stopped at
//! any instruction: what must survive is written down before it is used, and each step looks before it acts.
//!
//! Read [`life`] first, then [`apply`] and [`actions`]. Whatever touches the machine goes through
//! [`machine::Machine`], and whatever speaks to Magnum or Heat through [`server::Server`], so tests play both.

pub mod actions;
pub mod apply;
pub mod bootstrap;
pub mod error;
pub mod identity;
pub mod life;
pub mod machine;
pub mod server;
pub mod state;

pub use error::{CallError, NodeError, StepError};
