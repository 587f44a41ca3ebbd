//! What can go wrong on the bus. No variant carries a password: transport URLs are named by their fault only.

use std::{io, path::PathBuf, time::Duration};

/// A failure of the message bus.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The transport URL cannot be read. The text names the fault, never the URL, which holds a password.
    #[error("transport url is not valid: {0}")]
    Url(String),
    /// The transport is one this service does not speak.
    #[error("transport '{0}' is not supported (rabbit and fake are)")]
    UnknownTransport(String),
    /// A parameter of the transport URL has a value of the wrong kind.
    #[error("transport url parameter '{name}' has the bad value '{value}'")]
    UrlParameter {
        /// The parameter.
        name: String,
        /// Its value.
        value: String,
    },
    /// A notification driver nobody knows.
    #[error("notification driver '{0}' is not known (messagingv2, messaging, log and noop are)")]
    UnknownDriver(String),
    /// A certificate, key or CA file could not be read.
    #[error("file '{}' for the connection to the broker could not be read", path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A certificate or key does not fit, or has a form that is not understood.
    #[error("certificates for the connection to the broker could not be used")]
    Tls(#[source] rustls::Error),
    /// A PEM file holds no usable item.
    #[error("file '{}' holds no usable pem item", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// The machine's own root certificates are needed, and there are none.
    #[error("the system's root certificates could not be loaded")]
    SystemRoots(#[source] io::Error),
    /// No connection to a broker stands at the moment; the supervisor is trying.
    #[error("no broker is connected")]
    Disconnected,
    /// The broker, or the connection to it, refused.
    #[error("broker refused {what}")]
    Broker {
        /// What was tried.
        what: &'static str,
        /// The broker's or the connection's own words.
        #[source]
        source: lapin::Error,
    },
    /// No answer in time.
    #[error("broker did not answer {what} within {after:?}")]
    TimedOut {
        /// What was tried.
        what: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The broker took the message and found no queue for it.
    #[error("message with routing key '{routing_key}' reached no queue")]
    Unroutable {
        /// The routing key.
        routing_key: String,
    },
    /// The broker took responsibility back (negative confirmation).
    #[error("broker did not take the message with routing key '{routing_key}'")]
    NotTaken {
        /// The routing key.
        routing_key: String,
    },
    /// As many messages as may wait for their confirmation are already waiting.
    #[error("too many messages wait for the broker")]
    Busy,
    /// A message could not be written as JSON.
    #[error("message could not be encoded")]
    Encode(#[source] serde_json::Error),
}

impl BusError {
    /// Wraps a broker error with what was being done.
    pub(crate) fn broker(what: &'static str) -> impl FnOnce(lapin::Error) -> Self {
        move |source| Self::Broker { what, source }
    }

    /// The error and its causes in one line, for the log and for [`Health`](crate::Health).
    pub(crate) fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            // Some libraries repeat the cause in their own text.
            let words = error.to_string();
            if !text.ends_with(&words) {
                text = format!("{text}: {words}");
            }
            cause = error.source();
        }
        text
    }
}
