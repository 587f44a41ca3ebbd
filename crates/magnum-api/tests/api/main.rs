//! The API as a client meets it: the whole application with its real store on SQLite in memory, against a small
//! imitation of Keystone, Glance, Nova and Neutron.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod actions;
mod app;
mod auth;
mod bad_input;
mod certificates;
mod cloud;
mod clusters;
mod credentials;
mod history;
mod kubernetes;
mod lists;
mod microversions;
mod nodegroups;
mod nodes;
mod openapi;
mod properties;
mod quotas;
mod roles;
mod server;
mod templates;
mod versions;
mod wire;
