//! What is true of every operation, checked for each kind by the same functions: a conductor may die around any call of
//! the store and any write to the cloud, any call may fail, a lease may be stolen at any moment, and the end is the
//! same as if nothing had happened, or a failure that says why and leaves nothing behind.
//!
//! The conductor is the real one, over SQLite in memory and a cloud that keeps state (`magnum-fakes`), on a clock that
//! the test moves. [`scenario`] lists what is run; an operation without a scenario fails a test.
//!
//! Trying every point takes minutes in a debug build. So each check tries a sample (the first point, the last one, and
//! some between), and has a twin, ignored unless asked for (`--run-ignored all`), that tries every point.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[macro_use]
mod scenario;

mod cloud_crashes;
mod crash_store;
mod credentials;
mod deletes;
mod endings;
mod errors;
mod health;
mod kubernetes;
mod leavings;
mod many;
mod masters;
mod nodes;
mod notifications;
mod pauses;
mod picture;
mod reach;
mod reasons;
mod resizes;
mod rig;
mod rows;
mod schedules;
mod stolen_lease;
mod stops;
mod store_crashes;
mod twice;
