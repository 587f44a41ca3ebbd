//! The `magnum` command as its user meets it: the program run as a process against the whole API in this process,
//! with its real store on SQLite in memory, and a small imitation of Keystone in front.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../../magnum-api/tests/api/app.rs"]
#[allow(dead_code)]
mod app;
#[path = "../../../magnum-api/tests/api/cloud.rs"]
#[allow(dead_code)]
mod cloud;

mod auth;
mod conducted;
mod config;
mod diagnose;
mod documents;
mod errors;
mod every_operation;
mod house;
mod identity;
mod legacy;
mod live;
mod output;
mod private_ca;
mod terminal;
mod wait;
