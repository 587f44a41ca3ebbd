//! The local cloud over HTTP, by Magnum's own client: each call, what becomes of stacks, and processes that die at every
//! write to disk and every call of the machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod crash;
mod crashes;
mod failures;
mod life;
mod machine;
mod rig;
#[path = "../../../magnum-drivers/tests/rows/mod.rs"]
mod rows;
mod services;
mod signals;
mod stacks;
