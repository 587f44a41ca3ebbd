//! The one service error: a kind that the HTTP edge turns into a status, a text for the client, and the cause for
//! the log. Nothing below the edge knows HTTP.

use std::error::Error as StdError;

/// What sort of failure it is; the edge maps each kind to exactly one status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The request is wrong (400).
    Invalid,
    /// The caller may not do this (403).
    Forbidden,
    /// There is no such object, or not for this caller (404).
    NotFound,
    /// No variant of this method at the asked microversion (406).
    NotAcceptable,
    /// The object's state, or another object, is in the way (409).
    Conflict,
    /// The body's media type is not understood (415).
    UnsupportedMediaType,
    /// The body is too large (413).
    TooLarge,
    /// Something we depend on does not answer; try again (503).
    Unavailable,
    /// Our fault (500); the client gets no detail.
    Internal,
}

/// A failure of the service.
#[derive(Debug, thiserror::Error)]
#[error("{public}")]
pub struct ServiceError {
    /// Decides the status.
    pub kind: ErrorKind,
    /// What the client reads: names the field and the remedy, never a secret.
    pub public: String,
    /// What the log reads.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ServiceError {
    /// An error of `kind` whose text the client reads.
    pub fn new(kind: ErrorKind, public: impl Into<String>) -> Self {
        Self { kind, public: public.into(), source: None }
    }

    /// A wrong request; name the field and the remedy.
    pub fn invalid(public: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, public)
    }

    /// An absent object.
    pub fn not_found(public: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, public)
    }

    /// A conflict with the present state.
    pub fn conflict(public: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, public)
    }

    /// A refusal.
    pub fn forbidden(public: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, public)
    }

    /// Our fault: the client gets a fixed text, the log gets the cause.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            kind: ErrorKind::Internal,
            public: "an unexpected error prevented the server from fulfilling the request".to_owned(),
            source: Some(source.into()),
        }
    }

    /// A dependency that does not answer.
    pub fn unavailable(
        public: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind: ErrorKind::Unavailable, public: public.into(), source: Some(source.into()) }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}
