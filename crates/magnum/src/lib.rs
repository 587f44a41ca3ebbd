//! The wiring: reads the configuration, builds what the programs are made of, and runs them. The only place that
//! knows both `magnum.conf` and the crates that do the work, and the only one that reads the process's environment.

pub mod arguments;
pub mod cloud;
pub mod logging;
pub mod messaging;
pub mod process;
pub mod storage;

pub use arguments::{Arguments, ServiceArguments};
