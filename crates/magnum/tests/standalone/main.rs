//! `magnum standalone` as a process, and the `magnum` command against it, where the machine does not play along: a disk
//! without room, a Docker Engine that goes and comes back or cannot be used, somebody else's clouds.yaml. The engine is
//! acted here; a real one is tried in `tests/standalone`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

mod away;
mod clouds;
mod disk;
mod engine;
mod images;
mod installation;
mod refusals;
mod users;
