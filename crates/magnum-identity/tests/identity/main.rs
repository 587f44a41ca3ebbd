//! The identity service by the doors that its users have: HTTP, its files, and Magnum's own client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cloud;
mod delegation;
mod files;
mod house;
mod lists;
mod login;
mod tokens;
mod users;
