//! What the node says to Magnum and Heat. [`Http`] says it; tests play another server.

use crate::error::CallError;
use magnum_types::plan::{
    Bootstrap, IdentityRequest, IdentityResponse, RegisterRequest, RegisterResponse, Report, Text,
};
use serde_json::Value;
use std::{io::Read, time::Duration};

mod http;
mod resolver;

pub use http::{Http, metadata};

/// How a member's start ended, for Heat's wait condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The member is ready.
    Success,
    /// The member will not be ready, for this reason.
    Failure(String),
}

/// Magnum and Heat as a node sees them.
pub trait Server {
    /// Makes the node known. The same key may be registered again: the answer to an earlier try may be lost.
    ///
    /// # Errors
    /// 409 while Heat has not told Magnum of this member yet, 403 for a wrong join secret.
    fn register(&self, request: &RegisterRequest) -> Result<RegisterResponse, CallError>;

    /// The plan newer than a generation, as JSON; the server may hold the call, though no longer than `hold` (whole
    /// seconds count, rounded down). `None` while there is none.
    ///
    /// # Errors
    /// [`CallError::Unauthorized`] when the registration is not known any more.
    fn plan(&self, token: &Text, after: i64, hold: Option<Duration>) -> Result<Option<Value>, CallError>;

    /// Reports a step.
    ///
    /// # Errors
    /// As [`Server::plan`].
    fn report(&self, token: &Text, report: &Report) -> Result<(), CallError>;

    /// Has a certificate signed for one of this node's identities.
    ///
    /// # Errors
    /// As [`Server::plan`].
    fn certificate(&self, token: &Text, request: &IdentityRequest) -> Result<IdentityResponse, CallError>;

    /// A file from anywhere, by a proxy if one is named, as a stream that ends within a time. No token goes along.
    ///
    /// # Errors
    /// When nothing answers, or with anything but the file.
    fn fetch(&self, url: &str, proxy: Option<&str>, within: Duration) -> Result<Box<dyn Read>, CallError>;

    /// Signals Heat's wait condition.
    ///
    /// # Errors
    /// When Heat does not take it.
    fn signal(&self, bootstrap: &Bootstrap, name: &str, signal: &Signal) -> Result<(), CallError>;
}

/// The body of a signal, as Heat's wait condition handles want it.
pub fn signal_body(name: &str, signal: &Signal) -> Value {
    let (status, reason) = match signal {
        Signal::Success => ("SUCCESS", format!("{name}: ready")),
        Signal::Failure(reason) => ("FAILURE", reason.clone()),
    };
    serde_json::json!({"status": status, "reason": reason, "data": "", "id": name})
}
