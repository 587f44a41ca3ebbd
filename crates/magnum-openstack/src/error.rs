//! What can go wrong with a call to the cloud.
//!
//! One error type for all services: callers decide by [`CloudErrorKind`], people read the message, which is the
//! service's own text where it gave one. Neither ever holds a token, a password or a trust's id.

use std::{fmt, sync::Arc};

/// Why a call failed, as far as a caller's next step depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloudErrorKind {
    /// 404 or 410: the object is not there, or not visible to this session.
    NotFound,
    /// 409: the object exists already or is in the wrong state.
    Conflict,
    /// 401, also after one new authentication.
    Unauthorized,
    /// 403 for another reason than a quota.
    Forbidden,
    /// 400 and every other 4xx without a kind of its own.
    BadRequest,
    /// A quota or limit of the project is used up.
    QuotaExceeded,
    /// 429, also after the retries.
    RateLimited,
    /// The call did not end before its deadline.
    Timeout,
    /// No connection could be made or it broke before the answer.
    Connect,
    /// The server's certificate is not trusted: its authority is not known, its name is another, or its time is over.
    Certificate,
    /// The answer is longer than the limit.
    TooLarge,
    /// The answer is not what the API promises.
    Decode,
    /// The service answered with a redirect, which is never followed (it would carry the token elsewhere).
    Redirect,
    /// Several objects bear the name that was asked for.
    Multiple,
    /// The catalog has no endpoint for the service, interface and region.
    NoEndpoint,
    /// The settings are unusable (CA file, URL, credentials that cannot be written in a header).
    Settings,
    /// 5xx with its status.
    Server(u16),
}

/// A failed call: which service, which request, why, and the service's own words.
#[derive(Clone, thiserror::Error)]
#[error("{service} {method} {path}: {message}")]
pub struct CloudError {
    /// The service's name, such as `heat`.
    pub service: &'static str,
    /// The request's method; empty when none was sent.
    pub method: &'static str,
    /// The URL's path without host and query; ids of trusts are left out.
    pub path: Box<str>,
    /// What the caller can decide by.
    pub kind: CloudErrorKind,
    /// The service's own text, or ours where it gave none.
    pub message: String,
    /// The service's request id (`req-…`), to be found in its log.
    pub request_id: Option<Box<str>>,
    /// What lies beneath.
    #[source]
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

// By hand: the derived form would print the source's URL, which may hold a query.
impl fmt::Debug for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudError")
            .field("service", &self.service)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

impl CloudError {
    /// An error that no request led to.
    pub(crate) fn local(service: &'static str, kind: CloudErrorKind, message: impl Into<String>) -> Self {
        Self {
            service,
            method: "",
            path: "".into(),
            kind,
            message: message.into(),
            request_id: None,
            source: None,
        }
    }

    /// True when the same call may succeed later without anyone changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            CloudErrorKind::Timeout
                | CloudErrorKind::Connect
                | CloudErrorKind::Certificate
                | CloudErrorKind::RateLimited
                | CloudErrorKind::Server(500 | 502 | 503 | 504)
        )
    }

    /// True when the object is not there.
    pub fn is_not_found(&self) -> bool {
        self.kind == CloudErrorKind::NotFound
    }

    /// True when the object exists already or is in the wrong state.
    pub fn is_conflict(&self) -> bool {
        self.kind == CloudErrorKind::Conflict
    }
}

/// "Gone" is what a delete wants: a missing object is success.
pub(crate) fn gone_is_done<T>(result: Result<T, CloudError>) -> Result<(), CloudError> {
    match result {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// "Not there" as an answer instead of a failure.
pub(crate) fn found<T>(result: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
