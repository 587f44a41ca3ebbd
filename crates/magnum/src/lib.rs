//! The wiring: reads the configuration, builds what the programs are made of, and runs them. The only place that
//! knows both `magnum.conf` and the crates that do the work, and the only one that reads the process's environment.

pub mod api;
pub mod arguments;
pub mod cloud;
pub mod conductor;
pub mod drivers;
pub mod foundation;
pub mod logging;
pub mod messaging;
pub mod process;
pub mod program;
pub mod standalone;
pub mod storage;

/// Lists of a thousand clusters are made of a hundred thousand small pieces; this allocator takes half the time of
/// the C library's for them, and gives the memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use arguments::{Arguments, ServiceArguments};
