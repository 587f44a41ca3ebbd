//! The REST API: nouns times verbs under [`v1`], what nodes ask under [`nodes`], and around them the layers that
//! every request passes. Read [`router`] first: one line per route.
//!
//! A handler takes a [`extract::Call`] (who asks, for what version, with which query) and a body in the dialect of
//! [`extract`], checks policy, reads or accepts through the store, and shows the result as a document. It never
//! waits for work to be done: a request that means work is accepted in one transaction and answered at once.

mod cloud;
pub mod error;
pub mod extract;
pub mod healthcheck;
pub mod layers;
pub mod microversion;
pub mod nodes;
pub mod openapi;
pub mod router;
pub mod server;
pub mod settings;
pub mod state;
pub mod v1;

pub use router::{Access, Route, app, node_app, routes};
pub use server::{ServeError, serve};
pub use settings::{ApiSettings, CorsSettings, NetworkDrivers, TlsFiles};
pub use state::AppState;
