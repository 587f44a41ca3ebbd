//! Does the work that the API accepted: operations (`cluster_create`, `cluster_resize`, `cluster_upgrade`, `ca_rotate`,
//! `cluster_delete` …) and the standing duties of a conductor (outbox, heartbeat, the looks at clusters'
//! addresses).
//!
//! Read [`operations`] first: each file is one operation and, from top to bottom, its list of steps. A step lives in
//! [`steps`]; what all of them use is the [`world::World`].

pub mod credential;
pub mod duties;
pub mod failure;
pub mod operations;
pub mod outbox;
pub mod reach;
pub mod rollout;
pub mod server;
pub mod stack_board;
pub mod steps;
pub mod world;

pub use server::{ConductorSettings, serve};
pub use world::{TrustSettings, World, WorldSettings};
