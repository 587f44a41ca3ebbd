//! What every request passes through on its way to a handler, outermost first: request id, access log, error
//! documents, panic catcher, time-out, CORS, then for tenants' routes the token, the microversion and the
//! accepted type. The order is
//! fixed in [`crate::router`].

pub mod accept;
pub mod access_log;
pub mod auth_token;
pub mod cors;
pub mod microversion;
pub mod request_id;
pub mod rewrite;
pub mod safety;
